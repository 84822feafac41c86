"""Enrolment at the hub: codes, proofs, repetition, takeover."""

from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.core.envelope import Code, Rejected, fingerprint, open_enrolled, peek, read_code, seal, thumbprint
from hub import desk


def why(got: Any) -> Any:
    claims = peek(got.text).claims
    return got.status_code, claims["problem"], claims.get("why")


def test_a_right_proof_enrols(world: Any, fresh: Any) -> None:
    """The answer proves the hub, names the clinic, and both sides show one fingerprint."""
    agent = fresh()
    enrolled = agent.enrol(world.code())
    assert enrolled.clinic == "fjord"
    shown = desk.clinic(world.folder, "fjord", clock=world.clock)["agents"][0]
    assert shown["fingerprint"] == fingerprint(next(iter(enrolled.keys)), thumbprint(agent.signing))
    assert shown["current"]


def test_the_code_never_travels(world: Any, fresh: Any) -> None:
    """What is sent holds the handle and no other part of the code."""
    shown = world.code()
    _, envelope, _ = fresh().apply(shown)
    assert read_code(shown).secret not in str(peek(envelope.jws).claims)
    assert peek(envelope.jws).claims["handle"] == read_code(shown).handle


def test_same_code_and_key_repeat_the_answer(world: Any, fresh: Any) -> None:
    """An agent whose answer was lost enrols again with a new message and gets the same clinic and keys."""
    agent, shown = fresh(), world.code()
    assert agent.enrol(shown).clinic == agent.enrol(shown).clinic
    assert len(desk.clinic(world.folder, "fjord", clock=world.clock)["agents"]) == 1


def test_another_key_cannot_use_a_used_code(world: Any, fresh: Any) -> None:
    """One code, two agents: exactly one wins."""
    shown = world.code()
    fresh().enrol(shown)
    assert why(fresh().apply(shown)[2]) == (401, "unknown-clinic", "used")


def test_five_wrong_proofs_end_a_code(world: Any, fresh: Any) -> None:
    """After five wrong proofs the right one is refused too, and in the same words."""
    shown = world.code()
    wrong = Code(read_code(shown).handle, "0" * 26).shown()
    for _ in range(5):
        assert why(fresh().apply(wrong)[2]) == (401, "unknown-clinic", "code")
    assert why(fresh().apply(shown)[2]) == (401, "unknown-clinic", "code")


def test_four_wrong_proofs_do_not(world: Any, fresh: Any) -> None:
    """Four slips leave the code usable."""
    shown = world.code()
    wrong = Code(read_code(shown).handle, "0" * 26).shown()
    for _ in range(4):
        fresh().apply(wrong)
    assert fresh().enrol(shown).clinic == "fjord"


def test_a_code_expires(world: Any, fresh: Any, clock: Any) -> None:
    """A day later the code is worth nothing; a minute before, it is."""
    late, early = world.code(), world.code("saguenay")
    clock.tick(hours=23, minutes=59)
    assert fresh().enrol(early).clinic == "saguenay"
    clock.tick(minutes=1)
    assert why(fresh().apply(late)[2]) == (401, "unknown-clinic", "code")


def test_an_unknown_handle_is_a_wrong_code(fresh: Any) -> None:
    """Nobody learns which handles exist."""
    assert why(fresh().apply(Code("0000", "0" * 26).shown())[2]) == (401, "unknown-clinic", "code")


def test_an_enrolled_clinic_needs_a_takeover_code(world: Any, agent: Any, fresh: Any) -> None:
    """A second agent is admitted only by a code made for that, and the clinic is its own from then on."""
    assert why(fresh().apply(world.code())[2]) == (401, "unknown-clinic", "takeover")
    other = fresh()
    other.enrol(world.code(takeover=True))
    current = [a["key"] for a in desk.clinic(world.folder, "fjord", clock=world.clock)["agents"] if a["current"]]
    assert current == [thumbprint(other.signing)]
    assert agent.orders().problem == "not-current"


def test_a_key_joins_once(world: Any, agent: Any) -> None:
    """The key of an enrolled agent cannot join another clinic."""
    assert why(agent.apply(world.code("saguenay"))[2]) == (401, "unknown-clinic", "used")


def test_an_enrol_signed_by_another_key_is_refused(world: Any, fresh: Any) -> None:
    """The message is signed by the very key it brings."""
    agent = fresh()
    _, envelope, _ = agent.apply(world.code())
    body = {k: v for k, v in peek(envelope.jws).claims.items() if k in {"handle", "proof", "signing", "sealing"}}
    forged = seal(
        "enrol",
        body | {"instance": "i"},
        OKPKey.generate_key("Ed25519"),
        iss=thumbprint(agent.signing),
        aud="https://hub.example.org",
        jti="x" * 22,
        now=world.clock.now(),
    )
    assert why(agent.post("enrol", forged.jws))[:2] == (401, "bad-signature")


def test_a_small_order_key_is_refused(world: Any, fresh: Any) -> None:
    """A point anyone can sign for is no key."""
    agent = fresh()
    code = read_code(world.code())
    weak = {"kty": "OKP", "crv": "Ed25519", "x": "AQ" + "A" * 41}
    body = {"handle": code.handle, "proof": "0" * 64, "signing": weak, "sealing": {}, "instance": "i"}
    got = agent.post("enrol", agent.seal("enrol", body, iss="?").jws)
    assert why(got)[:2] == (422, "schema")


def test_an_imposter_hub_is_not_believed(world: Any, fresh: Any) -> None:
    """The agent refuses an answer whose proof was made without the code."""
    agent = fresh()
    _, envelope, got = agent.apply(world.code())
    other = read_code(world.code("saguenay"))
    with pytest.raises(Rejected):
        open_enrolled(got.text, to=envelope, code=other, took=timedelta(0))
