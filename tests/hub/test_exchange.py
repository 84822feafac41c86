"""The entrance: every problem the hub answers, the memory of jti, and what is refused before any signature work."""

import asyncio
import zlib
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from agent.core.envelope import UNKNOWN, jws_hash, peek, sign, thumbprint
from hub import desk
from hub.limits import BODY_MAX, Meter, Rate
from hub.waiting import WaitingRoom


def told(got: Any) -> Any:
    assert got.headers["content-type"] == "application/jose"
    claims = peek(got.text).claims
    return got.status_code, claims["problem"]


@pytest.mark.parametrize("body", [b"garbage", b"", b"a.b.c", b"\xff\xfe.\x00.x", b"{}", b"....."])
def test_unsigned_garbage_gets_a_signed_problem(agent: Any, body: Any) -> None:
    """Whatever the bytes, the answer is a JWS bound to them."""
    got = agent.post("beat", body)
    assert told(got) == (401, "bad-signature")
    claims = peek(got.text).claims
    assert claims["aud"] == claims["re"] == UNKNOWN
    assert claims["re_sha256"] == jws_hash(body.decode("ascii", "replace"))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_an_altered_request_is_refused(agent: Any, part: Any) -> None:
    """One byte changed in header, payload or signature, and nothing happens."""
    parts = agent.seal("orders", {"cursor": None, "wait_s": 0, "boot": "b"}).jws.split(".")
    middle = len(parts[part]) // 2
    flipped = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + flipped + parts[part][middle + 1 :]
    status, problem = told(agent.post("orders", ".".join(parts)))
    assert problem in {"bad-signature", "unknown-clinic"}
    assert status == 401


def test_an_unknown_key_is_an_unknown_clinic(agent: Any, fresh: Any) -> None:
    """A signature by a key nobody enrolled."""
    stranger = fresh(hub_keys=agent.hub_keys)
    assert stranger.orders().problem == "unknown-clinic"


def test_a_clinic_cannot_speak_for_another(world: Any, agent: Any) -> None:
    """The key decides who speaks, not the member `iss`."""
    world.agent("saguenay")
    assert agent.ask("orders", {"boot": "b"}, iss="saguenay").problem == "bad-signature"


def test_another_audience_or_path_is_refused(agent: Any) -> None:
    """A request for another hub, or posted to another verb, does not hold."""
    other = agent.seal("orders", {"boot": "b"}, aud="https://other.example.org")
    assert told(agent.post("orders", other.jws)) == (401, "bad-signature")
    assert told(agent.post("beat", agent.seal("orders", {"boot": "b"}).jws)) == (401, "bad-signature")


@pytest.mark.parametrize(("seconds", "fine"), [(-419, True), (-422, False), (119, True), (122, False)])
def test_clocks_may_differ_by_two_minutes(agent: Any, clock: Any, seconds: Any, fine: Any) -> None:
    """120 s are allowed beyond `iat` and `exp` (300 s), no more."""
    at = clock.at
    clock.tick(seconds=seconds)
    envelope = agent.seal("orders", {"boot": "b"})
    clock.at = at
    assert (agent.send(envelope).problem is None) == fine


def test_clock_skew_is_told_with_the_hubs_time(agent: Any, clock: Any) -> None:
    """The agent learns by how much it is off."""
    at = clock.at
    clock.tick(hours=2)
    envelope = agent.seal("orders", {"boot": "b"})
    clock.at = at
    reply = agent.send(envelope)
    assert (reply.status, reply.problem, reply["hub_time"]) == (401, "clock-skew", "2026-11-20T14:00:00.000Z")


def test_the_same_bytes_get_the_same_answer(agent: Any, slot: Any) -> None:
    """A repeated attempt is answered from memory: the very same JWS, and the effect happens once."""
    agent.snapshot([slot()])
    body = {"epoch": None, "base_seq": 0, "seq": 1, "snapshot": [], "count": 0, "roots": agent.roots({})}
    envelope = agent.seal("offer", body | {"sites": agent.sites})
    first, second = agent.post("offer", envelope.jws), agent.post("offer", envelope.jws)
    assert first.text == second.text
    assert peek(first.text).claims["epoch"] == 2


