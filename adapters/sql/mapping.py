"""What a mapping tells about one EMR: how its agenda is read, and how one appointment is put into it.

Rule: SQL and meaning only; transactions, memory and the order of steps belong to write.py, emr.py and session.py.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from adapters.sql.applied import Seen
from adapters.sql.places import Clinic, Place
from adapters.sql.session import Work
from agent.core.model import AgendaRow, BookingId, EmrRef, Finding, Patient, Slot, Window
from agent.ports import Named

Right = tuple[str, str]
"""("SELECT, INSERT", "appointment"): rights and a table, or columns in brackets; see Dialect.grants."""

Found = tuple[tuple[Slot, ...], tuple[Finding, ...]]
"""Free slots, and what was withheld and why."""

Raw = TypeVar("Raw")
Terms = TypeVar("Terms")


class Picture(Protocol):
    """Some days as they were pulled in one transaction; everything here is computed, no database is asked again."""

    def slots(self, window: Window) -> Found:
        """Return the free slots that start in the window, and what was withheld and why."""
        ...

    def agenda(self, window: Window) -> Sequence[AgendaRow]:
        """Return free slots and active appointments, never a patient."""
        ...


@dataclass(frozen=True, slots=True)
class Days(Generic[Raw, Terms]):
    """The Picture of an EMR whose raw rows are expanded by `find` and `show` whenever it is asked."""

    raw: Raw
    terms: Terms
    find: Callable[[Raw, Terms, Window], Found]
    show: Callable[[Raw, Terms, Window], Sequence[AgendaRow]]

    def slots(self, window: Window) -> Found:
        """Return the free slots that start in the window, and what was withheld."""
        return self.find(self.raw, self.terms, window)

    def agenda(self, window: Window) -> Sequence[AgendaRow]:
        """Return free slots and active appointments."""
        return self.show(self.raw, self.terms, window)


class Mapping(Protocol):
    """One EMR as it is read. `name` begins the codes of its findings."""

    name: str

    @property
    def clinic(self) -> Clinic:
        """The source's name, its sites and its label."""
        ...

    @property
    def tables(self) -> Sequence[str]:
        """The tables that `check` touches."""
        ...

    @property
    def reads(self) -> Sequence[Right]:
        """The rights that reading takes."""
        ...

    def read(self, work: Work, first: date, last: date) -> Picture:
        """Pull the days first to last, both included, by SELECT only."""
        ...

    def names(self, work: Work, picture: Any, window: Window) -> Sequence[Named]:
        """Return types, people and sites with their free slots in the window."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """One appointment to be made. `who` is what `person` returned; `now` is aware; `token`: see token.py, or ""."""

    booking: BookingId
    version: int
    place: Place
    minutes: int
    slot: Slot
    who: Any = field(repr=False)
    now: datetime
    token: str = ""


@runtime_checkable
class Booking(Mapping, Protocol):
    """Ability of a mapping: appointments can be made. Every change carries a guard that no row but ours can match."""

    @property
    def written(self) -> Sequence[str]:
        """The tables written, the appointments' first; all must know transactions."""
        ...

    @property
    def writes(self) -> Sequence[Right]:
        """The rights that writing takes beyond those of reading."""
        ...

    def person(self, work: Work, patient: Patient) -> Any:
        """Match the patient and word the row, before anything is locked."""
        ...

    def longest(self, work: Work, day: date) -> int:
        """Return the minutes of the longest visit of the clinic's day: how far back the lock must reach."""
        ...

    def see(self, work: Work, ref: EmrRef | None, *, lock: bool = False) -> Seen | None:
        """Read one appointment; None when it is not there."""
        ...

    def overlapping(self, work: Work, place: Place, minutes: int, longest: int) -> AbstractSet[EmrRef]:
        """Return what takes any of these minutes, locked where the database can; nothing older than `longest`."""
        ...

    def book(self, work: Work, wanted: Wanted) -> EmrRef | None:
        """Insert the appointment as the screens do; None when the EMR itself says the time is taken."""
        ...

    def cancel(self, work: Work, ref: EmrRef, now: datetime) -> bool:
        """Cancel as the screens do; False when the guard found nothing of ours."""
        ...

    def undo(self, work: Work, ref: EmrRef, now: datetime) -> bool:
        """Take back what was booked a moment ago, leaving as little as can be; False as above."""
        ...


@runtime_checkable
class Tokened(Booking, Protocol):
    """Ability of a mapping: an appointment can carry a short text of ours, for a clinic that makes no sidecar."""

    def tokens(self, work: Work, like: str, now: datetime) -> Sequence[tuple[EmrRef, str]]:
        """Return (appointment, token) of rows made by us whose token is LIKE this, from yesterday on.

        Not locked: the session lock makes us the only writer of tokens, and a range would keep every screen waiting.
        """
        ...

    def mark(self, work: Work, ref: EmrRef, old: str, new: str) -> bool:
        """Change a token; False when it was not there."""
        ...
