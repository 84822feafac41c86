"""The built-in synthetic clinic: 12 doctors, 180 days; nobody in it exists.

Rule: the draws come in the order written here, so that a seed names one clinic for ever.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from agent.core.exposure import QUARTER, Calendar, Cell, area

T = TypeVar("T")
DOCTORS, DAYS, WEEK = 12, 180, 5
LUNCH = (720, 780)


class Draw(Protocol):
    """random.Random, seen from here."""

    def random(self) -> float:
        """Draw from [0, 1)."""
        ...

    def choice(self, seq: Sequence[T]) -> T:
        """Draw one of them."""
        ...

    def uniform(self, a: float, b: float) -> float:
        """Draw from [a, b]."""
        ...

    def randrange(self, start: int) -> int:
        """Draw from 0 to start - 1."""
        ...

    def randint(self, a: int, b: int) -> int:
        """Draw from a to b, both included."""
        ...

    def expovariate(self, lambd: float) -> float:
        """Draw from an exponential distribution."""
        ...


def clinic(dice: Draw) -> Calendar:
    """Return the clinic of these draws."""
    people = [_person(dice) for _ in range(DOCTORS)]
    cells: list[Cell] = []
    hours: dict[tuple[int, int], float] = {}
    for who, (template, fill, share) in enumerate(people):
        away = _absences(dice)
        for day in range(DAYS):
            if day % WEEK not in template or day in away:
                continue
            start, end = template[day % WEEK]
            hours[who, day] = (end - start) / 60
            cells += _day(dice, who, day, (start, end), fill, share)
    spans = {
        (who, weekday): (end - start) / 60
        for who, (template, *_) in enumerate(people)
        for weekday, (start, end) in template.items()
    }
    return Calendar(cells, hours, spans)


def _person(dice: Draw) -> tuple[dict[int, tuple[int, int]], float, float]:
    template = {}
    for weekday in range(WEEK):
        if dice.random() < 0.75:
            start = dice.choice([480, 510, 540, 750, 780])
            length = dice.choice([3, 3.5, 4, 6, 7, 7.5, 8])
            template[weekday] = start, min(start + int(length * 60), 1200)
    return template, dice.uniform(0.6, 0.97), dice.uniform(0.15, 0.5)


def _absences(dice: Draw) -> set[int]:
    away: set[int] = set()
    for _ in range(4):
        first, length = dice.randrange(DAYS), dice.choice([1, 2, 5, 5, 10])
        away.update(range(first, first + length))
    return away


def _day(dice: Draw, who: int, day: int, span: tuple[int, int], fill: float, share: float) -> list[Cell]:
    start, end = span
    cells = []
    for at in range(start, end, QUARTER):
        if end - start >= 360 and LUNCH[0] <= at < LUNCH[1]:
            continue
        population = dice.random() < share
        gone = 0.0
        if dice.random() < fill:
            gone = dice.expovariate(1 / 30 if population else 1 / 200) + 0.2
        elif dice.random() < 0.25:
            gone = dice.expovariate(1 / 20) + 0.2
        cells.append(Cell(who, day, at, QUARTER, population, gone))
    return cells


def absence(size: int, dice: Draw, days: int = 250, rounds: int = 40) -> float:
    """Return the AUC of spotting one person's absence in the daily number of slots of a team of `size`.

    Each has 3 to 9 slots a day, each open with 0.35, and is away with 0.12.
    """
    found = []
    for _ in range(rounds):
        counts = [dice.randint(3, 9) for _ in range(size)]
        there: list[float] = []
        away: list[float] = []
        for _ in range(days):
            present = [dice.random() >= 0.12 for _ in counts]
            open_ = sum(
                dice.random() < 0.35 for here, count in zip(present, counts, strict=True) if here for _ in range(count)
            )
            (there if present[0] else away).append(open_)
        found.append(area(there, away))
    return sum(found) / len(found)
