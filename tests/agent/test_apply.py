"""The apply leg: intents, writes, lost answers, staff, holds, against an EMR and a journal in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agent.core.booking import (
    Booking,
    Code,
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
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
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
from agent.ports import Leg

EMR, MAIN = EmrName("oscar"), SiteId("main")
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
SQL = WriteRules(
    recovery=Recovery.RERUN,
    enquire_first=False,
    tombstone=True,
    fenced=True,
    moves=True,
    quiet=timedelta(0),
    longest_write=timedelta(seconds=20),
)
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
    mode: str = "automatic"
    seal: Callable[[str], None] | None = None
    die_at: Mark | None = None
    source: Any = None
    frozen: int = 0
    leg: Apply = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **changes: Any) -> None:
        board = SimpleNamespace(turn=lambda: self.turn, read=lambda: SimpleNamespace(skew=self.skew))
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


@pytest.fixture
def clinic() -> Clinic:
    return Clinic(Agenda({slot.key: slot for slot in (S1, S2, S3)}), Journal())


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


def test_it_is_a_leg(clinic: Clinic) -> None:
    """It is named after its source and keeps the port."""
    leg: Leg = clinic.leg
    assert leg.name == "apply:oscar"
    assert clinic.leg.step(at()).did == 0


def test_a_booking_is_written_once_and_told(clinic: Clinic) -> None:
    """One write, booked, deliver woken; nothing more afterwards."""
    clinic.journal.order(S1)
    step = clinic.leg.step(at())
    assert (step.again, step.wakes) == (timedelta(0), {"deliver"})
    clinic.settle()
    assert [write.version for write in clinic.emr.writes] == [1]
    assert clinic.journal.told == [("booking-1", 1, Outcome.BOOKED)]
    assert "Tremblay" not in repr(clinic.emr.writes)


def test_move_and_cancel(clinic: Clinic) -> None:
    """The later versions carry what the patient had."""
    for version, goal in enumerate((S1, S2, None), start=1):
        clinic.journal.order(goal, version)
        clinic.settle()
    assert [write.had for write in clinic.emr.writes] == [None, "apt-booking-1", "apt-booking-1"]
    assert clinic.booking().outcome is Outcome.CANCELLED
    assert set(clinic.emr.free) == {"s1", "s2", "s3"}


def test_a_cancel_without_a_source_is_taken_by_one(clinic: Clinic) -> None:
    """The source that saves the intent owns the row: no other resolves it."""
    clinic.journal.order(None)
    name = BookingId("booking-1")
    clinic.journal.rows[name] = replace(clinic.booking(), emr=None)
    clinic.die_at = Mark.T2
    with pytest.raises(Killed):
        clinic.leg.step(at())
    assert (clinic.booking().state, clinic.booking().emr) == (State.INTENT, EMR)


@pytest.mark.parametrize("mark", [Mark.T2, Mark.T3, Mark.T4])
@pytest.mark.parametrize("rules", [SQL, HL7])
@pytest.mark.parametrize("goal", [S2, None])
def test_killed_at_each_mark(clinic: Clinic, mark: Mark, rules: WriteRules, goal: Slot | None) -> None:
    """After a restart the booking ends where its goal is, with one appointment at most, told once a rev."""
    clinic.emr.rules, clinic.turn = rules, Turn(1, timedelta(hours=9))
    clinic.journal.order(S1)
    clinic.settle()
    clinic.journal.order(goal, 2)
    clinic.die_at = mark
    with pytest.raises(Killed):
        clinic.settle()
    clinic.restart()
    clinic.settle()
    clinic.settle(minutes=5)
    assert clinic.booking().outcome is (Outcome.BOOKED if goal else Outcome.CANCELLED)
    assert set(clinic.emr.free) == ({"s1", "s3"} if goal else {"s1", "s2", "s3"})
    assert [rev for _, rev, _ in clinic.journal.told] == [1, 2]


@pytest.mark.parametrize("rules", [SQL, HL7])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_lost_answer(clinic: Clinic, rules: WriteRules, side: str) -> None:
    """Whether it happened or not, it ends booked once."""
    clinic.emr.rules, clinic.turn = rules, Turn(1, timedelta(hours=9))
    setattr(clinic.emr, side, fail(Ambiguous))
    clinic.journal.order(S1)
    clinic.leg.step(at())
    assert clinic.booking().state is State.INTENT
    clinic.settle(minutes=1)
    clinic.settle(minutes=5)
    assert (clinic.booking().outcome, clinic.booking().outcome_rev) == (Outcome.BOOKED, 1)
    assert "s1" not in clinic.emr.free


def test_while_one_write_is_open_an_unfenced_source_begins_no_other(clinic: Clinic) -> None:
    """R3; it is woken when the quiet time is over, and holds go on."""
    clinic.emr.rules, clinic.turn, clinic.emr.before = HL7, Turn(1, timedelta(hours=9)), fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.journal.order(S2, name="booking-2")
    clinic.journal.order(S3, name="booking-3", hold=True)
    step = clinic.leg.step(at(0.5))
    assert step.again == timedelta(seconds=80)  # from here: the step that wrote began before it knew how long it took
    assert clinic.booking("booking-2").state is State.QUEUED
    assert clinic.booking("booking-3").outcome is Outcome.HELD
    clinic.settle(minutes=3)
    assert clinic.booking("booking-2").outcome is Outcome.BOOKED


def test_a_source_that_cannot_prove_absence_hands_over(clinic: Clinic) -> None:
    """Checking and a task; a blind one at once."""
    for recovery, slot in ((Recovery.ABSENT_UNSURE, S1), (Recovery.BLIND, S2)):
        clinic.emr.rules, clinic.emr.before = replace(SQL, recovery=recovery), fail(Ambiguous)
        clinic.journal.order(slot, name=recovery.value)
        clinic.settle()
        clinic.settle(minutes=5)
        assert clinic.booking(recovery.value).state is State.UNSURE
        assert (recovery.value, "checking") in clinic.journal.tasks


def test_a_receptionist_was_quicker(clinic: Clinic) -> None:
    """She takes it between our reading and our write: conflict, and nothing is kept."""
    clinic.emr.before = lambda write: clinic.emr.free.pop(SlotKey("s1"), None) and None
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking().kept) == (Outcome.CONFLICT, False)


@pytest.mark.parametrize("kind", [Transient, Misconfigured])
def test_what_surely_did_not_happen_is_tried_again(clinic: Clinic, kind: type[CreneauError]) -> None:
    """The daemon sees the trouble; the order stands in the queue."""
    clinic.emr.before = fail(kind)
    clinic.journal.order(S1)
    with pytest.raises(kind):
        clinic.leg.step(at())
    assert clinic.booking().state is State.QUEUED
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED


@pytest.mark.parametrize(
    ("reason", "outcome", "code"), [("rule", Outcome.CONFLICT, None), ("schema", Outcome.REFUSED, Code.SCHEMA)]
)
def test_a_refused_write_is_final(clinic: Clinic, reason: str, outcome: Outcome, code: Code | None) -> None:
    """Its reason leaves the clinic only if it is a code of the protocol."""
    clinic.emr.before = refuse(reason)
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking().code) == (outcome, code)


@pytest.mark.parametrize("mode", ["automatic", "tasks"])
@pytest.mark.parametrize("lost", [True, False])
def test_details_that_do_not_open_are_refused_before_any_intent(clinic: Clinic, mode: str, lost: bool) -> None:
    """refused: reseal; no write, no task."""
    clinic.mode = mode
    clinic.journal.patients = not lost
    clinic.seal = refuse("reseal")
    clinic.restart()
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().code, clinic.booking().attempt, clinic.emr.writes) == (Code.RESEAL, 0, [])


@pytest.mark.parametrize("turn", [None, Turn(1, timedelta(hours=1, seconds=29))])
def test_without_a_live_turn_an_unfenced_source_waits(clinic: Clinic, turn: Turn | None) -> None:
    """No write until the turn has the longest write and 10 s left; past expires_at it is expired."""
    clinic.emr.rules, clinic.turn = HL7, turn
    clinic.journal.order(S1)
    assert clinic.leg.step(at()).again is None
    assert clinic.emr.writes == []
    clinic.turn = Turn(2, timedelta(hours=1, seconds=30))
    clinic.settle()
    assert clinic.booking().turn == 2
    clinic.turn = None
    clinic.journal.order(S2, name="booking-2")
    clinic.settle(minutes=70)
    assert clinic.booking("booking-2").outcome is Outcome.EXPIRED


def test_an_unknown_skew_starts_no_write_but_a_cancel(clinic: Clinic) -> None:
    """Without the hub's hour nothing can expire, so nothing begins."""
    clinic.skew = None
    clinic.journal.order(S1)
    clinic.journal.order(None, name="booking-2")
    clinic.settle()
    assert [write.booking for write in clinic.emr.writes] == ["booking-2"]


