"""Keys that change, on both sides: what is still believed, for how long, and what is not."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.core.envelope import follow, key_set, next_key, open_order, split, statement, thumbprint
from agent.core.envelope.sealed import Statement
from hub import desk


def body(agent: Any, new: OKPKey, n: int = 2, **changed: Any) -> dict[str, str]:
    now = agent.world.clock.now()
    said = {"prior": thumbprint(agent.signing), "iss": agent.clinic, "aud": agent.world.origin} | changed
    sealing = statement(Statement(agent.clinic, agent.sealing, now, now, n), new)
    return {"next": next_key(new, **said), "sealing": sealing}


def test_the_new_key_takes_over_and_the_old_one_says_so_again(offered: Any, portal: Any) -> None:
    """Receipt, repetition after a lost answer, portals seal by the new key's word; the slots stay."""
    old, new = offered.signing, OKPKey.generate_key("Ed25519")
    told = body(offered, new)
    assert offered.ask("rotate", told)["key"] == thumbprint(new)
    assert offered.ask("rotate", told)["key"] == thumbprint(new)
    offered.world.clock.tick(minutes=5)
    assert offered.ask("beat", {}).problem == "key-retired"
    assert offered.ask("rotate", told)["key"] == thumbprint(new)
    other = body(offered, OKPKey.generate_key("Ed25519"))
    assert offered.ask("rotate", other).problem == "key-retired"
    offered.signing = new
    assert offered.beat(sealing=offered.statement(3))["turn"]
    assert len(portal.slots()) == 3
    held = portal.get("/clinics/fjord/sealing-key").json()
    assert [jwk["kid"] for jwk in held["signing"]] == [thumbprint(new)]
    assert held["statement"]
    offered.signing = old
    offered.world.clock.tick(days=31)
    assert offered.ask("rotate", told).problem == "key-retired"


def test_what_the_old_key_signed_meanwhile_is_still_taken(offered: Any) -> None:
    """Another part of the agent was speaking while the keys changed: no part is shut out for that."""
    late = offered.seal("outcomes", {"outcomes": []})
    new = OKPKey.generate_key("Ed25519")
    offered.ask("rotate", body(offered, new))
    assert not offered.send(late).problem
    assert not offered.beat().problem
    offered.world.clock.tick(minutes=3)
    assert offered.beat().problem == "key-retired"


def test_shut_out_means_both_keys(offered: Any) -> None:
    """A revoked clinic gets nowhere with the key before either."""
    told = body(offered, OKPKey.generate_key("Ed25519"))
    offered.ask("rotate", told)
    desk.revoke(offered.world.folder, "fjord", clock=offered.world.clock)
    assert offered.ask("rotate", told).problem == "key-retired"
    assert offered.beat().problem == "key-retired"


@pytest.mark.parametrize("lie", [{"prior": "x"}, {"iss": "other"}, {"aud": "https://other.example"}])
def test_a_next_key_that_vouches_for_something_else_is_refused(offered: Any, lie: dict[str, str]) -> None:
    """Another clinic, another hub, another key before it: bad-signature, and nothing changes."""
    assert offered.ask("rotate", body(offered, OKPKey.generate_key("Ed25519"), **lie)).problem == "bad-signature"
    assert not offered.beat().problem


def test_a_key_that_is_known_already_takes_nothing_over(offered: Any) -> None:
    """One key names one agent of one clinic, once."""
    other = offered.world.agent("autre")
    assert offered.ask("rotate", body(offered, other.signing)).problem == "schema"


def test_an_agent_follows_the_hubs_keys_however_late(offered: Any, after: Any, portal: Any) -> None:
    """Three sets published while it slept: each beat brings the next, signed by keys it holds, orders too."""
    world = offered.world
    portal.book(offered, "booking-1", "a".ljust(22, "x"))
    (first,) = after()["orders"]
    for n in (2, 3, 4):
        assert desk.rotate_keys(world.folder, clock=world.clock)["n"] == n
    portal.book(offered, "booking-2", "b".ljust(22, "x"))
    (second,) = after()["orders"]
    assert open_order(second["order"], offered.hub_keys, aud="fjord").version == 1
    for n in (2, 3, 4):
        number, keys = follow(offered.beat(keys=n - 1)["keys"], offered.hub_keys, n - 1, iss=world.origin)
        assert (number, len(keys)) == (n, 2)
        offered.hub_keys = keys
        assert not offered.report("booking-9", 1, n, "booked").problem
    assert offered.beat(keys=4)["keys"] == []
    listed = {open_order(one["order"], keys, aud="fjord").booking: one for one in offered.orders()["orders"]}
    same = open_order(listed["booking-1"]["order"], keys, aud="fjord").body_hash
    assert listed["booking-1"]["order"] != first["order"]
    assert same == open_order(first["order"], world_keys(world), aud="fjord").body_hash
    assert world.agent("neuve").beat(renew=None, keys=4)["keys"] == []


def world_keys(world: Any) -> Any:
    with closing(sqlite3.connect(world.folder / "hub.db")) as base:
        return key_set([json.loads(public) for (public,) in base.execute("SELECT public FROM hub_key")])


def test_the_key_before_stays_in_the_set_and_the_one_before_that_is_out(offered: Any) -> None:
    """What is under way verifies across one change; published twice, a stolen key is out."""
    ring = offered.world.hub.ring
    for _ in range(2):
        desk.rotate_keys(offered.world.folder, clock=offered.world.clock)
    offered.beat()
    now = offered.world.hub.ring
    assert set(now.keys(2)) == {*ring.keys(1), thumbprint(now.public[2])}
    assert not set(now.keys(3)) & set(ring.keys(1))
    assert split(offered.seal("beat", {}).jws)[0].kid == thumbprint(offered.signing)
