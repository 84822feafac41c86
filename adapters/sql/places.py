"""What every mapping knows of the clinic, and how a place in an agenda is named.

Rule: values only; the wall clock of a site becomes an aware time here and nowhere else.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from agent.core.model import EmrName, Slot, SlotKey, Window
from agent.ports import SitePart

DAY, DAY_S = 1440, 86_400
OURS = "creneau"
"""Our mark in every row we make, where the EMR has a column for who made it."""


@dataclass(frozen=True, slots=True)
class Clinic:
    """The source's name, its sites, and the label the front desk reads on an appointment of ours."""

    name: EmrName
    sites: tuple[SitePart, ...]
    label: str = ""

    def site(self, code: str) -> SitePart | None:
        """Return the site of the EMR's own code, else the site "*"; None when neither is configured."""
        exact = [site for site in self.sites if site.emr_code == code]
        return next(iter(exact), None) or next((site for site in self.sites if site.emr_code == "*"), None)

    def site_of(self, slot: Slot) -> SitePart:
        """Return the site of a slot."""
        return next((site for site in self.sites if site.id == slot.site), self.sites[0])

    def zones(self) -> tuple[ZoneInfo, ...]:
        """Return the zones of its sites; UTC when it has none."""
        return tuple(ZoneInfo(site.zone) for site in self.sites) or (ZoneInfo("UTC"),)

    def wall(self, now: datetime) -> str:
        """Return the wall clock of the first site, whole seconds, as screens write it: 2026-11-23 09:00:00."""
        return f"{now.astimezone(self.zones()[0]):%Y-%m-%d %H:%M:%S}"

    def days(self, window: Window) -> tuple[date, date]:
        """Return the first and the last day the window touches on any site's wall clock, both included."""
        zones = self.zones()
        return (
            min(window.start.astimezone(zone).date() for zone in zones),
            max(window.end.astimezone(zone).date() for zone in zones),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A practitioner's wall-clock minute: how agendas themselves name a moment."""

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
    """Return a minute of the day as a TIME column takes it."""
    return f"{minute // 60:02}:{minute % 60:02}:00"


def is_day(text: str) -> bool:
    """Say whether a DATE names a day: a lax server also keeps 0000-00-00 and 2026-12-00, which no screen shows."""
    return "-00" not in text


def seconds(text: str | None) -> int | None:
    """Return the second of the day a TIME column shows, 24:00:00 included; None for what is no time of a day."""
    parts = (text or "").split(".")[0].split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return None
    hours, minutes, rest = map(int, parts)
    total = hours * 3600 + minutes * 60 + rest
    return total if minutes < 60 and rest < 60 and total <= DAY_S else None