def test_an_expired_order_needs_no_agenda(clinic: Clinic) -> None:
    """It is told although the EMR is away; what needs the agenda waits."""
    clinic.emr.down = Transient(*FAILURE)
    clinic.restart()
    clinic.leg._watch = None
    clinic.journal.order(S1)
    clinic.journal.order(S2, name="booking-2", expires_at=NOW)
    with pytest.raises(Transient):
        clinic.leg.step(at())
    assert clinic.booking("booking-2").outcome is Outcome.EXPIRED
    assert clinic.booking().state is State.QUEUED


def test_an_incomplete_reading_proves_nothing(clinic: Clinic) -> None:
    """A slot missing from it is not taken: the order waits."""
    clinic.emr.complete = False
    del clinic.emr.free[S1.key]
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.booking().state is State.QUEUED


def test_a_hold_is_kept_from_others_and_confirmed(clinic: Clinic) -> None:
    """No write for a hold; another booking gets conflict; the confirm is written; the leg wakes for its end."""
    clinic.journal.order(S1, hold=True)
    clinic.journal.order(S1, name="booking-2")
    assert clinic.leg.step(at()).again == timedelta(minutes=10)
    assert clinic.booking().outcome is Outcome.HELD
    assert clinic.booking("booking-2").outcome is Outcome.CONFLICT
    clinic.journal.order(S1, 2)
    clinic.settle(minutes=20)
    assert clinic.booking().outcome is Outcome.BOOKED


