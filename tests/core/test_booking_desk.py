"""What people at the clinic do: tasks mode, answers, and what staff change in the agenda."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.core.booking import (
    Answered,
    Booking,
    Effect,
    Effected,
    Erase,
    Firmness,
    Order,
    Ordered,
    Outcome,
    Recovery,
    RequestOver,
    Seen,
    Sent,
    Start,
    State,
    Task,
    TaskKind,
    Tell,
    Turn,
    Unknown,
    WriteRules,
    advance,
    claims,
    needs,
)
from agent.core.model import BookingId, EmrName, EmrRef, Instant, Practitioner, SiteId, Slot, SlotId, SlotKey
from tests.core.booking_scene import SIDECAR

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ME = BookingId("booking-1")
AUTO = replace(SIDECAR, recovery=Recovery.BLIND)
GO = Start(Instant(NOW, timedelta(0)), Turn(1, timedelta(hours=1)), True, True, True, False, False)
REF = EmrRef("apt-1")


def cell(key: str) -> Slot:
    start = NOW + timedelta(hours=24)
    who = Practitioner("101")
    return Slot(EmrName("oscar"), SlotKey(key), SiteId("main"), who, start, start + timedelta(minutes=15), "R")


S1, S2 = cell("s1"), cell("s2")


def ordered(version: int, slot: Slot | None, *, hold: bool = False, body: str = "") -> Ordered:
    firmness = Firmness.HOLD if hold else Firmness.FIRM
    until = NOW + timedelta(minutes=10) if hold else None
    goal, line = (SlotId(slot.key), b"line") if slot else (None, None)
    expires, body_hash = NOW + timedelta(hours=1), f"{version}{slot}{hold}{body}".encode()
    made = Order(ME, version, goal, firmness, until, expires, line, None, body_hash)
    return Ordered(made, EmrName("oscar"), slot, line, NOW)


def applied(row: Booking | None, version: int, slot: Slot | None, rules: WriteRules | None = None) -> Booking:
    return advance(advance(row, ordered(version, slot), None)[0], GO, rules)[0]


def written(row: Booking | None, version: int, slot: Slot) -> Booking:
    intent = applied(row, version, slot, AUTO)
    return advance(intent, Effected(Effect(ME, version, Outcome.BOOKED, REF, slot.key), NOW), AUTO)[0]


def unsure(row: Booking | None, version: int, slot: Slot | None) -> Booking:
    return advance(applied(row, version, slot, AUTO), Unknown(NOW), AUTO)[0]


def answer(row: Booking, *, there: bool, kind: TaskKind = TaskKind.ENTER) -> Booking:
    return advance(row, Answered(there, "desk", kind), None)[0]


def seen(row: Booking, outcome: Outcome | None, slot: Slot | None = S1, *, theirs: bool = False) -> Booking:
    shown = None if outcome is None else Effect(ME, 1, outcome, REF, slot.key if slot else None, theirs)
    return advance(row, Seen(shown), None)[0]


def test_an_order_becomes_a_task() -> None:
    """Requested and told; the details are kept and the slot claimed until a person answers."""
    row, actions = advance(advance(None, ordered(1, S1), None)[0], GO, None)
    assert (row.outcome, row.state, row.kept, row.intent_slot) == (Outcome.REQUESTED, State.RESOLVED, False, S1)
    assert actions == (Tell(), Task(TaskKind.ENTER), Erase())
    assert (needs(row), claims(row, NOW)) == ({1}, (S1,))


@pytest.mark.parametrize(("there", "outcome", "where"), [(True, Outcome.BOOKED, S1), (False, Outcome.CONFLICT, None)])
def test_the_answer_settles_the_request(there: bool, outcome: Outcome, where: Slot | None) -> None:
    """It is in the agenda, or it is not; a second answer changes nothing."""
    row = answer(applied(None, 1, S1), there=there)
    assert (row.outcome, row.cur_slot, row.emr_ref, row.kept, needs(row)) == (outcome, where, None, there, frozenset())
    assert answer(row, there=not there) == row


def test_a_late_answer_speaks_of_the_version_that_was_asked() -> None:
    """A newer version waits: the old one is told as it is, then the desk is asked to move it."""
    row = advance(applied(None, 1, S1), ordered(2, S2), None)[0]
    assert claims(row, NOW) == (S1,)
    row = answer(row, there=True)
    assert (row.outcome, row.done_ver, row.state, row.cur_slot) == (Outcome.BOOKED, 1, State.QUEUED, S1)
    row, actions = advance(row, GO, None)
    assert (row.outcome, Task(TaskKind.ENTER_MOVE) in actions) == (Outcome.REQUESTED, True)
    assert answer(row, there=False).cur_slot == S1
    assert answer(row, there=True).cur_slot == S2


def test_a_newer_request_replaces_an_unanswered_one() -> None:
    """Same slot: the same task; another slot: a move, since the first may be in the agenda already."""
    row = advance(applied(None, 1, S1), ordered(2, S1, body="x"), None)[0]
    assert Task(TaskKind.ENTER) in advance(row, GO, None)[1]
    row = advance(applied(None, 1, S1), ordered(2, S2), None)[0]
    assert Task(TaskKind.ENTER_MOVE) in advance(row, GO, AUTO)[1]


@pytest.mark.parametrize(("there", "outcome"), [(True, Outcome.CONFLICT), (False, Outcome.CANCELLED)])
def test_a_cancel_is_a_task_when_something_may_be_there(there: bool, outcome: Outcome) -> None:
    """Entered, or asked for and not answered: a person takes it out; still there = conflict, with what is kept."""
    for first in (applied(None, 1, S1), answer(applied(None, 1, S1), there=True), written(None, 1, S1)):
        row = applied(first, 2, None)
        assert (row.outcome, row.intent_slot) == (Outcome.REQUESTED, None)
        after = answer(row, there=there, kind=TaskKind.ENTER_CANCEL)
        assert (after.outcome, after.kept) == (outcome, there and first.kept)


def test_a_cancel_of_nothing_is_cancelled_at_once() -> None:
    """No task: nobody was ever asked to enter it."""
    assert applied(None, 1, None).outcome is Outcome.CANCELLED


def test_what_was_entered_by_hand_is_changed_by_hand() -> None:
    """Also after the clinic turned to automatic: the EMR carries no mark of ours."""
    row = applied(answer(applied(None, 1, S1), there=True), 2, None, AUTO)
    assert (row.outcome, row.state) == (Outcome.REQUESTED, State.RESOLVED)


def test_a_request_called_back_may_be_in_the_agenda_already() -> None:
    """The newer version fails: the desk is asked to take the first out, and what she found is told."""
    row = advance(applied(None, 1, S1), ordered(2, S2), None)[0]
    row, actions = advance(row, replace(GO, free=False), None)
    assert (row.outcome, row.intent_slot, Task(TaskKind.ENTER_CANCEL) in actions) == (Outcome.CONFLICT, S1, True)
    kept = answer(row, there=True, kind=TaskKind.ENTER_CANCEL)
    assert (kept.outcome, kept.kept, kept.cur_slot, kept.outcome_rev) == (Outcome.CONFLICT, True, S1, 3)
    gone = answer(row, there=False, kind=TaskKind.ENTER_CANCEL)
    assert (gone.intent_slot, gone.outcome_rev) == (None, 2)
    assert applied(row, 3, None).outcome is Outcome.REQUESTED


def test_tasks_that_ask_nothing_change_nothing() -> None:
    """Unmatched patient, limit, staff change: read and put away."""
    row = applied(None, 1, S1)
    for kind in (TaskKind.UNMATCHED, TaskKind.LIMIT, TaskKind.STAFF_CHANGED):
        assert answer(row, there=False, kind=kind) == row


@pytest.mark.parametrize(
    ("before", "version", "slot", "there", "outcome", "where"),
    [
        (None, 1, S1, True, Outcome.BOOKED, S1),
        (None, 1, S1, False, Outcome.CONFLICT, None),
        ("s1", 2, S2, True, Outcome.BOOKED, S2),
        ("s1", 2, S2, False, Outcome.CONFLICT, S1),
        ("s1", 2, None, True, Outcome.CONFLICT, S1),
        ("s1", 2, None, False, Outcome.CANCELLED, None),
    ],
)
def test_a_person_settles_a_doubt(
    before: str | None, version: int, slot: Slot | None, there: bool, outcome: Outcome, where: Slot | None
) -> None:
    """The two answers of a task, for a booking, a move and a cancel; the newest version then goes on."""
    row = unsure(written(None, 1, S1) if before else None, version, slot)
    row = advance(row, ordered(9, S1), None)[0]
    after = answer(row, there=there, kind=TaskKind.CHECKING)
    assert (after.outcome, after.cur_slot, after.done_ver, after.state) == (outcome, where, version, State.QUEUED)


@pytest.mark.parametrize(("there", "outcome"), [(True, Outcome.BOOKED), (False, Outcome.CONFLICT)])
def test_a_person_settles_a_quarantine(there: bool, outcome: Outcome) -> None:
    """What stands in the agenda is what counts."""
    row = advance(advance(None, ordered(1, S1), None)[0], ordered(1, S1, body="other"), None)[0]
    assert answer(row, there=there, kind=TaskKind.QUARANTINE).outcome is outcome


def test_vanished_rows_are_checked_never_made_again() -> None:
    """Checking and a task; a person's word, or the row itself, ends it."""
    row = advance(written(None, 1, S1), Sent(1), None)[0]
    lost = seen(row, None)
    assert (lost.state, lost.outcome, lost.intent_ver) == (State.UNSURE, Outcome.CHECKING, None)
    assert seen(row, Outcome.CHECKING) == lost
    assert seen(lost, None) == lost
    assert seen(lost, Outcome.CHECKING) == lost
    assert seen(lost, Outcome.CONFLICT) == lost
    assert seen(lost, Outcome.BOOKED).outcome is Outcome.BOOKED
    assert seen(lost, Outcome.CANCELLED, theirs=True).outcome is Outcome.CANCELLED_BY_CLINIC
    assert answer(lost, there=True, kind=TaskKind.CHECKING).cur_slot == S1
    gone = answer(lost, there=False, kind=TaskKind.CHECKING)
    assert (gone.outcome, gone.kept) == (Outcome.CANCELLED_BY_CLINIC, False)
    unplaced = replace(lost, cur_slot=None)
    assert answer(unplaced, there=True, kind=TaskKind.CHECKING).emr_ref == REF


