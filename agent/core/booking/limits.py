"""The limits the agent keeps whatever the hub asks.

Rule: over a limit is `conflict`, and the clinic is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from agent.core.booking.model import Firmness
from agent.core.model import Slot, Window


@dataclass(frozen=True, slots=True)
class Limits:
    """`holds`: live ones of one rule, site and half-day; the others count one clock hour back."""

    holds: int = 3
    holds_hour: int = 30
    bookings_hour: int = 30


def over(limits: Limits, busy: Mapping[str, int], firmness: Firmness) -> bool:
    """Say whether one more order of this firmness would pass a limit; `busy` is what Bookings.busy counts."""
    if firmness is Firmness.FIRM:
        return busy["bookings_hour"] >= limits.bookings_hour
    return busy["holds"] >= limits.holds or busy["holds_hour"] >= limits.holds_hour


def half_day(slot: Slot) -> Window:
    """Return the half of the site's day the slot begins in; noon belongs to the afternoon."""
    midnight = slot.start.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    noon = midnight.replace(hour=12)
    if slot.start.hour < 12:
        return Window(midnight, noon)
    return Window(noon, midnight + timedelta(days=1))
