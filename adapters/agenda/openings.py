"""When somebody receives patients: weekly hours from the configuration, single times from a calendar.

Rule: hours are on the site's own clock; a time the clock jumps over is no opening.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.core.errors import Misconfigured
from agent.core.message import Message, say
from agent.core.model import SiteId, SlotKey, Window
from agent.ports import SitePart

DOING = say("read the opening hours")
HINT = say("docs/connect-hl7.md shows how opening hours are written")
DAYS = {
    **dict(zip(("lun", "mar", "mer", "jeu", "ven", "sam", "dim"), range(7), strict=True)),
    **dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), range(7), strict=True)),
}
_KEYS = {"practitioner", "type", "days", "from", "to", "minutes", "site", "place", "since", "until"}


@dataclass(frozen=True, slots=True)
class Opening:
    """One time somebody may be booked. `place`: the room's code, "" = any; times aware, in the site's zone."""

    site: SiteId
    practitioner: str
    start: datetime
    end: datetime
    type: str
    place: str = ""

    @property
    def key(self) -> SlotKey:
        """Return the stable name: who, when with the offset, where; at most 80 ASCII characters."""
        who = self.practitioner
        if not who.isascii() or len(who) > 16 or "|" in who:
            who = hashlib.sha256(who.encode()).hexdigest()[:16]
        return SlotKey(f"{who}|{self.start:%Y%m%dT%H%M%z}|{self.site}")


@dataclass(frozen=True, slots=True)
class Weekly:
    """The same hours every week. `since`, `until`: first and last day, None = no bound."""

    site: SiteId
    practitioner: str
    type: str
    days: frozenset[int]
    begins: time
    ends: time
    length: timedelta
    place: str = ""
    since: date | None = None
    until: date | None = None


def read_weekly(tables: Iterable[object], sites: Sequence[SitePart]) -> tuple[Weekly, ...]:
    """Return the hours as the configuration writes them. Raises Misconfigured."""
    return tuple(_weekly(table, sites) for table in tables)


def as_row(opening: Opening) -> tuple[str, ...]:
    """Return what is kept of an opening in a note: five texts."""
    start, end = opening.start.isoformat(), opening.end.isoformat()
    return opening.site, opening.practitioner, start, end, opening.type


def of_row(row: Sequence[str], zones: Mapping[str, ZoneInfo]) -> Opening:
    """Read it again; `zones`: site id -> ZoneInfo, since a kept time has only its offset."""
    site, who, start, end, kind = row
    begins, ends = (datetime.fromisoformat(at).astimezone(zones.get(site)) for at in (start, end))
    return Opening(SiteId(site), who, begins, ends, kind)


def expand(
    weekly: Iterable[Weekly], window: Window, sites: Sequence[SitePart], closed: frozenset[date] = frozenset()
) -> Iterator[Opening]:
    """Yield the openings that start in the window; `closed`: days without any."""
    zones = {site.id: ZoneInfo(site.zone) for site in sites}
    for each in weekly:
        zone = zones[each.site]
        day, last = window.start.astimezone(zone).date(), window.end.astimezone(zone).date()
        while day <= last:
            if _is_open(each, day) and day not in closed:
                yield from _cut(each, day, zone, window)
            day += timedelta(days=1)


def within(window: Window, start: datetime) -> bool:
    """Say whether a start lies in the window."""
    return window.start.astimezone(UTC) <= start.astimezone(UTC) < window.end.astimezone(UTC)


def cells(begins: datetime, ends: datetime, length: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Cut [begins, ends) into whole cells of a length, on the clock of the zone; a rest too short is left out."""
    zone = begins.tzinfo
    start, end = begins.astimezone(UTC), ends.astimezone(UTC)
    while start + length <= end:
        yield start.astimezone(zone), (start + length).astimezone(zone)
        start += length


def _is_open(each: Weekly, day: date) -> bool:
    return (
        day.weekday() in each.days
        and (each.since is None or each.since <= day)
        and (each.until is None or day <= each.until)
    )


def _cut(each: Weekly, day: date, zone: ZoneInfo, window: Window) -> Iterator[Opening]:
    begins, ends = (datetime.combine(day, at, zone) for at in (each.begins, each.ends))
    for start, end in cells(begins, ends, each.length):
        if within(window, start):
            yield Opening(each.site, each.practitioner, start, end, each.type, each.place)


def _weekly(table: object, sites: Sequence[SitePart]) -> Weekly:
    if not isinstance(table, Mapping):
        raise _wrong(say("each entry is a table between braces"))
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise _wrong(say("the key {key} is not known", key=str(unknown[0])))
    begins, ends = _clock(table, "from"), _clock(table, "to")
    minutes = table.get("minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= 24 * 60:
        raise _wrong(say("{key} is a whole number of minutes", key="minutes"))
    if begins >= ends:
        raise _wrong(say("the first time must be before the second"))
    return Weekly(
        site=site_of(str(table.get("site", "")), sites),
        practitioner=_text(table, "practitioner"),
        type=_text(table, "type"),
        days=frozenset(_days(table.get("days", list(DAYS)[:5]))),
        begins=begins,
        ends=ends,
        length=timedelta(minutes=minutes),
        place=str(table.get("place", "")),
        since=_day(table, "since"),
        until=_day(table, "until"),
    )


def site_of(name: str, sites: Sequence[SitePart]) -> SiteId:
    """Return the site of this id or EMR code; unnamed, the only one. Raises Misconfigured."""
    for site in sites:
        if name in (site.id, site.emr_code) or (not name and len(sites) == 1):
            return site.id
    raise _wrong(say("no site has this name or code"))


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise _wrong(say("the key {key} is missing", key=key))
    return str(value)


def _clock(table: Mapping[str, object], key: str) -> time:
    try:
        return time.fromisoformat(str(table[key]))
    except (KeyError, ValueError):
        raise _wrong(say('{key} is a time such as "08:30"', key=key)) from None


def _days(value: object) -> Iterator[int]:
    for day in value if isinstance(value, list) and value else [None]:
        if day not in DAYS:
            raise _wrong(say("{key} holds days such as lun or mon", key="days"))
        yield DAYS[str(day)]


def _day(table: Mapping[str, object], key: str) -> date | None:
    value = table.get(key)
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise _wrong(say("{key} is a day such as 2027-06-30, without quotes", key=key))


def _wrong(why: Message) -> Misconfigured:
    return Misconfigured(DOING, why, HINT, key="openings")
