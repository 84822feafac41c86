"""The promises between the parts of the agent.

Rule: every method is called by one thread at a time unless it says otherwise, and raises only the family of
`core.errors`. Objects of an EMR belong to the thread that first calls them; wiring makes one object a leg.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from joserfc.jwk import OKPKey

from agent.core.booking import Booking, Effect, Order, Turn, Write, WriteRules
from agent.core.changes import View
from agent.core.envelope import Envelope, KeySet
from agent.core.model import (
    AgendaRow,
    BookingId,
    EmrName,
    Finding,
    Instant,
    Patient,
    Reading,
    SiteId,
    Slot,
    SlotId,
    SlotKey,
    Window,
)
from agent.core.sharing import Offered, SharedSlot

# ---- machine


class Clock(Protocol):
    """Reads both clocks at once; any thread."""

    def now(self) -> Instant:
        """Return the corrected wall clock and the age that never jumps."""
        ...


class Dice(Protocol):
    """All randomness, so that a seed replays a run; any thread."""

    def token(self) -> str:
        """Return 128 random bits, base64url, 22 characters."""
        ...

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        """Return a uniform draw from [low, high]."""
        ...


class Stop(Protocol):
    """threading.Event, seen from adapters."""

    def is_set(self) -> bool:
        """Say whether the agent is stopping."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until stop or timeout (seconds); True means stop."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `again`: zero = more waits, None = at the leg's interval or when woken."""

    did: int
    again: timedelta | None = None
    wakes: frozenset[str] = frozenset()
    """Kinds of leg to wake now: "apply", "deliver"."""


class Leg(Protocol):
    """One way through the house. `name` is "publish:oscar" or "deliver"; `longest` is what one step may take."""

    name: str
    longest: timedelta

    def step(self, now: Instant) -> Step:
        """Do what is due and return; never loops, sleeps or reads a clock."""
        ...


# ---- EMR


class Emr(Protocol):
    """A way to read free slots. Reads hold no lock and no transaction after return."""

    name: EmrName

    def slots(self, window: Window) -> Reading:
        """Read the whole window, every call. Raises Transient, Misconfigured."""
        ...

    def check(self) -> Iterable[Finding]:
        """Touch everything, change nothing (temporary tables at most)."""
        ...

    def close(self) -> None:
        """Idempotent; callable from another thread, and then cancels a running statement."""
        ...


@runtime_checkable
class Books(Protocol):
    """Ability: writes. write() is idempotent by (booking, version) as far as `rules` says.

    A version below the EMR's memory answers the stored effect. Raises Transient: surely not done. Ambiguous: maybe
    done. Refused: surely not done, final. Misconfigured: sidecar missing or older, writes stop.
    """

    rules: WriteRules

    def write(self, write: Write) -> Effect:
        """Lock, check, write, commit, verify, yield. Returns an Effect only on evidence."""
        ...

    def find(self, booking: BookingId) -> Effect | None:
        """Look the booking up; None = no trace. What that proves is `rules.recovery`."""
        ...

    def ours(self, window: Window) -> Iterable[Effect]:
        """List appointments we made, as they stand now; `theirs` where staff touched them."""
        ...


@runtime_checkable
class Agenda(Protocol):
    """Ability: show the clinic its own day, for preview, explain and demo."""

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return free and busy rows; never a patient."""
        ...


@runtime_checkable
class Names(Protocol):
    """Ability: what types, people and sites the EMR knows, for `creneau emr list` and `init`."""

    def names(self, window: Window) -> Iterable["Named"]:
        """Return every code with the number of free slots that carry it in the window."""
        ...


@runtime_checkable
class Grants(Protocol):
    """Ability: say which rights its account needs in the EMR's database, for `creneau emr grants`."""

    def grants(self) -> str:
        """Return the statements, one after another, each ended by a semicolon; connects nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """One code of the EMR. `kind` is "type", "practitioner" or "site"; `label` is for the clinic's screen only."""

    kind: str
    code: str
    label: str = field(repr=False)
    free: int


@runtime_checkable
class Holds(Protocol):
    """Ability: show a hold in the EMR (FHIR busy-tentative). Nothing depends on it."""

    def hold(self, booking: BookingId, slot: Slot, until: datetime) -> bool:
        """Mark the slot; False = the EMR would not."""
        ...

    def drop(self, booking: BookingId) -> None:
        """Take the mark away."""
        ...


