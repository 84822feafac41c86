"""The in-flight table of the sharing rules, cell by cell, through the apply leg, a real journal and an EMR."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from agent.core.booking import Mark, Outcome, Recovery, State
from agent.core.sharing import Deny, Match, Posture

WHO = "101"
Change = Callable[[Any], None]


def rules(**change: Any) -> Change:
    """Return a change of the rules in force."""
    return lambda house: setattr(house, "rules", replace(house.rules, **change))


def veto(house: Any) -> None:
    house.rules = replace(house.rules, vetoes=frozenset({(house.DME, WHO)}))


def deny(house: Any) -> None:
    house.rules = replace(house.rules, deny=(Deny("non", 30, Match()),))


NARROWER: Mapping[str, Change] = {"veto": veto, "deny": deny}
TOO_LATE: Mapping[str, Change] = {
    "min_notice": rules(min_notice=timedelta(days=8)), "horizon": rules(horizon=timedelta(days=1)),
}  # fmt: skip
PAUSE: Mapping[str, Change] = {"pause": rules(posture=Posture.PAUSED)}
OFFLINE: Mapping[str, Change] = {
    "withdraw": rules(posture=Posture.WITHDRAWN), "expires": rules(expires=date(2026, 11, 1)),
}  # fmt: skip
FREEZE: Mapping[str, Change] = {"freeze": rules(posture=Posture.FROZEN)}
ALL = {**NARROWER, **TOO_LATE, **PAUSE, **OFFLINE, **FREEZE}


def published(house: Any) -> None:
    house.tick()


def holding(house: Any) -> None:
    """Bring a hold about."""
    published(house)
    house.order(WHO, hold=True)
    house.settle()
    assert house.booking().outcome is Outcome.HELD


def interrupted(house: Any, killed: type[BaseException], mark: Mark) -> None:
    """Bring a durable intent about: the process dies before the write (T2) or after it (T3)."""
    published(house)
    house.order(WHO)

    def die(at: Mark, _booking: str) -> None:
        if at is mark:
            raise killed

    house.mark = die
    with pytest.raises(killed):
        house.apply.step(house.now)
    house.mark = lambda _mark, _booking: None
    house.restart()
    assert house.booking().state is State.INTENT


def booked(house: Any) -> None:
    """Bring an appointment about."""
    published(house)
    house.order(WHO)
    house.settle()
    assert house.booking().outcome is Outcome.BOOKED


# ---- a hold


@pytest.mark.parametrize("change", [*NARROWER, *OFFLINE, *FREEZE])
def test_a_hold_ends(house: Any, change: str) -> None:
    """Under a narrower rule, a veto, a withdrawal, an expiry, a freeze: expired, and nothing is written."""
    holding(house)
    ALL[change](house)
    house.settle()
    assert (house.booking().outcome, house.ours()) == (Outcome.EXPIRED, [])


@pytest.mark.parametrize("change", [*TOO_LATE, *PAUSE])
def test_a_hold_lives(house: Any, change: str) -> None:
    """Minimum notice, horizon and a pause leave it its time; then it ends by itself."""
    holding(house)
    ALL[change](house)
    house.later(9)
    house.settle()
    assert house.booking().outcome is Outcome.HELD
    house.later(2)
    house.settle()
    assert house.booking().outcome is Outcome.EXPIRED


# ---- a firm order that was not begun


@pytest.mark.parametrize("change", [*NARROWER, *TOO_LATE, *OFFLINE])
def test_a_firm_order_not_begun_is_a_conflict(house: Any, change: str) -> None:
    """One word for all of them, the word for a slot taken by phone."""
    published(house)
    house.order(WHO)
    ALL[change](house)
    house.settle()
    assert (house.booking().outcome, house.booking().code, house.ours()) == (Outcome.CONFLICT, None, [])


@pytest.mark.parametrize("change", [*PAUSE])
def test_a_firm_order_is_applied_under_a_pause(house: Any, change: str) -> None:
    """Only new slots stop."""
    published(house)
    house.order(WHO)
    ALL[change](house)
    house.settle()
    assert (house.booking().outcome, len(house.ours())) == (Outcome.BOOKED, 1)


@pytest.mark.parametrize("change", [*TOO_LATE, *PAUSE])
def test_a_firm_order_on_a_live_hold_is_applied(house: Any, change: str) -> None:
    """The patient who was typing keeps the place that minutes took from everybody else."""
    holding(house)
    ALL[change](house)
    house.order(WHO, version=2)
    house.settle()
    assert (house.booking().outcome, len(house.ours())) == (Outcome.BOOKED, 1)


@pytest.mark.parametrize("change", [*NARROWER, *OFFLINE])
def test_a_firm_order_on_a_hold_that_may_not_live_is_a_conflict(house: Any, change: str) -> None:
    """Narrower rules end the hold and what was to follow it."""
    holding(house)
    ALL[change](house)
    house.order(WHO, version=2)
    house.settle()
    assert (house.booking().outcome, house.ours()) == (Outcome.CONFLICT, [])


def test_a_firm_order_waits_out_a_freeze(house: Any) -> None:
    """Nothing is written nor answered; after the thaw it is applied."""
    published(house)
    house.order(WHO)
    FREEZE["freeze"](house)
    house.settle()
    assert (house.booking().state, house.booking().outcome, house.ours()) == (State.QUEUED, None, [])
    house.rules = replace(house.rules, posture=Posture.OPEN)
    house.settle()
    assert house.booking().outcome is Outcome.BOOKED


def test_a_firm_order_waits_under_a_freeze_until_its_time_is_over(house: Any) -> None:
    """Past expires_at it is expired, still without a write."""
    published(house)
    house.order(WHO, minutes=30)
    FREEZE["freeze"](house)
    house.settle()
    house.later(31)
    house.settle()
    assert (house.booking().outcome, house.ours()) == (Outcome.EXPIRED, [])


# ---- an intent, or later


@pytest.mark.parametrize("mark", [Mark.T2, Mark.T3])
@pytest.mark.parametrize("change", [*NARROWER, *TOO_LATE, *PAUSE, *OFFLINE])
def test_what_was_begun_finishes(house: Any, killed: type[BaseException], change: str, mark: Mark) -> None:
    """Once the intent is durable the write is carried to its end, once."""
    interrupted(house, killed, mark)
    ALL[change](house)
    house.settle()
    assert (house.booking().outcome, len(house.ours())) == (Outcome.BOOKED, 1)


def test_under_a_freeze_what_was_written_is_found_by_reading(house: Any, killed: type[BaseException]) -> None:
    """The appointment is there: booked, without another write."""
    interrupted(house, killed, Mark.T3)
    rows = dict(house.clinic.rows)
    FREEZE["freeze"](house)
    house.settle()
    assert (house.booking().outcome, house.clinic.rows) == (Outcome.BOOKED, rows)


def test_under_a_freeze_what_was_not_written_waits_again(house: Any, killed: type[BaseException]) -> None:
    """Reading proves that nothing happened: the order waits like any other, and is applied once after the thaw."""
    interrupted(house, killed, Mark.T2)
    FREEZE["freeze"](house)
    house.later(2)
    house.settle()
    assert (house.booking().state, house.booking().outcome) == (State.QUEUED, None)
    assert (house.ours(), house.clinic.applied) == ([], {})
    house.rules = replace(house.rules, posture=Posture.OPEN)
    house.settle()
    assert (house.booking().outcome, len(house.ours())) == (Outcome.BOOKED, 1)


def test_under_a_freeze_what_reading_cannot_prove_is_to_be_checked(house: Any, killed: type[BaseException]) -> None:
    """An EMR in which absence proves nothing: a person looks, with a task."""
    house.emr.rules = replace(house.emr.rules, recovery=Recovery.ABSENT_UNSURE)
    interrupted(house, killed, Mark.T2)
    FREEZE["freeze"](house)
    house.later(2)
    house.settle()
    assert (house.booking().outcome, house.ours()) == (Outcome.CHECKING, [])
    assert [task.kind for task in house.journal.records().tasks()] == ["checking"]


# ---- an appointment in the EMR


@pytest.mark.parametrize("change", [*ALL])
def test_an_appointment_stays(house: Any, change: str) -> None:
    """Whatever the clinic changes, what a patient has been promised stands; the clinic decides."""
    booked(house)
    ALL[change](house)
    for _ in range(3):
        house.later(5)
        house.settle()
    assert (house.booking().outcome, len(house.ours())) == (Outcome.BOOKED, 1)


# ---- a cancel


@pytest.mark.parametrize("change", [*NARROWER, *TOO_LATE, *PAUSE, *OFFLINE])
def test_a_cancel_is_applied(house: Any, change: str) -> None:
    """A patient's cancel is never held back by sharing rules."""
    booked(house)
    ALL[change](house)
    house.order(None, version=2)
    house.settle()
    assert (house.booking().outcome, house.ours()) == (Outcome.CANCELLED, [])


