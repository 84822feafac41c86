"""The rules R1 to R5 and the in-flight table, one example each."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.core.booking import (
    TABLE,
    Answered,
    Code,
    Do,
    Effected,
    Erase,
    Firmness,
    HoldOver,
    Limits,
    Op,
    Order,
    Ordered,
    Outcome,
    Sent,
    State,
    Task,
    TaskKind,
    Tell,
    Turn,
    UndefinedTransition,
    WriteRules,
    advance,
    claims,
    diagram,
    half_day,
    held,
    needs,
    on_hold,
    over,
    spoken_for,
    told_slot,
    told_version,
)
from agent.core.model import BookingId, EmrName, EmrRef, Instant, Slot, SlotId
from tests.core.booking_scene import (
    FAR,
    HL7,
    LATER,
    LINE,
    NOW,
    S1,
    S2,
    SIDECAR,
    UNTIL,
    arrive,
    begun,
    booked,
    cancel,
    effect,
    firm,
    holding,
    order,
    start,
)


def test_every_pair_is_in_the_table_or_raises() -> None:
    """An event the state does not know is a fault of the program, named with its pair."""
    for state, kind in product([None, *State], {kind for _, kind in TABLE}):
        if (state, kind) in TABLE:
            continue
        row = None if state is None else replace(holding(), state=state)
        event = object.__new__(kind)
        with pytest.raises(UndefinedTransition, match=kind.__name__):
            advance(row, event, SIDECAR)


def test_the_diagram_in_the_docs_is_the_tables_own() -> None:
    """docs/bookings-diagram.md is what diagram() prints."""
    page = Path(__file__).parents[2] / "docs" / "bookings-diagram.md"
    assert f"```mermaid\n{diagram()}```\n" in page.read_text(encoding="utf-8")


def test_a_firm_order_becomes_an_intent_and_then_booked() -> None:
    """T1 queues, T2 makes the intent and asks for the write, T4 settles on the effect, T5 reports."""
    row = firm(None, S1)
    assert (row.state, row.seen_ver, row.done_ver, needs(row)) == (State.QUEUED, 1, 0, {1})
    row, actions = advance(row, start(), SIDECAR)
    assert (row.state, row.intent_ver, row.intent_op, row.intent_slot) == (State.INTENT, 1, Op.BOOK, S1)
    assert actions == (Do(1, Op.BOOK, S1, None, None),)
    row, actions = advance(row, Effected(effect(Outcome.BOOKED, matched=False), NOW), SIDECAR)
    assert actions == (Tell(), Task(TaskKind.UNMATCHED), Erase())
    assert (row.outcome, row.kept, row.cur_slot, row.outcome_rev, row.done_ver) == (Outcome.BOOKED, True, S1, 1, 1)
    assert (told_version(row), told_slot(row), needs(row)) == (1, S1, frozenset())
    assert advance(row, Sent(0), None)[0].state is State.RESOLVED
    assert advance(row, Sent(9), None)[0] == replace(row, state=State.REPORTED, reported_rev=1)


def test_r1_equal_version_and_body_repeats_the_answer() -> None:
    """A redelivered order changes nothing; once answered, the same rev is told again."""
    row = firm(None, S1)
    again = Ordered(order(1, S1), S1.emr, S1, LINE, NOW)
    assert advance(row, again, None) == (row, ())
    done = booked()
    assert advance(done, again, None) == (done, (Tell(),))


def test_r1_a_lower_version_is_ignored() -> None:
    """Version 2 came first; version 1 after it says nothing."""
    row = firm(None, S2, version=2)
    assert advance(row, Ordered(order(1, S1), S1.emr, S1, LINE, NOW), None) == (row, ())


def test_r1_another_body_under_the_same_version_is_quarantined() -> None:
    """Neither body is believed: being checked, a task, and nothing more for a repetition."""
    clash = Ordered(order(1, S1, body_hash=b"other"), S1.emr, S1, LINE, NOW)
    row, actions = advance(firm(None, S1), clash, None)
    assert (row.state, row.outcome, told_version(row)) == (State.QUARANTINE, Outcome.CHECKING, 1)
    assert actions == (Tell(), Task(TaskKind.QUARANTINE))
    assert advance(row, clash, None) == (row, ())
    assert needs(row) == {1}
    assert spoken_for(row, NOW) == ()


def test_a_clash_while_a_write_is_open_only_tells_a_person() -> None:
    """The body whose write began stands."""
    row = begun(firm(None, S1))
    clash = Ordered(order(1, S1, body_hash=b"other"), S1.emr, S1, LINE, NOW)
    assert advance(row, clash, None) == (row, (Task(TaskKind.QUARANTINE),))


def test_a_newer_version_leaves_quarantine() -> None:
    """A version nobody contradicts goes on."""
    clash = Ordered(order(1, S1, body_hash=b"other"), S1.emr, S1, LINE, NOW)
    row = advance(firm(None, S1), clash, None)[0]
    assert cancel(row, 2).state is State.QUEUED


def test_r2_a_newer_version_waits_while_an_intent_is_open() -> None:
    """One intent per booking: the first is settled with its own slot, then the newest goes on as a move."""
    row = firm(begun(firm(None, S1)), S2, version=2)
    assert (row.state, row.intent_ver, row.intent_slot, row.goal_slot) == (State.INTENT, 1, S1, S2)
    assert needs(row) == {1, 2}
    assert claims(row, NOW) == (S1,)
    assert spoken_for(row, NOW) == (S1, S2)
    row, actions = advance(row, Effected(effect(Outcome.BOOKED), NOW), SIDECAR)
    assert (row.state, row.outcome, row.cur_slot, told_version(row)) == (State.QUEUED, Outcome.BOOKED, S1, 1)
    assert Tell() in actions
    row, actions = advance(row, start(), SIDECAR)
    assert actions == (Do(2, Op.MOVE, S2, EmrRef("apt-1"), S1),)


def test_a_faulty_version_that_waited_is_refused_in_its_turn() -> None:
    """What is wrong with it was found on arrival and is told once the older intent is settled."""
    row = begun(firm(None, S1))
    row = arrive(row, order(2, S2, slot_line=b"wrong"), S2)
    row = advance(row, Effected(effect(Outcome.CONFLICT), NOW), SIDECAR)[0]
    assert (row.state, row.outcome, row.code, row.fault) == (State.QUEUED, Outcome.CONFLICT, None, Code.SLOT_LINE)
    row = begun(row)
    assert (row.outcome, row.code, row.fault, row.done_ver) == (Outcome.REFUSED, Code.SLOT_LINE, None, 2)


def test_r4_a_cancel_for_something_never_seen_is_executed() -> None:
    """It leaves its mark in the EMR and is cancelled; version 1 that comes after it is ignored."""
    row, actions = advance(cancel(None, 2), start(skew_known=False), SIDECAR)
    assert actions == (Do(2, Op.CANCEL, None, None, None),)
    row = advance(row, Effected(effect(Outcome.CANCELLED, 2, None), NOW), SIDECAR)[0]
    assert (row.outcome, row.kept, row.done_ver) == (Outcome.CANCELLED, False, 2)
    assert firm(row, S1) == row


def test_a_lost_booking_counts_on_from_the_hubs_last_outcome() -> None:
    """Two outcomes of one rev contradict each other: after a loss of the journal the next rev is a new one."""
    order = Order(BookingId("b1"), 3, None, Firmness.FIRM, None, NOW, None, None, b"3", told=2)
    row = advance(None, Ordered(order, None, None, None, NOW), None)[0]
    after = advance(row, start(), None)[0]
    assert (row.outcome, after.outcome, after.outcome_rev, after.reported_rev) == (None, Outcome.CANCELLED, 3, 2)


def test_what_may_have_been_entered_by_hand_before_a_loss_is_asked_and_never_called_a_conflict() -> None:
    """The desk entered it, the journal was lost: a person looks, and a cancel is a task, whatever the view shows."""
    order = Order(BookingId("b1"), 1, SlotId("gone"), Firmness.FIRM, None, NOW, b"[]", None, b"1", told=2, stood=True)
    row = advance(None, Ordered(order, EmrName("oscar"), None, None, NOW), None)[0]
    asked, actions = advance(row, start(), None)
    assert (asked.state, asked.outcome, asked.outcome_rev) == (State.UNSURE, Outcome.CHECKING, 3)
    assert Task(TaskKind.CHECKING) in actions
    there = advance(asked, Answered(True, "anne", TaskKind.CHECKING), None)[0]
    assert (there.outcome, there.kept) == (Outcome.BOOKED, True)
    assert advance(asked, Answered(False, "anne", TaskKind.CHECKING), None)[0].outcome is Outcome.CONFLICT
    gone = replace(order, version=2, goal=None, slot_line=None, body_hash=b"2")
    row = advance(None, Ordered(gone, EmrName("oscar"), None, None, NOW), None)[0]
    after, actions = advance(row, start(), None)
    assert (after.outcome, Task(TaskKind.ENTER_CANCEL) in actions) == (Outcome.REQUESTED, True)


def test_a_cancel_never_expires() -> None:
    """Goal none is applied whatever the hour."""
    row = begun(cancel(booked(), 2), now=Instant(LATER, timedelta(0)))
    assert row.intent_op is Op.CANCEL


def test_r5_a_lost_move_keeps_the_old_slot() -> None:
    """Conflict, with what the patient still has."""
    row = begun(firm(booked(), S2, version=2))
    row = advance(row, Effected(effect(Outcome.CONFLICT, 2), NOW), SIDECAR)[0]
    assert (row.outcome, row.kept, row.cur_slot) == (Outcome.CONFLICT, True, S1)


@pytest.mark.parametrize(("goal", "rules"), [(S2, replace(SIDECAR, moves=False)), (FAR, SIDECAR), (FAR, None)])
def test_a_move_the_adapter_cannot_make_is_refused(goal: Slot, rules: WriteRules | None) -> None:
    """An adapter without moves, or a slot in another EMR: refused, and the old one stays."""
    row = begun(firm(booked(), goal, version=2), rules)
    assert (row.outcome, row.code, row.kept, row.emr) == (Outcome.REFUSED, Code.MOVE, True, EmrName("oscar"))


def test_a_booking_without_appointment_changes_source_with_its_goal() -> None:
    """The leg of the goal's source takes it over."""
    row = begun(firm(None, S1), free=False)
    assert firm(row, FAR, version=2).emr == EmrName("other")


