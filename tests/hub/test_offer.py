"""Both sides stay equal: snapshots, differences, roots, epochs, validity."""

from datetime import timedelta
from typing import Any

import pytest

from agent.core.changes import line
from agent.core.sharing import revive
from hub import desk, view


def test_a_snapshot_gets_an_epoch_and_is_offered(agent: Any, portal: Any, slot: Any) -> None:
    """The hub names the epoch, the receipt repeats the roots, the portal sees the slots."""
    reply = agent.snapshot([slot("a"), slot("b", 10)])
    assert (reply["epoch"], reply["seq"], reply["roots"]) == (1, 1, agent.roots())
    assert portal.slots() == [slot("a")["id"], slot("b")["id"]]


def test_the_receipt_names_the_payload(agent: Any, slot: Any) -> None:
    """`body_sha256` is the hash of the inflated payload of the request."""
    from agent.core.envelope import payload_hash

    slots = [slot(f"s{i}", 8 + i % 9) for i in range(12)]
    agent.snapshot(slots)
    body = {"epoch": 1, "base_seq": 1, "seq": 2, "changes": {"put": [], "del": []}, "count": 12}
    envelope = agent.seal("offer", body | {"roots": agent.roots()})
    assert agent.send(envelope)["body_sha256"] == payload_hash(envelope.jws)


def test_an_empty_site_has_a_root(agent: Any) -> None:
    """A clinic that shares nothing is equal too."""
    assert agent.snapshot([])["roots"] == {"principal": view.root([])}


def test_a_difference_puts_and_deletes(agent: Any, portal: Any, slot: Any) -> None:
    """What was taken by phone goes, what came free comes."""
    agent.snapshot([slot("a"), slot("b", 10)])
    assert agent.differ([slot("c", 11)], [slot("a")["id"]])["seq"] == 2
    assert portal.slots() == [slot("b")["id"], slot("c")["id"]]


def test_a_repeated_difference_repeats_the_receipt(agent: Any, slot: Any) -> None:
    """The same (epoch, seq) in a new attempt changes nothing and is confirmed."""
    agent.snapshot([])
    agent.differ([slot("a")])
    again = agent.ask(
        "offer",
        {
            "epoch": 1,
            "base_seq": 1,
            "seq": 2,
            "changes": {"put": [slot("a")], "del": []},
            "count": 1,
            "roots": agent.roots(),
        },
    )
    assert (again.problem, again["seq"]) == (None, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_seq": 5, "seq": 6},
        {"seq": 1},
        {"count": 7},
        {"roots": {"principal": "0" * 64}},
        {"roots": {}},
        {"changes": {"put": [], "del": []}},
    ],
    ids=["gap", "older", "count", "root", "no-root", "missing-change"],
)
def test_any_doubt_is_a_resync_and_changes_nothing(agent: Any, portal: Any, slot: Any, wrong: Any) -> None:
    """A difference applies whole and proved, or not at all; the answer says what the hub holds."""
    agent.snapshot([slot("a")])
    held = agent.roots()
    reply = agent.differ([slot("b", 10)], [slot("a")["id"]], **wrong)
    assert (reply.status, reply.problem) == (409, "resync")
    assert reply["held"] == {"epoch": 1, "seq": 1, "roots": held}
    assert portal.slots() == [slot("a")["id"]]


def test_a_slot_of_an_unknown_site_is_a_resync(agent: Any, slot: Any) -> None:
    """Sites come with a snapshot only."""
    agent.snapshot([])
    agent.sites = [*agent.sites, {"id": "annexe", "name": "Annexe", "zone": "America/Toronto"}]
    assert agent.differ([slot("a", site="annexe")]).problem == "resync"
    assert agent.snapshot([slot("a", site="annexe")], epoch=1, seq=5).problem is None


def test_another_epoch_is_stale(agent: Any, slot: Any) -> None:
    """Only the epoch the hub named last is current, and none before the first snapshot."""
    assert agent.differ([slot("a")], epoch=0, base_seq=0, seq=1).problem == "stale-epoch"
    agent.snapshot([])
    agent.snapshot([])
    reply = agent.differ([slot("a")], epoch=1)
    assert (reply.status, reply.problem) == (409, "stale-epoch")
    assert reply["held"]["epoch"] == 2


