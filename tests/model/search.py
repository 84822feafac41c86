"""Every order in which steps can follow one another, fewest faults first, then breadth first.

Rule: a state is known by all of it, packed into one number, never by a fingerprint; nothing that is reachable is left
out but what an equal state with as many faults left, or more, shows as well.
"""

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tests.model.values import Violation

S = TypeVar("S")
"""What the world calls a state."""


class World(Protocol[S]):
    """What a search explores."""

    def begin(self) -> S:
        """Return the first state."""

    def pack(self, state: S) -> int:
        """Return the number of the state; states that are mirror images of each other may share one."""

    def unpack(self, code: int) -> S:
        """Return a state of this number."""

    def after(self, state: S) -> Iterator[tuple[str, bool, S]]:
        """Yield every step that can follow: what happens, whether it is a fault, the state; raises Violation."""

    def rests(self, state: S) -> tuple[bool, bool]:
        """Say whether the state is at rest, and whether a person has to look; raises Violation."""


@dataclass
class Report:
    """What one search found. `whole`: nothing was left out for want of room."""

    states: int = 0
    seconds: float = 0
    settled: int = 0
    unsure: int = 0
    whole: bool = True
    violation: Violation | None = None
    steps: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the counterexample as a numbered list."""
        if self.violation is None:
            part = "" if self.whole else " (not all: stopped there)"
            return f"{self.states:,} states, {self.settled:,} at rest, no violation{part}"
        lines = [f"  {n:2}. {step}" for n, step in enumerate(self.steps, 1)]
        return "\n".join([f"{self.violation} after {self.states:,} states:", *lines])


class Search:
    """One search; `faults`: at most so many on any way; `most`: states kept in memory, about 110 bytes each."""

    def __init__(self, world: World[S], faults: int, most: int) -> None:
        self.world = world
        self.faults = faults
        self.most = most
        self._order: list[int] = []
        self._parents = array("Q")
        self._known: set[int] = set()

    def run(self, heard: Callable[[int], None] = lambda _states: None) -> Report:
        """Search until everything is seen, an invariant breaks, or `most` states are known."""
        report, began = Report(), time.perf_counter()
        first = self.world.pack(self.world.begin())
        later: list[tuple[int, int]] = [(first, 0)]
        for left in range(self.faults, -1, -1):
            layer, later = later, []
            done = len(self._order)
            for code, parent in layer:
                self._add(code, parent)
            self._layer(done, left, later, report, heard)
            if report.violation is not None or not report.whole:
                break
        report.states = len(self._order)
        report.seconds = time.perf_counter() - began
        return report

    def _add(self, code: int, parent: int) -> None:
        if code not in self._known:
            self._known.add(code)
            self._order.append(code)
            self._parents.append(parent)

    def _layer(
        self, at: int, left: int, later: list[tuple[int, int]], report: Report, heard: Callable[[int], None]
    ) -> None:
        """Explore all that costs no further fault; what costs one is put aside for the next layer."""
        world, order, known, add = self.world, self._order, self._known, self._parents.append
        aside: set[int] = set()
        while at < len(order):
            if len(order) + len(aside) >= self.most:
                report.whole = False
                break
            if at % 100_000 == 0:
                heard(at)
            state = world.unpack(order[at])
            try:
                for _, fault, after in world.after(state):
                    if fault and not left:
                        continue
                    code = world.pack(after)
                    if code in known:
                        continue
                    if fault:
                        if code not in aside:
                            aside.add(code)
                            later.append((code, at))
                        continue
                    known.add(code)
                    order.append(code)
                    add(at)
                rests, unsure = world.rests(state)
            except Violation as broken:
                report.violation = broken
                report.steps = self._way(at, broken)
                break
            report.settled += rests
            report.unsure += rests and unsure
            at += 1

    def _way(self, at: int, broken: Violation) -> list[str]:
        """Walk from the beginning to the broken state, by the numbers passed on the way, and say each step."""
        codes = [self._order[at]]
        while at > 0:
            at = self._parents[at]
            codes.append(self._order[at])
        return steps_of(self.world, codes[::-1], broken)


def steps_of(world: World[S], codes: Sequence[int], broken: Violation) -> list[str]:
    """Return what happens on the way through these states, the first one included, and what breaks at the last."""
    state, steps = world.begin(), []
    for code in codes[1:]:
        for says, _, after in world.after(state):
            if world.pack(after) == code:
                state = world.unpack(code)  # as the search went on from it: folded, mirrored
                steps.append(says)
                break
    return [*steps, broken.step or "(everything is at rest)"]
