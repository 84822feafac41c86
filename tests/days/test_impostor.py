"""Bad days of the way to the hub: somebody else answers at its address, or nobody does, or it says "not now"."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.core.envelope import Envelope, addressee, answer
from agent.hublink import HubLink
from agent.ports import Answer
from agent.wiring.sample import CLINIC
from hub import desk, intake, serve

Reply = Callable[[str, str], tuple[int, str, bytes] | None]
"""(verb, request) -> status, content type, body; None = no answer at all."""
PAGE = "text/html"
JOSE = "application/jose"


class Impostor:
    """Stands before the hub, at its address and with a certificate the clinic trusts, as an inspecting proxy does."""

    def __init__(self) -> None:
        self.gone = threading.Event()

    reply: Reply | None = None
    """What it says in the hub's place; None = it lets everything through."""

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return the hub with this in front of it."""

        async def stands(scope: Scope, receive: Receive, send: Send) -> None:
            if self.reply is None or not scope.get("path", "").startswith("/v1/"):
                await app(scope, receive, send)
                return
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            said = self.reply(scope["path"].rpartition("/")[2], body.decode())
            if said is None:
                await run_in_threadpool(self.gone.wait, 20)
            status, kind, text = said or (503, PAGE, b"")
            await Response(text, status, media_type=kind)(scope, receive, send)

        return stands


@pytest.fixture
def impostor(monkeypatch: pytest.MonkeyPatch) -> Impostor:
    """Lend an impostor; to be asked for before `day`."""
    made, real = Impostor(), serve.make_app

    def make_app(*args: Any) -> Any:
        app = real(*args)
        app.add_middleware(made.before)
        return app

    monkeypatch.setattr(serve, "make_app", make_app)
    return made


def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Keep the last answer to each verb, as a listener on the line would."""
    kept: dict[str, str] = {}
    real = HubLink.call

    def call(link: HubLink, envelope: Envelope, wait: timedelta) -> Answer:
        found = real(link, envelope, wait)
        kept[envelope.verb] = found.jws
        return found

    monkeypatch.setattr(HubLink, "call", call)
    return kept


def lie(day: Any, case: str, kept: dict[str, str]) -> Reply:
    """Return what an impostor says in one case."""
    origin, log = day.sample.hub.url, day.log()
    hubs, stranger = day.sample.hub.hub.ring.signing(), OKPKey.generate_key("Ed25519")

    def signed(verb: str, text: str) -> tuple[int, str, bytes]:
        key, aud = (stranger, CLINIC) if case == "another key" else (hubs, "another-clinic")
        _, jti = addressee(text) if verb != "offer" else ("", "?")
        body = {"turn": {"number": 2**40, "seconds": 180}, "cursor": {"log": log, "n": 0}, "orders": [], "keys": []}
        jws = answer(
            verb, body, key, iss=origin, aud=aud, jti="x" * 22, to=text, re=jti, now=day.sample.time(), log=log
        )
        return 200, JOSE, jws.encode()

    def replayed(verb: str, _text: str) -> tuple[int, str, bytes]:
        return 200, JOSE, kept.get(verb, kept["beat"]).encode()

    pages = {"page 200": 200, "page 403": 403}
    if case in pages:
        return lambda *_: (pages[case], PAGE, b"<html>Bienvenue</html>")
    if case == "black hole":
        return lambda *_: None
    return replayed if case == "old answer" else signed


SHOWN = {
    "page 200": "proxy-page",
    "page 403": "proxy-page",
    "black hole": "hub-silent",
    "old answer": "hub-made-anew",
    "another key": "hub-made-anew",
    "another audience": "hub-made-anew",
}


