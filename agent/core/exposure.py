"""What an observer of the hub can infer: hours of a day, weekly template, one person's absence.

Rule: pure; whoever calls gives the draws. The attack is the plainest one: first to last slot seen, once a day, once a
weekday over all weeks. It bounds from below what somebody clever would find.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

QUARTER = 15
"""Minutes of the shortest slot."""
HALF_DAY = 240
"""Minutes to which "half-day" coarsens in the toy model: 08:00-12:00-16:00-20:00."""


class Dice(Protocol):
    """random.Random, seen from here."""

    def random(self) -> float:
        """Draw from [0, 1)."""
        ...


LEAD = 672
"""Hours of 28 days."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One slot of a calendar. `gone`: hours before its start when it stopped being open, 0 = never open no more.

    `start`: minutes since midnight; `shareable`: of a kind the rules may share.
    """

    who: int
    day: int
    start: int
    length: int
    shareable: bool
    gone: float


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is true. `hours`: (who, day) -> true hours; `template`: (who, weekday) -> hours; `week`: days of a week."""

    cells: Sequence[Cell]
    hours: Mapping[tuple[int, int], float]
    template: Mapping[tuple[int, int], float]
    week: int = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """What is shown of a calendar. `coarse`: minutes to which a time is rounded down; `cap`: slots a person and day.

    `lead`: hours before the start from which a slot is shown at all; `busy`: the taken ones too; `named`: each slot
    says whose it is.
    """

    every_kind: bool = False
    busy: bool = False
    cap: int = 0
    coarse: int = 1
    lead: float = LEAD
    named: bool = True


@dataclass(frozen=True, slots=True)
class Leak:
    """What the attack finds: mean errors in hours, None where slots cannot be told apart by person; useful share 0..1."""

    day: float | None
    template: float | None
    useful: float


def attack(calendar: Calendar, policy: Policy, dice: Dice) -> Leak:
    """Return how far the plainest attack is off."""
    seen = list(_seen(calendar.cells, policy, dice))
    share = _useful(seen) / max(1, _useful(calendar.cells))
    if not policy.named:
        return Leak(None, None, share)
    days = _spans((((cell.who, cell.day), cell) for cell in seen), policy.coarse)
    weeks = _spans((((cell.who, cell.day % calendar.week), cell) for cell in seen), policy.coarse)
    return Leak(_error(calendar.hours, days), _error(calendar.template, weeks), share)


def _useful(cells: Iterable[Cell]) -> int:
    """Count the shareable cells that were open within 28 days of their start."""
    return sum(cell.shareable and cell.gone < LEAD for cell in cells)


def _seen(cells: Sequence[Cell], policy: Policy, dice: Dice) -> Iterable[Cell]:
    """Yield what is shown; which slots a cap lets through is drawn."""
    drawn = sorted((cell.who, cell.day, dice.random(), number) for number, cell in enumerate(cells))
    for _, group in groupby(drawn, key=lambda item: item[:2]):
        left = policy.cap or len(cells)
        for *_, number in group:
            cell = cells[number]
            if not (cell.shareable or policy.every_kind or policy.busy):
                continue
            if not policy.busy and cell.gone >= policy.lead:
                continue
            if left:
                left -= 1
                yield cell


def _spans(seen: Iterable[tuple[tuple[int, int], Cell]], coarse: int) -> Mapping[tuple[int, int], float]:
    """Return the hours from the first to the last slot seen."""
    edges: dict[tuple[int, int], tuple[int, int]] = {}
    for key, cell in seen:
        at = cell.start // coarse * coarse
        low, high = edges.get(key, (at, at))
        edges[key] = min(low, at), max(high, at + max(cell.length, coarse))
    return {key: (high - low) / 60 for key, (low, high) in edges.items()}


def _error(true: Mapping[tuple[int, int], float], found: Mapping[tuple[int, int], float]) -> float:
    return sum(abs(hours - found.get(key, 0.0)) for key, hours in true.items()) / max(1, len(true))


def area(present: Sequence[float], absent: Sequence[float]) -> float:
    """Return the AUC of telling the two apart by size: 0.5 = nothing, 1 = always; absent days have less."""
    ranked = sorted([(value, 1) for value in present] + [(value, 0) for value in absent])
    wins, below, at = 0.0, 0, 0
    while at < len(ranked):
        same = at
        while same < len(ranked) and ranked[same][0] == ranked[at][0]:
            same += 1
        here = sum(mark for _, mark in ranked[at:same])
        gone = same - at - here
        wins += here * (below + gone / 2)
        below += gone
        at = same
    return wins / max(1, len(present) * len(absent))
