"""An EMR and a journal in memory, a clinic with its apply leg over them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from agent.core.booking import (
    Booking,
    Effect,
    Firmness,
    Mark,
    Order,
    Ordered,
    Outcome,
    Recovery,
    State,
    Turn,
    Write,
    WriteRules,
    advance,
)
from agent.core.errors import CreneauError, Refused, Transient
from agent.core.message import say
from agent.core.model import (
    BookingId,
    EmrName,
    EmrRef,
    Finding,
    Instant,
    Patient,
    Practitioner,
    Reading,
    SiteId,
    Slot,
    SlotId,
    SlotKey,
    Window,
)
from agent.core.sharing import Accord, Allow, Match, Posture, PublishAs, SharingRules
from agent.legs.apply import Apply
from tests.core.booking_scene import SIDECAR

EMR, MAIN = EmrName("oscar"), SiteId("main")
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
SQL = SIDECAR
HL7 = replace(SQL, recovery=Recovery.ENQUIRE, enquire_first=True, fenced=False, quiet=timedelta(minutes=1))
OPEN = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(EMR, "R"): "regular"},
    roster={(EMR, "101"): Accord("Dr A", date(2026, 1, 1))},
    allow=(Allow("all", 1, Match(), PublishAs("anyone", "regular", "on-site")),),
    identity="named",
    zones={MAIN: "America/Toronto"},
    confirmation={EMR: "instant"},
)
FAILURE = (say("write"), say("the line fell"))


def at(minutes: float = 0) -> Instant:
    passed = timedelta(minutes=minutes)
    return Instant(NOW + passed, timedelta(hours=1) + passed)


def cell(key: str, hours: int = 24) -> Slot:
    start = NOW + timedelta(hours=hours)
    return Slot(EMR, SlotKey(key), MAIN, Practitioner("101", "Dr A"), start, start + timedelta(minutes=15), "R")


S1, S2, S3 = cell("s1"), cell("s2", 25), cell("s3", 26)


class Killed(BaseException):
    """The process died here."""


@dataclass
class Agenda:
    """An EMR with a sidecar: what is free, who has what, and what it remembers of each booking."""

    free: dict[SlotKey, Slot]
    rules: WriteRules = SQL
    name: EmrName = EMR
    has: dict[BookingId, Effect] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    before: Callable[[Write], None] | None = None
    after: Callable[[Write], None] | None = None
    complete: bool = True
    down: CreneauError | None = None

    def slots(self, window: Window) -> Reading:
        if self.down:
            raise self.down
        found = tuple(slot for slot in self.free.values() if window.start <= slot.start < window.end)
        return Reading(window, NOW, found, self.complete)

    def check(self) -> Iterable[Finding]:
        return ()

    def close(self) -> None: ...

    def write(self, write: Write) -> Effect:
        if self.before:
            self.before(write)
        self.writes.append(write)
        stored = self.has.get(write.booking)
        if stored is None or stored.version < write.version:
            stored = self.has[write.booking] = self._carry_out(write, stored)
        if self.after:
            self.after(write)
        return stored

    def _carry_out(self, write: Write, stored: Effect | None) -> Effect:
        mine = stored.slot if stored and stored.outcome is Outcome.BOOKED else None
        if write.slot is None:
            if mine:
                self.free[mine] = next(slot for slot in (S1, S2, S3) if slot.key == mine)
            return Effect(write.booking, write.version, Outcome.CANCELLED)
        if write.slot.key not in self.free:
            return Effect(write.booking, write.version, Outcome.CONFLICT)
        assert write.patient is not None
        del self.free[write.slot.key]
        if mine:
            self.free[mine] = next(slot for slot in (S1, S2, S3) if slot.key == mine)
        return Effect(write.booking, write.version, Outcome.BOOKED, EmrRef(f"apt-{write.booking}"), write.slot.key)

    def find(self, booking: BookingId) -> Effect | None:
        if self.down:
            raise self.down
        return self.has.get(booking)

    def ours(self, window: Window) -> Iterable[Effect]:
        return [effect for effect in self.has.values() if effect.outcome is not Outcome.CONFLICT]


@dataclass
class ReadOnly:
    """The same agenda without the ability to write."""

    agenda: Agenda
    name: EmrName = EMR

    def slots(self, window: Window) -> Reading:
        return self.agenda.slots(window)

    def check(self) -> Iterable[Finding]:
        return ()

    def close(self) -> None: ...


@dataclass
class Journal:
    """The bookings port over a dictionary; it outlives the leg."""

    rows: dict[BookingId, Booking] = field(default_factory=dict)
    told: list[tuple[BookingId, int, Outcome]] = field(default_factory=list)
    tasks: list[tuple[BookingId, str]] = field(default_factory=list)
    patients: bool = True
    counts: dict[str, int] = field(default_factory=lambda: {"holds": 0, "holds_hour": 0, "bookings_hour": 0})
    between: Callable[[], None] | None = None

    def order(self, slot: Slot | None, version: int = 1, name: str = "booking-1", **changes: Any) -> None:
        hold = changes.pop("hold", False)
        made = Order(
            booking=BookingId(name),
            version=version,
            goal=SlotId(slot.key) if slot else None,
            firmness=Firmness.HOLD if hold else Firmness.FIRM,
            until=NOW + timedelta(minutes=10) if hold else None,
            expires_at=NOW + timedelta(hours=1),
            slot_line=b"line" if slot else None,
            patient_sha256=None,
            body_hash=f"{version}{slot}".encode(),
        )
        event = Ordered(replace(made, **changes), EMR, slot, b"line" if slot else None, NOW)
        row, _ = advance(self.rows.get(made.booking), event, None)
        self.rows[made.booking] = replace(row, row=row.row + 1)

    def due(self, now: Instant) -> Sequence[Booking]:
        return [row for row in self.rows.values() if row.state in {State.QUEUED, State.INTENT}]

    def row(self, booking: BookingId) -> Booking | None:
        return self.rows.get(booking)

    def undecided(self, now: Instant) -> Sequence[Booking]:
        states, words = {State.QUEUED, State.INTENT, State.UNSURE}, {Outcome.HELD, Outcome.REQUESTED}
        return [row for row in self.rows.values() if row.state in states or row.outcome in words]

    def slot(self, id: SlotId | None, line: bytes | None) -> Slot | None:  # noqa: A002 - the port's word
        return None

    def kept(self, now: Instant) -> Sequence[Booking]:
        return [row for row in self.rows.values() if row.cur_slot or row.intent_slot]

    def save(
        self, row: Booking, *, tasks: Sequence[str], tell: bool, erase: bool, now: Instant, given_up: object = None
    ) -> Booking:
        if self.between:
            between, self.between = self.between, None
            between()
        if self.rows[row.booking].row != row.row:
            raise Transient(say("save"), say("changed meanwhile"))
        stored = self.rows[row.booking] = replace(row, row=row.row + 1)
        if tell and row.outcome:
            self.told.append((row.booking, row.outcome_rev, row.outcome))
        self.tasks += [(row.booking, kind) for kind in tasks]
        return stored

    def sealed(self, booking: BookingId, version: int) -> str | None:
        return f"{booking}.{version}" if self.patients else None

    def busy(self, rule: str, site: SiteId, half: Window, now: Instant) -> Mapping[str, int]:
        return self.counts

    def rule_of(self, slot: Slot) -> str:
        return "all"


@dataclass
class Clinic:
    """One source with its leg; `restart` throws the leg away and keeps what is durable."""

    emr: Agenda
    journal: Journal
    rules: SharingRules = OPEN
    turn: Turn | None = None
    skew: timedelta | None = timedelta(0)
    heard: Instant | None = None
    mode: str = "automatic"
    seal: Callable[[str], None] | None = None
    die_at: Mark | None = None
    source: Any = None
    frozen: int = 0
    leg: Apply = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **changes: Any) -> None:
        board = SimpleNamespace(turn=lambda: self.turn, read=lambda: SimpleNamespace(skew=self.skew, heard=self.heard))
        keys = SimpleNamespace(patient=self._patient)
        self.leg = Apply(
            emr=self.source or self.emr,
            bookings=self.journal,
            keys=keys,  # type: ignore[arg-type]
            board=board,  # type: ignore[arg-type]
            rules=lambda: self.rules,
            mode=self.mode,
            max_per_hour=30,
            mark=self._mark,
            **{"freeze": self._freeze, **changes},
        )

    def _patient(self, jwe: str, booking: BookingId, version: int) -> Patient:
        if self.seal:
            self.seal(jwe)
        return Patient(booking, version, "Tremblay", "Anne")

    def _mark(self, mark: Mark, booking: str) -> None:
        if mark is self.die_at:
            self.die_at = None
            raise Killed

    def _freeze(self) -> None:
        self.frozen += 1
        self.rules = replace(self.rules, posture=Posture.FROZEN)

    def settle(self, minutes: float = 0) -> None:
        for _ in range(10):
            if self.leg.step(at(minutes)).again != timedelta(0):
                return
        raise AssertionError("the leg never comes to rest")

    def booking(self, name: str = "booking-1") -> Booking:
        return self.journal.rows[BookingId(name)]


def refuse(reason: str) -> Callable[[object], None]:
    def no(_: object) -> None:
        raise Refused(*FAILURE, reason=reason)

    return no


def fail(kind: type[CreneauError], *, once: bool = True) -> Callable[[object], None]:
    left = [1 if once else 99]

    def no(_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise kind(*FAILURE)

    return no
