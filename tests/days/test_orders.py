"""Bad days of orders: told twice, late, out of order, contradicted, unreadable, too many; the agenda stays right."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.core.envelope import recall, seal_patient, sign_order
from agent.wiring.sample import CLINIC
from hub import verbs
from hub.ask import Ask, Wait
from hub.outcomes import by_rev

Entries = list[dict[str, Any]]


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[Ask, Entries], Entries]]:
    """Lend a list: what is put there changes the orders on their way to the agent."""
    changes: list[Callable[[Ask, Entries], Entries]] = []
    real = verbs.VERBS["orders"]

    def orders(ask: Ask) -> Any:
        said = real(ask)
        if isinstance(said, Wait):
            return said
        listed = list(said["orders"])
        for change in changes:
            listed = change(ask, listed)
        return {**said, "orders": listed}

    monkeypatch.setitem(verbs.VERBS, "orders", orders)  # type: ignore[arg-type]
    return changes


def told(day: Any, booking: str) -> list[str]:
    """Return every outcome the hub was told, booking known there or not."""
    with day.sample.hub.hub.store.read() as conn:
        return [one["outcome"] for one in by_rev(conn, CLINIC, booking)]


def test_orders_twice_late_and_out_of_order_book_each_patient_once(day: Any, between: Any) -> None:
    """Every order comes three times, the newest first, one version is skipped: one row each, and a cancel stays one."""
    slots = day.open()[:60:10]
    seen: Entries = []

    def again(_ask: Ask, listed: Entries) -> Entries:
        seen.extend(listed)
        return [*reversed(seen), *listed, *seen]

    day.stop()
    between.append(again)
    day.book("days-many-1", 1, slots[0]["id"])
    day.book("days-many-2", 1, slots[1]["id"])
    day.sample.start()
    assert day.outcome("days-many-1", 1) == "booked"
    day.book("days-many-1", 5, slots[2]["id"])
    assert day.outcome("days-many-1", 5) == "booked"
    assert day.outcome("days-many-2", 1) == "booked"
    day.cancel("days-many-1", 6)
    assert day.outcome("days-many-1", 6) == "cancelled"
    day.book("days-many-3", 1, slots[3]["id"])
    assert day.outcome("days-many-3", 1) == "booked"
    assert (day.word("days-many-1"), day.word("days-many-2")) == ("not-booked", "booked")
    assert len(day.ours()) == 2


def test_cancelled_before_it_was_booked_is_never_booked(day: Any) -> None:
    """The agent was off for both: the patient reads "not booked", and no appointment ever stood in the agenda."""
    slot = day.open()[3]
    rows = len(day.sample.rows())
    day.stop()
    day.book("days-early-1", 1, slot["id"])
    day.cancel("days-early-1", 2)
    day.sample.start()
    assert day.outcome("days-early-1", 2) == "cancelled"
    assert day.word("days-early-1") == "not-booked"
    assert len(day.sample.rows()) == rows


def test_an_order_past_its_time_is_not_booked_and_its_cancel_still_counts(day: Any) -> None:
    """The agent was off until after `expires_at`: "not booked"; a cancel never expires; a late confirm is a plain order."""
    slots = day.open()[:40:10]
    now = day.sample.time()
    until = now + timedelta(seconds=6)
    day.portal.hold(CLINIC, "days-late-2", 1, slots[1]["id"], now=now, until=until)
    assert day.outcome("days-late-2", 1, "held") == "held"
    day.stop()
    day.portal.expires, usual = timedelta(seconds=3), day.portal.expires
    day.book("days-late-1", 1, slots[0]["id"])
    day.portal.expires = usual
    over = max(until, day.sample.time() + timedelta(seconds=3))
    day.until("its time is over", lambda: day.sample.time() > over)
    day.book("days-late-2", 2, slots[1]["id"])
    day.sample.start()
    assert day.outcome("days-late-1", 1) == "expired"
    assert day.word("days-late-1") == "not-booked"
    assert day.outcome("days-late-2", 2) == "booked"
    day.cancel("days-late-1", 2)
    assert day.outcome("days-late-1", 2) == "cancelled"
    assert len(day.ours()) == 1


def test_the_same_version_with_another_body_is_believed_by_nobody(day: Any, between: Any) -> None:
    """Two signed orders contradict each other: blocked, a task for IT, the patient reads "being checked"."""
    slots = day.open()[:40:10]

    def twins(ask: Ask, listed: Entries) -> Entries:
        claims = [dict(recall(one["order"]).claims) for one in listed]
        key = ask.hub.ring.signing()
        other = [sign_order({**said, "expires_at": "2099-01-01T00:00:00.000Z"}, key) for said in claims]
        return [*listed, *({"order": jws, "patient": None, "outcome": None} for jws in other)]

    day.stop()
    between.append(twins)
    day.book("days-twin-1", 1, slots[0]["id"])
    day.sample.start()
    assert day.outcome("days-twin-1", 1, "checking") == "checking"
    assert day.word("days-twin-1") == "being-checked"
    assert "quarantine" in [task["kind"] for task in day.sample.ask("tasks-list")["tasks"]]
    assert day.ours() == []


def test_what_was_never_offered_or_cannot_be_opened_books_nobody(day: Any, between: Any) -> None:
    """A slot nobody published: conflict. A patient sealed to a stranger's key: sealed again, never booked blind."""
    slots = day.open()[:40:10]

    def forged(ask: Ask, listed: Entries) -> Entries:
        line = '["2026-11-30T03:07:00-05:00","2026-11-30T03:09:00-05:00","exact","principal","instant",null,"anyone","urgent",null,"on-site"]'
        goal = {"iss": ask.hub.origin, "aud": CLINIC, "booking": "days-never-1", "version": 1, "goal": "n" * 22}
        rest = {"slot": line, "firmness": "hold", "until": None, "expires_at": "2099-01-01T00:00:00.000Z"}
        until = (day.sample.time() + timedelta(minutes=5)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        jws = sign_order({**goal, **rest, "until": until, "patient_sha256": None}, ask.hub.ring.signing())
        return listed if told(day, "days-never-1") else [*listed, {"order": jws, "patient": None, "outcome": None}]

    between.append(forged)
    sealed = seal_patient({"booking": "days-blind-1", "version": 1, "family": "X"}, OKPKey.generate_key("X25519"))
    expires = (day.sample.time() + timedelta(minutes=30)).isoformat()
    goal = {"goal": slots[0]["id"], "firmness": "firm", "until": None, "patient": sealed, "expires_at": expires}
    day.portal._put(CLINIC, "days-blind-1", {"version": 1, **goal})
    assert day.outcome("days-blind-1", 1) == "refused: reseal"
    assert day.until("answered", lambda: told(day, "days-never-1")) == ["conflict"]
    assert day.ours() == []


def test_more_bookings_than_the_limit_are_refused_and_the_desk_is_told(day: Any) -> None:
    """`max_per_hour` was reached: "not booked", whatever the hub asks, and a task says so."""
    text = day.sample.file.read_text(encoding="utf-8")
    day.sample.file.write_text(text.replace("# max_per_hour = 30", "max_per_hour = 1"), encoding="utf-8")
    slots = day.open()[:40:10]
    day.book("days-limit-1", 1, slots[0]["id"])
    assert day.outcome("days-limit-1", 1) == "booked"
    day.book("days-limit-2", 1, slots[1]["id"])
    assert day.outcome("days-limit-2", 1) == "conflict"
    assert day.word("days-limit-2") == "not-booked"
    assert [task["kind"] for task in day.sample.ask("tasks-list")["tasks"]] == ["unmatched", "limit"]
    assert len(day.ours()) == 1


@pytest.mark.parametrize("act", ["sharing-pause", "sharing-withdraw", "freeze"])
def test_an_order_in_flight_while_the_clinic_narrows_ends_as_the_clinic_wants(day: Any, act: str) -> None:
    """Ordered a moment before: booked under a pause, not under a withdrawal, waiting under a freeze until resumed."""
    slot = day.open()[3]
    day.stop()
    day.sample.ask(act)
    day.book("days-narrow-1", 1, slot["id"])
    day.sample.start()
    if act == "freeze":
        day.until("taken", lambda: day.sample.ask("bookings")["bookings"])
        assert day.word("days-narrow-1") == "being-checked"
        day.sample.ask("sharing-resume")
    assert day.outcome("days-narrow-1", 1) == ("conflict" if act == "sharing-withdraw" else "booked")
    assert len(day.ours()) == (act != "sharing-withdraw")


@pytest.mark.parametrize("day", ["tasks"], indirect=True)
def test_a_time_said_to_be_entered_is_not_sold_again(day: Any) -> None:
    """The desk answered "it is in the agenda" and nothing stands there yet: the time stays offline until it is given back."""
    slot = day.open()[3]
    day.book("days-said-1", 1, slot["id"])
    day.outcome("days-said-1", 1, "requested")
    (task,) = day.sample.ask("tasks-list")["tasks"]
    day.sample.ask("tasks-done", n=task["n"], in_agenda=True)
    assert day.outcome("days-said-1", 1, "booked") == "booked"
    line = (slot["start"], slot["end"])
    polls(day, 2)
    views = day.sample.agent.state.journal.views("dme")
    (entered,) = [fact for fact in day.sample.agent.state.journal.records().facts() if fact.startswith("entered:")]
    assert entered == "entered:days-said-1"
    assert slot["id"] not in [one["id"] for one in day.portal.slots()]
    held = views.held()
    assert len(held) == 1
    assert not held & set(views.known())
    day.cancel("days-said-1", 2)
    day.outcome("days-said-1", 2, "requested")
    (task,) = day.sample.ask("tasks-list")["tasks"]
    day.sample.ask("tasks-done", n=task["n"], in_agenda=False)
    day.until("on sale again", lambda: line in [(one["start"], one["end"]) for one in day.portal.slots()])
    assert [fact for fact in day.sample.agent.state.journal.records().facts() if fact.startswith("entered:")] == []


def polls(day: Any, n: int) -> None:
    """Let the agenda be read completely n more times."""
    board = day.sample.agent.state.board
    for _ in range(n):
        last = dict(board.read().reads)
        day.until("a poll", lambda last=last: board.read().reads != last)
