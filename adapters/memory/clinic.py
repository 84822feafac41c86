"""The made-up EMR: a schedule, an agenda, what it remembers of our bookings, and a receptionist.

Rule: it refuses nothing and locks nothing by itself, like the real ones; the adapter holds the lock.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from agent.core.booking import Outcome
from agent.core.model import BookingId, EmrRef, SiteId, SlotKey

OURS = "creneau"


@dataclass(frozen=True, slots=True)
class Opening:
    """A cell of somebody's schedule: the slot it makes while no appointment overlaps it."""

    site: SiteId
    practitioner: str
    start: datetime
    end: datetime
    type: str

    @property
    def key(self) -> SlotKey:
        """Return the stable name of the slot."""
        return SlotKey(f"{self.practitioner}|{self.start:%Y-%m-%d|%H%M}")


@dataclass(frozen=True, slots=True)
class Appointment:
    """One row of the agenda. `status` is "kept", "received" or "cancelled"."""

    ref: EmrRef
    practitioner: str
    start: datetime
    end: datetime
    creator: str
    status: str = "kept"
    text: str = field(default="", repr=False)

    @property
    def key(self) -> SlotKey:
        """Return the name of the slot it stands in."""
        return SlotKey(f"{self.practitioner}|{self.start:%Y-%m-%d|%H%M}")


@dataclass(frozen=True, slots=True)
class Applied:
    """What the EMR remembers of a booking, as a sidecar row would. `previous`: given up once `ref` is verified."""

    version: int
    outcome: Outcome
    slot: SlotKey | None = None
    ref: EmrRef | None = None
    previous: EmrRef | None = None
    verified: bool = True


class Clinic:
    """The made-up EMR itself; any thread, under `lock`."""

    def __init__(self) -> None:
        """Begin empty."""
        self.lock = threading.RLock()
        self.openings: dict[SlotKey, Opening] = {}
        self.rows: dict[EmrRef, Appointment] = {}
        self.applied: dict[BookingId, Applied] = {}
        self._numbers = count(1)

    def open(self, openings: Iterable[Opening]) -> None:
        """Put cells into the schedule."""
        with self.lock:
            self.openings.update((each.key, each) for each in openings)

    def insert(self, who: str, start: datetime, end: datetime, creator: str, text: str = "") -> EmrRef:
        """Write a row without looking, as every screen does; return its name."""
        with self.lock:
            ref = EmrRef(str(next(self._numbers)))
            self.rows[ref] = Appointment(ref, who, start, end, creator, text=text)
            return ref

    def overlapping(self, who: str, start: datetime, end: datetime) -> list[Appointment]:
        """Return the active rows that overlap [start, end) of this practitioner."""
        with self.lock:
            return [
                row
                for row in self.rows.values()
                if row.practitioner == who and row.status != "cancelled" and row.start < end and row.end > start
            ]

    def receptionist(self) -> "Receptionist":
        """Return somebody who works on the same agenda by the EMR's own screens."""
        return Receptionist(self)


class Receptionist:
    """Books as the screens do: look first, then write, with no lock in between."""

    def __init__(self, clinic: Clinic) -> None:
        """Sit down at the clinic's desk."""
        self._clinic = clinic

    def book(self, key: SlotKey, *, look: bool = True) -> EmrRef | None:
        """Book a cell; None when she looked and saw it taken."""
        cell = self._clinic.openings[key]
        if look and self._clinic.overlapping(cell.practitioner, cell.start, cell.end):
            return None
        return self._clinic.insert(cell.practitioner, cell.start, cell.end, "desk")

    def cancel(self, ref: EmrRef) -> None:
        """Cancel any row."""
        self._change(ref, status="cancelled")

    def receive(self, ref: EmrRef) -> None:
        """Note that the patient is here."""
        self._change(ref, status="received")

    def move(self, ref: EmrRef, key: SlotKey) -> None:
        """Put a row into another cell."""
        cell = self._clinic.openings[key]
        with self._clinic.lock:
            row = self._clinic.rows[ref]
            self._clinic.rows[ref] = replace(row, practitioner=cell.practitioner, start=cell.start, end=cell.end)

    def _change(self, ref: EmrRef, status: str) -> None:
        with self._clinic.lock:
            self._clinic.rows[ref] = replace(self._clinic.rows[ref], status=status)


_CLINICS: dict[str, Clinic] = {}
_DOOR = threading.Lock()


def clinic(name: str) -> Clinic:
    """Return the clinic of this name in this process, made on first use: wiring opens one adapter object a leg."""
    with _DOOR:
        return _CLINICS.setdefault(name, Clinic())
