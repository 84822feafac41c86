"""FHIR: Slot first, Appointment second, each request a step of its own.

Rule: with If-Match on Slot and Appointment and a tombstone the server itself fences; without, a turn has to.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from agent.core.booking import Effect, Outcome, Write
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import BookingId, EmrRef, Slot, SlotKey
from tests.model.emrs.model import DESK, FAIL, NEXT, REPLY, UNFENCED, Model, Row
from tests.model.emrs.plain import Apt, Apts, Token
from tests.model.emrs.sidecar import SIDECAR_RULES
from tests.model.values import SLOTS


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
    rules = replace(SIDECAR_RULES, exclusive=True)
    late = True
    lasting = True
    begins = Fhir_()
    atomic = False
    tombstone = True

    def is_dead(self, state: int, write: Write, pc: Any) -> bool:
        """Say whether it only reads, or its ETag has passed: they only grow, so it is refused for ever."""
        emr: Any = self.pool.items[state]
        stage, *had = (pc,) if isinstance(pc, int) else pc
        if stage == "slot" and write.slot is not None:
            return bool(emr.marks[_KEYS.index(write.slot.key)][0] != had[0])
        if stage == "appointment":
            return bool(dict(emr.ours).get(write.booking, Resource()).etag != had[0])
        return bool(stage == 0)

    def arrives(self, state: int, write: Write, pc: Any) -> int:
        """Carry out one request alone: what follows a refusal, the adapter would have to ask for."""
        return state if self.is_dead(state, write, pc) else super().arrives(state, write, pc)

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


class FhirBare(Token):
    """A server that honours neither If-Match nor client-assigned ids: search, create If-None-Exist, search again.

    Each request is a step; whoever looks verifies what a write of ours left unverified, under its turn.
    """

    name = "FHIR without If-Match"
    locked = False
    lasting = True
    atomic = False
    rules = UNFENCED

    def _run(self, emr: Apts, write: Write, pc: Any) -> tuple[Hashable, str, Any]:
        if pc == "create":
            assert write.slot is not None
            known = self.mine(emr, write.booking, "new")
            new = Apt(len(emr), write.slot.key, write.booking, "new")
            return (emr if known else (*emr, new)), NEXT, 1
        after, kind, what = super()._run(emr, write, pc)
        return (self._settle(emr, write.booking)[0], NEXT, "create") if kind == NEXT else (after, kind, what)
