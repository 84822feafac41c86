"""Every step that was ever worked out, as the rows of one table: the columns it replaces, and what must be checked.

Rule: the steps of one kind stand side by side, those that cost no fault first.
"""

from collections.abc import Iterable
from enum import IntFlag

import numpy as np

from tests.model.mass.layout import BITS, Codes, Layout
from tests.model.mass.tables import Grown, Kinds
from tests.model.scene import Act


class Also(IntFlag):
    """What is to be done with a step beside replacing columns."""

    NOTHING = 0
    SENT = 1
    REACHED = 2
    TOLD = 4
    BAD = 8


class Book:
    """The rows, and where the steps of each list of them begin."""

    def __init__(self, agents: int) -> None:
        self.agents = agents
        self.begins, self.free, self.all = Grown(np.int64), Grown(np.int64), Grown(np.int64)
        """Of each list: its first row, how many rows cost no fault, how many there are."""
        self.columns = [Grown(np.int64) for _ in range(7)]
        """Agent, EMR, wire, hub, ever, desk, tick; -1 = as before."""
        self.fault, self.also = Grown(np.bool_), Grown(np.uint8)
        self.sent, self.reached, self.told = Grown(np.int64), Grown(np.int64), Grown(np.int64)
        self.reaches, self.tells = Kinds(), Kinds()
        self._packed: tuple[Layout, int, list[tuple[Codes, Codes]]] | None = None

    def add(self, acts: Iterable[Act], emr: int = -1) -> int:
        """Add a list of steps, all from this EMR; return its number."""
        kept = sorted(acts, key=lambda act: act.fault)
        self.begins.add([len(self.fault)])
        self.free.add([sum(not act.fault for act in kept)])
        self.all.add([len(kept)])
        for act in kept:
            self._row(act, emr)
        return len(self.begins) - 1

    def _row(self, act: Act, emr: int) -> None:
        replaced = (act.agent, act.emr, act.wire, act.hub, act.ever, act.desk, act.tick)
        for column, value in zip(self.columns, replaced, strict=True):
            column.add([value])
        reached = act.emr not in {-1, emr} and not act.theirs
        also = Also.SENT if act.sent >= 0 else Also.NOTHING
        also |= Also.REACHED if reached else Also.NOTHING
        also |= Also.TOLD if act.told is not None else Also.NOTHING
        also |= Also.BAD if act.bad is not None else Also.NOTHING
        self.fault.add([act.fault])
        self.also.add([int(also)])
        self.sent.add([act.sent])
        self.reached.add([self.reaches((emr, act.emr, act.write)) if reached else -1])
        self.told.add([-1 if act.told is None else self.tells(act.told)])

    def packed(self, layout: Layout, n: int) -> tuple[Codes, Codes]:
        """Return for each row which bits of a state stay, and what the others become, when agent `n` takes it."""
        size = len(self.fault)
        if self._packed is None or self._packed[:2] != (layout, size):
            self._packed = layout, size, [self._pack(layout, each) for each in range(self.agents)]
        return self._packed[2][n]

    def _pack(self, layout: Layout, n: int) -> tuple[Codes, Codes]:
        keep = np.full(len(self.fault), (1 << BITS) - 1, np.uint64)
        value = np.zeros(len(self.fault), np.uint64)
        for which, grown in enumerate(self.columns):
            column = n if which == 0 else self.agents - 1 + which
            mask = np.uint64(((1 << layout.widths[column]) - 1) << layout.shifts[column])
            given = grown.array >= 0
            keep[given] &= ~mask
            value[given] |= grown.array[given].astype(np.uint64) << np.uint64(layout.shifts[column])
        return keep, value