@runtime_checkable
class Hints(Protocol):
    """Ability: a cheap question whether a read is worth it; it only makes reading earlier."""

    def changed(self, since: str | None) -> tuple[bool, str]:
        """Return (worth a read, opaque cursor)."""
        ...


@runtime_checkable
class Listens(Protocol):
    """Ability: a server or watcher with its own thread (MLLP, folder)."""

    def serve(self, stop: Stop, wake: Callable[[], None]) -> None:
        """Serve until soon after stop; wake() may be called from any thread."""
        ...


# ---- what a source may keep, bound to one source


class Kept(StrEnum):
    """What keeping a raw message found."""

    NEW = "new"
    REPEAT = "repeat"
    CLASH = "clash"


@dataclass(frozen=True, slots=True)
class RawMessage:
    """As received. `peer`: sending application^facility, or a file name; `control_id`: MSH-10."""

    peer: str
    control_id: str
    body: bytes = field(repr=False)
    charset: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """`answer`: the stored ACK on REPEAT, the new one on NEW, empty on CLASH."""

    kept: Kept
    id: int
    answer: bytes


class RawStore(Protocol):
    """Durable inbound messages of one source."""

    def keep(self, message: RawMessage, answer: bytes) -> Taken:
        """Return only after the commit; many threads at once (group commit)."""
        ...

    def unread(self, limit: int) -> Sequence[tuple[int, RawMessage]]:
        """Oldest first."""
        ...

    def settle(self, done: Sequence[int], dead: Mapping[int, str], notes: Mapping[str, bytes | None]) -> None:
        """One transaction."""
        ...

    def last_at(self, peer: str) -> datetime | None:
        """When this peer was last heard."""
        ...


class SourceStore(Protocol):
    """Small durable memory of one source: mirror rows, cursors, profiles. Rebuilt by the adapter if lost."""

    def notes(self, prefix: str) -> Mapping[str, bytes]:
        """All notes whose key begins so."""
        ...

    def note(self, changes: Mapping[str, bytes | None]) -> None:
        """One transaction; None deletes."""
        ...


@dataclass(frozen=True, slots=True)
class SitePart:
    """What an adapter may know of a site: its zone (IANA) and its code in the EMR ("*" = the only one)."""

    id: SiteId
    zone: str
    emr_code: str = "*"


@dataclass(frozen=True, slots=True)
class Tools:
    """All an adapter may lean on; a catalog entry is factory(name, options, tools) -> Emr."""

    clock: Clock
    dice: Dice
    secret: Callable[[str], str]
    raw: RawStore
    store: SourceStore
    sites: tuple[SitePart, ...]
    label: str = ""
    """[booking] label: what the front desk reads in the agenda on an appointment of ours."""


# ---- hub and keys


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, not yet verified. `sent`: both clocks just before the first byte left; `took` by the age."""

    jws: str = field(repr=False)
    sent: Instant
    took: timedelta


class Hub(Protocol):
    """The way to the hub. One call is at most three sends of the same bytes within 15 s."""

    def call(self, envelope: Envelope, wait: timedelta) -> Answer:
        """Send; `wait` is how long the hub may hold the answer. Transient when no application/jose came back."""
        ...

    def close(self) -> None:
        """Any thread; a blocked call returns within 1 s."""
        ...


class Keys(Protocol):
    """The vault: identity and private keys; any thread."""

    def identity(self) -> "Identity":
        """Raise Misconfigured with `creneau enrol` as the hint when not enrolled."""
        ...

    def signing(self) -> OKPKey:
        """Return the current private Ed25519 key, kid = RFC 7638 thumbprint."""
        ...

    def sealing(self) -> str:
        """Return the clinic's signed statement about its current sealing key (compact JWS)."""
        ...

    def hub(self) -> KeySet:
        """Return the hub's keys that may still sign."""
        ...

    def follow(self, texts: Sequence[str]) -> bool:
        """Take newer key sets of the hub, each signed by the one before; True when one was new. Raises Refused."""
        ...

    def patient(self, jwe: str, booking: BookingId, version: int) -> Patient:
        """Unseal with current and retired sealing keys; Refused(reason="reseal") when none opens it."""
        ...

    def secret(self, name: str) -> str:
        """Raise Misconfigured with `creneau secret set NAME` as the hint when absent."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to the hub. `hub` is its origin, `fingerprint` what two people compare on the phone."""

    clinic: str
    hub: str
    instance: str
    fingerprint: str


