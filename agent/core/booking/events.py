"""What may happen to a booking, and what must then be done.

Rule: an event carries everything its transition needs; nothing is looked up, no clock is read.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.core.booking.model import Booking, Code, Effect, Op, Order, TaskKind, Turn
from agent.core.model import EmrName, EmrRef, Instant, Slot


@dataclass(frozen=True, slots=True)
class Ordered:
    """A verified order arrived (T1).

    `found`: the slot it names, by id or else by line, None when it was never offered. `line`: our canonical line,
    without id and bookable_from, of the slot the id names; None when the id is unknown. `emr`: source of `found`, or
    the clinic's only source.
    """

    order: Order
    emr: EmrName | None
    found: Slot | None
    line: bytes | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Start:
    """The EMR was read again and the newest version may be applied.

    `free`: the goal's slot is still free there and no other booking speaks for it, None when the reading could not
    tell. `allowed`: the sharing rules' answer after that reading. `frozen`: not one write until a person resumes.
    `blocked`: a write is open whose end is not known; where only the turn fences, no other begins meanwhile.
    """

    now: Instant
    turn: Turn | None
    skew_known: bool
    free: bool | None
    allowed: bool
    limited: bool
    frozen: bool
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Effected:
    """The write was answered, on evidence."""

    effect: Effect
    now: datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """The write's answer was lost; it may have happened."""

    now: datetime


@dataclass(frozen=True, slots=True)
class NotDone:
    """The write surely did not happen; the order is queued again."""


@dataclass(frozen=True, slots=True)
class Looked:
    """The EMR was asked for the booking; None = no trace. `elsewhere`: another EMR of the clinic has it."""

    effect: Effect | None
    now: datetime
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The version cannot be applied, for good; `code` None = for a reason the hub is not told."""

    code: Code | None


@dataclass(frozen=True, slots=True)
class Sent:
    """The hub's receipt covers the outcomes up to `rev`."""

    rev: int


@dataclass(frozen=True, slots=True)
class HoldOver:
    """The hold's time is over, or the sharing rules no longer allow it."""


@dataclass(frozen=True, slots=True)
class RequestOver:
    """The time the desk had to enter what was asked is over, by the order's `expires_at`."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The agent began again; an intent may or may not have reached the EMR."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A person answered a task: what was asked is in the agenda, or it is not. `by`: the OS account."""

    in_agenda: bool
    by: str
    kind: TaskKind


@dataclass(frozen=True, slots=True)
class Seen:
    """A complete poll showed our appointment as it stands now; None = it is gone without a trace."""

    effect: Effect | None


Event = (
    Ordered
    | Start
    | Effected
    | Unknown
    | NotDone
    | Looked
    | Failed
    | Sent
    | HoldOver
    | RequestOver
    | Restarted
    | Answered
    | Seen
)


@dataclass(frozen=True, slots=True)
class Do:
    """Write into the EMR, after the row is durable."""

    version: int
    op: Op
    slot: Slot | None
    had: EmrRef | None
    had_slot: Slot | None


@dataclass(frozen=True, slots=True)
class Ask:
    """Look the booking up in the EMR, not before `after`."""

    after: datetime


@dataclass(frozen=True, slots=True)
class Tell:
    """Put the row's outcome into the outbox; telling a rev twice is harmless."""


@dataclass(frozen=True, slots=True)
class Task:
    """Ask the front desk."""

    kind: TaskKind


@dataclass(frozen=True, slots=True)
class Erase:
    """Erase the patient's details of every version not in `needs(row)`."""


Action = Do | Ask | Tell | Task | Erase
Result = tuple[Booking, tuple[Action, ...]]