def test_a_snapshot_may_stay_in_its_epoch(agent: Any, portal: Any, slot: Any) -> None:
    """With a higher seq it replaces the view; with a lower one it is a resync."""
    agent.snapshot([slot("a")])
    agent.snapshot([slot("b", 10)], epoch=1, seq=4)
    assert portal.slots() == [slot("b")["id"]]
    assert agent.snapshot([slot("c")], epoch=1, seq=3).problem == "resync"


def test_a_new_epoch_needs_a_snapshot(agent: Any) -> None:
    """A difference cannot ask for an epoch."""
    assert agent.differ([], epoch=None).problem == "schema"


@pytest.mark.parametrize(
    "changed",
    [{"busy": True}, {"mode": "fax"}, {"end": "2026-11-23T08:00:00-05:00"}, {"id": "short"}, {"start": "tomorrow"}],
    ids=["unknown-member", "unknown-word", "ends-before", "id", "time"],
)
def test_a_slot_out_of_form_is_refused(agent: Any, slot: Any, changed: Any) -> None:
    """A member we do not know would stand outside the canonical line."""
    reply = agent.ask(
        "offer",
        {
            "epoch": None,
            "base_seq": 0,
            "seq": 1,
            "snapshot": [slot("a") | changed],
            "count": 1,
            "roots": {"principal": "0" * 64},
            "sites": agent.sites,
        },
    )
    assert (reply.status, reply.problem, reply["where"]) == (422, "schema", ["slot 0"])


def test_a_snapshot_needs_its_sites(agent: Any, slot: Any) -> None:
    """Without the sites, or with a slot elsewhere, it is refused."""
    assert agent.snapshot([slot("a")], sites=None).problem == "schema"
    assert agent.snapshot([slot("a", site="elsewhere")], roots={}).problem == "schema"


def test_one_id_twice_is_refused(agent: Any, slot: Any) -> None:
    """An id names one slot."""
    assert agent.snapshot([slot("a"), slot("a")]).problem == "schema"


def test_the_hubs_root_is_the_agents(slot: Any) -> None:
    """Two implementations of the root agree."""
    import hashlib

    from agent.core.changes import roots

    slots = {name.ljust(22, "x"): revive(slot(name, hour)) for name, hour in (("q", 9), ("b", 10), ("z", 8))}
    leaves = [hashlib.sha256(b"\0" + line(shared, name)).hexdigest() for name, shared in slots.items()]
    assert view.root(leaves) == roots(slots, frozenset({"principal"}))["principal"]


