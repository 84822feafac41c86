"""Every order of steps over arrays of states: fewest faults first, then breadth first, as `tests.model.search`.

Rule: the same states are found, counted and judged as there; a test holds the two together. No parents are kept: a
counterexample is found again by walking back over the levels of a second search.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tests.model.mass.expand import Broken, Expander
from tests.model.mass.known import NOTHING, Known, distinct
from tests.model.mass.layout import Codes, Layout, Wider
from tests.model.search import Report, steps_of
from tests.model.values import Violation

if TYPE_CHECKING:
    from tests.model.checker import Checker

_CHUNK = 1 << 17
"""States expanded at a time."""
_ROOM = 1 << 25
"""Successors kept before they are sorted and those known already are left out."""


class MassSearch:
    """One search; `faults`: at most so many on any way; `most`: states kept in memory, 8 bytes each and what a level needs."""

    def __init__(self, checker: "Checker", faults: int, most: int, *, keeps: bool = False) -> None:
        self.checker, self.world = checker, Expander(checker)
        self.faults, self.most = faults, most
        self._known, self._aside = Known(), Known()
        self._level = NOTHING
        self._fresh: list[Codes] = []
        """Successors of this level."""
        self._sifted: list[Codes] = []
        """The same, those of them that are not known."""
        self._put: list[Codes] = []
        """Successors that cost a fault."""
        self._keeps = keeps
        self._levels: list[tuple[int, Codes]] = []
        """Faults left, and the states first seen there: kept only where a way back is looked for."""

    def run(self, heard: Callable[[int], None] = lambda _states: None) -> Report:
        """Search until everything is seen, an invariant breaks, or `most` states are known."""
        report, began = Report(), time.perf_counter()
        self._aside.add(self.world.begin())
        for left in range(self.faults, -1, -1):
            self._level = np.concatenate([self._known.without(part) for part in self._aside.all()] or [NOTHING])
            self._aside = Known()
            try:
                self._layer(left, report, heard)
            except Broken as broken:
                if not self._keeps:
                    return MassSearch(self.checker, self.faults, self.most, keeps=True).run(heard)
                self._tell(broken.code, report)
            except OverflowError:  # a state takes more than 64 bits
                report.whole = False
            if report.violation is not None or not report.whole:
                break
        report.states = len(self._known)
        report.seconds = time.perf_counter() - began
        return report

    def _layer(self, left: int, report: Report, heard: Callable[[int], None]) -> None:
        """Explore all that costs no further fault; what costs one is put aside for the next layer."""
        while len(self._level):
            self._known.add(self._level)
            if self._keeps:
                self._levels.append((left, self._level))
            if len(self._known) + len(self._aside) >= self.most:
                report.whole = False
                return
            heard(len(self._known))
            at = 0
            while at < len(self._level):
                try:
                    self._expand(self._level[at : at + _CHUNK], left, report)
                except Wider as wider:
                    self._widen(wider.layout)
                    continue
                at += _CHUNK
                self._make_room(_ROOM)
            self._make_room(0)
            self._level, self._sifted = distinct(np.concatenate(self._sifted or [NOTHING])), []

    def _expand(self, codes: Codes, left: int, report: Report) -> None:
        world, fresh, put = self.world, [], []
        some = world.chunk(codes)
        for after in world.after(some, faults=left > 0):
            fresh.append(after.codes[~after.fault])
            put.append(after.codes[after.fault])
        settled, unsure = world.rests(some)
        self.checker.forget()
        self._fresh.append(distinct(np.concatenate(fresh)))
        self._put.append(distinct(np.concatenate(put)))
        report.settled += settled
        report.unsure += unsure

    def _make_room(self, most: int) -> None:
        if sum(map(len, self._fresh)) > most:
            self._sifted.append(self._known.without(distinct(np.concatenate(self._fresh))))
            self._fresh = []
        if sum(map(len, self._put)) > most:
            put = self._known.without(distinct(np.concatenate(self._put)))
            self._aside.add(self._aside.without(put))
            self._put = []

    def _widen(self, layout: Layout) -> None:
        old = self.world.states.layout

        def work(codes: Codes) -> Codes:
            return layout.repacked(codes, old)

        self._known.change(work)
        self._aside.change(work)
        self._level, self.world.states.layout = work(self._level), layout
        self._fresh, self._sifted, self._put = (
            [work(codes) for codes in kept] for kept in (self._fresh, self._sifted, self._put)
        )
        self._levels = [(left, work(codes)) for left, codes in self._levels]

    # ---- a counterexample

    def _tell(self, code: int, report: Report) -> None:
        scene = self.world.states.scene(code)
        try:
            for _ in self.checker.after(scene):
                pass
            self.checker.rests(scene)
        except Violation as broken:
            report.violation = broken
            codes = [self.checker.pack(self.world.states.scene(each)) for each in self._back(code)]
            report.steps = steps_of(self.checker, codes, broken)

    def _back(self, code: int) -> list[int]:
        """Return the states from the beginning to this one, each on the level before the next."""
        way = [code]
        (last, _), *before = reversed(self._levels)
        for left, level in before:
            found = self._parent(level, way[-1], fault=left != last)
            if found is not None:
                way.append(found)
                last = left
        return way[::-1]

    def _parent(self, level: Codes, code: int, *, fault: bool) -> int | None:
        world = self.world
        for start in range(0, len(level), _CHUNK):
            codes = level[start : start + _CHUNK]
            for after in world.after(world.chunk(codes), faults=fault):
                found = np.flatnonzero((after.codes == np.uint64(code)) & (after.fault == fault))
                if len(found):
                    return int(codes[after.source[found[0]]])
        return None
