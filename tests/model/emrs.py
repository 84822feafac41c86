"""One EMR with its adapter for each rule set, every reach into the EMR a step of its own.

Rule: a step is as large as what the EMR itself makes atomic; the sidecar's is the product's own recipe.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

from adapters.memory import Clinic, MemoryEmr
from agent.core.booking import Effect, Op, Outcome, Recovery, Write, WriteRules
from agent.core.errors import CreneauError, Transient
from agent.core.message import say
from agent.core.model import BookingId, EmrRef, Slot, SlotKey, Window
from tests.model.values import CELLS, EMR, LONGEST, QUIET, SLOTS, Pool, at

ALL = Window(at(0).utc, at(0).utc + timedelta(days=9))
DESK, LATE = "desk", "desk-late"
"""A receptionist's row; the second kind was put over ours after we had looked, which nobody can prevent."""

NEXT, REPLY, FAIL = "next", "reply", "fail"
Done = tuple[int, str, Any]
"""The EMR afterwards, what the step did, and what comes next: the next step, the answer, the error."""

SIDECAR_RULES = replace(MemoryEmr.rules, longest_write=LONGEST)
UNFENCED = WriteRules(
    recovery=Recovery.ENQUIRE,
    enquire_first=True,
    tombstone=False,
    fenced=False,
    moves=True,
    quiet=QUIET,
    longest_write=LONGEST,
)


@dataclass(frozen=True, slots=True)
class Row:
    """An active appointment, as the invariants see it. `booking` None: the receptionist's, or staff took it over."""

    ref: str
    slot: SlotKey
    booking: BookingId | None
    pending: bool = False
    late: bool = False
    ours: bool = False
    """Made by us, whoever's it is now."""


class Model:
    """What every EMR model has. States are numbers; each step of each state is worked out once."""

    name = ""
    rules: WriteRules | None = UNFENCED
    late = False
    """May a request that nobody waits for any more still be carried out, at any later time?"""
    locked = False
    """Does a look wait for every request still open (a session's lock)?"""
    atomic = True
    """Are the check and the write one step of the EMR?"""
    begins: Hashable = 0

    def __init__(self) -> None:
        self.pool = Pool()
        self._memo: dict[tuple[object, ...], Any] = {}

    def start(self) -> int:
        """Return the EMR before anything happened."""
        return self.pool(self.begins)

    def once(self, key: tuple[object, ...], work: Callable[[], Any]) -> Any:
        """Work out a step, or remember it."""
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = (work(),)
        return found[0]

    def rows(self, state: int) -> tuple[Row, ...]:
        """Return what is active."""
        return self.once(("rows", state), lambda: self._rows(self.pool.items[state]))

    def slots(self, state: int) -> tuple[Slot, ...]:
        """Return what is free."""
        taken = {row.slot for row in self.rows(state)}
        return tuple(slot for slot in SLOTS if slot.key not in taken)

    def run(self, state: int, write: Write, pc: Hashable) -> Done:
        """Carry out one step of a write."""

        def work() -> Done:
            after, kind, what = self._run(self.pool.items[state], write, pc)
            return self.pool(after), kind, what

        return self.once(("run", state, write, pc), work)

    def find(self, state: int, booking: BookingId) -> tuple[int, Effect | None]:
        """Look a booking up."""

        def work() -> tuple[int, Effect | None]:
            after, effect = self._find(self.pool.items[state], booking)
            return self.pool(after), effect

        return self.once(("find", state, booking), work)

    def ours(self, state: int) -> tuple[Effect, ...]:
        """List ours."""
        return self.once(("ours", state), lambda: tuple(self._ours(self.pool.items[state])))

    def desk(self, state: int, key: SlotKey) -> int:
        """Let the receptionist write, looking at nothing."""
        return self.once(("desk", state, key), lambda: self.pool(self._desk(self.pool.items[state], key)))

    def staff(self, state: int) -> tuple[tuple[str, int], ...]:
        """Return what staff may do to our appointments."""

        def work() -> tuple[tuple[str, int], ...]:
            return tuple((word, self.pool(after)) for word, after in self._staff(self.pool.items[state]))

        return self.once(("staff", state), work)

    # ---- of each model

    def _rows(self, emr: Any) -> tuple[Row, ...]:
        raise NotImplementedError

    def _run(self, emr: Any, write: Write, pc: Any) -> tuple[Hashable, str, Any]:
        raise NotImplementedError

    def _find(self, emr: Any, booking: BookingId) -> tuple[Hashable, Effect | None]:
        raise NotImplementedError

    def _ours(self, emr: Any) -> list[Effect]:
        return []

    def _desk(self, emr: Any, key: SlotKey) -> Hashable:
        raise NotImplementedError

    def _staff(self, emr: Any) -> list[tuple[str, Hashable]]:
        return []