def test_the_slot_already_had_is_booked_without_a_write() -> None:
    """A newer version with the same goal has nothing to write."""
    row, actions = advance(firm(booked(), S1, version=2), start(free=False), SIDECAR)
    assert (row.outcome, row.done_ver, actions) == (Outcome.BOOKED, 2, (Tell(), Erase()))


@pytest.mark.parametrize(
    ("made", "found", "line", "outcome", "code"),
    [
        (order(1, S1, slot_line=b"x"), S1, LINE, Outcome.REFUSED, Code.SLOT_LINE),
        (order(1, S1, hold=True, until=NOW + timedelta(minutes=16)), S1, LINE, Outcome.REFUSED, Code.UNTIL),
        (order(1, S1, hold=True, until=None), S1, LINE, Outcome.REFUSED, Code.SCHEMA),
        (order(1, S1, expires_at=NOW), S1, LINE, Outcome.EXPIRED, None),
        (order(1, S1, expires_at=NOW + timedelta(seconds=20)), S1, LINE, Outcome.EXPIRED, None),
        (order(1, S1, hold=True, until=NOW), S1, LINE, Outcome.EXPIRED, None),
        (order(1, S1), None, None, Outcome.CONFLICT, None),
    ],
)
def test_orders_that_need_no_agenda(
    made: Order, found: Slot | None, line: bytes | None, outcome: Outcome, code: Code | None
) -> None:
    """Mismatch and too long a hold are refused, a passed hour is expired, never offered is a conflict."""
    row = arrive(None, made, found, line=line)
    row = row if row.outcome else begun(row)
    assert (row.outcome, row.code, row.kept) == (outcome, code, False)