def test_a_row_of_ours_cancelled_by_nobody_is_checked() -> None:
    """Our own mark says cancelled, and we did not do it."""
    assert seen(written(None, 1, S1), Outcome.CANCELLED).state is State.UNSURE


def test_staff_changes_are_told_once() -> None:
    """Moved or received: changed; taken out: cancelled by the clinic; a poll that shows the same says nothing."""
    row = written(None, 1, S1)
    assert seen(row, Outcome.BOOKED) == row
    moved = seen(row, Outcome.BOOKED, S2)
    assert (moved.outcome, moved.kept, moved.outcome_rev) == (Outcome.CHANGED, True, 2)
    assert seen(moved, Outcome.BOOKED, S2, theirs=True) == moved
    assert seen(row, Outcome.BOOKED, theirs=True).outcome is Outcome.CHANGED
    out = seen(moved, Outcome.CANCELLED, theirs=True)
    assert (out.outcome, out.kept) == (Outcome.CANCELLED_BY_CLINIC, False)


def test_staff_changes_are_told_while_a_newer_version_waits() -> None:
    """Of the version done; the newer one goes on by what they did."""
    row = advance(written(None, 1, S1), ordered(2, S2), None)[0]
    row = seen(row, Outcome.BOOKED, theirs=True)
    assert (row.outcome, row.done_ver, row.state) == (Outcome.CHANGED, 1, State.QUEUED)
    assert advance(row, GO, AUTO)[0].state is State.UNSURE


