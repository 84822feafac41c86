"""How this EMR writes moments: local or UTC, ends as the first free minute or the last taken one.

Rule: inside the agent a time is aware; what the EMR stores is made and read here and nowhere else.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from adapters.sql.dialect import Value
from adapters.sql.places import Place, later, moment

MINUTE = timedelta(minutes=1)


class Unreadable(ValueError):  # noqa: N818 - it never leaves this package
    """A value that is no time; nothing of it is repeated."""


@dataclass(frozen=True, slots=True)
class Clockwork:
    """`utc`: naive times of the EMR are UTC, else the site's wall clock. `inclusive`: 09:14 ends at 09:15."""

    utc: bool
    inclusive: bool

    def start(self, row: dict[str, Any], zone: ZoneInfo) -> datetime | None:
        """Return when a row starts, in the zone; None in the hour the clocks skip. Raises Unreadable."""
        if "start" in row:
            return self._aware(_naive(row["start"]), zone)
        return self._aware(_joined(row["day"], row["start_time"]), zone)

    def end(self, row: dict[str, Any], start: datetime, zone: ZoneInfo) -> datetime:
        """Return when a row ends, exclusive, a minute after its start at least. Raises Unreadable."""
        if row.get("minutes") is not None:
            return later(start, max(1, _whole(row["minutes"])))
        naive = _joined(row["day"], row["end_time"]) if "end_time" in row else _naive(row.get("end"))
        end = self._aware(naive, zone) or self._aware(naive + timedelta(hours=1), zone)
        if end is None:
            raise Unreadable
        if self.inclusive:
            end = later(end, 1)
        return max(end, later(start, 1), key=lambda at: at.astimezone(UTC))

    def words(self, place: Place, minutes: int, zone: ZoneInfo, longest: int = 0) -> dict[str, Value]:
        """Return a place in the agenda by the names a query may ask for; `until` is the first minute after it."""
        start = moment(place.day, place.minute, zone)
        if start is None:  # an hour that does not exist holds nothing
            start = datetime(place.day.year, place.day.month, place.day.day, tzinfo=zone) + place.minute * MINUTE
        first, until = self.stored(start), self.stored(later(start, minutes))
        last = self.stored(later(start, minutes - 1)) if self.inclusive else until
        since = self.stored(later(start, -longest))
        return {
            "practitioner": place.who,
            "start": _text(first),
            "end": _text(last),
            "until": _text(until),
            "since": _text(since),
            "day": f"{first:%Y-%m-%d}",
            "start_time": f"{first:%H:%M:%S}",
            "end_time": _clock(last, first),
            "until_time": _clock(until, first),
            "since_time": f"{since:%H:%M:%S}" if since.date() == first.date() else "00:00:00",
            "minutes": minutes,
        }

    def span(self, first: datetime, last: datetime) -> dict[str, Value]:
        """Return two aware moments by the names a window query may ask for; `last_day` is included."""
        begin, end = self.stored(first), self.stored(last)
        return {"from": _text(begin), "to": _text(end), "first_day": f"{begin:%Y-%m-%d}", "last_day": f"{end:%Y-%m-%d}"}

    def now(self, now: datetime, zone: ZoneInfo) -> str:
        """Return the moment as the EMR's own screens would write it, whole seconds."""
        return _text(self.stored(now.astimezone(zone)))

    def stored(self, at: datetime) -> datetime:
        """Return an aware moment as the EMR keeps it: naive, UTC or the moment's own wall clock."""
        return (at.astimezone(UTC) if self.utc else at).replace(tzinfo=None)

    def _aware(self, naive: datetime, zone: ZoneInfo) -> datetime | None:
        if self.utc:
            return naive.replace(tzinfo=UTC).astimezone(zone)
        at = moment(naive.date(), naive.hour * 60 + naive.minute, zone)
        return None if at is None else at + timedelta(seconds=naive.second)


def place_of(who: str, start: datetime) -> Place:
    """Return the place of an aware moment on its own wall clock."""
    return Place(who, start.date(), start.hour * 60 + start.minute)


def _naive(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    try:
        return datetime.fromisoformat(str(value).strip()[:19])
    except ValueError:
        raise Unreadable from None


def _joined(day: object, time: object) -> datetime:
    """Join a day and a time of day; 24:00 is the next midnight."""
    parts = str(time).split(".")[0].split(":") if isinstance(time, str) else []
    if len(parts) not in (2, 3) or not all(part.isdecimal() for part in parts):
        raise Unreadable  # a TIME that was not cast to text loses 24:00 on its way
    hours, minutes, seconds = (*map(int, parts), 0)[:3]
    start = _day(day)
    return datetime(start.year, start.month, start.day) + timedelta(hours=hours, minutes=minutes, seconds=seconds)  # noqa: DTZ001 - naive as the EMR has it


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        raise Unreadable from None


def _whole(value: object) -> int:
    try:
        return int(str(value).strip())
    except ValueError:
        raise Unreadable from None


def _text(naive: datetime) -> str:
    """Return the form no server's language setting reads otherwise (ISO 8601 with T)."""
    return f"{naive:%Y-%m-%dT%H:%M:%S}"


def _clock(at: datetime, first: datetime) -> str:
    """Return a time of the first moment's day; midnight after it is 24:00."""
    return f"{at:%H:%M:%S}" if at.date() == first.date() else "24:00:00"
