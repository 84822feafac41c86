"""How long the clinic has been open since a moment: silence at night says nothing.

Rule: counted on the openings themselves, first to last of each day, so that nobody writes the hours twice.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from adapters.agenda.openings import Opening


def open_time(openings: Iterable[Opening], since: datetime, now: datetime) -> timedelta:
    """Return the open time in [since, now); a day is open from its first opening to the end of its last."""
    days: dict[object, tuple[datetime, datetime]] = {}
    for each in openings:
        day = each.start.date()
        first, last = days.get(day, (each.start, each.end))
        days[day] = (min(first, each.start), max(last, each.end))
    spans = ((max(first.astimezone(UTC), since), min(last.astimezone(UTC), now)) for first, last in days.values())
    return sum((end - start for start, end in spans if end > start), timedelta())
