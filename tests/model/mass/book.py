"""Every step that was ever worked out, as the rows of one table: the columns it replaces, and what must be checked.

Rule: the steps of one kind stand side by side, those that cost no fault first.
"""

from collections.abc import Iterable, Mapping
from enum import IntFlag

import numpy as np

from tests.model.mass.layout import BITS, Column, Layout
from tests.model.mass.state import REST, TEAM, Apart
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
        self.begins, self.free, self.all = Grown(np.int64), Grown(np.int64), Grown(np.int64)
        """Of each list: its first row, how many rows cost no fault, how many there are."""
        self._teams = [(Grown(np.uint64), Grown(np.uint64)) for _ in range(agents)]
        self._rest = Grown(np.uint64), Grown(np.uint64)
        """Of each row, by the agent that takes it: which bits of a state stay, and what the others become."""
        self.fault, self.also = Grown(np.bool_), Grown(np.uint8)
        self.sent, self.reached, self.told = Grown(np.int64), Grown(np.int64), Grown(np.int64)
        self.reaches, self.tells = Kinds(), Kinds()

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
        for n, masks in enumerate(self._teams):
            _replace(masks, TEAM, {n: act.agent})
        replaced = (act.emr, act.wire, act.hub, act.ever, act.desk, act.tick)
        _replace(self._rest, REST, dict(enumerate(replaced)))
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

    def taken(self, before: Apart, rows: Column, n: int) -> Apart:
        """Let agent `n` take a row from each of these states; what must be checked or sent is not done with it."""
        (keep, value), (keep_rest, value_rest) = self._teams[n], self._rest
        return Apart(
            (before.team & keep.array[rows]) | value.array[rows],
            (before.rest & keep_rest.array[rows]) | value_rest.array[rows],
        )


def _replace(masks: tuple[Grown, Grown], layout: Layout, numbers: Mapping[int, int]) -> None:
    """Add a row: the columns that become these numbers, -1 = as before."""
    keep, value = (1 << BITS) - 1, 0
    for column, number in numbers.items():
        if number >= 0:
            keep &= ~(((1 << layout.widths[column]) - 1) << layout.shifts[column])
            value |= number << layout.shifts[column]
    masks[0].add([keep])
    masks[1].add([value])
