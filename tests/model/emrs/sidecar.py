"""SQL with a sidecar table: the product's own recipe, cut between its commit and its verify.

Rule: the recipe is adapters.memory as it ships, never a copy.
"""

from collections.abc import Callable, Hashable
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

from adapters.memory import Clinic, MemoryEmr
from agent.core.booking import Effect, Write
from agent.core.errors import CreneauError
from agent.core.model import BookingId, EmrRef, SlotKey
from tests.model.emrs.model import ALL, DESK, FAIL, LATE, NEXT, REPLY, Model, Row
from tests.model.values import CELLS, EMR, LONGEST, SLOTS, at

SIDECAR_RULES = replace(MemoryEmr.rules, longest_write=LONGEST)


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
