"""A place a patient gave up online: the cancel is always applied, the clinic chose what comes next."""

from datetime import timedelta
from typing import Any

import pytest

from agent.core.booking import RELEASED, Cancels, Outcome, Then, given_up

WHO = "101"
DAY = timedelta(days=1)


def choose(house: Any, then: Then, until: timedelta = DAY) -> None:
    """Let the clinic choose, as its file would."""
    house.apply.cancels = house.apply._saving.cancels = Cancels(until, then)


def cancelled(house: Any) -> set[str]:
    """Book and cancel online; return the cells offered after the next read."""
    house.tick()
    house.order(WHO)
    house.settle()
    assert house.ours() == [house.key(WHO)]
    house.order(None, version=2)
    house.settle()
    assert (house.booking().outcome, house.ours()) == (Outcome.CANCELLED, [])
    house.tick()
    return set(house.journal.views(house.DME).known())


def tasks(house: Any) -> list[Any]:
    return [task for task in house.journal.records().tasks() if task.kind in {"late-cancel", "after-cancel"}]


@pytest.mark.parametrize(("then", "offered"), [(Then.RELEASE, True), (Then.KEEP, False), (Then.ASK, False)])
def test_the_place_goes_where_the_clinic_chose(house: Any, then: Then, offered: bool) -> None:
    """release: online again with the next message; keep: for the phone; ask: a task says which place."""
    choose(house, then)
    assert (house.key(WHO) in cancelled(house)) is offered
    asked = tasks(house)
    assert [task.kind for task in asked] == (["after-cancel"] if then is Then.ASK else [])
    assert all(task.facts["start"].startswith("2026-11-30T09:00") for task in asked)


def test_a_late_cancel_is_applied_and_said(house: Any) -> None:
    """Less notice than cancel_until: the patient is free, and the desk is told which place to fill."""
    choose(house, Then.RELEASE, until=30 * DAY)
    cancelled(house)
    assert [task.kind for task in tasks(house)] == ["late-cancel"]


@pytest.mark.parametrize(("filled", "offered"), [(False, True), (True, False)])
def test_the_answer_puts_the_place_back_or_leaves_it(house: Any, filled: bool, offered: bool) -> None:
    """Not in the agenda: back online; in the agenda: somebody was given it by phone, and it stays off."""
    choose(house, Then.ASK)
    cancelled(house)
    (task,) = tasks(house)
    house.journal.records().answer(task.id, in_agenda=filled, who="manon", now=house.now)
    house.tick()
    assert (house.key(WHO) in house.journal.views(house.DME).known()) is offered


def test_a_place_kept_for_the_phone_is_the_agendas_once_filled(house: Any) -> None:
    """Filled by phone and freed again, it is offered like any other."""
    choose(house, Then.KEEP)
    cancelled(house)
    row = house.clinic.receptionist().book(house.key(WHO))
    house.tick()
    house.clinic.receptionist().cancel(row)
    house.tick()
    assert house.key(WHO) in house.journal.views(house.DME).known()


def test_what_is_over_or_not_ours_is_no_place(house: Any) -> None:
    """No place was given up by a booking that was none, by one entered by hand, or after its time."""
    house.tick()
    house.order(WHO)
    house.settle()
    before = house.booking()
    house.order(None, version=2)
    house.settle()
    after = house.booking()
    now = house.now.utc
    assert given_up(before, after, RELEASED, now) is not None
    assert given_up(after, after, RELEASED, now) is None
    assert given_up(before, before, RELEASED, now) is None
    assert given_up(before, after, RELEASED, now + 30 * DAY) is None