def test_slots_lapse_ten_minutes_after_the_last_renewal(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """A dead agent's slots stop being sold by themselves."""
    agent.snapshot([slot("a")])
    clock.tick(minutes=9, seconds=59)
    assert portal.slots() == [slot("a")["id"]]
    clock.tick(seconds=1)
    assert portal.slots() == []


def test_a_difference_renews_only_what_had_just_been_read(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """A clinic that cannot read its agenda still withdraws; what stays in its view lapses all the same."""
    agent.snapshot([slot("a"), slot("b", 10)])
    clock.tick(minutes=9)
    assert agent.differ(gone=[slot("a")["id"]], read=[])["seq"] == 2
    clock.tick(minutes=1)
    assert portal.slots() == []
    agent.differ([slot("c", 11)], read=["principal"])
    assert portal.slots() == [slot("b")["id"], slot("c")["id"]]


def test_a_late_request_renews_as_of_its_signature(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """Six minutes under way are six minutes less; and an older proof takes nothing away from a newer one."""
    agent.snapshot([slot("a")])
    clock.tick(minutes=5)
    signed = clock.now()
    clock.tick(minutes=6)
    agent.beat(now=signed)
    assert portal.slots() == [slot("a")["id"]]
    clock.tick(minutes=4, seconds=1)
    assert portal.slots() == []
    agent.beat()
    agent.beat(now=signed + timedelta(minutes=5))
    clock.tick(minutes=9)
    assert portal.slots() == [slot("a")["id"]]


def test_a_beat_renews_what_it_proves_equal(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """The proof brings lapsed slots back; a beat without one does not."""
    agent.snapshot([slot("a")])
    clock.tick(minutes=30)
    agent.beat(renew=False)
    assert portal.slots() == []
    assert agent.beat().problem is None
    assert portal.slots() == [slot("a")["id"]]


def test_a_beat_that_differs_renews_the_equal_sites_only(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """Per site: the one that is equal lives on, the other is a resync that still renews the turn."""
    agent.sites = [*agent.sites, {"id": "annexe", "name": "Annexe", "zone": "America/Toronto"}]
    agent.snapshot([slot("a"), slot("b", 10, site="annexe")])
    clock.tick(minutes=9)
    roots = agent.roots() | {"annexe": "0" * 64}
    reply = agent.beat(renew={"epoch": 1, "seq": 1, "roots": roots})
    assert (reply.problem, reply["turn"]["seconds"], reply["held"]["seq"]) == ("resync", 180, 1)
    clock.tick(minutes=2)
    assert portal.slots() == [slot("a")["id"]]


def test_a_beat_overtaken_by_an_offer_asks_for_nothing(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """A proof older than what is held renews what is still equal, and is no reason for a snapshot."""
    agent.snapshot([slot("a")])
    old = {"epoch": 1, "seq": 1, "roots": agent.roots()}
    agent.differ([slot("b", 10)])
    clock.tick(minutes=11)
    assert agent.beat(renew=old).problem is None
    assert portal.slots() == []


def test_a_beat_ahead_of_the_hub_is_a_resync(agent: Any) -> None:
    """An agent that was confirmed more than the hub holds has a hub that lost data."""
    agent.snapshot([])
    assert agent.beat(renew={"epoch": 1, "seq": 9, "roots": agent.roots()}).problem == "resync"
    assert agent.beat(renew={"epoch": 7, "seq": 1, "roots": agent.roots()}).problem == "stale-epoch"


def test_a_difference_renews_the_sites_it_touches(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """It proves that the source of these sites was just read, and says nothing of the others."""
    agent.sites = [*agent.sites, {"id": "annexe", "name": "Annexe", "zone": "America/Toronto"}]
    agent.snapshot([slot("a"), slot("b", 10, site="annexe")])
    clock.tick(minutes=9)
    agent.differ([slot("c", 11)])
    clock.tick(minutes=2)
    assert portal.slots() == [slot("a")["id"], slot("c")["id"]]


def test_a_slot_in_the_past_is_not_offered(agent: Any, portal: Any, slot: Any, clock: Any) -> None:
    """At its start a slot goes, whatever the agent says."""
    agent.snapshot([slot("a", 9, day=20), slot("b", 10, day=20)])
    clock.tick(seconds=1)
    assert portal.slots() == [slot("b")["id"]]


def test_the_operator_may_stop_offering(world: Any, agent: Any, portal: Any, slot: Any) -> None:
    """Stopped, nothing is shown; started again, everything equal is."""
    agent.snapshot([slot("a")])
    assert desk.offers(world.folder, start=False, name="fjord") == 1
    assert portal.slots() == []
    assert desk.offers(world.folder, start=True) == 1
    assert portal.slots() == [slot("a")["id"]]


def test_only_the_current_instance_may_offer(world: Any, agent: Any, slot: Any) -> None:
    """After a takeover the former agent cannot publish."""
    agent.snapshot([slot("a")])
    world.agent(takeover=True)
    reply = agent.differ([], [slot("a")["id"]])
    assert (reply.status, reply.problem) == (409, "not-current")


def test_a_thousand_slots_travel_in_one_snapshot(agent: Any, slot: Any, portal: Any) -> None:
    """Deflated, above one page, and listed page by page without a gap or a repetition."""
    slots = [slot(f"s{i:04d}", 8 + i % 10, day=23 + i % 5) for i in range(1200)]
    assert agent.snapshot(slots).problem is None
    seen, after = [], None
    while True:
        page = portal.get("/slots", **({"after": after} if after else {})).json()
        seen += [one["id"] for one in page["slots"]]
        after = page["after"]
        if after is None:
            break
    assert len(seen) == 1200
    assert set(seen) == {one["id"] for one in slots}
    assert agent.differ([], [one["id"] for one in slots]).problem is None
    assert portal.slots() == []