# ---- journal, seen by each leg


class Views(Protocol):
    """The view *now* of one source; used by publish."""

    def known(self) -> Mapping[SlotKey, tuple[SlotId, SharedSlot]]:
        """Return the view as it stands."""
        ...

    def since(self) -> Mapping[SlotKey, datetime]:
        """Return when each slot of the view entered it."""
        ...

    def held(self) -> frozenset[SlotKey]:
        """Return slots under a live hold or an order not yet decided."""
        ...

    def now(
        self,
        view: Mapping[SlotKey, tuple[SlotId, SharedSlot]],
        offered: Mapping[SlotKey, Offered],
        at: Instant,
    ) -> int:
        """Make this the view; return rows changed, 0 = no write at all."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the hub left us. `epoch` None: the next offer is a snapshot that asks for an epoch."""

    epoch: int | None
    seq: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A body on its way. `covers`: the seq, or the last outbox id, a receipt settles.

    `told`: what the hub will hold once the receipt is in (offers). `sealed`: an attempt still alive, send these bytes.
    """

    verb: str
    body: Mapping[str, Any]
    covers: int
    told: View | None = None
    sealed: Envelope | None = None


class Outbox(Protocol):
    """What leaves; used by deliver, read by beat."""

    def told(self) -> View:
        """Return what the hub confirmed."""
        ...

    def view(self) -> View:
        """Return what it should hold: the views of all sources together."""
        ...

    def standing(self) -> Standing:
        """Return epoch and seq of the last receipt."""
        ...

    def alive(self, verb: str, now: Instant) -> Outgoing | None:
        """Return the attempt of this verb that may still be sent byte for byte (exp more than 30 s away)."""
        ...

    def outcomes(self, limit: int) -> Outgoing | None:
        """Return the oldest outcomes not yet receipted, verb "outcomes"; `sealed` None."""
        ...

    def attempt(self, out: Outgoing, envelope: Envelope, now: Instant) -> None:
        """Make attempt and ledger `sent` line durable before the first byte leaves."""
        ...

    def receipted(self, out: Outgoing, receipt: str, standing: Standing | None, now: Instant) -> None:
        """Settle in one transaction: told and standing, or outbox rows and reported revs; ledger `receipt` line."""
        ...

    def failed(self, verb: str) -> None:
        """Forget the attempt (the hub answered with a signed problem); the body stays."""
        ...

    def aside(self, out: Outgoing, why: str, now: Instant) -> None:
        """Set these outcome rows aside, with the hub's word for why; later rows go on."""
        ...

    def restart(self, why: str, now: Instant) -> None:
        """Make the next offer a snapshot with epoch null."""
        ...

    def waiting(self) -> datetime | None:
        """Return since when the oldest slot that left *now* waits to leave *told*."""
        ...

    def oldest(self) -> datetime | None:
        """Return when the oldest unreceipted outcome was written."""
        ...


class Inbox(Protocol):
    """What arrives; used by receive."""

    def cursor(self) -> Mapping[str, Any] | None:
        """Return {"log": str, "n": int}; None = list everything."""
        ...

    def take(
        self,
        orders: Sequence[tuple[Order, str, str | None]],
        bad: Sequence[str],
        cursor: Mapping[str, Any],
        now: Instant,
    ) -> int:
        """Store orders (with their JWS and JWE) and the cursor in one transaction; return how many were new."""
        ...


