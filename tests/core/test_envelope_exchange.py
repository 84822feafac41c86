"""Requests, answers, orders, problems and turns."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.core.booking import Firmness, Turn
from agent.core.envelope import (
    NEVER,
    UNKNOWN,
    Barred,
    Declined,
    Envelope,
    Opened,
    Postponed,
    Rejected,
    addressee,
    answer,
    believe,
    clamped,
    named,
    open_answer,
    open_order,
    open_request,
    payload_hash,
    raise_for_problem,
    seal,
    sealed_hash,
    sign,
    sign_order,
    turn_given,
)
from agent.core.envelope.exchange import answer_typ
from agent.core.errors import Misconfigured, Refused, Transient
from agent.core.model import Instant

AGENT, HUB = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
AGENTS, HUBS = named([AGENT]), named([HUB])
NOW = datetime(2026, 11, 23, 14, 0, 0, 500_000, tzinfo=UTC)
ORIGIN, CLINIC = "https://hub.example", "clinic-1"
QUICK = timedelta(seconds=1)


def request(body: Mapping[str, Any] | None = None, verb: str = "offer", **over: Any) -> Envelope:
    named_ = {"iss": CLINIC, "aud": ORIGIN, "jti": "j" * 22, "now": NOW} | over
    return seal(verb, body or {"n": 1}, AGENT, **named_)


def replied(to: Envelope, body: Mapping[str, Any] | None = None, /, *, verb: str = "offer", **over: Any) -> str:
    claims = {"iss": ORIGIN, "aud": CLINIC, "jti": "a", "to": to.jws, "re": to.jti, "now": NOW, "log": "log-1"} | over
    key = claims.pop("key", HUB)
    return answer(verb, body or {"ok": True}, key, **claims)


def test_a_request_opens_at_the_hub() -> None:
    """Members, jti and the hash a receipt must carry."""
    envelope = request()
    opened = open_request(envelope.jws, AGENTS, verb="offer", aud=ORIGIN, now=NOW)
    assert (opened.jti, opened.claims["n"], opened.claims["iss"]) == ("j" * 22, 1, CLINIC)
    assert opened.payload_sha256 == payload_hash(envelope.jws)
    assert envelope.exp == datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


def test_a_body_may_not_name_members_of_the_envelope() -> None:
    """A leg that sets `iss` itself is a bug, not a message."""
    with pytest.raises(ValueError, match="iss"):
        request({"iss": "x"})


@pytest.mark.parametrize(
    ("verb", "aud", "late", "problem"),
    [
        ("beat", ORIGIN, 0, "bad-signature"),
        ("offer", "https://other", 0, "bad-signature"),
        ("offer", ORIGIN, -119, None),
        ("offer", ORIGIN, -121, "clock-skew"),
        ("offer", ORIGIN, 419, None),
        ("offer", ORIGIN, 421, "clock-skew"),
    ],
)
def test_a_request_is_bound_to_path_hub_and_time(verb: str, aud: str, late: int, problem: str | None) -> None:
    """Audience and path are signed; 120 s of leeway on both ends of five minutes."""
    now = NOW + timedelta(seconds=late)
    if problem is None:
        assert open_request(request().jws, AGENTS, verb=verb, aud=aud, now=now).jti
        return
    with pytest.raises(Rejected) as caught:
        open_request(request().jws, AGENTS, verb=verb, aud=aud, now=now)
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    "change", [{"exp": 1763906400 + 301}, {"iat": "x"}, {"iat": True}, {"exp": -1}, {"jti": ""}, {"jti": 5}, {"exp": 0}]
)
def test_a_request_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    """iat, exp and jti are what they should be."""
    at = 1763906400
    claims = {"iss": "c", "aud": ORIGIN, "path": "offer", "iat": at, "exp": at + 300, "jti": "j", "v": 1} | change
    with pytest.raises(Rejected) as caught:
        open_request(
            sign("creneau-offer+jws", claims, AGENT),
            AGENTS,
            verb="offer",
            aud=ORIGIN,
            now=datetime.fromtimestamp(at, UTC),
        )
    assert caught.value.problem == "schema"


def test_whom_a_problem_is_for() -> None:
    """Iss and jti of a request that did not verify, or ? when they cannot be read."""
    assert addressee(request().jws) == (CLINIC, "j" * 22)
    assert addressee("rubbish") == (UNKNOWN, UNKNOWN)


def test_an_answer_opens_at_the_agent() -> None:
    """re, hub_time in milliseconds, log and members."""
    envelope = request()
    opened = open_answer(replied(envelope), HUBS, to=envelope, took=QUICK)
    assert (opened.re, opened.hub_time, opened.log, opened.claims["ok"]) == (envelope.jti, NOW, "log-1", True)


@pytest.mark.parametrize(
    "over",
    [
        {"re": "other"},
        {"re": UNKNOWN},
        {"aud": "clinic-2"},
        {"aud": UNKNOWN},
        {"iss": "https://other"},
        {"verb": "beat"},
        {"verb": UNKNOWN},
        {"key": AGENT},
        {"to": "another.request.jws"},
        {"log": ""},
    ],
)
def test_an_answer_that_does_not_belong_is_none(over: dict[str, Any]) -> None:
    """Another request, sender, addressee, verb or key."""
    envelope = request()
    with pytest.raises(Rejected):
        open_answer(replied(envelope, **over), HUBS, to=envelope, took=QUICK)


@pytest.mark.parametrize("over", [{"re": UNKNOWN, "aud": UNKNOWN}, {"verb": UNKNOWN, "re": UNKNOWN, "aud": UNKNOWN}])
def test_a_problem_counts_by_the_hash_of_the_request(over: dict[str, Any]) -> None:
    """A hub that could not read the request can still refuse it."""
    envelope = request()
    opened = open_answer(replied(envelope, {"problem": "bad-signature"}, **over), HUBS, to=envelope, took=QUICK)
    with pytest.raises(Barred):
        raise_for_problem(opened)
    with pytest.raises(Rejected):
        open_answer(
            replied(envelope, {"problem": "bad-signature"}, **(over | {"to": "x"})), HUBS, to=envelope, took=QUICK
        )


def test_an_answer_is_judged_by_age_alone() -> None:
    """60 s, or what the caller grants; the hub's wall clock may be years away."""
    envelope = request()
    text = replied(envelope, now=NOW + timedelta(days=4000))
    assert open_answer(text, HUBS, to=envelope, took=timedelta(seconds=59)).hub_time
    assert open_answer(text, HUBS, to=envelope, took=timedelta(seconds=70), within=timedelta(seconds=80)).hub_time
    with pytest.raises(Rejected):
        open_answer(text, HUBS, to=envelope, took=timedelta(seconds=60))