def test_an_unknown_id_is_served_by_its_line() -> None:
    """We lost our state: a slot of today's view with the same line is as good."""
    assert begun(arrive(None, order(1, S1), S1, line=None)).state is State.INTENT


@pytest.mark.parametrize(
    ("changes", "tasks"),
    [({"free": False}, ()), ({"allowed": False}, ()), ({"limited": True}, (Task(TaskKind.LIMIT),))],
)
@pytest.mark.parametrize("hold", [True, False])
def test_what_depends_on_agenda_or_rules_is_one_answer(
    changes: dict[str, bool], tasks: tuple[Task, ...], hold: bool
) -> None:
    """Taken by phone, withdrawn or over a limit: conflict without a reason; over a limit a person is told."""
    row, actions = advance(arrive(None, order(1, S1, hold=hold), S1), start(**changes), SIDECAR)
    assert (row.outcome, row.code, row.state) == (Outcome.CONFLICT, None, State.RESOLVED)
    assert actions == (Tell(), *tasks, Erase())


@pytest.mark.parametrize(
    "changes",
    [
        {"turn": None},
        {"turn": Turn(7, timedelta(seconds=29))},
        {"skew_known": False},
        {"free": None},
        {"frozen": True},
    ],
)
def test_a_firm_order_waits(changes: dict[str, object]) -> None:
    """No turn or too little of it, no known skew, no whole reading, a freeze: it stays queued."""
    row = firm(None, S1)
    assert advance(row, start(**changes), HL7) == (row, ())


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("changes", [{"free": False}, {"allowed": False}, {"limited": True}, {}])
def test_whoever_has_no_turn_judges_no_agenda(changes: dict[str, object], *, hold: bool) -> None:
    """Whoever has it may yet book the very order, or hold the very slot: told a conflict, the patient would be expected."""
    row = arrive(None, order(1, S1, hold=hold), S1)
    assert advance(row, start(turn=None, **changes), HL7) == (row, ())
    assert advance(row, start(**changes), HL7)[0] != row