def test_problems_are_remembered_too(agent: Any) -> None:
    """A refused request repeats its refusal."""
    envelope = agent.seal("orders", {"boot": 1})
    first, second = agent.post("orders", envelope.jws), agent.post("orders", envelope.jws)
    assert first.text == second.text
    assert told(second) == (422, "schema")


def test_a_seen_jti_with_other_bytes_is_replayed(agent: Any) -> None:
    """A jti names one message."""
    agent.ask("orders", {"boot": "b"}, jti="j" * 22)
    assert agent.ask("orders", {"boot": "c"}, jti="j" * 22).problem == "replayed"


def test_the_memory_outlives_a_restart(agent: Any, reopened: Any) -> None:
    """A hub that was restarted still knows what it answered."""
    envelope = agent.seal("orders", {"boot": "b"})
    first = agent.post("orders", envelope.jws)
    again = reopened().client.post("/v1/orders", content=envelope.jws)
    assert again.text == first.text


def test_the_memory_is_kept_longer_than_a_message_lives(world: Any, agent: Any, clock: Any) -> None:
    """After ten minutes the answer is forgotten, and the request long expired."""
    from hub import outcomes

    envelope = agent.seal("orders", {"boot": "b"})
    agent.send(envelope)
    clock.tick(minutes=10, seconds=1)
    assert outcomes.sweep(world.hub.store, clock.now())["answers"] >= 1
    assert agent.send(envelope).problem == "clock-skew"


def test_a_request_still_in_work_is_425(world: Any, agent: Any) -> None:
    """The second copy of a message does not start the work again."""
    envelope = agent.seal("orders", {"boot": "b"})
    world.hub.in_work.add(("fjord", envelope.jti))
    reply = agent.send(envelope)
    assert (reply.status, reply.problem) == (425, "in-work")


