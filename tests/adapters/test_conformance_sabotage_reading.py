# ruff: noqa: ANN001, ANN201, ANN202 - a sabotage overrides a method whose types stand in the original
"""The kit catches adapters whose reading was spoilt on purpose, each by the very promise it breaks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.conformance import reading
from adapters.memory.clinic import OURS
from adapters.memory.emr import MemoryEmr
from agent.core.model import Cell, SlotKey, Window


class ReadsOneWeek(MemoryEmr):
    def slots(self, window):
        return replace(
            super().slots(Window(window.start, min(window.end, window.start + timedelta(days=7)))), window=window
        )


class ClosedWindows(MemoryEmr):
    def _cells(self, window):
        return super()._cells(Window(window.start, window.end + timedelta(seconds=1)))


class AsOfNaive(MemoryEmr):
    def slots(self, window):
        return replace(super().slots(window), as_of=super().slots(window).as_of.replace(tzinfo=None))


class NumbersAsKeys(MemoryEmr):
    def slots(self, window):
        found = super().slots(window)
        free = enumerate(sorted(found.slots, key=lambda s: (s.start, s.practitioner.key)))
        return replace(found, slots=tuple(replace(slot, key=SlotKey(str(n))) for n, slot in free))


class EverySlotTwice(MemoryEmr):
    def slots(self, window):
        found = super().slots(window)
        return replace(found, slots=found.slots + tuple(replace(s, key=SlotKey(f"{s.key}'")) for s in found.slots))


class ReceivedIsFree(MemoryEmr):
    def _busy(self, cell):
        rows = self._clinic.overlapping(cell.practitioner, cell.start, cell.end)
        return any(row.status == "kept" for row in rows)


class FreedUnflagged(MemoryEmr):
    def _slot(self, cell):
        return replace(super()._slot(cell), after_cancel=False)


class SmallLetters(MemoryEmr):
    def _slot(self, cell):
        return replace(super()._slot(cell), type=cell.type.lower())


class KeepsItsSnapshot(MemoryEmr):
    def slots(self, window):
        self.seen = getattr(self, "seen", None) or {}
        return self.seen.setdefault(window, super().slots(window))


class CheckWrites(MemoryEmr):
    def check(self):
        cell = next(iter(self._clinic.openings.values()))
        late = cell.start + timedelta(hours=9)
        self._clinic.insert(cell.practitioner, late, late + timedelta(minutes=1), OURS)
        return super().check()


class OpenAfterClose(MemoryEmr):
    def close(self):
        pass


class AgendaOfFreeOnly(MemoryEmr):
    def rows(self, window):
        return [row for row in super().rows(window) if row.cell is Cell.FREE]


class CountsCells(MemoryEmr):
    def names(self, window):
        return [replace(each, free=len(self._cells(window))) for each in super().names(window)]


Broken = Callable[[type[MemoryEmr]], set[str]]

SHARP: Mapping[type[MemoryEmr], str] = {
    ReadsOneWeek: "reads_the_whole_window",
    ClosedWindows: "windows_are_half_open",
    AsOfNaive: "times_are_aware",
    ReceivedIsFree: "busy_is_never_free",
    FreedUnflagged: "freed_is_flagged",
    CheckWrites: "check_changes_nothing",
    OpenAfterClose: "closes_from_anywhere",
    AgendaOfFreeOnly: "agenda_agrees_with_slots",
    CountsCells: "names_count_free_slots",
}
"""Sabotages that break one promise and leave all others whole."""

BLUNT: Mapping[type[MemoryEmr], str] = {
    NumbersAsKeys: "keys_are_stable",
    EverySlotTwice: "no_slot_twice",
    SmallLetters: "codes_keep_their_case",
    KeepsItsSnapshot: "reads_leave_nothing_behind",
}
"""Sabotages so deep that other promises fall with the one they are named for."""


@pytest.mark.parametrize("emr", SHARP, ids=lambda emr: emr.__name__)
def test_a_sharp_sabotage_breaks_its_promise_alone(emr: type[MemoryEmr], broken: Broken) -> None:
    """The kit names exactly the promise that was broken."""
    assert broken(emr) == {SHARP[emr]}


@pytest.mark.parametrize("emr", BLUNT, ids=lambda emr: emr.__name__)
def test_a_blunt_sabotage_breaks_its_promise(emr: type[MemoryEmr], broken: Broken) -> None:
    """The kit names the broken promise among those that fall with it."""
    assert BLUNT[emr] in broken(emr)


def test_every_promise_can_be_broken() -> None:
    """No promise of reading is empty: for each there is a sabotage named after it."""
    assert {*SHARP.values(), *BLUNT.values()} == {promise.name for promise in reading.PROMISES}
