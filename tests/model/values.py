"""The small world of the model checker: two slots, a clock that ticks, one clinic's rules.

Rule: a tick (90 s) is longer than a write and its quiet time together, and half a turn.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from adapters.memory import Opening
from agent.core.booking import Firmness, Order
from agent.core.model import BookingId, EmrName, Instant, Practitioner, SiteId, Slot, SlotId
from agent.core.sharing import Accord, Allow, Match, PublishAs, SharingRules

EMR, MAIN = EmrName("emr"), SiteId("main")
BASE = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
TICK = timedelta(seconds=90)
TURN_TICKS = 2
LONGEST, QUIET = timedelta(seconds=20), timedelta(seconds=60)
HOLD = timedelta(seconds=80)
"""A hold made at tick 0 is over at tick 1."""

_MORNING = datetime(2026, 11, 24, 9, 0, tzinfo=ZoneInfo("America/Toronto"))
CELLS = tuple(
    Opening(MAIN, "101", _MORNING + timedelta(hours=n), _MORNING + timedelta(hours=n, minutes=15), "R")
    for n in range(2)
)
SLOTS = tuple(Slot(EMR, cell.key, MAIN, Practitioner("101"), cell.start, cell.end, "R") for cell in CELLS)
NAMES = {slot.key: f"s{n + 1}" for n, slot in enumerate(SLOTS)}
BOOKINGS = tuple(BookingId(f"booking-{n}") for n in (1, 2))
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(EMR, "R"): "regular"},
    roster={(EMR, "101"): Accord("Dr A", date(2026, 1, 1))},
    allow=(Allow("all", 1, Match(), PublishAs("anyone", "regular", "on-site")),),
    identity="named",
    zones={MAIN: "America/Toronto"},
    confirmation={EMR: "instant"},
)


def at(tick: int) -> Instant:
    """Return both clocks at a tick."""
    return Instant(BASE + tick * TICK, timedelta(hours=1) + tick * TICK)


@dataclass(frozen=True, slots=True)
class Goal:
    """One order of a scenario: booking 0 or 1, version, slot 0, 1 or None = cancel."""

    booking: int
    version: int
    slot: int | None
    hold: bool = False

    def order(self) -> Order:
        """Return it as the hub signed it."""
        slot = None if self.slot is None else SLOTS[self.slot]
        return Order(
            booking=BOOKINGS[self.booking],
            version=self.version,
            goal=None if slot is None else SlotId(slot.key),
            firmness=Firmness.HOLD if self.hold else Firmness.FIRM,
            until=BASE + HOLD if self.hold else None,
            expires_at=BASE + timedelta(hours=1),
            slot_line=None if slot is None else slot.key.encode(),
            patient_sha256=None,
            body_hash=repr(self).encode(),
        )

    def __str__(self) -> str:
        """Return it as a counterexample prints it."""
        word = "cancel" if self.slot is None else f"{'hold' if self.hold else 'book'} s{self.slot + 1}"
        return f"booking {self.booking + 1} version {self.version}: {word}"


SCENARIOS: dict[str, tuple[Goal, ...]] = {
    "book": (Goal(0, 1, 0),),
    "book+cancel": (Goal(0, 1, 0), Goal(0, 2, None)),
    "book+move": (Goal(0, 1, 0), Goal(0, 2, 1)),
    "hold+confirm": (Goal(0, 1, 0, hold=True), Goal(0, 2, 0)),
    "hold+expire": (Goal(0, 1, 0, hold=True),),
    "hold+rival": (Goal(0, 1, 0, hold=True), Goal(1, 1, 0)),
}


T = TypeVar("T", bound=Hashable)


class Pool(Generic[T]):
    """Number equal things alike, so that a state is a tuple of small numbers."""

    def __init__(self) -> None:
        self._ids: dict[T, int] = {}
        self.items: list[T] = []

    def __call__(self, item: T) -> int:
        """Return the number of this value."""
        found = self._ids.get(item)
        if found is None:
            found = self._ids[item] = len(self.items)
            self.items.append(item)
        return found


class Violation(Exception):  # noqa: N818 - says what happened
    """An invariant does not hold; `name` is I1 to I13. `step`: what broke it, where that is known."""

    step = ""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name}: {what}")
        self.name = name