@pytest.mark.parametrize(
    ("minutes", "rules"),
    [
        (10, OPEN),
        (1, replace(OPEN, posture=Posture.FROZEN)),
        (1, replace(OPEN, posture=Posture.WITHDRAWN)),
        (1, replace(OPEN, vetoes=frozenset({(EMR, "101")}))),
    ],
)
def test_a_hold_ends(clinic: Clinic, minutes: int, rules: SharingRules) -> None:
    """By its hour, also across a restart; by a freeze, a withdrawal or a veto."""
    clinic.journal.order(S1, hold=True)
    clinic.settle()
    clinic.restart()
    clinic.rules = rules
    clinic.settle(minutes=minutes)
    assert clinic.booking().outcome is Outcome.EXPIRED


def test_limits(clinic: Clinic) -> None:
    """Over a limit it is a conflict, and a person is told."""
    clinic.journal.counts["bookings_hour"] = 30
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.booking().outcome is Outcome.CONFLICT
    assert clinic.journal.tasks == [("booking-1", "limit")]


def test_a_narrower_rule_is_a_conflict(clinic: Clinic) -> None:
    """Withdrawn and taken by phone look the same."""
    clinic.rules = replace(OPEN, posture=Posture.WITHDRAWN)
    clinic.journal.order(S1)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking().code) == (Outcome.CONFLICT, None)


def test_a_freeze_stops_every_write(clinic: Clinic) -> None:
    """Firm orders wait, a cancel asks a person once, an intent is resolved by reading only."""
    clinic.emr.after = fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.journal.order(S2, name="booking-2")
    clinic.journal.order(None, name="booking-3")
    clinic.rules = replace(OPEN, posture=Posture.FROZEN)
    clinic.settle()
    clinic.settle()
    assert len(clinic.emr.writes) == 1
    assert clinic.booking().outcome is Outcome.BOOKED
    assert clinic.booking("booking-2").state is State.QUEUED
    assert clinic.journal.tasks == [("booking-3", "enter-cancel")]


