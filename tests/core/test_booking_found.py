"""What the model checker found, each as the smallest row that shows it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.core.booking import (
    Booking,
    Effect,
    Firmness,
    Looked,
    Op,
    Order,
    Ordered,
    Outcome,
    Seen,
    State,
    advance,
)
from agent.core.model import BookingId, EmrName, EmrRef, Practitioner, SiteId, Slot, SlotId, SlotKey
from tests.core.booking_scene import SIDECAR

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ME = BookingId("booking-1")


def cell(key: str) -> Slot:
    start = NOW + timedelta(days=1)
    who = Practitioner("101")
    return Slot(EmrName("dme"), SlotKey(key), SiteId("main"), who, start, start + timedelta(minutes=15), "R")


S1 = cell("s1")


def ordered(version: int = 1, rev: int = 0) -> Booking:
    made = Order(ME, version, SlotId("s1"), Firmness.FIRM, None, NOW + timedelta(hours=1), b"l", None, b"h", rev)
    return advance(None, Ordered(made, S1.emr, S1, b"l", NOW), None)[0]


def shown(version: int = 1, *, pending: bool = True) -> Effect:
    return Effect(ME, version, Outcome.BOOKED, EmrRef("a"), S1.key, pending=pending)


def intent() -> Booking:
    return replace(ordered(), state=State.INTENT, intent_ver=1, intent_op=Op.BOOK, intent_at=NOW, intent_slot=S1)


def test_a_write_cut_off_before_its_verify_is_never_called_booked() -> None:
    """Looked up instead of run again, it is a person's; a poll that shows it says nothing."""
    after, _ = advance(intent(), Looked(shown(), NOW), SIDECAR)
    assert (after.state, after.outcome) == (State.UNSURE, Outcome.CHECKING)
    assert advance(after, Seen(shown()), SIDECAR) == (after, ())
    assert advance(intent(), Looked(shown(pending=False), NOW), SIDECAR)[0].outcome is Outcome.BOOKED


def test_our_own_cut_off_write_is_taken_up_again() -> None:
    """A row without an intent whose version stands unverified in the EMR gets its intent back."""
    after, actions = advance(ordered(), Looked(shown(), NOW), SIDECAR)
    assert (after.state, after.intent_ver, after.intent_op) == (State.INTENT, 1, Op.BOOK)
    assert len(actions) == 1


def test_a_cut_off_write_of_an_older_version_is_a_persons() -> None:
    """What it stands for has changed since."""
    assert advance(ordered(2), Looked(shown(1), NOW), SIDECAR)[0].state is State.UNSURE


def test_a_conflict_found_in_the_emr_keeps_what_it_shows() -> None:
    """Another agent lost a move: the patient still has the first appointment."""
    lost = replace(shown(pending=False), outcome=Outcome.CONFLICT)
    assert advance(ordered(), Looked(lost, NOW), SIDECAR)[0].emr_ref == "a"
    assert advance(intent(), Looked(lost, NOW), SIDECAR)[0].kept
    gone = Effect(ME, 1, Outcome.CANCELLED)
    assert advance(ordered(2), Looked(gone, NOW), SIDECAR) == (ordered(2), ())


def test_outcomes_count_on_from_what_the_hub_holds() -> None:
    """After a lost journal or a takeover: the hub shows only the highest, so beginning at 1 would never be heard."""
    after, _ = advance(ordered(3, rev=2), Looked(shown(3, pending=False), NOW), SIDECAR)
    assert (after.outcome, after.outcome_rev) == (Outcome.BOOKED, 3)