@pytest.mark.parametrize("slot", [S1, S2])
def test_what_is_theirs_is_only_cancelled(slot: Slot) -> None:
    """Another goal is a question for a person; a cancel is still applied."""
    row = seen(written(None, 1, S1), Outcome.BOOKED, theirs=True)
    asked, actions = advance(advance(row, ordered(2, slot), None)[0], GO, AUTO)
    assert (asked.state, asked.intent_ver, actions) == (State.UNSURE, 2, (Tell(), Task(TaskKind.CHECKING)))
    assert seen(asked, Outcome.BOOKED, cell("s9"), theirs=True) == asked
    assert seen(asked, Outcome.BOOKED, slot, theirs=True).outcome is Outcome.BOOKED
    assert applied(row, 2, None, AUTO).state is State.INTENT


def test_a_read_back_ends_a_doubt() -> None:
    """Our mark where the version wanted it, or gone after a cancel; anything else leaves it to a person."""
    row = unsure(None, 1, S1)
    assert seen(row, Outcome.BOOKED).outcome is Outcome.BOOKED
    assert seen(row, Outcome.BOOKED, S2) == row
    assert seen(row, Outcome.CHECKING) == row
    leaving = unsure(written(None, 1, S1), 2, None)
    assert seen(leaving, Outcome.BOOKED) == leaving
    assert seen(leaving, Outcome.CANCELLED).outcome is Outcome.CANCELLED