def test_tasks_mode_writes_nothing(clinic: Clinic) -> None:
    """Requested and a task, with or without a source able to write; mode none takes nothing."""
    for mode, source in (("tasks", None), ("tasks", ReadOnly(clinic.emr)), ("none", None)):
        clinic.mode, clinic.source, clinic.journal.rows = mode, source, {}
        clinic.restart()
        clinic.journal.order(S1)
        clinic.settle()
        assert clinic.booking().outcome is (Outcome.CONFLICT if mode == "none" else Outcome.REQUESTED)
    assert clinic.emr.writes == []
    assert clinic.journal.tasks == [("booking-1", "enter")] * 2


def test_a_requested_slot_is_given_to_no_other(clinic: Clinic) -> None:
    """The agenda shows it free until the desk entered it."""
    clinic.mode = "tasks"
    clinic.restart()
    clinic.journal.order(S1)
    clinic.journal.order(S1, name="booking-2")
    clinic.settle()
    assert clinic.booking("booking-2").outcome is Outcome.CONFLICT


def test_an_intent_of_a_source_that_cannot_write_any_more(clinic: Clinic) -> None:
    """A person looks."""
    clinic.emr.before = fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.source, clinic.mode = ReadOnly(clinic.emr), "tasks"
    clinic.restart()
    clinic.settle()
    assert clinic.booking().state is State.UNSURE


def test_a_newer_version_between_read_and_write_is_judged_anew(clinic: Clinic) -> None:
    """T2 is a compare and swap: the old judgement is dropped."""
    clinic.journal.order(S1)
    clinic.journal.between = lambda: clinic.journal.order(S2, 2)
    clinic.leg.step(at())
    assert clinic.emr.writes == []
    clinic.settle()
    assert [write.version for write in clinic.emr.writes] == [2]


def test_a_newer_version_during_the_write_waits(clinic: Clinic) -> None:
    """The outcome of the first is kept on the row that moved on; the newest goes on from it."""
    clinic.journal.order(S1)
    clinic.emr.after = lambda write: clinic.journal.order(None, 2) if write.version == 1 else None
    clinic.settle()
    assert [word for _, _, word in clinic.journal.told] == [Outcome.BOOKED, Outcome.CANCELLED]


def test_a_full_disk_is_no_newer_version(clinic: Clinic) -> None:
    """A save that failed for another reason is the leg's trouble."""

    def full() -> None:
        raise Transient(*FAILURE)

    clinic.journal.order(S1)
    clinic.journal.between = full
    with pytest.raises(Transient):
        clinic.leg.step(at())


def test_the_emr_is_asked_before_a_write_where_it_may_know_more(clinic: Clinic) -> None:
    """After a lost journal the goal that stands there already is booked without a write."""
    clinic.journal.order(S1)
    clinic.settle()
    clinic.journal.rows.clear()
    clinic.journal.order(S1)
    clinic.restart(enquire=lambda: True)
    clinic.settle()
    assert len(clinic.emr.writes) == 1
    assert clinic.booking().outcome is Outcome.BOOKED


def test_nothing_begins_while_the_journal_waits_for_the_whole_list(clinic: Clinic) -> None:
    """A restored journal writes nothing before it."""
    clinic.restart(closed=lambda: True)
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.emr.writes == []


def booked(clinic: Clinic, count: int) -> None:
    for number, slot in enumerate((S1, S2, S3, cell("s4", 27))[:count], start=1):
        clinic.emr.free[slot.key] = slot
        clinic.journal.order(slot, name=f"booking-{number}")
    clinic.settle()


def test_staff_changes_are_told(clinic: Clinic) -> None:
    """Once an interval our appointments are compared with the agenda."""
    booked(clinic, 1)
    name = BookingId("booking-1")
    clinic.emr.has[name] = replace(clinic.emr.has[name], outcome=Outcome.CANCELLED, theirs=True)
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED
    clinic.settle(minutes=1)
    assert clinic.booking().outcome is Outcome.CANCELLED_BY_CLINIC
    assert ("booking-1", "staff-changed") in clinic.journal.tasks


