"""What a kill, a lost answer or a newer version leaves open is resolved, and nothing is written twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.core.booking import Mark, Outcome, Recovery, State, Turn, WriteRules
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Transient
from agent.core.model import Slot
from tests.agent.apply.scene import FAILURE, HL7, S1, S2, S3, SQL, Clinic, Killed, ReadOnly, at, fail, refuse


@pytest.mark.parametrize("mark", [Mark.T2, Mark.T3, Mark.T4])
@pytest.mark.parametrize("rules", [SQL, HL7])
@pytest.mark.parametrize("goal", [S2, None])
def test_killed_at_each_mark(clinic: Clinic, mark: Mark, rules: WriteRules, goal: Slot | None) -> None:
    """After a restart the booking ends where its goal is, with one appointment at most, told once a rev."""
    clinic.emr.rules, clinic.turn = rules, Turn(1, timedelta(hours=9))
    clinic.journal.order(S1)
    clinic.settle()
    clinic.journal.order(goal, 2)
    clinic.die_at = mark
    with pytest.raises(Killed):
        clinic.settle()
    clinic.restart()
    clinic.settle()
    clinic.settle(minutes=5)
    assert clinic.booking().outcome is (Outcome.BOOKED if goal else Outcome.CANCELLED)
    assert set(clinic.emr.free) == ({"s1", "s3"} if goal else {"s1", "s2", "s3"})
    assert [rev for _, rev, _ in clinic.journal.told] == [1, 2]


@pytest.mark.parametrize("rules", [SQL, HL7])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_lost_answer(clinic: Clinic, rules: WriteRules, side: str) -> None:
    """Whether it happened or not, it ends booked once."""
    clinic.emr.rules, clinic.turn = rules, Turn(1, timedelta(hours=9))
    setattr(clinic.emr, side, fail(Ambiguous))
    clinic.journal.order(S1)
    clinic.leg.step(at())
    assert clinic.booking().state is State.INTENT
    clinic.settle(minutes=1)
    clinic.settle(minutes=5)
    assert (clinic.booking().outcome, clinic.booking().outcome_rev) == (Outcome.BOOKED, 1)
    assert "s1" not in clinic.emr.free


def test_a_fenced_write_that_needs_the_turn_is_run_again_only_under_one(clinic: Clinic) -> None:
    """Two agents on FHIR: without the turn an open write is neither run again nor given up, however long it takes."""
    clinic.emr.rules, clinic.emr.before = replace(SQL, exclusive=True), fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.booking().state is State.QUEUED
    clinic.turn = Turn(1, timedelta(hours=9))
    clinic.leg.step(at())
    assert clinic.booking().state is State.INTENT
    clinic.turn = None
    clinic.settle(minutes=10)
    assert (clinic.booking().state, clinic.emr.writes) == (State.INTENT, [])
    clinic.turn = Turn(2, timedelta(hours=9))
    clinic.settle(minutes=11)
    assert (clinic.booking().outcome, len(clinic.emr.writes)) == (Outcome.BOOKED, 1)


def test_an_open_write_is_looked_up_only_under_the_turn(clinic: Clinic) -> None:
    """Found by the model checker: one agent told cancelled of what the agent with the turn booked a moment later."""
    clinic.emr.rules, clinic.turn = replace(HL7, tombstone=False), Turn(1, timedelta(hours=9))
    clinic.journal.order(S1)
    clinic.journal.order(None, 2)
    clinic.emr.before = fail(Ambiguous)
    clinic.leg.step(at())
    assert clinic.booking().state is State.INTENT
    clinic.turn, clinic.emr.down = None, Transient(*FAILURE)
    clinic.settle(minutes=10)
    clinic.settle(minutes=20)
    assert (clinic.booking().state, clinic.journal.told) == (State.INTENT, [])
    clinic.turn, clinic.emr.down = Turn(2, timedelta(hours=9)), None
    clinic.settle(minutes=21)
    clinic.settle(minutes=25)
    assert clinic.booking().outcome is Outcome.CANCELLED


@pytest.mark.parametrize("told", [0, 1])
def test_without_the_turn_nothing_is_read(clinic: Clinic, told: int) -> None:
    """Neither the agenda nor our own bookings; what is too late, and may be known to the EMR, waits for the turn too."""
    clinic.emr.rules, clinic.emr.down = HL7, Transient(*FAILURE)
    clinic.journal.order(S1, told=told)
    clinic.journal.order(S2, name="booking-2", hold=True)
    clinic.settle()
    clinic.settle(minutes=70)
    outcomes = (clinic.booking().outcome, clinic.booking("booking-2").outcome)
    assert outcomes == (None if told else Outcome.EXPIRED, Outcome.EXPIRED)
    clinic.turn, clinic.emr.down = Turn(1, timedelta(hours=9)), None
    clinic.settle(minutes=71)
    assert clinic.booking().outcome is Outcome.EXPIRED


def test_while_one_write_is_open_an_unfenced_source_begins_no_other(clinic: Clinic) -> None:
    """R3; it is woken when the quiet time is over, and holds go on."""
    clinic.emr.rules, clinic.turn, clinic.emr.before = HL7, Turn(1, timedelta(hours=9)), fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.journal.order(S2, name="booking-2")
    clinic.journal.order(S3, name="booking-3", hold=True)
    step = clinic.leg.step(at(0.5))
    assert step.again == timedelta(seconds=80)  # from here: the step that wrote began before it knew how long it took
    assert clinic.booking("booking-2").state is State.QUEUED
    assert clinic.booking("booking-3").outcome is Outcome.HELD
    clinic.settle(minutes=3)
    assert clinic.booking("booking-2").outcome is Outcome.BOOKED


def test_a_source_that_cannot_prove_absence_hands_over(clinic: Clinic) -> None:
    """Checking and a task; a blind one at once."""
    for recovery, slot in ((Recovery.ABSENT_UNSURE, S1), (Recovery.BLIND, S2)):
        clinic.emr.rules, clinic.emr.before = replace(SQL, recovery=recovery), fail(Ambiguous)
        clinic.journal.order(slot, name=recovery.value)
        clinic.settle()
        clinic.settle(minutes=5)
        assert clinic.booking(recovery.value).state is State.UNSURE
        assert (recovery.value, "checking") in clinic.journal.tasks


@pytest.mark.parametrize("kind", [Transient, Misconfigured])
def test_what_surely_did_not_happen_is_tried_again(clinic: Clinic, kind: type[CreneauError]) -> None:
    """The daemon sees the trouble; the order stands in the queue."""
    clinic.emr.before = fail(kind)
    clinic.journal.order(S1)
    with pytest.raises(kind):
        clinic.leg.step(at())
    assert clinic.booking().state is State.QUEUED
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED


def test_an_intent_of_a_source_that_cannot_write_any_more(clinic: Clinic) -> None:
    """A person looks."""
    clinic.emr.before = fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.source, clinic.mode = ReadOnly(clinic.emr), "tasks"
    clinic.restart()
    clinic.settle()
    assert clinic.booking().state is State.UNSURE


def test_a_newer_version_between_read_and_write_is_judged_anew(clinic: Clinic) -> None:
    """T2 is a compare and swap: the old judgement is dropped."""
    clinic.journal.order(S1)
    clinic.journal.between = lambda: clinic.journal.order(S2, 2)
    clinic.leg.step(at())
    assert clinic.emr.writes == []
    clinic.settle()
    assert [write.version for write in clinic.emr.writes] == [2]


def test_a_newer_version_during_the_write_waits(clinic: Clinic) -> None:
    """The outcome of the first is kept on the row that moved on; the newest goes on from it."""
    clinic.journal.order(S1)
    clinic.emr.after = lambda write: clinic.journal.order(None, 2) if write.version == 1 else None
    clinic.settle()
    assert [word for _, _, word in clinic.journal.told] == [Outcome.BOOKED, Outcome.CANCELLED]


def test_a_full_disk_is_no_newer_version(clinic: Clinic) -> None:
    """A save that failed for another reason is the leg's trouble."""

    def full() -> None:
        raise Transient(*FAILURE)

    clinic.journal.order(S1)
    clinic.journal.between = full
    with pytest.raises(Transient):
        clinic.leg.step(at())


def test_trouble_with_one_intent_holds_up_no_other(clinic: Clinic) -> None:
    """The rest of the step is done, then the daemon hears of it."""
    clinic.emr.before = fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.emr.before = fail(Transient)
    clinic.journal.order(S2, name="booking-2", hold=True)
    with pytest.raises(Transient):
        clinic.leg.step(at())
    assert clinic.booking().state is State.INTENT
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED
    assert clinic.booking("booking-2").outcome is Outcome.HELD


@pytest.mark.parametrize("how", ["gone", "foreign", "late", "ambiguous"])
def test_a_write_that_cannot_be_run_again_is_looked_up(clinic: Clinic, how: str) -> None:
    """Details erased or foreign, the slot has begun, the answer lost again: found is proof."""
    clinic.emr.after = fail(Ambiguous, once=how != "ambiguous")
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.journal.patients = how != "gone"
    if how == "foreign":
        clinic.seal = refuse("reseal")
    clinic.settle(minutes=24 * 60 if how == "late" else 1)
    assert clinic.booking().outcome is Outcome.BOOKED