def test_a_write_whose_end_is_not_known_lets_no_other_begin() -> None:
    """Where only the turn fences; what needs no write is answered."""
    for row in (firm(None, S1), cancel(booked(), 2)):
        assert advance(row, start(blocked=True), HL7) == (row, ())
        assert advance(row, start(blocked=True), SIDECAR)[0].state is State.INTENT
    hold = arrive(None, order(1, S1, hold=True), S1)
    assert advance(hold, start(blocked=True), HL7)[0].outcome is Outcome.HELD


def test_an_older_turn_than_one_that_wrote_waits() -> None:
    """I10: a turn number never goes back for an adapter without a fence."""
    row = replace(firm(None, S1), turn=8)
    assert advance(row, start(), HL7) == (row, ())
    assert begun(row, HL7, turn=Turn(8, timedelta(seconds=30))).turn == 8


def test_a_freeze_lets_a_cancel_wait_and_asks_a_person() -> None:
    """A task at once; when she did it by hand it is cancelled, when it is still there it waits on."""
    from agent.core.booking import Answered

    row = cancel(booked(), 2)
    assert advance(row, start(frozen=True), SIDECAR) == (row, (Task(TaskKind.ENTER_CANCEL),))
    assert advance(row, Answered(in_agenda=True, by="a", kind=TaskKind.ENTER_CANCEL), None) == (row, ())
    done = advance(row, Answered(in_agenda=False, by="a", kind=TaskKind.ENTER_CANCEL), None)[0]
    assert (done.outcome, done.kept) == (Outcome.CANCELLED, False)