def test_what_does_not_verify_is_no_answer() -> None:
    """Transient, and nothing believed."""
    envelope = request()
    assert believe(replied(envelope), HUBS, to=envelope, took=QUICK).re == envelope.jti
    with pytest.raises(Transient):
        believe("<html>", HUBS, to=envelope, took=QUICK)


def opened_with(**claims: Any) -> Opened:
    return Opened("t", "j", claims, "r", NOW, "l")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("rate-limited", Postponed),
        ("clock-skew", Postponed),
        ("replayed", Postponed),
        ("in-work", Postponed),
        ("something-new", Postponed),
        ("resync", Declined),
        ("stale-epoch", Declined),
        ("not-current", Declined),
        ("too-large", Declined),
        ("schema", Declined),
        ("bad-signature", Barred),
        ("key-retired", Barred),
        ("unknown-clinic", Barred),
    ],
)
def test_each_problem_has_its_error(word: str, kind: type[Exception]) -> None:
    """The class is the retry policy, the word is kept."""
    with pytest.raises(kind) as caught:
        raise_for_problem(opened_with(problem=word, retry_after=7))
    assert getattr(caught.value, "problem", "") == word


def test_problem_words_do_not_smuggle() -> None:
    """A word that is no word is not shown; no problem raises nothing."""
    raise_for_problem(opened_with())
    for said in ("<b>", 5):
        with pytest.raises(Refused) as caught:
            raise_for_problem(opened_with(problem=said))
        assert caught.value.reason == "schema"


def test_the_families_hold() -> None:
    """Legs may catch either the family or the dedicated class."""
    assert issubclass(Postponed, Transient)
    assert issubclass(Declined, Refused)
    assert issubclass(Barred, Misconfigured)


@pytest.mark.parametrize(
    ("said", "wait"), [(7, 7), (900, 300), (10**15, 300), (0, 0), (-1, None), (True, None), ("7", None), (None, None)]
)
def test_waits_are_clamped(said: object, wait: int | None) -> None:
    """At most 300 s, whatever the hub says."""
    assert clamped(said) == (None if wait is None else timedelta(seconds=wait))


