"""What proves a write: lost answers, looks, restarts, and which word may follow which."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from agent.core.booking import (
    SUCCESSIONS,
    TABLE,
    WITHIN_VERSION,
    Ask,
    Code,
    Do,
    Effect,
    Effected,
    Erase,
    Failed,
    Looked,
    NotDone,
    Op,
    Ordered,
    Outcome,
    Restarted,
    Sent,
    State,
    Task,
    TaskKind,
    Tell,
    UndefinedTransition,
    Unknown,
    WriteRules,
    advance,
    claims,
    needs,
    told_version,
)
from agent.core.booking.table import broken
from agent.core.model import EmrName, EmrRef
from tests.core.booking_scene import (
    BLIND,
    HL7,
    LATER,
    NOW,
    S1,
    S2,
    SIDECAR,
    WEAK,
    begun,
    booked,
    cancel,
    cell,
    effect,
    firm,
    holding,
    order,
    start,
)


@pytest.mark.parametrize(
    ("rules", "action"),
    [
        (SIDECAR, Do(1, Op.BOOK, S1, None, None)),
        (HL7, Ask(NOW + timedelta(seconds=80))),
        (WEAK, Ask(NOW + timedelta(seconds=80))),
    ],
)
def test_a_lost_answer_is_resolved_by_the_adapters_rule(rules: WriteRules, action: object) -> None:
    """Run again, or look after the quiet time; the same after a restart."""
    row = begun(firm(None, S1), rules)
    assert advance(row, Unknown(NOW), rules) == (row, (action,))
    assert advance(row, Restarted(), rules) == (row, (action,))
    assert advance(replace(row, intent_at=None), Restarted(), rules)[0].state is State.INTENT


@pytest.mark.parametrize("rules", [BLIND, None])
def test_a_lost_answer_nothing_can_prove_is_a_doubt(rules: WriteRules | None) -> None:
    """T4': checking and a task; what a newer version wants waits and is shown."""
    row, actions = advance(begun(firm(None, S1), BLIND), Restarted(), rules)
    assert (row.state, row.outcome, actions) == (State.UNSURE, Outcome.CHECKING, (Tell(), Task(TaskKind.CHECKING)))
    assert (told_version(row), needs(row), claims(row, NOW)) == (1, {1}, (S1,))
    row, actions = advance(row, Ordered(order(2, None), S1.emr, None, None, NOW), None)
    assert (row.state, row.seen_ver, actions) == (State.UNSURE, 2, (Task(TaskKind.CHECKING), Erase()))
    assert advance(begun(firm(None, S1)), Looked(None, LATER), rules)[0].state is State.UNSURE


def test_an_absence_proves_nothing_before_the_quiet_time() -> None:
    """It is asked again; after it, the order is queued anew."""
    row = begun(firm(None, S1), HL7)
    assert advance(row, Looked(None, NOW), HL7) == (row, (Ask(NOW + timedelta(seconds=80)),))
    row = advance(row, Looked(None, LATER), HL7)[0]
    assert (row.state, row.intent_ver, row.intent_slot, row.attempt) == (State.QUEUED, None, None, 1)
    assert advance(replace(begun(row, HL7), intent_at=None), Looked(None, NOW), HL7)[0].state is State.QUEUED


def test_an_absence_that_is_no_proof_is_a_doubt() -> None:
    """An adapter that cannot prove absence hands over to a person, and so does the fifth lost answer."""
    assert advance(begun(firm(None, S1), WEAK), Looked(None, LATER), WEAK)[0].state is State.UNSURE
    tired = replace(begun(firm(None, S1), HL7), attempt=5)
    assert advance(tired, Looked(None, LATER), HL7)[0].state is State.UNSURE


def test_a_cancel_nothing_is_left_of_is_done() -> None:
    """Absent after the quiet time: cancelled, or written again where a mark must stay."""
    row = begun(cancel(booked(), 2), HL7)
    assert advance(row, Looked(None, LATER), HL7)[0].outcome is Outcome.CANCELLED
    assert advance(row, Looked(None, LATER), SIDECAR)[0].state is State.QUEUED
    still = Looked(effect(Outcome.BOOKED), LATER)
    assert advance(row, still, WEAK)[0].state is State.QUEUED
    gone = Looked(effect(Outcome.CANCELLED), LATER)
    assert advance(row, gone, WEAK)[0].outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("shown", "outcome"),
    [
        (effect(Outcome.BOOKED), Outcome.BOOKED),
        (effect(Outcome.BOOKED, 0), Outcome.BOOKED),
        (effect(Outcome.CONFLICT), Outcome.CONFLICT),
        (effect(Outcome.BOOKED, 2, S2), Outcome.SUPERSEDED),
        (effect(Outcome.CANCELLED, 2, None), Outcome.SUPERSEDED),
        (effect(Outcome.SUPERSEDED, 1, None, ref=None), Outcome.SUPERSEDED),
        (effect(Outcome.BOOKED, theirs=True), Outcome.CHANGED),
        (effect(Outcome.CANCELLED, theirs=True), Outcome.CANCELLED_BY_CLINIC),
        (effect(Outcome.CANCELLED), Outcome.CHECKING),
        (effect(Outcome.BOOKED, 1, S2), Outcome.CHECKING),
    ],
)
def test_what_a_look_proves(shown: Effect, outcome: Outcome) -> None:
    """Found is proof of what it shows; a contradiction is a doubt."""
    row = advance(begun(firm(None, S1)), Looked(shown, NOW), SIDECAR)[0]
    assert row.outcome is outcome