class Bookings(Protocol):
    """The bookings of one source; used by apply."""

    def due(self, now: Instant) -> Sequence[Booking]:
        """Queued, intent, hold over; oldest first."""
        ...

    def row(self, booking: BookingId) -> Booking | None:
        """Return the stored row as it is now."""
        ...

    def undecided(self, now: Instant) -> Sequence[Booking]:
        """Rows queued, intent or unsure, and rows whose outcome is held or requested: what may speak for a slot."""
        ...

    def slot(self, id: SlotId | None, line: bytes | None) -> Slot | None:  # noqa: A002 - the wire's own word
        """By id until the slot's end, else today's view by line."""
        ...

    def kept(self, now: Instant) -> Sequence[Booking]:
        """Bookings with an appointment, certain or in doubt, still to come, to be compared with Books.ours."""
        ...

    def save(self, row: Booking, *, tasks: Sequence[str], tell: bool, erase: bool, now: Instant) -> Booking:
        """Compare and swap on `row.row`; row + outbox + tasks + erasing in one transaction; return the stored row.

        Transient when the stored row is another one; nothing was written.
        """
        ...

    def sealed(self, booking: BookingId, version: int) -> str | None:
        """Return the patient's JWE while it is kept."""
        ...

    def busy(self, rule: str, site: SiteId, half: Window, now: Instant) -> Mapping[str, int]:
        """Return {"holds": live holds of rule and site that start in `half`, "holds_hour": ..., "bookings_hour": ...}."""
        ...

    def rule_of(self, slot: Slot) -> str:
        """Return the allow rule a known slot was published by, "" when unknown."""
        ...


class Board(Protocol):
    """In memory, never journaled: health of the legs, last complete read per source, turn, skew. Any thread."""

    def ok(self, leg: str, now: Instant) -> None:
        """Note a step that went well."""
        ...

    def down(self, leg: str, kind: str, now: Instant) -> None:
        """Note a step that failed; `kind` is the error's class name in lower case."""
        ...

    def complete(self, emr: EmrName, now: Instant) -> None:
        """Note a complete read of a source."""
        ...

    def heard(self, hub_time: datetime, sent: Instant, took: timedelta) -> None:
        """Note one signed sample of the hub's clock; skew is the median of the last five."""
        ...

    def turn(self, new: Turn | None = None) -> Turn | None:
        """Set (when given) and return the turn; None after a restart."""
        ...

    def pace(self, wait_s: int | None = None) -> int:
        """Set (when given) and return the seconds the hub may hold an `orders` call."""
        ...

    def read(self) -> "Health":
        """Return one consistent picture."""
        ...


@dataclass(frozen=True, slots=True)
class LegHealth:
    """`since`: when it went into this state; `last`: the last good step."""

    kind: str
    since: Instant
    last: Instant | None


@dataclass(frozen=True, slots=True)
class Health:
    """The board at one moment. `legs` by name; `kind` of a leg is "ok" or the error's class name."""

    legs: Mapping[str, LegHealth]
    reads: Mapping[EmrName, Instant]
    skew: timedelta | None
    turn: Turn | None
    started: Instant
    boot: str


class Box(Protocol):
    """AES-256-GCM with the journal's data key; no patient datum stands in clear on any page."""

    def shut(self, clear: bytes, aad: bytes) -> bytes:
        """Encrypt; aad = table, column, row."""
        ...

    def open(self, shut: bytes, aad: bytes) -> bytes:
        """Decrypt; raises Misconfigured when the key is another one."""
        ...


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

    def verify(self) -> int | None:
        """Return the n of the first bad ledger line, None when the chain holds."""
        ...


# ---- what an adapter lets clinic IT write


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an adapter. `kind`: a type, or the words of an enumeration; `default` `...` = compulsory."""

    key: str
    kind: type | tuple[str, ...]
    default: object
    says: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One adapter as the catalog names it. `factory` is "module:function", opened by wiring only."""

    factory: str
    extra: str
    options: tuple[Option, ...]
    books: bool


class Door(Protocol):
    """What the command line may ask, daemon running or stopped. `who` is the OS account; each act is a ledger line."""

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Mapping[str, Any]:
        """Answer one verb with JSON-shaped data. Raises the family of core.errors."""
        ...


class Running(Protocol):
    """A started agent; the services know nothing else."""

    def alive(self) -> bool:
        """Say whether every leg's last step is younger than twice its `longest`."""
        ...

    def reload(self) -> None:
        """Read the configuration again; a fault keeps the last good plan."""
        ...

    def stop(self) -> None:
        """End within 5 s; order: listeners, receive, publish, apply, deliver, beat, journal."""
        ...
