"""Read the made-up clinic and book in it, by the recipe every transactional adapter follows.

Rule: check and write under one lock, remember by (booking, version), then verify and yield to a human.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.memory.clinic import OURS, Applied, Appointment, Clinic, Opening
from agent.core.booking import Effect, Op, Outcome, Recovery, Write, WriteRules
from agent.core.errors import Ambiguous, Transient
from agent.core.message import say
from agent.core.model import (
    AgendaRow,
    BookingId,
    Cell,
    EmrName,
    EmrRef,
    Finding,
    Practitioner,
    Reading,
    Severity,
    Slot,
    Window,
)
from agent.ports import Clock, Named


class MemoryEmr:
    """Emr, Books, Agenda and Names over a Clinic. `pause` is called after the commit and before the verify."""

    rules = WriteRules(
        recovery=Recovery.RERUN,
        enquire_first=False,
        tombstone=True,
        fenced=True,
        moves=True,
        quiet=timedelta(0),
        longest_write=timedelta(seconds=1),
    )

    def __init__(
        self,
        name: EmrName,
        clinic: Clinic,
        clock: Clock,
        label: str = "",
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the collaborators; nothing is opened."""
        self.name = name
        self._clinic = clinic
        self._clock = clock
        self._label = label
        self._pause = pause
        self._closed = False

    # ---- Emr

    def slots(self, window: Window) -> Reading:
        """Read the free cells whose start lies in the window."""
        with self._open():
            free = tuple(self._slot(cell) for cell in self._cells(window) if not self._busy(cell))
        return Reading(window, self._clock.now().utc, free)

    def check(self) -> Iterable[Finding]:
        """Count what is there."""
        with self._open() as clinic:
            counts = say("{cells} cells, {rows} appointments", cells=len(clinic.openings), rows=len(clinic.rows))
        return (Finding("memory.counts", Severity.OK, counts),)

    def close(self) -> None:
        """Let nothing more in."""
        self._closed = True

    # ---- Agenda and Names

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return the free cells and the active appointments of the window."""
        with self._open() as clinic:
            free = [self._row(cell, Cell.FREE) for cell in self._cells(window) if not self._busy(cell)]
            busy = [
                self._row(clinic.openings[row.key], Cell.OURS if row.creator == OURS else Cell.BUSY)
                for row in clinic.rows.values()
                if row.status != "cancelled" and row.key in clinic.openings and _within(window, row.start)
            ]
        return sorted(free + busy, key=lambda row: (row.start, row.practitioner.key))

    def names(self, window: Window) -> Iterable[Named]:
        """Return the codes of the schedule with their free slots in the window."""
        free = self.slots(window).slots
        with self._open() as clinic:
            cells = list(clinic.openings.values())
        kinds: tuple[tuple[str, Callable[[Opening], str], Callable[[Slot], str]], ...] = (
            ("type", lambda cell: cell.type, lambda slot: slot.type),
            ("practitioner", lambda cell: cell.practitioner, lambda slot: slot.practitioner.key),
            ("site", lambda cell: str(cell.site), lambda slot: str(slot.site)),
        )
        return [
            Named(kind, code, code, sum(of_slot(slot) == code for slot in free))
            for kind, of_cell, of_slot in kinds
            for code in sorted({of_cell(cell) for cell in cells})
        ]

    # ---- Books

    def write(self, write: Write) -> Effect:
        """Check and write under the lock, then verify and yield. Raises Transient after close."""
        with self._open() as clinic:
            known = clinic.applied.get(write.booking)
            if known is None or known.version < write.version:
                if known is not None and not known.verified:  # cut off before it was verified
                    known = self._settle(write.booking)
                known = self._apply(write, known)
                clinic.applied[write.booking] = known
        if not known.verified:
            self._pause()
            try:
                known = self._settle(write.booking)
            except Transient as cause:  # what stands is committed already
                raise Ambiguous(cause.doing, cause.what) from cause
        return self._answer(write.booking, known)

    def find(self, booking: BookingId) -> Effect | None:
        """Say what the clinic remembers and how it stands now; None = no trace, which proves there was no write."""
        with self._open() as clinic:
            known = clinic.applied.get(booking)
            return None if known is None else self._answer(booking, known)

    def ours(self, window: Window) -> Iterable[Effect]:
        """List the appointments we made that start in the window, or were put there by us."""
        found = []
        with self._open() as clinic:
            for booking, known in clinic.applied.items():
                row = None if known.ref is None else clinic.rows.get(known.ref)
                if row is None or known.outcome is Outcome.CANCELLED:
                    continue
                made = clinic.openings.get(known.slot) if known.slot else None
                if _within(window, row.start) or (made is not None and _within(window, made.start)):
                    found.append(self._stands(booking, known, row))
        return found

    # ---- the recipe, each step small enough to be sabotaged alone

    @contextmanager
    def _open(self) -> Iterator[Clinic]:
        if self._closed:
            raise Transient(say("use the EMR"), say("the adapter is closed"))
        with self._clinic.lock:
            yield self._clinic

    def _apply(self, write: Write, known: Applied | None) -> Applied:
        ref = known.ref if known is not None else write.had
        row = self._clinic.rows.get(ref) if ref is not None else None
        slot = known.slot if known is not None and known.ref == ref else (row.key if row else None)
        old = Applied(write.version, Outcome.BOOKED, slot, ref if row else None)
        if write.op is Op.CANCEL or write.slot is None:
            return self._cancel(old, row)
        if row is not None and not self._untouched(row, old):
            return old if row.creator == OURS else replace(old, outcome=Outcome.CONFLICT, ref=None, slot=None)
        if row is not None and row.key == write.slot.key:
            return old
        if self._taken(write.slot, but=ref):
            return replace(old, outcome=Outcome.CONFLICT)
        new = self._insert(write.slot, write)
        return Applied(write.version, Outcome.BOOKED, write.slot.key, new, old.ref, verified=False)

    def _cancel(self, old: Applied, row: Appointment | None) -> Applied:
        if row is not None and row.creator == OURS and row.status != "kept":
            return old
        if row is not None and self._ours(row):
            self._give_up(row)
        return Applied(old.version, Outcome.CANCELLED)

    def _settle(self, booking: BookingId) -> Applied:
        with self._open() as clinic:
            known = clinic.applied[booking]
            if known.verified or known.ref is None:
                return known
            new = clinic.rows[known.ref]
            old = clinic.rows.get(known.previous) if known.previous else None
            mine = self._untouched(new, known)
            lost_to_staff = new.status == "cancelled" and old is not None
            if lost_to_staff or (mine and (self._lost(new, known.previous) or (old and not self._ours(old)))):
                if mine:  # what staff touched is theirs
                    self._undo(new)
                lost = Applied(known.version, Outcome.CONFLICT, old.key if old else None, known.previous)
            else:
                if old is not None and self._ours(old):
                    self._give_up(old)
                lost = replace(known, previous=None, verified=True)
            clinic.applied[booking] = lost
            return lost

    def _taken(self, slot: Slot, but: EmrRef | None) -> bool:
        return any(row.ref != but for row in self._clinic.overlapping(slot.practitioner.key, slot.start, slot.end))

    def _lost(self, new: Appointment, but: EmrRef | None) -> bool:
        rows = self._clinic.overlapping(new.practitioner, new.start, new.end)
        return any(row.ref not in (new.ref, but) for row in rows)

    def _insert(self, slot: Slot, write: Write) -> EmrRef:
        who = write.patient
        text = f"{who.family},{who.given} {self._label}" if who else self._label
        return self._clinic.insert(slot.practitioner.key, slot.start, slot.end, OURS, text)

    def _give_up(self, row: Appointment) -> None:
        self._clinic.rows[row.ref] = replace(row, status="cancelled")

    def _undo(self, row: Appointment) -> None:
        del self._clinic.rows[row.ref]

    def _ours(self, row: Appointment) -> bool:
        return row.creator == OURS and row.status == "kept"

    def _untouched(self, row: Appointment, known: Applied) -> bool:
        return self._ours(row) and row.key == known.slot

    def _answer(self, booking: BookingId, known: Applied) -> Effect:
        row = self._clinic.rows.get(known.ref) if known.ref is not None else None
        if known.outcome is Outcome.CANCELLED or (known.outcome is Outcome.CONFLICT and row is None):
            return Effect(booking, known.version, known.outcome)
        if row is None:
            return Effect(booking, known.version, Outcome.CHECKING, known.ref, known.slot)
        stands = self._stands(booking, known, row)
        return replace(stands, outcome=known.outcome) if known.outcome is Outcome.CONFLICT else stands

    def _stands(self, booking: BookingId, known: Applied, row: Appointment) -> Effect:
        outcome = Outcome.BOOKED if self._untouched(row, known) else Outcome.CHANGED
        if row.status == "cancelled":
            outcome = Outcome.CANCELLED_BY_CLINIC
        theirs, pending = outcome is not Outcome.BOOKED, not known.verified
        return Effect(booking, known.version, outcome, row.ref, row.key, theirs, matched=False, pending=pending)

    # ---- reading

    def _cells(self, window: Window) -> list[Opening]:
        return [cell for cell in self._clinic.openings.values() if _within(window, cell.start)]

    def _busy(self, cell: Opening) -> bool:
        return bool(self._clinic.overlapping(cell.practitioner, cell.start, cell.end))

    def _slot(self, cell: Opening) -> Slot:
        freed = any(row.status == "cancelled" and row.key == cell.key for row in self._clinic.rows.values())
        who = Practitioner(cell.practitioner)
        return Slot(self.name, cell.key, cell.site, who, cell.start, cell.end, cell.type, freed)

    def _row(self, cell: Opening, kind: Cell) -> AgendaRow:
        return AgendaRow(Practitioner(cell.practitioner), cell.site, cell.start, cell.end, kind, cell.type)


def _within(window: Window, start: datetime) -> bool:
    return window.start.astimezone(UTC) <= start.astimezone(UTC) < window.end.astimezone(UTC)