def test_a_few_that_vanish_are_checked(clinic: Clinic) -> None:
    """Never made again; writes go on."""
    booked(clinic, 3)
    name = BookingId("booking-1")
    clinic.emr.has = {name: replace(clinic.emr.has[name], outcome=Outcome.CHECKING)}
    clinic.settle(minutes=1)
    assert {row.state for row in clinic.journal.rows.values()} == {State.UNSURE}
    assert clinic.frozen == 0
    clinic.settle(minutes=2)


@pytest.mark.parametrize("freezes", [True, False])
def test_many_that_vanish_at_once_stop_all_writes(clinic: Clinic, freezes: bool) -> None:
    """One alarm; every one is a task; nothing is written until a person resumes."""
    booked(clinic, 4)
    if not freezes:
        clinic.leg.freeze = None
    clinic.emr.has.clear()
    clinic.journal.order(None, 2)
    before = len(clinic.emr.writes)
    with pytest.raises(Misconfigured, match="4 appointments"):
        clinic.leg.step(at(1))
    clinic.settle(minutes=3)
    assert len(clinic.emr.writes) == before
    assert clinic.frozen == int(freezes)


def test_an_appointment_nobody_told_of_is_checked(clinic: Clinic) -> None:
    """A late write after a conflict stands in the agenda: it is seen."""
    clinic.emr.before = refuse("rule")
    clinic.journal.order(S1)
    clinic.settle()
    name = BookingId("booking-1")
    clinic.emr.has[name] = Effect(name, 1, Outcome.BOOKED, EmrRef("late"), S1.key)
    clinic.settle(minutes=1)
    assert clinic.booking().state is State.UNSURE


def test_trouble_with_one_intent_holds_up_no_other(clinic: Clinic) -> None:
    """The rest of the step is done, then the daemon hears of it."""
    clinic.emr.before = fail(Ambiguous)
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.emr.before = fail(Transient)
    clinic.journal.order(S2, name="booking-2", hold=True)
    with pytest.raises(Transient):
        clinic.leg.step(at())
    assert clinic.booking().state is State.INTENT
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED
    assert clinic.booking("booking-2").outcome is Outcome.HELD


@pytest.mark.parametrize("how", ["gone", "foreign", "late", "ambiguous"])
def test_a_write_that_cannot_be_run_again_is_looked_up(clinic: Clinic, how: str) -> None:
    """Details erased or foreign, the slot has begun, the answer lost again: found is proof."""
    clinic.emr.after = fail(Ambiguous, once=how != "ambiguous")
    clinic.journal.order(S1)
    clinic.leg.step(at())
    clinic.journal.patients = how != "gone"
    if how == "foreign":
        clinic.seal = refuse("reseal")
    clinic.settle(minutes=24 * 60 if how == "late" else 1)
    assert clinic.booking().outcome is Outcome.BOOKED


@dataclass
class Showing(Agenda):
    """An agenda that can show a hold."""

    shown: dict[BookingId, Slot] = field(default_factory=dict)
    unable: bool = False

    def hold(self, booking: BookingId, slot: Slot, until: datetime) -> bool:
        if self.unable:
            raise Transient(*FAILURE)
        self.shown[booking] = slot
        return True

    def drop(self, booking: BookingId) -> None:
        self.shown.pop(booking, None)


def test_a_hold_is_shown_where_the_emr_can() -> None:
    """Marked, unmarked for the confirm or at its end; an EMR that fails there changes nothing."""
    emr = Showing({S1.key: S1, S2.key: S2})
    clinic = Clinic(emr, Journal())
    clinic.journal.order(S1, hold=True)
    clinic.settle()
    assert emr.shown == {"booking-1": S1}
    emr.unable = True
    clinic.journal.order(S2, name="booking-2", hold=True)
    clinic.journal.order(S1, 2)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking("booking-2").outcome) == (Outcome.BOOKED, Outcome.HELD)
    assert emr.shown == {}
    clinic.settle(minutes=11)
    assert clinic.booking("booking-2").outcome is Outcome.EXPIRED
