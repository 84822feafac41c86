"""Read a time stamp (TS, HL7 v2.5.1 2.A.77) and a length as EMRs write them.

Rule: a time that does not exist, or a date without an hour, is refused; an offset that is written is honoured.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from adapters.er7.faults import DATA_TYPE, Unread
from agent.core.message import say

_TS = re.compile(r"(\d{8})(?:(\d{4})(?:(\d{2})(?:(\d{2})|\.(\d{1,4}))?)?)?([+-]\d{4})?", re.ASCII)
_UNIT = re.compile(r"[A-Za-z]+")
_TQ = re.compile(r"([SMH])(\d{1,6})", re.ASCII)
_COUNT = re.compile(r"\d{1,6}(?:\.0*)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
LONGEST = timedelta(days=366)
FIRST, LAST = "1900", "2200"
"""Years an appointment may be in; nothing reckoned from them leaves the calendar."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time in the site's zone. `repeated`: the clock shows it twice that night and no offset says which is meant."""

    at: datetime
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Length:
    """A length as written. `unit`: seconds in one, 0 = none was written."""

    count: int
    unit: int

    def spans(self) -> timedelta:
        """Return it as a span; only where a unit is known."""
        return timedelta(seconds=self.count * self.unit)


def stamp(text: str, zone: ZoneInfo, place: str, *, second: bool = False) -> Stamp:
    """Read a start or an end; `second`: a time shown twice means the second. Raises Unread."""
    match = _TS.fullmatch(text.strip())
    if match is None:
        raise Unread(DATA_TYPE, place, say("this is not a time"))
    if match[2] is None:
        raise Unread(DATA_TYPE, place, say("this is a day without an hour"))
    if not FIRST <= match[1][:4] <= LAST:
        raise Unread(DATA_TYPE, place, say("this is not a time"))
    try:
        naive = _naive(match[1], match[2], match[3] or "00")
        if match[6] is not None:
            return Stamp(naive.replace(tzinfo=_offset(match[6])).astimezone(zone))
        first, again = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
            raise Unread(DATA_TYPE, place, say("the clock jumps over this time that night"))
    except (ValueError, OverflowError) as cause:
        raise Unread(DATA_TYPE, place, say("this is not a time")) from cause
    repeated = first.utcoffset() != again.utcoffset()
    return Stamp(again if repeated and second else first, repeated)


def sent_at(text: str, zone: ZoneInfo, received: datetime) -> datetime:
    """Return MSH-7 in UTC: the reading nearest to its arrival when the clock showed it twice, `received` when unread.

    It orders messages about one appointment and never becomes the time of one.
    """
    try:
        read = stamp(text, zone, "MSH-7")
        both = {read.at.replace(fold=fold).astimezone(UTC) for fold in ((0, 1) if read.repeated else (read.at.fold,))}
    except (Unread, OverflowError):
        return received
    return min(both, key=lambda at: abs(at - received))


def length(count: str, unit: str) -> Length | None:
    """Read a number with its unit (s, m, h by the first letter, any case); None when there is none."""
    if not _COUNT.fullmatch(count) or int(float(count)) == 0:
        return None
    word = _UNIT.match(unit.strip())
    if word is None:
        return Length(int(float(count)), 0)
    letter = word[0].lower()
    seconds = 0 if letter.startswith("mo") else _SECONDS.get(letter[0], 0)
    return Length(int(float(count)), seconds) if seconds else None


def quantity(text: str) -> Length | None:
    """Read component 3 of a TQ: M30, S1800, H1, or a bare number, which is minutes (HL7 v2.5.1 2.A.81.3)."""
    match = _TQ.fullmatch(text.strip().upper())
    if match is not None:
        return length(match[2], match[1])
    found = length(text, "")
    return Length(found.count, 60) if found is not None else None


def _naive(day: str, clock: str, seconds: str) -> datetime:
    year, month, at = int(day[:4]), int(day[4:6]), int(day[6:])
    return datetime(year, month, at, int(clock[:2]), int(clock[2:]), int(seconds))  # noqa: DTZ001 - zoned by the caller


def _offset(text: str) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:])
    if int(text[3:]) > 59 or minutes > 14 * 60:
        raise ValueError(text)
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))
