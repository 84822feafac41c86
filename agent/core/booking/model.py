"""The nouns of a booking: orders, the journal's row, what an adapter promises and what it proves.

Rule: values only, and a row is changed by `advance` alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from agent.core.model import BookingId, EmrName, EmrRef, Patient, Slot, SlotId, SlotKey


class Firmness(StrEnum):
    """How firm an order is."""

    HOLD = "hold"
    FIRM = "firm"


class State(StrEnum):
    """Where a booking stands in the journal; no row at all is the state "none"."""

    QUEUED = "queued"
    INTENT = "intent"
    RESOLVED = "resolved"
    REPORTED = "reported"
    UNSURE = "unsure"
    QUARANTINE = "quarantine"


class Op(StrEnum):
    """What is written into the EMR. Holds live in the journal."""

    BOOK = "book"
    MOVE = "move"
    CANCEL = "cancel"


class Mark(StrEnum):
    """The points between two durable writes that a crash test names."""

    T1 = "order stored"
    T2 = "intent stored"
    T3 = "EMR answered"
    T4 = "outcome stored"
    T5 = "outcome receipted"


class TaskKind(StrEnum):
    """What the front desk is asked."""

    ENTER = "enter"
    ENTER_MOVE = "enter-move"
    ENTER_CANCEL = "enter-cancel"
    CHECKING = "checking"
    STAFF_CHANGED = "staff-changed"
    UNMATCHED = "unmatched"
    QUARANTINE = "quarantine"
    LIMIT = "limit"
    LATE_CANCEL = "late-cancel"
    AFTER_CANCEL = "after-cancel"


class Outcome(StrEnum):
    """What the hub is told; the words of the protocol."""

    HELD = "held"
    BOOKED = "booked"
    CONFLICT = "conflict"
    CANCELLED = "cancelled"
    RELEASED = "released"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REQUESTED = "requested"
    CHECKING = "checking"
    CHANGED = "changed"
    CANCELLED_BY_CLINIC = "cancelled-by-clinic"
    REFUSED = "refused"


class Code(StrEnum):
    """Why REFUSED, only; whatever depends on agenda or rules is CONFLICT without a reason."""

    SCHEMA = "schema"
    SLOT_LINE = "slot-line-mismatch"
    RESEAL = "reseal"
    MOVE = "move-unsupported"
    UNTIL = "until-too-long"


@dataclass(frozen=True, slots=True)
class Order:
    """One verified order. Identity is (booking, version); sameness is `body_hash`, SHA-256 of the inflated payload.

    `told`: the rev of the last outcome the hub holds of this booking, 0 = none; a booking whose row was lost counts on
    from there, because two outcomes of one rev contradict each other. `stood`: by that outcome the patient has, or may
    have, an appointment.
    """

    booking: BookingId
    version: int
    goal: SlotId | None
    firmness: Firmness
    until: datetime | None
    expires_at: datetime
    slot_line: bytes | None
    patient_sha256: bytes | None
    body_hash: bytes
    told: int = 0
    stood: bool = False


@dataclass(frozen=True, slots=True)
class Booking:
    """One row of the journal: what a restart needs to act without the hub.

    `goal` to `expires_at` are those of the newest version, `seen_ver`; a version under INTENT or UNSURE keeps its own
    slot in `intent_slot`, and so does one a person was asked to enter (REQUESTED). `fault`: why the newest version
    will be refused, found when it arrived. `until` beside a firm order: it stands on a hold that was live then.
    `emr_ref` None beside a `cur_slot`: entered by hand; "" = ours, and the adapter has no name for it.
    """

    booking: BookingId
    emr: EmrName | None
    state: State
    seen_ver: int
    body_hash: bytes
    goal: SlotId | None
    goal_slot: Slot | None
    slot_line: bytes | None
    firmness: Firmness
    until: datetime | None
    expires_at: datetime
    done_ver: int = 0
    cur_slot: Slot | None = None
    emr_ref: EmrRef | None = None
    intent_ver: int | None = None
    intent_op: Op | None = None
    intent_at: datetime | None = None
    intent_slot: Slot | None = None
    fault: Code | None = None
    attempt: int = 0
    turn: int = 0
    outcome: Outcome | None = None
    code: Code | None = None
    kept: bool = False
    outcome_rev: int = 0
    reported_rev: int = 0
    row: int = 0


class Recovery(StrEnum):
    """How a write whose answer was lost is resolved."""

    RERUN = "rerun"
    ENQUIRE = "enquire"
    ABSENT_UNSURE = "absent-unsure"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class WriteRules:
    """What an adapter promises about its writes; this file and the model checker read nothing else.

    `enquire_first`: find() before every write. `tombstone`: a cancel of something absent leaves a mark that stops a
    late booking. `fenced`: the same write may be run again, and right however late it lands. `moves`: can win the new
    before giving up the old. `quiet`: how long after a lost write an absence begins to prove anything.
    `longest_write`: a write under a turn starts only with this plus 10 s of it left. `exclusive`: fenced, but right
    only while no other agent writes.
    """

    recovery: Recovery
    enquire_first: bool
    tombstone: bool
    fenced: bool
    moves: bool
    quiet: timedelta
    longest_write: timedelta
    exclusive: bool = False

    @property
    def by_turn(self) -> bool:
        """Say whether a write needs the hub's turn."""
        return self.exclusive or not self.fenced


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to write into an EMR that needs it. `good_until` is on Instant.age: reading before the request + 180 s."""

    number: int
    good_until: timedelta


@dataclass(frozen=True, slots=True)
class Write:
    """One write asked of an adapter: `slot` is where to (None for CANCEL), `had` our own appointment if any."""

    booking: BookingId
    version: int
    op: Op
    slot: Slot | None
    had: EmrRef | None
    had_slot: Slot | None
    patient: Patient | None
    turn: Turn | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What is true in the EMR for this booking, from evidence only.

    `version`: the highest version the EMR remembers, 0 = it keeps none. `ref`, `slot`: what the booking has; after a
    conflict what it had before, which whoever asks may never have heard of. `theirs`: staff moved, cancelled or received
    it, from now on not ours to change. `matched`: the patient was found in the EMR; False asks for a line at the desk.
    `pending`: a write was cut off between its commit and its verify, and proves nothing until one is run again.
    """

    booking: BookingId
    version: int
    outcome: Outcome
    ref: EmrRef | None = None
    slot: SlotKey | None = None
    theirs: bool = False
    matched: bool | None = None
    pending: bool = False