SENT = Instant(NOW, timedelta(seconds=100))


@pytest.mark.parametrize(
    ("said", "turn"),
    [
        ({"number": 3, "seconds": 180}, Turn(3, timedelta(seconds=280))),
        ({"number": 3, "seconds": 9000}, Turn(3, timedelta(seconds=280))),
        ({"number": 3, "seconds": 5}, Turn(3, timedelta(seconds=105))),
        ({"number": 3, "seconds": 0}, None),
        ({"number": -1, "seconds": 180}, None),
        ({"number": True, "seconds": 180}, None),
        ({"number": 3}, None),
        (None, None),
    ],
)
def test_a_turn_counts_from_before_the_request(said: object, turn: Turn | None) -> None:
    """At most 180 s on the clock that runs through suspend."""
    assert turn_given(said, SENT) == turn


PATIENT = "a.b.c.d.e"
ORDER = {
    "iss": ORIGIN,
    "aud": CLINIC,
    "booking": "booking-1",
    "version": 1,
    "goal": "g" * 22,
    "slot": '["2026-11-23T09:00:00-05:00","é"]',
    "firmness": "firm",
    "until": None,
    "expires_at": "2026-11-23T15:00:00Z",
    "patient_sha256": sealed_hash(PATIENT),
}


def order(**change: Any) -> str:
    return sign_order(ORDER | change, HUB)


def test_an_order_opens() -> None:
    """Every member in its own type; body_hash is of the inflated payload."""
    text = order()
    opened = open_order(text, HUBS, aud=CLINIC, iss=ORIGIN)
    assert (opened.booking, opened.version, opened.goal, opened.firmness) == ("booking-1", 1, "g" * 22, Firmness.FIRM)
    assert opened.slot_line == ORDER["slot"].encode()
    assert opened.body_hash.hex() == payload_hash(text)
    assert opened.expires_at == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert opened.patient_sha256 is not None


def test_a_newer_signature_is_the_same_order() -> None:
    """Sameness is the payload's, so the hub may sign again with another key."""
    newer = OKPKey.generate_key("Ed25519")
    again = open_order(sign_order(ORDER, newer), named([newer]), aud=CLINIC)
    assert again == open_order(order(), HUBS, aud=CLINIC)


def test_a_cancel_never_expires() -> None:
    """Goal null needs neither slot nor patient nor expiry."""
    opened = open_order(order(goal=None, slot=None, patient_sha256=None, expires_at=None, version=2), HUBS, aud=CLINIC)
    assert (opened.goal, opened.expires_at, opened.patient_sha256, opened.slot_line) == (None, NEVER, None, None)


def test_a_hold_has_an_end() -> None:
    """Firmness hold carries until and may do without a patient."""
    opened = open_order(order(firmness="hold", until="2026-11-23T14:10:00Z", patient_sha256=None), HUBS, aud=CLINIC)
    assert (opened.firmness, opened.until) == (Firmness.HOLD, datetime(2026, 11, 23, 14, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"aud": "clinic-2"}, "bad-signature"),
        ({"iss": "https://other"}, "bad-signature"),
        ({"booking": "short"}, "schema"),
        ({"booking": 5}, "schema"),
        ({"version": 0}, "schema"),
        ({"version": "1"}, "schema"),
        ({"goal": "short"}, "schema"),
        ({"goal": 5}, "schema"),
        ({"firmness": "maybe"}, "schema"),
        ({"firmness": None}, "schema"),
        ({"firmness": "hold"}, "schema"),
        ({"until": "2026-11-23T14:10:00Z"}, "schema"),
        ({"firmness": "hold", "until": "2026-11-23T14:10:00Z", "goal": None}, "schema"),
        ({"slot": None}, "schema"),
        ({"patient_sha256": None}, "schema"),
        ({"patient_sha256": "xyz"}, "schema"),
        ({"expires_at": None}, "schema"),
        ({"expires_at": "soon"}, "schema"),
    ],
)
def test_an_order_of_another_shape_is_refused(change: dict[str, Any], problem: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(Rejected) as caught:
        open_order(order(**change), HUBS, aud=CLINIC, iss=ORIGIN)
    assert caught.value.problem == problem


def test_an_answer_is_no_order() -> None:
    """Typ keeps the kinds of message apart."""
    with pytest.raises(Rejected):
        open_order(sign(answer_typ("orders"), ORDER | {"v": 1}, HUB), HUBS, aud=CLINIC)
