"""The journal, as the command line and the wiring see it; and the door they are asked through.

Rule: each act of a person is a ledger line with their OS account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from agent.core.booking import Booking
from agent.core.model import BookingId, Instant, Slot, SlotId
from agent.core.sharing import SharedSlot


@dataclass(frozen=True, slots=True)
class Task:
    """One thing a person must do. `facts`: no patient datum; `answer`: None = open, True = it is in the agenda."""

    id: int
    booking: BookingId | None
    kind: str
    facts: Mapping[str, Any]
    opened: datetime
    answer: bool | None = None
    answered: datetime | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One slot the hub holds. `slot`: as the EMR had it, if still known; `gone`: when it left *now*, if it did."""

    id: SlotId
    shared: SharedSlot
    slot: Slot | None
    since: datetime
    gone: datetime | None = None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One entry of the ledger; `hash` chains it to the one before. `who`: "" = the agent itself."""

    n: int
    at: datetime
    kind: str
    who: str
    body: bytes = field(repr=False)
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How full the journal is, in bytes. `low`: orders are no longer taken, beat says `disk: low`."""

    used: int
    quota: int
    low: bool


class Records(Protocol):
    """What the command line and the wiring may look up and do in the journal; any thread."""

    def facts(self) -> Mapping[str, str]:
        """Return every fact by name; an absent one was never put."""
        ...

    def put(self, changes: Mapping[str, str | None], now: Instant, *, kind: str = "", who: str = "") -> None:
        """Set facts (None forgets one) and, with a `kind`, write the changes as one ledger line; one transaction."""
        ...

    def bookings(self) -> Sequence[Booking]:
        """Return every booking of every source, by id."""
        ...

    def tasks(self, *, answered: bool = False) -> Sequence[Task]:
        """Return open tasks, oldest first; with `answered` the closed ones too."""
        ...

    def task(self, n: int) -> Task:
        """Return one task; Refused(reason="no-task") when there is none."""
        ...

    def answer(self, n: int, *, in_agenda: bool, who: str, now: Instant) -> Task:
        """Close a task: row, outbox, erasing and ledger line in one transaction. Refused(reason="answered") when closed."""
        ...

    def sealed(self, n: int, *, who: str, now: Instant) -> tuple[BookingId, int, str] | None:
        """Return booking, version and JWE of a task's patient while kept; the ledger says who looked, even at nothing."""
        ...

    def told(self) -> Sequence[ToldRow]:
        """Return what the hub holds, by start."""
        ...

    def sizes(self) -> Sizes:
        """Return how full the journal is."""
        ...

    def line(self, kind: str, body: bytes, now: Instant, *, who: str = "") -> LedgerLine:
        """Append one ledger line; returns after the commit."""
        ...

    def ledger(self, after: int = 0, limit: int = 1000) -> Sequence[LedgerLine]:
        """Return lines with n above `after`, in order."""
        ...

    def head(self) -> LedgerLine | None:
        """Return the last ledger line."""
        ...

    def anchor(self) -> tuple[int, bytes]:
        """Return number and hash of the line before the first that is kept; (0, 32 zero bytes) while none was let go."""
        ...

    def verify(self) -> int | None:
        """Return the n of the first bad ledger line, None when the chain holds."""
        ...


class Door(Protocol):
    """What the command line may ask, daemon running or stopped. `who` is the OS account; each act is a ledger line."""

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Mapping[str, Any]:
        """Answer one verb with JSON-shaped data. Raises the family of core.errors."""
        ...
