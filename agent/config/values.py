"""Turn one TOML value into what the plan holds: durations, times of day, days, words, codes.

Rule: a reader returns the value or raises Wrong with a sentence and, where one helps, a hint.
"""

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.core.message import say
from agent.core.sheet import Reader, Wrong, list_of, string, text, whole, word, yes_no

DAYS = {
    **dict(zip(("lun", "mar", "mer", "jeu", "ven", "sam", "dim"), range(7), strict=True)),
    **dict(zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), range(7), strict=True)),
}
"""Days as they may be written, Monday first."""

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "j": 86400}
_DURATION = re.compile(r"(\d{1,6}) ?(s|min|h|d|j)")
_MONTHS = re.compile(r"(\d{1,3}) ?m")
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_IDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_MIDNIGHT = 24 * 60


def duration(low: timedelta = timedelta(0), high: timedelta = timedelta(days=3660)) -> Reader:
    """Read "60s", "30min", "2h" or "14d"."""

    def read(value: Any) -> timedelta:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise Wrong(say("this must be a duration"), say('write "60s", "30min", "2h" or "14d", with the quotes'))
        length = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
        if not low <= length <= high:
            limits = {"low": spell(low), "high": spell(high)}
            raise Wrong(say("the duration must be between {low} and {high}", **limits))
        return length

    return read


def months(value: Any) -> int:
    """Read "36m": months, 1 to 600."""
    match = _MONTHS.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= 600:
        raise Wrong(say("this must be a number of months"), say('write "36m", with the quotes'))
    return int(match[1])


def spell(length: timedelta) -> str:
    """Return a duration as it is written in the file, in the largest unit that is exact."""
    seconds = int(length.total_seconds())
    for unit in ("d", "h", "min"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


def day(value: Any) -> date:
    """Read a TOML date without a time."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Wrong(say("this must be a date"), say("write 2027-06-30, without quotes"))
    return value


def channels(value: Any) -> dict[str, tuple[str, ...]]:
    """Read {name of another booking site: [EMR codes it is given]}."""
    if not isinstance(value, dict):
        raise Wrong(say("this must name sites and their types"), say('write { "…" = ["…"] }'))
    codes = list_of(text())
    return {text(2)(name): codes(given) for name, given in value.items()}


def weekday(value: Any) -> int:
    """Read one day, in French or English; 0 = Monday."""
    if not isinstance(value, str) or value.lower() not in DAYS:
        raise Wrong(
            say("this is not a day of the week"), say("choose one of: {words}", words="lun mar mer jeu ven sam dim")
        )
    return DAYS[value.lower()]


def between(value: Any) -> tuple[int, int]:
    """Read ["08:00", "12:00"] as minutes since midnight, half-open; "24:00" is the end of the day."""
    if not isinstance(value, list) or len(value) != 2:
        raise Wrong(say("this must be two times, from and to"), say('write ["08:00", "12:00"]'))
    start, end = (_minutes(one) for one in value)
    if start >= end:
        raise Wrong(say("the first time must be before the second"), say("for a night, write two rules"))
    return start, end


def _minutes(value: Any) -> int:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else -1
    if match is None or int(match[2]) >= 60 or minutes > _MIDNIGHT:
        raise Wrong(say("this is not a time of day"), say('write "08:30", from "00:00" to "24:00"'))
    return minutes


def ident(value: Any) -> str:
    """Read an id: letters without accents, digits, - and _."""
    if not _IDENT.fullmatch(string(value)):
        raise Wrong(say("an id has 1 to 40 letters without accents, digits, - or _"))
    return str(value)


def zone(value: Any) -> str:
    """Read an IANA time zone."""
    try:
        ZoneInfo(string(value))
    except (KeyError, OSError, ValueError) as error:
        if isinstance(error, Wrong):
            raise
        raise Wrong(say("this time zone is not known"), say("write a name such as America/Toronto")) from None
    return str(value)


def anything(kind: type) -> Reader:
    """Read a value of the plain kinds an adapter's option may have."""

    def read(value: Any) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise Wrong(say("the value must be of the kind {kind}", kind=kind.__name__))
        return value

    return read


def of_kind(kind: type | tuple[str, ...], folder: Path) -> Reader:
    """Return the reader of an adapter's option (agent.ports.Option); a Path is taken from the file's `folder`."""
    if isinstance(kind, tuple):
        return word(*kind)
    readers: dict[type, Reader] = {
        str: string,
        bool: yes_no,
        int: whole(-(2**53), 2**53),
        timedelta: duration(),
        date: day,
        Path: lambda value: folder / string(value),
    }
    return readers.get(kind) or anything(kind)
