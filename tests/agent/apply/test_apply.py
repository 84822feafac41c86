"""What is written, and what has to be known first: the agenda, the rules, limits, turn, clock."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.core.booking import Code, Mark, Outcome, State, Turn
from agent.core.errors import Ambiguous, Transient
from agent.core.model import BookingId, Instant, SlotKey
from agent.core.sharing import Posture
from agent.ports import Leg
from tests.agent.apply.scene import EMR, FAILURE, HL7, NOW, OPEN, S1, S2, S3, Clinic, Killed, ReadOnly, at, fail, refuse


def test_it_is_a_leg(clinic: Clinic) -> None:
    """It is named after its source and keeps the port."""
    leg: Leg = clinic.leg
    assert leg.name == "apply:oscar"
    assert clinic.leg.step(at()).did == 0


def test_a_booking_is_written_once_and_told(clinic: Clinic) -> None:
    """One write, booked, deliver woken; nothing more afterwards."""
    clinic.journal.order(S1)
    step = clinic.leg.step(at())
    assert (step.again, step.wakes) == (timedelta(0), {"deliver"})
    clinic.settle()
    assert [write.version for write in clinic.emr.writes] == [1]
    assert clinic.journal.told == [("booking-1", 1, Outcome.BOOKED)]
    assert "Tremblay" not in repr(clinic.emr.writes)


def test_move_and_cancel(clinic: Clinic) -> None:
    """The later versions carry what the patient had."""
    for version, goal in enumerate((S1, S2, None), start=1):
        clinic.journal.order(goal, version)
        clinic.settle()
    assert [write.had for write in clinic.emr.writes] == [None, "apt-booking-1", "apt-booking-1"]
    assert clinic.booking().outcome is Outcome.CANCELLED
    assert set(clinic.emr.free) == {"s1", "s2", "s3"}


def test_a_cancel_without_a_source_is_taken_by_one(clinic: Clinic) -> None:
    """The source that saves the intent owns the row: no other resolves it."""
    clinic.journal.order(None)
    name = BookingId("booking-1")
    clinic.journal.rows[name] = replace(clinic.booking(), emr=None)
    clinic.die_at = Mark.T2
    with pytest.raises(Killed):
        clinic.leg.step(at())
    assert (clinic.booking().state, clinic.booking().emr) == (State.INTENT, EMR)


def test_a_receptionist_was_quicker(clinic: Clinic) -> None:
    """She takes it between our reading and our write: conflict, and nothing is kept."""
    clinic.emr.before = lambda write: clinic.emr.free.pop(SlotKey("s1"), None) and None
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking().kept) == (Outcome.CONFLICT, False)


@pytest.mark.parametrize(
    ("reason", "outcome", "code"), [("rule", Outcome.CONFLICT, None), ("schema", Outcome.REFUSED, Code.SCHEMA)]
)
def test_a_refused_write_is_final(clinic: Clinic, reason: str, outcome: Outcome, code: Code | None) -> None:
    """Its reason leaves the clinic only if it is a code of the protocol."""
    clinic.emr.before = refuse(reason)
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking().code) == (outcome, code)


@pytest.mark.parametrize("mode", ["automatic", "tasks"])
@pytest.mark.parametrize("lost", [True, False])
def test_details_that_do_not_open_are_refused_before_any_intent(clinic: Clinic, mode: str, lost: bool) -> None:
    """refused: reseal; no write, no task."""
    clinic.mode = mode
    clinic.journal.patients = not lost
    clinic.seal = refuse("reseal")
    clinic.restart()
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().code, clinic.booking().attempt, clinic.emr.writes) == (Code.RESEAL, 0, [])


@pytest.mark.parametrize("turn", [None, Turn(1, timedelta(hours=1, seconds=29))])
def test_without_a_live_turn_an_unfenced_source_waits(clinic: Clinic, turn: Turn | None) -> None:
    """No write until the turn has the longest write and 10 s left; past expires_at it is expired."""
    clinic.emr.rules, clinic.turn = HL7, turn
    clinic.journal.order(S1)
    assert clinic.leg.step(at()).again is None
    assert clinic.emr.writes == []
    clinic.turn = Turn(2, timedelta(hours=1, seconds=30))
    clinic.settle()
    assert clinic.booking().turn == 2
    clinic.turn = None
    clinic.journal.order(S2, name="booking-2")
    clinic.settle(minutes=70)
    assert clinic.booking("booking-2").outcome is Outcome.EXPIRED


def test_an_unknown_skew_starts_no_write_but_a_cancel(clinic: Clinic) -> None:
    """Without the hub's hour nothing can expire, so nothing begins."""
    clinic.skew = None
    clinic.journal.order(S1)
    clinic.journal.order(None, name="booking-2")
    clinic.settle()
    assert [write.booking for write in clinic.emr.writes] == ["booking-2"]