def test_two_processes_answer_a_jti_once(world: Any, agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process of the hub stored its answer first, ours undoes its work and says: in work."""
    envelope = agent.seal("orders", {"boot": "b"})

    def rival(hub: Any, conn: Any, verified: Any, *, last: Any) -> None:
        from sqlalchemy.exc import IntegrityError

        raise IntegrityError("insert", {}, Exception("seen_jti"))

    monkeypatch.setattr("hub.intake._effect", rival)
    assert agent.send(envelope).problem == "in-work"


def test_an_unknown_verb_is_a_schema_problem(agent: Any) -> None:
    """The answer's typ says that the path named no verb."""
    got = agent.post("sell", agent.seal("sell", {}).jws)
    assert told(got) == (422, "schema")
    assert peek(got.text).header.typ == "creneau-?-answer+jws"


def test_another_protocol_version_is_refused(agent: Any) -> None:
    """Version 2 in the signed part is not read as version 1."""
    claims = peek(agent.seal("orders", {"boot": "b"}).jws).claims
    registry = JWSRegistry(algorithms=["Ed25519"])
    header = {"alg": "Ed25519", "kid": thumbprint(agent.signing), "typ": "creneau-orders+jws"}
    import json

    text = jws.serialize_compact(header, json.dumps(dict(claims) | {"v": 2}), agent.signing, registry=registry)
    assert told(agent.post("orders", text)) == (422, "schema")


def test_an_oversize_body_is_not_read_to_its_end(agent: Any) -> None:
    """Above 8 MiB the answer is too-large, bound to the bytes that were sent: its sender believes it."""
    assert told(agent.post("offer", b"a" * (BODY_MAX + 1))) == (413, "too-large")


@pytest.mark.parametrize(("size", "problem"), [(40 * 2**20, "too-large"), (200_000, "too-large")])
def test_a_bomb_is_not_inflated(agent: Any, size: Any, problem: Any) -> None:
    """A signed payload that inflates beyond 32 MiB or 200:1 stops at the bound."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"0" * size) + packer.flush()
    registry = JWSRegistry(header_registry={"zip": HeaderParameter("z", "str")}, algorithms=["Ed25519"])
    header = {"alg": "Ed25519", "kid": thumbprint(agent.signing), "typ": "creneau-offer+jws", "zip": "DEF"}
    got = agent.post("offer", jws.serialize_compact(header, packed, agent.signing, registry=registry))
    assert told(got) == (413, problem)


def test_too_many_calls_are_told_to_wait(agent: Any, reopened: Any) -> None:
    """Above the rate the answer costs no verification and names the wait; the address is forgiven with time."""
    tight = reopened(Rate(per_second=1.0, burst=2))
    envelopes = [agent.seal("orders", {"boot": "b"}) for _ in range(4)]
    answers = [tight.client.post("/v1/orders", content=e.jws) for e in envelopes]
    assert [got.status_code for got in answers] == [200, 200, 429, 429]
    claims = peek(answers[2].text).claims
    assert (claims["problem"], claims["retry_after"], claims["re"]) == ("rate-limited", 5, envelopes[2].jti)
    tight.clock.tick(seconds=1)
    assert tight.client.post("/v1/orders", content=envelopes[3].jws).status_code == 200


def test_the_meter_forgets_the_oldest_address() -> None:
    """A flood of addresses does not grow the memory."""
    from datetime import UTC, datetime

    meter, now = Meter(Rate(1, 1), most=2), datetime(2026, 11, 20, tzinfo=UTC)
    assert [meter.admits(peer, now) for peer in "abca"] == [True, True, True, True]
    assert not meter.admits("c", now)


def test_a_revoked_key_is_retired(world: Any, agent: Any) -> None:
    """After the operator shut a clinic out, its key is told so, and its slots are gone."""
    assert desk.revoke(world.folder, "fjord", clock=world.clock) == 1
    assert agent.beat().problem == "key-retired"


def test_healthz_answers(world: Any) -> None:
    """The operator's probe."""
    assert world.client.get("/healthz").json() == {"status": "ok"}


def test_every_answer_names_the_request(agent: Any) -> None:
    """`re`, `re_sha256`, `hub_time`, `log`: what the agent accepts an answer by."""
    envelope = agent.seal("orders", {"boot": "b"})
    claims = agent.send(envelope).claims
    assert (claims["re"], claims["re_sha256"]) == (envelope.jti, jws_hash(envelope.jws))
    assert claims["log"]


def test_a_waiting_room_that_closed_holds_nobody() -> Any:
    """Once the hub stops, a call that sits down is up again at once; a wake without a loop is harmless."""

    async def stop() -> Any:
        room = WaitingRoom()
        room.wake("fjord")
        with room.seat("fjord") as seat, room.seat("fjord") as beside:
            room.close()
            await room.wait(seat, 30)
            assert beside.is_set()
        with room.seat("fjord") as late:
            return late.is_set() and room.taken("fjord") == 1

    assert asyncio.run(stop())


def test_httpx_and_starlette_agree_on_chunks(world: Any, agent: Any) -> Any:
    """A chunked body is one message."""
    envelope = agent.seal("orders", {"boot": "b"})

    async def halves() -> Any:
        yield envelope.jws[:40].encode()
        yield envelope.jws[40:].encode()

    got = world.client.post("/v1/orders", content=halves())
    assert isinstance(got, httpx.Response)
    assert got.status_code == 200


def test_signed_by_a_key_of_another_curve(agent: Any) -> None:
    """A kid nobody enrolled names nobody, whatever it signed."""
    other = OKPKey.generate_key("Ed25519")
    text = sign("creneau-beat+jws", {"iss": "fjord", "v": 1}, other)
    assert peek(text).header.kid == thumbprint(other)
    assert told(agent.post("beat", text)) == (401, "unknown-clinic")