class _Halt(BaseException):
    """The agent stands between its commit and its verify."""


class Sidecar(Model):
    """SQL with a sidecar table: the product's own recipe, adapters.memory, cut between commit and verify."""

    name = "SQL sidecar"
    rules = SIDECAR_RULES
    late = True
    begins = ((), (), 1)

    def __init__(self, emr: type[MemoryEmr] = MemoryEmr) -> None:
        super().__init__()
        self._emr = emr

    def _open(self, emr: Any, pause: Callable[[], None] = lambda: None) -> tuple[Clinic, MemoryEmr]:
        rows, applied, number = emr
        clinic = Clinic()
        clinic.open(CELLS)
        clinic.rows = {row.ref: row for row in rows}
        clinic.applied = dict(applied)
        clinic._numbers = count(number)
        clock: Any = SimpleNamespace(now=lambda: at(0))
        return clinic, self._emr(EMR, clinic, clock, "", pause)

    @staticmethod
    def _close(clinic: Clinic) -> Hashable:
        rows = tuple(sorted(clinic.rows.values(), key=lambda row: int(row.ref)))
        return rows, tuple(sorted(clinic.applied.items())), next(clinic._numbers)

    def _run(self, emr: Any, write: Write, pc: Any) -> tuple[Hashable, str, Any]:
        def stop() -> None:
            if pc == 0:
                raise _Halt

        clinic, adapter = self._open(emr, stop)
        try:
            effect = adapter.write(write)
        except _Halt:
            return self._close(clinic), NEXT, 1
        except CreneauError as error:
            return self._close(clinic), FAIL, error
        return self._close(clinic), REPLY, effect

    def _find(self, emr: Any, booking: BookingId) -> tuple[Hashable, Effect | None]:
        clinic, adapter = self._open(emr)
        effect = adapter.find(booking)
        return self._close(clinic), effect

    def _ours(self, emr: Any) -> list[Effect]:
        return list(self._open(emr)[1].ours(ALL))

    def _rows(self, emr: Any) -> tuple[Row, ...]:
        rows, applied, _ = emr
        pending = {ref for _, known in applied if not known.verified for ref in (known.ref, known.previous)}
        made = {known.ref: (booking, known) for booking, known in applied}
        found = []
        for row in rows:
            if row.status == "cancelled":
                continue
            booking, known = made.get(row.ref, (None, None))
            theirs = row.status == "received" or (known is not None and known.slot not in {None, row.key})
            mine = row.creator == "creneau" and not theirs
            whose = booking or BookingId(row.text.partition(",")[0])
            found.append(
                Row(
                    row.ref,
                    row.key,
                    whose if mine else None,
                    row.ref in pending,
                    row.creator == LATE,
                    row.creator == "creneau",
                )
            )
        return tuple(found)

    def _desk(self, emr: Any, key: SlotKey) -> Hashable:
        clinic, _ = self._open(emr)
        over = any(row.slot == key and row.booking and not row.pending for row in self._rows(emr))
        cell = clinic.openings[key]
        clinic.insert(cell.practitioner, cell.start, cell.end, LATE if over else DESK)
        return self._close(clinic)

    def _staff(self, emr: Any) -> list[tuple[str, Hashable]]:
        found: list[tuple[str, Hashable]] = []
        for row in self._rows(emr):
            if row.booking is None:
                continue
            for word in ("cancel", "receive", "move"):
                clinic, _ = self._open(emr)
                ref = EmrRef(row.ref)
                if word == "move":
                    free = [slot.key for slot in SLOTS if slot.key not in {one.slot for one in self._rows(emr)}]
                    if not free:
                        continue
                    clinic.receptionist().move(ref, free[0])
                else:
                    getattr(clinic.receptionist(), word)(ref)
                found.append((f"{word}s our appointment", self._close(clinic)))
        return found


@dataclass(frozen=True, slots=True)
class Apt:
    """A row of a plain EMR. `status`: new (not yet verified), kept, cancelled; `whose` None = the receptionist's."""

    ref: int
    slot: SlotKey
    whose: BookingId | None
    status: str = "kept"
    late: bool = False


Apts = tuple[Apt, ...]


