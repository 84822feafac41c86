"""Slots a person said an appointment was entered in, until the EMR itself shows them taken.

Rule: kept as facts, one a booking; while one stands its slot leaves no more, whatever the EMR shows.
"""

from collections.abc import Iterable, Mapping

from agent.core.booking import Booking, Outcome
from agent.core.model import BookingId, Slot
from agent.journal import facts
from agent.journal.codec import slot_json, slot_of
from agent.journal.tx import Reader, Tx

PREFIX = "entered:"


def every(db: Reader) -> Mapping[BookingId, Slot]:
    """Return the slots by booking."""
    return {
        BookingId(name.removeprefix(PREFIX)): slot_of(text)
        for name, text in facts.every(db).items()
        if name.startswith(PREFIX)
    }


def said(tx: Tx, row: Booking) -> None:
    """Keep what a person said of a booking: where its appointment was entered by hand, if it was."""
    by_hand = row.outcome is Outcome.BOOKED and row.cur_slot is not None and row.emr_ref is None
    slot = slot_json(row.cur_slot) if by_hand and row.cur_slot is not None else None
    facts.put(tx, {f"{PREFIX}{row.booking}": slot})


def follow(tx: Tx, row: Booking) -> None:
    """Let go once the booking no longer is where it was said to be."""
    known = every(tx).get(row.booking)
    if known is not None and row.cur_slot != known:
        forget(tx, [row.booking])


def forget(tx: Tx, bookings: Iterable[BookingId]) -> int:
    """Let go of these; return how many there were."""
    return facts.put(tx, {f"{PREFIX}{booking}": None for booking in bookings})