def test_a_later_export_answers_a_request() -> None:
    """Our mark in a read-only source settles what the desk entered or took out."""
    row = applied(None, 1, S1)
    assert seen(row, None) == row
    assert seen(row, Outcome.BOOKED, S2) == row
    assert seen(row, Outcome.BOOKED).emr_ref == REF
    leaving = applied(answer(row, there=True), 2, None)
    assert seen(leaving, Outcome.BOOKED) == leaving
    assert seen(leaving, Outcome.CANCELLED).outcome is Outcome.CANCELLED


def test_an_appointment_we_said_does_not_exist_is_checked() -> None:
    """A late write after a conflict or a cancel is seen, never hidden."""
    row = advance(advance(None, ordered(1, S1), None)[0], replace(GO, free=False), AUTO)[0]
    assert seen(row, None) == row
    assert seen(row, Outcome.CANCELLED) == row
    ghost = seen(row, Outcome.BOOKED)
    assert (ghost.state, ghost.kept) == (State.UNSURE, True)
    fresh = advance(None, ordered(1, S1), None)[0]
    assert seen(fresh, Outcome.BOOKED) == fresh


def test_what_a_person_entered_is_not_missed() -> None:
    """It carries no mark; once the EMR shows one, it is ours to change again."""
    row = answer(applied(None, 1, S1), there=True)
    assert seen(row, None) == row
    assert seen(row, Outcome.BOOKED).emr_ref == REF


def test_a_hold_is_kept_while_the_first_request_is_called_back() -> None:
    """The hold is told; what was asked before is taken out by the desk."""
    row = advance(applied(None, 1, S1), ordered(2, S2, hold=True), None)[0]
    row, actions = advance(row, GO, None)
    assert (row.outcome, Task(TaskKind.ENTER_CANCEL) in actions) == (Outcome.HELD, True)
    assert set(claims(row, NOW)) == {S1, S2}


def test_a_request_nobody_answers_in_time_is_over() -> None:
    """The hub is told `expired`, and the desk is asked to take it out again if somebody had entered it."""
    asked = applied(None, 1, S1)
    after, actions = advance(asked, RequestOver(), None)
    assert (after.outcome, after.state, after.kept) == (Outcome.EXPIRED, State.RESOLVED, False)
    assert actions == (Tell(), Task(TaskKind.ENTER_CANCEL), Erase())
    assert claims(after, NOW) == (S1,), "until somebody says, the time stays out of the offer"
    there = answer(after, there=True, kind=TaskKind.ENTER_CANCEL)
    assert (there.outcome, there.kept, there.cur_slot) == (Outcome.EXPIRED, True, S1)
    gone = answer(after, there=False, kind=TaskKind.ENTER_CANCEL)
    assert (gone.outcome, gone.kept, claims(gone, NOW)) == (Outcome.EXPIRED, False, ())


def test_only_a_request_to_enter_ends_by_time() -> None:
    """A booking, a request to cancel, and what a newer version replaces stay as they are."""
    booked = answer(applied(None, 1, S1), there=True)
    cancelling = applied(booked, 2, None)
    for row in (booked, cancelling):
        assert advance(row, RequestOver(), None) == (row, ())


def test_a_patient_who_arrived_is_told_of_and_asks_nothing() -> None:
    """Received at the desk, at the time it was booked for: the hub hears `changed`, nobody gets a task."""
    row = written(None, 1, S1)
    effects = {slot: Effect(ME, 1, Outcome.BOOKED, REF, slot.key, theirs=True) for slot in (S1, S2)}
    asks = {
        slot: [one for one in advance(row, Seen(effects[slot]), AUTO)[1] if isinstance(one, Task)] for slot in effects
    }
    assert asks == {S1: [], S2: [Task(TaskKind.STAFF_CHANGED)]}
    assert advance(row, Seen(effects[S1]), AUTO)[0].outcome is Outcome.CHANGED