def test_a_cancel_waits_out_a_freeze_with_a_task_at_once(house: Any) -> None:
    """Not one write; the desk is told now; after the thaw it is applied."""
    booked(house)
    FREEZE["freeze"](house)
    house.order(None, version=2)
    house.settle()
    assert (house.booking().outcome, len(house.ours())) == (Outcome.BOOKED, 1)
    assert [task.kind for task in house.journal.records().tasks()] == ["enter-cancel"]
    house.rules = replace(house.rules, posture=Posture.OPEN)
    house.settle()
    assert (house.booking().outcome, house.ours()) == (Outcome.CANCELLED, [])


# ---- slots


@pytest.mark.parametrize("change", [*NARROWER, *TOO_LATE, *OFFLINE])
def test_slots_leave_with_the_next_message(house: Any, change: str) -> None:
    """What may not be shared is gone from the view at the step after the change, and from the hub one message later."""
    published(house)
    ALL[change](house)
    house.tick()
    left = {slot["start"] for claims in house.hub.claims[:1] for slot in claims["snapshot"]}
    gone = house.hub.claims[-2]["changes"]["del"]
    assert left
    assert gone
    assert not any(key.startswith(WHO) for key in house.journal.views(house.DME).known())


@pytest.mark.parametrize("change", [*PAUSE, *FREEZE])
def test_nothing_new_appears_and_removals_go_on(house: Any, change: str) -> None:
    """Under a pause, and under a freeze."""
    published(house)
    before = set(house.journal.views(house.DME).known())
    ALL[change](house)
    house.open((WHO, 9, "s"))
    house.clinic.receptionist().book(house.key(WHO, 1))
    house.tick()
    assert set(house.journal.views(house.DME).known()) == before - {house.key(WHO, 1)}


def test_a_refused_slot_costs_and_looks_like_a_taken_one(houses: Any) -> None:
    """Taken by phone, vetoed or withdrawn: one read of the EMR each, and the same bytes of the answer."""

    def told(change: Change) -> tuple[int, list[tuple[str, str]]]:
        with houses() as one:
            one.open(*((who, n, "s") for who in ("101", "102", "103", "104") for n in range(3)))
            one.tick()
            one.order(WHO)
            change(one)
            reads = one.reads
            one.settle()
            reads = one.reads - reads
            one.deliver.step(one.now)
            return reads, one.hub.seen

    phone = told(lambda one: one.clinic.receptionist().book(one.key(WHO)) and None)
    assert phone[0] == 1
    assert phone[1][-1][0] == "outcomes"
    for change in (*NARROWER.values(), *TOO_LATE.values(), *OFFLINE.values()):
        assert told(change) == phone
