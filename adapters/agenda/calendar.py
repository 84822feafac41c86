"""Read an iCalendar file (RFC 5545) into single events, repetitions expanded.

Rule: the icalendar library reads, dateutil repeats; an event that cannot be understood is counted, never guessed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.core.model import Window

DOING = say("read the calendar")
MOST = 100_000
"""Occurrences of one file; more is a rule without end."""


@dataclass(frozen=True, slots=True)
class Event:
    """One occurrence, times aware. `who`: RESOURCES, `what`: CATEGORIES else SUMMARY, `where`: LOCATION.

    `is_busy`: it takes the time (TRANSP other than TRANSPARENT, and not cancelled).
    """

    uid: str
    start: datetime
    end: datetime
    who: str
    what: str
    where: str
    is_busy: bool


def events(data: bytes, window: Window, zone: ZoneInfo) -> Iterator[Event]:
    """Yield every occurrence that overlaps the window; floating times and whole days are on the clock of `zone`.

    Raises Transient for a file that is no whole calendar (half written, perhaps), Misconfigured without the library.
    """
    try:
        from icalendar import Calendar
    except ModuleNotFoundError as cause:
        hint = say("install the package creneau[{extra}]", extra="files")
        raise Misconfigured(DOING, say("a part of the adapter {name} is not installed", name="ical"), hint) from cause
    if not data.rstrip().endswith(b"END:VCALENDAR"):
        raise Transient(DOING, say("the calendar is not whole"))
    try:
        found: list[Any] = [each for each in Calendar.from_ical(data).walk("VEVENT") if "DTSTART" in each]
        moved = {(str(e.get("UID")), _moment(e["RECURRENCE-ID"].dt, zone)) for e in found if "RECURRENCE-ID" in e}
        made = [one for each in found for one in _occurrences(each, window, zone, moved)]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as cause:
        raise Transient(DOING, say("the calendar cannot be read")) from cause
    yield from made


def _occurrences(event: Any, window: Window, zone: ZoneInfo, moved: set[tuple[str, datetime]]) -> Iterator[Event]:
    begins, length = _span(event, zone)
    uid = str(event.get("UID", ""))
    for start in _starts(event, begins, window, zone, length):
        if "RRULE" in event and (uid, start) in moved:
            continue  # this one is written apart
        end = (start.astimezone(UTC) + length).astimezone(start.tzinfo)
        if start < window.end and end > window.start:
            yield Event(uid, start, end, *_words(event), is_busy=_is_busy(event))


def _span(event: Any, zone: ZoneInfo) -> tuple[datetime, timedelta]:
    first = event["DTSTART"].dt
    begins = _moment(first, zone)
    if "DTEND" in event:
        return begins, _moment(event["DTEND"].dt, zone).astimezone(UTC) - begins.astimezone(UTC)
    if "DURATION" in event:
        return begins, event["DURATION"].dt
    whole_day = not isinstance(first, datetime)
    return begins, timedelta(days=1) if whole_day else timedelta(0)


def _starts(event: Any, begins: datetime, window: Window, zone: ZoneInfo, length: timedelta) -> Iterator[datetime]:
    if "RRULE" not in event:
        yield begins
        return
    from dateutil.rrule import rrulestr

    naive = begins.replace(tzinfo=None)
    rule = event["RRULE"]
    if "UNTIL" in rule:
        rule = type(rule)({**rule, "UNTIL": [_moment(rule["UNTIL"][0], zone).astimezone(begins.tzinfo)]})
        rule["UNTIL"] = [rule["UNTIL"][0].replace(tzinfo=None)]
    every = rrulestr(rule.to_ical().decode(), dtstart=naive)
    out = {at for each in _listed(event, "EXDATE") for at in (_moment(each, zone),)}
    last = window.end.astimezone(begins.tzinfo).replace(tzinfo=None)
    first = (window.start - length).astimezone(begins.tzinfo).replace(tzinfo=None) - timedelta(days=1)
    for number, at in enumerate(every.xafter(first, inc=True)):
        if at >= last or number > MOST:
            return
        start = at.replace(tzinfo=begins.tzinfo)
        if start not in out:
            yield start


def _listed(event: Any, name: str) -> Iterator[Any]:
    found = event.get(name, [])
    for line in found if isinstance(found, list) else [found]:
        yield from (each.dt for each in line.dts)


def _words(event: Any) -> tuple[str, str, str]:
    resources, categories = event.get("RESOURCES", ""), event.get("CATEGORIES")
    who = resources[0] if isinstance(resources, list) else resources
    what = next(iter(categories.cats), "") if categories is not None and hasattr(categories, "cats") else ""
    return str(who), str(what or event.get("SUMMARY", "")), str(event.get("LOCATION", ""))


def _is_busy(event: Any) -> bool:
    free = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    return not free and str(event.get("STATUS", "")).upper() != "CANCELLED"


def _moment(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), zone)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)