def test_a_cancel_answered_by_booked_is_a_doubt() -> None:
    """An adapter that contradicts itself is believed in nothing."""
    row = advance(begun(cancel(booked(), 2)), Effected(effect(Outcome.BOOKED, 2), NOW), SIDECAR)[0]
    assert row.state is State.UNSURE


@pytest.mark.parametrize(("code", "outcome"), [(None, Outcome.CONFLICT), (Code.RESEAL, Outcome.REFUSED)])
def test_a_final_no(code: Code | None, outcome: Outcome) -> None:
    """Refused with a code the hub may read, else conflict; in the queue as well as after an intent."""
    for row in (firm(None, S1), begun(firm(None, S1))):
        after = advance(row, Failed(code), None)[0]
        assert (after.outcome, after.code, after.done_ver) == (outcome, code, 1)


def test_what_surely_did_not_happen_is_queued_again() -> None:
    """The intent is over; the order keeps its place."""
    row = advance(begun(firm(None, S1)), NotDone(), None)[0]
    assert (row.state, row.intent_ver, row.attempt) == (State.QUEUED, None, 1)


@pytest.mark.parametrize("rules", [SIDECAR, None])
def test_a_restart_changes_only_intents(rules: WriteRules | None) -> None:
    """Everything else stands in the journal."""
    for row in (firm(None, S1), holding(), booked(), advance(booked(), Sent(1), None)[0]):
        assert advance(row, Restarted(), rules) == (row, ())


def test_before_a_write_the_emr_may_know_more() -> None:
    """Another life of ours wrote: the goal reached is booked, an appointment elsewhere makes it a move."""
    row = firm(None, S1)
    assert advance(row, Looked(None, NOW), HL7) == (row, ())
    assert advance(row, Looked(effect(Outcome.CANCELLED), NOW), HL7) == (row, ())
    assert advance(row, Looked(effect(Outcome.BOOKED), NOW), HL7)[0].outcome is Outcome.BOOKED
    met = advance(row, Looked(effect(Outcome.BOOKED, 1, S2), NOW), HL7)[0]
    assert (met.cur_slot, met.emr_ref) == (None, EmrRef("apt-1"))
    assert advance(met, start(), HL7)[1] == (Do(1, Op.MOVE, S1, EmrRef("apt-1"), None),)
    assert advance(met, start(), HL7)[0].emr == EmrName("oscar")
    lost = replace(row, goal_slot=None)
    assert advance(lost, Looked(effect(Outcome.BOOKED), NOW), SIDECAR)[0].outcome is Outcome.BOOKED
    assert advance(lost, Looked(effect(Outcome.BOOKED, 0), NOW), HL7)[0].outcome is None
    theirs = Looked(effect(Outcome.BOOKED, theirs=True), NOW)
    assert advance(row, theirs, HL7)[0].state is State.UNSURE
    assert advance(cancel(None, 1), theirs, HL7)[0].state is State.QUEUED


def test_superseded_shows_where_it_stands() -> None:
    """The slot is known again when the EMR names one we know; else only its reference is kept."""
    row = advance(firm(begun(firm(None, S1)), S2, 2), Effected(effect(Outcome.BOOKED, 9, S2), NOW), SIDECAR)[0]
    assert (row.outcome, row.cur_slot, row.kept) == (Outcome.SUPERSEDED, S2, True)
    row = advance(begun(firm(None, S1)), Effected(effect(Outcome.BOOKED, 9, cell("s9")), NOW), SIDECAR)[0]
    assert (row.cur_slot, row.emr_ref, row.kept) == (None, EmrRef("apt-1"), True)
    row = advance(begun(firm(None, S1)), Effected(effect(Outcome.BOOKED, 9, None), NOW), SIDECAR)[0]
    assert (row.cur_slot, row.emr_ref) == (None, EmrRef("apt-1"))


def test_superseded_does_not_believe_a_place_that_is_not_verified() -> None:
    """The newer version's write is cut off between its row and the second look: it may still be undone."""
    moving = begun(firm(booked(), S2, 2))
    newer = effect(Outcome.BOOKED, 3, S2, pending=True)
    row = advance(moving, Effected(newer, NOW), SIDECAR)[0]
    assert (row.outcome, row.cur_slot, row.emr_ref) == (Outcome.SUPERSEDED, S1, EmrRef("apt-1"))


def test_successions() -> None:
    """The design's own successions are in the table; only a hold is released, nothing becomes held within a version."""
    for before, after in [
        (Outcome.HELD, Outcome.EXPIRED),
        (Outcome.HELD, Outcome.RELEASED),
        (Outcome.REQUESTED, Outcome.BOOKED),
        (Outcome.BOOKED, Outcome.CANCELLED_BY_CLINIC),
    ]:
        assert (before, after) in SUCCESSIONS
    assert {a for a, b in SUCCESSIONS if b is Outcome.RELEASED} == {Outcome.HELD}
    assert (Outcome.CANCELLED, Outcome.BOOKED) not in WITHIN_VERSION
    assert (Outcome.REQUESTED, Outcome.SUPERSEDED) not in SUCCESSIONS


def test_a_broken_promise_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transition that lets a number fall or tells a forbidden succession never leaves advance."""
    move = SimpleNamespace(to=frozenset(State), do=lambda row, _event, _rules: (replace(row, seen_ver=0), ()))
    monkeypatch.setitem(TABLE, (State.QUEUED, Sent), move)  # type: ignore[arg-type]
    with pytest.raises(UndefinedTransition, match="grows"):
        advance(firm(None, S1), Sent(1), None)
    done = replace(booked(), outcome=Outcome.CANCELLED)
    told = replace(done, outcome=Outcome.BOOKED, outcome_rev=2)
    assert broken(done, told, move) == "succession"  # type: ignore[arg-type]