class Plain(Model):
    """An EMR that remembers nothing of ours but the rows themselves."""

    begins: Hashable = ()

    def _rows(self, emr: Apts) -> tuple[Row, ...]:
        pending = {apt.whose for apt in emr if apt.status == "new"}
        return tuple(
            Row(str(apt.ref), apt.slot, apt.whose, apt.whose in pending, apt.late)
            for apt in emr
            if apt.status != "cancelled"
        )

    def _desk(self, emr: Apts, key: SlotKey) -> Hashable:
        over = any(apt.slot == key and apt.whose and apt.status == "kept" for apt in emr)
        return (*emr, Apt(len(emr), key, None, "kept", over))

    @staticmethod
    def mine(emr: Apts, booking: BookingId, *status: str) -> Apt | None:
        """Return our newest row of these states."""
        return next((apt for apt in reversed(emr) if apt.whose == booking and apt.status in status), None)

    @staticmethod
    def taken(emr: Apts, key: SlotKey, but: Apt | None = None) -> bool:
        """Say whether another active row stands there."""
        return any(apt.slot == key and apt.status != "cancelled" and apt is not but for apt in emr)

    @staticmethod
    def change(emr: Apts, apt: Apt, **to: Any) -> Apts:
        """Change one row."""
        return tuple(replace(one, **to) if one is apt else one for one in emr)


class Token(Plain):
    """SQL with a token column, a session lock and a turn."""

    name = "SQL token + lock"
    locked = True
    lookup = True
    yields = True
    gives_up = True

    def _run(self, emr: Apts, write: Write, pc: Any) -> tuple[Hashable, str, Any]:
        if pc == 1:
            emr, effect = self._settle(emr, write.booking)
            return emr, REPLY, effect
        emr, _ = self._settle(emr, write.booking)
        own = self.mine(emr, write.booking, "kept")
        if write.slot is None:
            return (self.change(emr, own, status="cancelled") if own else emr), REPLY, _effect(write, Outcome.CANCELLED)
        if own is not None and own.slot == write.slot.key and self.lookup:
            return emr, REPLY, _effect(write, Outcome.BOOKED, own)
        if self.taken(emr, write.slot.key):
            return emr, REPLY, _effect(write, Outcome.CONFLICT)
        return (*emr, Apt(len(emr), write.slot.key, write.booking, "new")), NEXT, 1

    def _settle(self, emr: Apts, booking: BookingId) -> tuple[Apts, Effect | None]:
        """Verify what is new, give up the old or yield; say how it stands."""
        new = self.mine(emr, booking, "new")
        if new is not None:
            old = self.mine(emr, booking, "kept")
            lost = self.taken(emr, new.slot, but=new) and self.yields
            emr = self.change(emr, new, status="cancelled" if lost else "kept")
            if lost:
                return emr, Effect(booking, 0, Outcome.CONFLICT)
            if old is not None and self.gives_up:
                emr = self.change(emr, old, status="cancelled")
        own = self.mine(emr, booking, "kept")
        if own is None:
            return emr, None
        return emr, Effect(booking, 0, Outcome.BOOKED, EmrRef(str(own.ref)), own.slot)

    def _find(self, emr: Apts, booking: BookingId) -> tuple[Hashable, Effect | None]:
        if not self.lookup:
            return emr, None
        emr, effect = self._settle(emr, booking)
        return emr, None if effect is not None and effect.outcome is Outcome.CONFLICT else effect


