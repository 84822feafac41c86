"""The nouns of the house: slots, windows, instants, findings, patients.

Rule: values only; every time is aware, every window half-open.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NewType

from agent.core.message import Message

EmrName = NewType("EmrName", str)
"""Name of an [[emr]] section."""
SiteId = NewType("SiteId", str)
"""Id of a [[site]] section; the time zone belongs to the site."""
SlotKey = NewType("SlotKey", str)
"""The adapter's own stable name of a slot, at most 80 ASCII characters; never leaves the clinic."""
SlotId = NewType("SlotId", str)
"""Wire name of a slot: 128 random bits, base64url, 22 characters."""
BookingId = NewType("BookingId", str)
"""Made by the portal, [A-Za-z0-9_-]{8,64}."""
EmrRef = NewType("EmrRef", str)
"""The adapter's own name of an appointment we made, at most 80 ASCII characters."""


@dataclass(frozen=True, slots=True)
class Instant:
    """Both clocks, read once by the daemon.

    `utc` is the wall clock corrected by the measured skew and may jump; `age` never does and runs through suspend:
    turns, validity and timeouts use `age`.
    """

    utc: datetime
    age: timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open [start, end), aware."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Practitioner:
    """`key` is the EMR's own and never leaves unless the rules say so; `label` is for the clinic's own screen only."""

    key: str
    name: str | None = None
    label: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """A free slot as the EMR has it, times in the site's zone.

    `type` is the EMR's own word, verbatim and case-sensitive. `after_cancel`: free only because an appointment was
    cancelled; the sharing rules decide what that means.
    """

    emr: EmrName
    key: SlotKey
    site: SiteId
    practitioner: Practitioner
    start: datetime
    end: datetime
    type: str
    after_cancel: bool = False


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `creneau check`; `code` is a stable identifier such as "oscar.two-schedules-one-day"."""

    code: str
    severity: Severity
    says: Message
    hint: Message | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """All free slots of a window.

    `complete=False` (a page missing, a mirror stale) must never make a slot disappear.
    """

    window: Window
    as_of: datetime
    slots: tuple[Slot, ...]
    complete: bool = True
    findings: tuple[Finding, ...] = ()


class Cell(StrEnum):
    """What a row of the clinic's own agenda is."""

    FREE = "free"
    BUSY = "busy"
    BLOCKED = "blocked"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class AgendaRow:
    """What the clinic's own screen shows in preview and explain. Never a patient."""

    practitioner: Practitioner
    site: SiteId
    start: datetime
    end: datetime
    cell: Cell
    type: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Patient:
    """Unsealed only inside one apply step. `booking` and `version` repeat the order's and are checked against it."""

    booking: BookingId
    version: int
    family: str
    given: str
    born: date | None = None
    nam: str = ""
    phone: str = ""
    email: str = ""
    sex: str = ""
    note: str = ""

    def __repr__(self) -> str:
        """Show nothing."""
        return "Patient(***)"