def test_a_cancel_without_a_turn_waits() -> None:
    """An adapter without a fence needs its turn for a cancel too."""
    row = cancel(booked(), 2)
    assert advance(row, start(turn=None), HL7) == (row, ())


def test_a_fence_that_does_not_tell_two_agents_apart_needs_the_turn_too() -> None:
    """FHIR: its preconditions stop what is stale, not two who each move one booking; its turn is kept in the row."""
    fhir, row = replace(SIDECAR, exclusive=True), firm(None, S1)
    assert advance(row, start(turn=None), fhir) == (row, ())
    assert begun(row, fhir, turn=Turn(8, timedelta(hours=9))).turn == 8
    assert begun(row, SIDECAR, turn=Turn(8, timedelta(hours=9))).turn == row.turn


def test_a_hold_lives_in_the_journal() -> None:
    """No write; the slot is claimed until the hold ends, then it is expired and told."""
    row = holding()
    assert (row.outcome, row.state, row.intent_ver, told_slot(row)) == (Outcome.HELD, State.RESOLVED, None, S1)
    assert claims(row, NOW) == (S1,)
    assert claims(row, UNTIL) == ()
    row, actions = advance(row, HoldOver(), None)
    assert (row.outcome, row.outcome_rev, actions) == (Outcome.EXPIRED, 2, (Tell(), Erase()))
    assert advance(row, HoldOver(), None) == (row, ())


@pytest.mark.parametrize("changes", [{"free": None}, {"frozen": True}])
def test_a_hold_that_cannot_be_judged(changes: dict[str, object]) -> None:
    """A reading that is not whole lets it wait; a freeze holds nothing."""
    row = begun(arrive(None, order(1, S1, hold=True), S1), **changes)
    assert row.outcome is (Outcome.CONFLICT if changes.get("frozen") else None)


def test_a_confirm_before_the_end_keeps_the_hold_alive() -> None:
    """Until it is applied, also by a still newer confirm; after the end it is a plain firm order."""
    row = firm(holding(), S1, version=2)
    assert on_hold(row)
    assert held(row, LATER)
    assert on_hold(firm(row, S1, version=3, now=LATER))
    assert not on_hold(firm(holding(), S1, version=2, now=UNTIL))
    assert not on_hold(firm(holding(), S2, version=2))
    assert advance(row, HoldOver(), None) == (row, ())
    assert begun(row).state is State.INTENT


def test_a_hold_is_released() -> None:
    """Only ever held: given back without a write, whatever the freeze; with an appointment it is cancelled."""
    row, actions = advance(cancel(holding(), 2), start(frozen=True), SIDECAR)
    assert (row.outcome, actions) == (Outcome.RELEASED, (Tell(), Erase()))
    moving = begun(arrive(booked(), order(2, S2, hold=True), S2))
    assert (moving.outcome, moving.kept) == (Outcome.HELD, True)
    assert begun(cancel(moving, 3)).intent_op is Op.CANCEL


def test_limits() -> None:
    """Three live holds a half-day, thirty holds an hour, and the clinic's own bookings an hour."""
    limits = Limits(bookings_hour=2)
    busy = {"holds": 3, "holds_hour": 0, "bookings_hour": 1}
    assert over(limits, busy, Firmness.HOLD)
    assert not over(limits, busy, Firmness.FIRM)
    assert over(limits, {"holds": 0, "holds_hour": 30, "bookings_hour": 0}, Firmness.HOLD)
    assert over(limits, {"holds": 0, "holds_hour": 0, "bookings_hour": 2}, Firmness.FIRM)


def test_half_days_are_the_sites_own() -> None:
    """Noon at the site parts the day."""
    day = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("America/Toronto"))
    morning = half_day(replace(S1, start=day))
    afternoon = half_day(replace(S1, start=day.replace(hour=12)))
    assert (morning.start.hour, morning.end.hour, morning.end) == (0, 12, afternoon.start)
    assert afternoon.end.date() == day.date() + timedelta(days=1)
