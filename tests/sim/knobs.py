"""What may go wrong in one simulated life, and how often, drawn from its seed.

Rule: every fault is a number here; nothing else decides whether it happens in a life.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

OFFS = (0, 0, 0, 90, -400, 700)
"""Seconds by which a clock may be wrong and yet be lived with."""
FAR = (*OFFS, 7200, -7200)
"""Where somebody may set it to: while it is two hours off nothing is written, and nothing is called late."""
STARTS = (
    datetime(2026, 11, 23, 14, 0, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 52, tzinfo=UTC),  # 01:52 in Toronto; at 02:00 it is 01:00 again
    datetime(2027, 3, 14, 6, 52, tzinfo=UTC),  # 01:52 in Toronto; at 02:00 it is 03:00
)
"""A plain day, and the two nights on which the clocks change within minutes of the beginning."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """Probabilities, except `start`, `minutes` of trouble, `sources` and `offs`: how wrong each computer's clock is."""

    start: datetime
    minutes: int
    sources: int
    offs: tuple[timedelta, ...]
    lost: float
    repeated: float
    emr_away: float
    emr_lost: float
    crash: float
    hub_outage: float
    emr_outage: float
    partition: float
    hub_restored: float
    journal_restored: float
    state_lost: float
    takeover: float
    clone: float
    touched: float
    clock_set: float

    @property
    def is_night(self) -> bool:
        """Say whether the clocks change in this life."""
        return self.start != STARTS[0]


def draw(r: random.Random) -> Knobs:
    """Draw a life: few kinds of trouble in most, many in some.

    Two computers at work at once only where one EMR's memory fences them both: nothing fences one EMR against another.
    """
    sources = 1 + (r.random() < 0.2)
    one = 1.0 if sources == 1 else 0.0

    def sometimes(share: float, rate: float) -> float:
        return rate if r.random() < share else 0.0

    return Knobs(
        start=r.choices(STARTS, (8, 1, 1))[0],
        minutes=r.randrange(6, 11),
        sources=sources,
        offs=tuple(timedelta(seconds=r.choice(OFFS)) for _ in range(8)),
        lost=r.random() * 0.3,
        repeated=r.random() * 0.3,
        emr_away=r.random() * 0.1,
        emr_lost=r.random() * 0.1,
        crash=sometimes(0.5, r.random() * 0.02),
        hub_outage=sometimes(0.3, 0.02),
        emr_outage=sometimes(0.2, 0.02),
        partition=sometimes(0.3, 0.02),
        hub_restored=sometimes(0.15, 0.02),
        journal_restored=sometimes(0.15, 0.02),
        state_lost=sometimes(0.1, 0.01),
        takeover=sometimes(0.2 * one, 0.015),
        clone=sometimes(0.2 * one, 0.015),
        touched=sometimes(0.4, 0.03),
        clock_set=sometimes(0.3, 0.02),
    )
