"""What the clinic decided about its OSCAR, and how a place in the agenda is named.

Rule: values only; the wall clock of a site becomes an aware time here and nowhere else.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from agent.core.model import EmrName, SlotKey
from agent.ports import SitePart

OURS = "creneau"
"""`appointment.creator` of every row we make."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`long_codes`: "ask", "one-cell" or "every-cell". `holidays`: "closed" or "open". `label`: for the front desk."""

    name: EmrName
    sites: tuple[SitePart, ...]
    long_codes: str = "ask"
    holidays: str = "closed"
    label: str = ""

    def site(self, reason: str) -> SitePart | None:
        """Return the site of a schedule row by its site name, else the site "*"; None when neither is configured."""
        exact = [site for site in self.sites if site.emr_code == reason]
        return next(iter(exact), None) or next((site for site in self.sites if site.emr_code == "*"), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A practitioner's wall-clock minute: how OSCAR itself names a moment."""

    who: str
    day: date
    minute: int

    @property
    def key(self) -> SlotKey:
        """Return e.g. "101|2026-11-23|0900"; whatever is not plain in the number is percent-encoded (RFC 3986)."""
        return SlotKey(f"{quote(self.who, safe='')}|{self.day:%Y-%m-%d}|{self.minute // 60:02}{self.minute % 60:02}")


def place(who: str, start: datetime, zone: str) -> Place:
    """Return the place of an aware time on the wall clock of a zone."""
    wall = start.astimezone(ZoneInfo(zone))
    return Place(who, wall.date(), wall.hour * 60 + wall.minute)


def moment(day: date, minute: int, zone: ZoneInfo) -> datetime | None:
    """Attach the zone to a wall-clock minute; None when the clocks skip it. A repeated hour means its first turn."""
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    back = local.astimezone(UTC).astimezone(zone)
    return local if (back.date(), back.time()) == (local.date(), local.time()) else None


def moment_of(key: SlotKey, zone: ZoneInfo) -> datetime | None:
    """Return when the slot of this name starts."""
    _, day, at = key.split("|")
    return moment(date.fromisoformat(day), int(at[:2]) * 60 + int(at[2:]), zone)


def twice(at: datetime) -> bool:
    """Say whether the wall clock shows this time twice."""
    return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()


def later(start: datetime, minutes: int) -> datetime:
    """Add real minutes: arithmetic on wall clocks is wrong on two nights a year."""
    return (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(start.tzinfo)


def lasts(start: datetime, end: datetime) -> int:
    """Return the real minutes from start to end."""
    return int((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds()) // 60


def clock(minute: int) -> str:
    """Return a minute of the day as OSCAR stores it."""
    return f"{minute // 60:02}:{minute % 60:02}:00"