class Hl7(Plain):
    """SRM/SRR: one message, one step at the filler, which may carry it out late."""

    def __init__(self, *, memory: bool = True, enquiry: bool = True, rules: WriteRules | None = None) -> None:
        super().__init__()
        self.memory, self.enquiry = memory, enquiry
        words = f"{'with' if memory else 'without'} memory, {'with' if enquiry else 'without'} enquiry"
        self.name = f"HL7 {words}"
        blind = replace(UNFENCED, recovery=Recovery.BLIND, enquire_first=False)
        self.rules = rules or (UNFENCED if enquiry else blind)

    def _run(self, emr: Apts, write: Write, pc: Any) -> tuple[Hashable, str, Any]:  # noqa: PLR0911 - one answer of SRR each
        own = self.mine(emr, write.booking, "kept")
        past = self.memory and self.mine(emr, write.booking, "cancelled") is not None
        if write.slot is None:
            return (self.change(emr, own, status="cancelled") if own else emr), REPLY, _effect(write, Outcome.CANCELLED)
        if write.op is Op.MOVE:
            if own is None:
                return emr, REPLY, Effect(write.booking, 0, Outcome.CHECKING)
            if own.slot != write.slot.key and self.taken(emr, write.slot.key):
                return emr, REPLY, _effect(write, Outcome.CONFLICT)
            emr = self.change(emr, own, slot=write.slot.key)
            return emr, REPLY, _effect(write, Outcome.BOOKED, replace(own, slot=write.slot.key))
        if self.memory and own is not None:
            return emr, REPLY, _effect(write, Outcome.BOOKED, own)
        if past or self.taken(emr, write.slot.key):
            return emr, REPLY, _effect(write, Outcome.CONFLICT)
        new = Apt(len(emr), write.slot.key, write.booking)
        return (*emr, new), REPLY, _effect(write, Outcome.BOOKED, new)

    def _find(self, emr: Apts, booking: BookingId) -> tuple[Hashable, Effect | None]:
        if not self.enquiry:
            return emr, None
        own = self.mine(emr, booking, "kept")
        if own is not None:
            return emr, Effect(booking, 0, Outcome.BOOKED, EmrRef(str(own.ref)), own.slot)
        past = self.memory and self.mine(emr, booking, "cancelled") is not None
        return emr, Effect(booking, 0, Outcome.CANCELLED) if past else None


def _effect(write: Write, outcome: Outcome, apt: Apt | None = None) -> Effect:
    if apt is None:
        return Effect(write.booking, 0, outcome)
    return Effect(write.booking, 0, outcome, EmrRef(str(apt.ref)), apt.slot)


class Drop(Plain):
    """A folder the EMR imports from, unseen: nothing is ever written by us, a person enters it."""

    name = "write-blind drop"
    rules = None


@dataclass(frozen=True, slots=True)
class Resource:
    """A FHIR Appointment of ours: its ETag, the order's version, what it says. `sure`: verified."""

    etag: int = 0
    version: int = 0
    outcome: Outcome | None = None
    slot: SlotKey | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Fhir_:  # noqa: N801 - the state of `Fhir`
    """Appointments by booking, Slots as (ETag, who made it busy), the receptionist's rows."""

    ours: tuple[tuple[BookingId, Resource], ...] = ()
    marks: tuple[tuple[int, str], ...] = ((0, ""), (0, ""))
    desk: tuple[tuple[SlotKey, bool], ...] = ()


_KEYS = tuple(slot.key for slot in SLOTS)
_STALE = Transient(say("write into the EMR"), say("somebody else was faster"))


def _by(emr: Fhir_, n: int) -> str:
    return emr.marks[n][1].partition("|")[0]