@pytest.mark.parametrize("case", SHOWN)
def test_nobody_who_stands_in_for_the_hub_changes_anything(
    impostor: Any, day: Any, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """A page, silence, an old signed answer, a stranger's: nothing is believed, status says what to look at."""
    kept = recorded(monkeypatch)
    monkeypatch.setattr("agent.hublink.READ_S", 1.0)
    monkeypatch.setattr("agent.daemon.CAP", timedelta(seconds=1))
    day.open()
    day.until("a beat", lambda: "beat" in kept or day.sample.beat())
    journal = day.sample.agent.state.journal
    day.until("told", lambda: journal.outbox().standing().epoch)
    before = (journal.outbox().standing(), journal.inbox().cursor(), day.sample.agent.state.keys.keyset())
    impostor.reply = lie(day, case, kept)
    day.shows(SHOWN[case])
    assert (journal.outbox().standing(), journal.inbox().cursor(), day.sample.agent.state.keys.keyset()) == before
    impostor.reply = None
    impostor.gone.set()
    day.until("well", lambda: day.sample.agent.wake("receive", "beat") or day.sample.well())
    day.book("days-impostor", 1, day.offered()[3]["id"])
    assert day.outcome("days-impostor", 1) == "booked"


def test_a_hub_that_asks_to_wait_is_not_pressed_and_status_says_so(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many calls from one address: the agent waits as told and starts again by itself."""
    day.open()
    with monkeypatch.context() as busy:
        busy.setattr("hub.limits.Meter.admits", lambda *_: False)
        busy.setattr("hub.intake.RETRY_AFTER_S", 1)
        day.shows("paced")
    day.until("well", lambda: day.sample.agent.wake("receive", "beat") or day.sample.well())


def test_a_slow_hub_is_waited_for(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer takes a second: nothing is down, a booking only takes longer."""
    slot, real, quiet = day.open()[3], intake._work, threading.Event()
    day.until("well", lambda: day.sample.beat() or day.sample.well())

    def slow(*args: Any, **named: Any) -> Any:
        quiet.wait(0.8)
        return real(*args, **named)

    monkeypatch.setattr(intake, "_work", slow)
    day.book("days-slow", 1, slot["id"])
    assert day.outcome("days-slow", 1) == "booked"
    assert day.sample.well()


def test_a_hub_whose_view_drifted_gets_it_whole_again(day: Any, ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A slot lost in the hub's table: the next beat does not renew it, a snapshot follows, both views are equal."""
    whole = day.open()
    day.until("a beat", lambda: day.sample.look()["heard"] or day.sample.beat())
    ask(day.hub / "hub.db", "DELETE FROM slot WHERE id = ?", whole[0]["id"])
    ask(day.hub / "hub.db", "UPDATE site SET root = 'x'")
    day.until("whole again", lambda: day.sample.beat() or len(day.lasting()) == len(whole))
    assert "view.differs why=resync" in caplog.text
    day.until("well", lambda: day.sample.beat() or day.sample.well())


def test_a_message_too_large_for_the_hub_is_named_and_nothing_is_believed_sent(
    day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub refuses the view by its size: status says it, no slot is on offer; allowed again, all are."""
    day.sample.enrol()
    with monkeypatch.context() as small:
        small.setattr("hub.app.BODY_MAX", 3000)
        day.sample.start()
        day.shows("too-large")
        assert day.portal.slots() == []
        assert day.sample.agent.state.journal.outbox().told() == {}
    day.until("slots", lambda: day.sample.agent.wake("deliver") or day.portal.slots())


def test_a_hub_that_does_not_know_the_clinic_says_to_ask_for_a_code(day: Any, ask: Any) -> None:
    """Its operator brought back a copy from before the enrolment: a new code, and all is as before."""
    saved = day.save_hub()
    day.open()
    day.bring_back(saved)
    day.shows("unknown")
    day.sample.ask("enrol", code=desk.code(day.hub, CLINIC, "Clinique du Fjord"))
    day.portal.close()
    day.portal = day.sample.portal = day.sample._portal()
    assert day.offered()


def test_an_agent_that_never_joined_says_how(day: Any) -> None:
    """Started before anybody enrolled it: it runs, publishes nothing, and names the one step that is missing."""
    day.sample.start()
    day.shows("not-enrolled")
    assert day.portal.slots() == []
    assert json.dumps(day.sample.ask("bookings")["bookings"]) == "[]"


def test_a_second_code_never_moves_the_clinic_by_accident(day: Any) -> None:
    """A code made for another clinic is refused, says why, and stays good for the clinic it was made for."""
    from agent.core.errors import Refused

    day.open()
    code = desk.code(day.hub, "autre-clinique", "Une autre")
    with pytest.raises(Refused) as wrong:
        day.sample.ask("enrol", code=code)
    assert str(wrong.value) == "this code is for another clinic than the one this agent belongs to"
    assert "creneau leave" in str(wrong.value.hint)
    assert day.sample.agent.state.keys.identity().clinic == CLINIC
    with pytest.raises(Refused, match="has an agent already"):
        day.sample.ask("enrol", code=desk.code(day.hub, CLINIC))
    assert [one["clinic"] for one in desk.clinics(day.hub)] == [CLINIC]
    assert day.offered()
