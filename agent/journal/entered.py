"""Slots that leave no more though the EMR shows them free: entered by hand, or kept for the phone after a cancel.

Rule: kept as facts, one a booking and reason, until the EMR itself shows them taken or a person says otherwise.
"""

from collections.abc import Iterable, Mapping

from agent.core.booking import Booking, Outcome
from agent.core.model import BookingId, Slot
from agent.journal import facts
from agent.journal.codec import slot_json, slot_of
from agent.journal.tx import Reader, Tx

ENTERED, KEPT = "entered:", "kept:"


def every(db: Reader) -> Mapping[str, Slot]:
    """Return the slots by the name of their fact."""
    known = facts.every(db).items()
    return {name: slot_of(text) for name, text in known if name.startswith((ENTERED, KEPT))}


def said(tx: Tx, row: Booking) -> None:
    """Keep what a person said of a booking: where its appointment was entered by hand, if it was."""
    by_hand = row.outcome is Outcome.BOOKED and row.cur_slot is not None and row.emr_ref is None
    slot = slot_json(row.cur_slot) if by_hand and row.cur_slot is not None else None
    facts.put(tx, {f"{ENTERED}{row.booking}": slot})


def keep_back(tx: Tx, booking: BookingId, slot: Slot) -> None:
    """Keep a place its patient gave up online."""
    facts.put(tx, {f"{KEPT}{booking}": slot_json(slot)})


def release(tx: Tx, booking: BookingId) -> None:
    """Let a place that was kept back be offered again."""
    forget(tx, [f"{KEPT}{booking}"])


def follow(tx: Tx, row: Booking) -> None:
    """Let go once the booking no longer is where it was said to be."""
    name = f"{ENTERED}{row.booking}"
    known = every(tx).get(name)
    if known is not None and row.cur_slot != known:
        forget(tx, [name])


def forget(tx: Tx, names: Iterable[str]) -> int:
    """Let go of these facts; return how many there were."""
    return facts.put(tx, dict.fromkeys(names))
