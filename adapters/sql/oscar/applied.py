"""What the sidecar table remembers of a booking, and what that means beside the appointment as it stands.

Rule: pure; an effect is read off rows, never assumed.
"""

from dataclasses import dataclass, replace

from adapters.sql.oscar.terms import OURS, Place
from agent.core.booking import Effect, Outcome
from agent.core.model import BookingId, EmrRef, SlotKey

PLACED = "placed"
"""Outcome of a booking committed and not yet verified; a restart verifies it."""

SIDECAR = {
    "sqlite": """CREATE TABLE creneau_applied(booking TEXT PRIMARY KEY, version INTEGER NOT NULL, outcome TEXT NOT NULL,
  slot TEXT, appointment INTEGER, previous INTEGER, at TEXT NOT NULL)""",
    "mariadb": """CREATE TABLE creneau_applied(booking VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  version INT NOT NULL, outcome VARCHAR(20) CHARACTER SET ascii NOT NULL, slot VARCHAR(80) CHARACTER SET ascii,
  appointment INT, previous INT, at DATETIME(6) NOT NULL) ENGINE=InnoDB""",
}
"""Made once by the clinic; `previous` is the appointment a move gives up once the new one is verified."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One sidecar row. Version 0: just claimed, nothing applied yet."""

    booking: BookingId
    version: int
    outcome: str
    slot: SlotKey | None = None
    ref: int | None = None
    previous: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One appointment as it stands, without its patient. `matched`: demographic_no is not 0."""

    ref: int
    place: Place
    minutes: int
    status: str
    creator: str
    matched: bool

    @property
    def key(self) -> SlotKey:
        """Return the name of the slot it begins in."""
        return self.place.key

    @property
    def is_ours(self) -> bool:
        """Say whether we made it and nobody received, cancelled or billed it."""
        return self.creator == OURS and self.status[:1] == "t"

    @property
    def is_gone(self) -> bool:
        """Say whether it is cancelled or deleted."""
        return self.status[:1] in ("C", "D")


def answer(known: Applied, row: Seen | None) -> Effect:
    """Return the effect of a booking: the stored outcome where it is final, else how its appointment stands."""
    if known.outcome == Outcome.CANCELLED or (known.outcome == Outcome.CONFLICT and known.ref is None):
        return Effect(known.booking, known.version, Outcome(known.outcome))
    if row is None:  # staff deleted it: never made again
        ref = EmrRef(str(known.ref)) if known.ref is not None else None
        return Effect(known.booking, known.version, Outcome.CHECKING, ref, known.slot)
    effect = stands(known, row)
    return replace(effect, outcome=Outcome.CONFLICT) if known.outcome == Outcome.CONFLICT else effect


def stands(known: Applied, row: Seen) -> Effect:
    """Return how an appointment of ours stands now."""
    outcome = Outcome.BOOKED if row.is_ours and row.key == known.slot else Outcome.CHANGED
    if row.is_gone:
        outcome = Outcome.CANCELLED_BY_CLINIC
    theirs, pending = outcome is not Outcome.BOOKED, known.outcome == PLACED
    return Effect(known.booking, known.version, outcome, EmrRef(str(row.ref)), row.key, theirs, row.matched, pending)