def test_a_clock_that_was_set_decides_nothing(clinic: Clinic) -> None:
    """Three hours ahead the order would be too late and the hold over; the hub is asked for the time, then all goes on."""
    clinic.heard = at()
    clinic.journal.order(S1)
    clinic.journal.order(S2, name="booking-2", hold=True)
    clinic.settle()
    clinic.journal.order(S3, name="booking-3")
    jumped = Instant(NOW + timedelta(hours=3), at(1).age)
    step = clinic.leg.step(jumped)
    assert (step.did, step.again, step.wakes) == (0, timedelta(seconds=1), {"beat"})
    clinic.heard = Instant(NOW + timedelta(minutes=1), at(1).age)
    assert clinic.leg.step(jumped).did == 0  # this moment was read from the wrong clock
    clinic.settle(minutes=1)
    assert [told[2] for told in clinic.journal.told] == [Outcome.BOOKED, Outcome.HELD, Outcome.BOOKED]


def test_nothing_is_too_late_by_a_clock_nobody_confirmed(clinic: Clinic) -> None:
    """After a restart with the hub away: order and hold wait until the hub tells the time."""
    clinic.journal.order(S2, name="booking-2", hold=True)
    clinic.settle()
    clinic.skew = None
    clinic.restart()
    clinic.journal.order(S1)
    clinic.settle(minutes=200)
    assert clinic.booking().state is State.QUEUED
    assert clinic.booking("booking-2").outcome is Outcome.HELD


def test_an_expired_order_needs_no_agenda(clinic: Clinic) -> None:
    """It is told although the EMR is away; what needs the agenda waits."""
    clinic.emr.down = Transient(*FAILURE)
    clinic.restart()
    clinic.leg._watch = None
    clinic.journal.order(S1)
    clinic.journal.order(S2, name="booking-2", expires_at=NOW)
    with pytest.raises(Transient):
        clinic.leg.step(at())
    assert clinic.booking("booking-2").outcome is Outcome.EXPIRED
    assert clinic.booking().state is State.QUEUED


def test_an_incomplete_reading_proves_nothing(clinic: Clinic) -> None:
    """A slot missing from it is not taken: the order waits."""
    clinic.emr.complete = False
    del clinic.emr.free[S1.key]
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.booking().state is State.QUEUED


def test_limits(clinic: Clinic) -> None:
    """Over a limit it is a conflict, and a person is told."""
    clinic.journal.counts["bookings_hour"] = 30
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.booking().outcome is Outcome.CONFLICT
    assert clinic.journal.tasks == [("booking-1", "limit")]


def test_a_narrower_rule_is_a_conflict(clinic: Clinic) -> None:
    """Withdrawn and taken by phone look the same."""
    clinic.rules = replace(OPEN, posture=Posture.WITHDRAWN)
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking().code) == (Outcome.CONFLICT, None)


def test_a_freeze_stops_every_write(clinic: Clinic) -> None:
    """Firm orders wait, a cancel asks a person once, an intent is resolved by reading only."""
    clinic.emr.after = fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.journal.order(S2, name="booking-2")
    clinic.journal.order(None, name="booking-3")
    clinic.rules = replace(OPEN, posture=Posture.FROZEN)
    clinic.settle()
    clinic.settle()
    assert len(clinic.emr.writes) == 1
    assert clinic.booking().outcome is Outcome.BOOKED
    assert clinic.booking("booking-2").state is State.QUEUED
    assert clinic.journal.tasks == [("booking-3", "enter-cancel")]


def test_tasks_mode_writes_nothing(clinic: Clinic) -> None:
    """Requested and a task, with or without a source able to write; mode none takes nothing; nothing needs a turn."""
    clinic.emr.rules = HL7
    for mode, source in (("tasks", None), ("tasks", ReadOnly(clinic.emr)), ("none", None)):
        clinic.mode, clinic.source, clinic.journal.rows = mode, source, {}
        clinic.restart()
        clinic.journal.order(S1)
        clinic.settle()
        assert clinic.booking().outcome is (Outcome.CONFLICT if mode == "none" else Outcome.REQUESTED)
    assert clinic.emr.writes == []
    assert clinic.journal.tasks == [("booking-1", "enter")] * 2


def test_a_requested_slot_is_given_to_no_other(clinic: Clinic) -> None:
    """The agenda shows it free until the desk entered it."""
    clinic.mode = "tasks"
    clinic.restart()
    clinic.journal.order(S1)
    clinic.journal.order(S1, name="booking-2")
    clinic.settle()
    assert clinic.booking("booking-2").outcome is Outcome.CONFLICT


def test_the_emr_is_asked_before_a_write_where_it_may_know_more(clinic: Clinic) -> None:
    """After a lost journal the goal that stands there already is booked without a write."""
    clinic.journal.order(S1)
    clinic.settle()
    clinic.journal.rows.clear()
    clinic.journal.order(S1)
    clinic.restart(enquire=lambda: True)
    clinic.settle()
    assert len(clinic.emr.writes) == 1
    assert clinic.booking().outcome is Outcome.BOOKED


def test_nothing_begins_while_the_journal_waits_for_the_whole_list(clinic: Clinic) -> None:
    """A restored journal writes nothing before it."""
    clinic.restart(closed=lambda: True)
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.emr.writes == []
