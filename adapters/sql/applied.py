"""What is remembered of a booking, and what that means beside the appointment as it stands.

Rule: pure; an effect is read off rows, never assumed.
"""

from dataclasses import dataclass, replace

from adapters.sql.places import Place
from agent.core.booking import Effect, Outcome
from agent.core.model import BookingId, EmrRef, SlotKey

PLACED = "placed"
"""Outcome of a booking committed and not yet verified; a restart verifies it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The memory of one booking. Version 0: just claimed, nothing applied yet; `previous`: what a move leaves."""

    booking: BookingId
    version: int
    outcome: str
    slot: SlotKey | None = None
    ref: EmrRef | None = None
    previous: EmrRef | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One appointment as it stands, without its patient.

    `made`: we made it. `due`: still to do, nobody received, cancelled or billed it. `gone`: cancelled or deleted.
    `matched`: a patient of the EMR's is on it.
    """

    ref: EmrRef
    place: Place
    minutes: int
    made: bool
    due: bool
    gone: bool
    matched: bool

    @property
    def key(self) -> SlotKey:
        """Return the name of the slot it begins in."""
        return self.place.key

    @property
    def is_ours(self) -> bool:
        """Say whether it is ours to change: we made it and nobody touched its state."""
        return self.made and self.due


def answer(known: Applied, row: Seen | None) -> Effect:
    """Return the effect of a booking: the stored outcome where it is final, else how its appointment stands."""
    if known.outcome == Outcome.CANCELLED or (known.outcome == Outcome.CONFLICT and known.ref is None):
        return Effect(known.booking, known.version, Outcome(known.outcome))
    if row is None:  # staff deleted it: never made again
        return Effect(known.booking, known.version, Outcome.CHECKING, known.ref, known.slot)
    effect = stands(known, row)
    return replace(effect, outcome=Outcome.CONFLICT) if known.outcome == Outcome.CONFLICT else effect


def stands(known: Applied, row: Seen) -> Effect:
    """Return how an appointment of ours stands now."""
    outcome = Outcome.BOOKED if row.is_ours and row.key == known.slot else Outcome.CHANGED
    if row.gone:
        outcome = Outcome.CANCELLED_BY_CLINIC
    theirs, pending = outcome is not Outcome.BOOKED, known.outcome == PLACED
    return Effect(known.booking, known.version, outcome, row.ref, row.key, theirs, row.matched, pending)