class Fhir(Model):
    """Client-assigned id, Slot then Appointment each under If-Match, verified; every request a step of its own."""

    name = "FHIR If-Match + tombstone"
    rules = SIDECAR_RULES
    late = True
    begins = Fhir_()
    atomic = False
    tombstone = True

    def _run(self, emr: Fhir_, write: Write, pc: Any) -> tuple[Hashable, str, Any]:
        stage, *had = (pc,) if isinstance(pc, int) else pc
        if stage == 0:
            return self._read(emr, write)
        return getattr(self, f"_{stage}")(emr, write, *had)

    def _read(self, emr: Fhir_, write: Write) -> tuple[Hashable, str, Any]:  # noqa: PLR0911 - one next request each
        own = dict(emr.ours).get(write.booking, Resource())
        if own.version > write.version or (own.version == write.version and own.sure):
            return emr, REPLY, self._answer(write.booking, own)
        if own.version == write.version:
            return emr, NEXT, ("verify", None)
        if not own.sure:
            return emr, NEXT, ("settle", own.version)
        if write.slot is None:
            if not self.tombstone and own.version == 0:
                return emr, REPLY, Effect(write.booking, 0, Outcome.CANCELLED)
            return emr, NEXT, ("appointment", own.etag, Outcome.CANCELLED, None)
        etag, by = emr.marks[_KEYS.index(write.slot.key)]
        if by.partition("|")[0] not in {"", write.booking} or any(key == write.slot.key for key, _ in emr.desk):
            return emr, NEXT, ("appointment", own.etag, Outcome.CONFLICT, own.slot)
        return emr, NEXT, ("slot", etag, own.etag)

    def _slot(self, emr: Fhir_, write: Write, etag: int, own: int) -> tuple[Hashable, str, Any]:
        assert write.slot is not None
        n = _KEYS.index(write.slot.key)
        if emr.marks[n][0] != etag:
            return emr, FAIL, _STALE
        return (
            self._mark(emr, n, f"{write.booking}|{write.version}"),
            NEXT,
            ("appointment", own, Outcome.BOOKED, write.slot.key),
        )

    def _appointment(
        self, emr: Fhir_, write: Write, etag: int, outcome: Outcome, slot: SlotKey | None
    ) -> tuple[Hashable, str, Any]:
        own = dict(emr.ours).get(write.booking, Resource())
        if own.etag != etag:
            return self._tidy(emr, write.booking), FAIL, _STALE
        new = Resource(etag + 1, write.version, outcome, slot, sure=False)
        return self._put(emr, write.booking, new), NEXT, ("verify", own.slot)

    def _settle(self, emr: Fhir_, write: Write, version: int) -> tuple[Hashable, str, Any]:
        """Finish another write of ours that was cut off, then begin."""
        own = dict(emr.ours)[write.booking]
        return (self._verified(emr, write.booking) if own.version == version else emr), NEXT, 0

    def _verify(self, emr: Fhir_, write: Write, _old: SlotKey | None) -> tuple[Hashable, str, Any]:
        emr = self._verified(emr, write.booking)
        return emr, REPLY, self._answer(write.booking, dict(emr.ours)[write.booking])

    def _verified(self, emr: Fhir_, booking: BookingId) -> Fhir_:
        own = dict(emr.ours)[booking]
        if own.sure:
            return emr
        over = own.outcome is Outcome.BOOKED and any(key == own.slot and not late for key, late in emr.desk)
        was = next((key for n, key in enumerate(_KEYS) if _by(emr, n) == booking and key != own.slot), None)
        sure = replace(own, etag=own.etag + 1, sure=True)
        if over:
            sure = replace(sure, outcome=Outcome.CONFLICT, slot=was)
        return self._tidy(self._put(emr, booking, sure), booking)

    def _tidy(self, emr: Fhir_, booking: BookingId) -> Fhir_:
        own = dict(emr.ours).get(booking, Resource())
        for n in range(len(_KEYS)):
            if _by(emr, n) == booking and own.sure and _KEYS[n] != own.slot:
                emr = self._mark(emr, n, "")
        return emr

    @staticmethod
    def _put(emr: Fhir_, booking: BookingId, new: Resource) -> Fhir_:
        return replace(emr, ours=tuple(sorted((dict(emr.ours) | {booking: new}).items(), key=lambda one: one[0])))

    @staticmethod
    def _mark(emr: Fhir_, n: int, by: str) -> Fhir_:
        marks = list(emr.marks)
        marks[n] = (marks[n][0] + 1, by)
        return replace(emr, marks=tuple(marks))

    @staticmethod
    def _answer(booking: BookingId, own: Resource) -> Effect:
        assert own.outcome is not None
        ref = EmrRef(booking) if own.slot else None
        return Effect(booking, own.version, own.outcome, ref, own.slot, pending=not own.sure)

    def _find(self, emr: Fhir_, booking: BookingId) -> tuple[Hashable, Effect | None]:
        own = dict(emr.ours).get(booking)
        for n, (_, by) in enumerate(emr.marks):  # a Slot we made busy before its Appointment
            version = int(by.partition("|")[2] or 0)
            if _by(emr, n) == booking and version > (own.version if own else 0):
                return emr, Effect(booking, version, Outcome.BOOKED, None, _KEYS[n], pending=True)
        return emr, None if own is None else self._answer(booking, own)

    def _rows(self, emr: Fhir_) -> tuple[Row, ...]:
        mine = [Row(booking, own.slot, booking, not own.sure) for booking, own in emr.ours if own.slot is not None]
        hers = [Row(f"desk-{n}", key, None, late=late) for n, (key, late) in enumerate(emr.desk)]
        return (*mine, *hers)

    def slots(self, state: int) -> tuple[Slot, ...]:
        """Return Slots that are free and not under an appointment."""
        emr: Any = self.pool.items[state]
        taken = {row.slot for row in self.rows(state)}
        return tuple(slot for n, slot in enumerate(SLOTS) if slot.key not in taken and not emr.marks[n][1])

    def _desk(self, emr: Fhir_, key: SlotKey) -> Hashable:
        n = _KEYS.index(key)
        over = any(row.slot == key and row.booking and not row.pending for row in self._rows(emr))
        emr = replace(emr, desk=(*emr.desk, (key, over)))
        return self._mark(emr, n, DESK) if emr.marks[n][1] == "" else emr
