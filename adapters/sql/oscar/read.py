"""Pull OSCAR's raw rows for some days.

Rule: SELECT only, no patient column, no judgement; the traps of the schema are judged in expand.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from adapters.sql.free import Busy
from adapters.sql.places import DAY_S, OURS, is_day, seconds
from adapters.sql.session import Row, Work

SCHEDULES = """SELECT sd.provider_no, CAST(sd.sdate AS CHAR), sd.available, sd.reason, own.name, own.timecode, pub.timecode
FROM scheduledate sd
LEFT JOIN scheduletemplate own ON own.provider_no = sd.provider_no AND own.name = sd.hour
LEFT JOIN scheduletemplate pub ON pub.provider_no = 'Public' AND pub.name = sd.hour
WHERE sd.status = 'A' AND sd.sdate BETWEEN ? AND ? ORDER BY sd.id"""
APPOINTMENTS = """SELECT provider_no, CAST(appointment_date AS CHAR), CAST(start_time AS CHAR), CAST(end_time AS CHAR),
status, creator, CASE WHEN name = 'Do_Not_Book' THEN 1 ELSE 0 END
FROM appointment WHERE appointment_date BETWEEN ? AND ?"""
HOLIDAYS = "SELECT CAST(sdate AS CHAR) FROM scheduleholiday WHERE sdate BETWEEN ? AND ?"
CODES = "SELECT code, description, duration FROM scheduletemplatecode ORDER BY id"
PEOPLE = "SELECT provider_no, last_name, first_name FROM provider"
SITES = "SELECT name FROM site ORDER BY name"
WHERE_THEY_WORK = """SELECT ps.provider_no, s.name FROM providersite ps JOIN site s ON s.site_id = ps.site_id
ORDER BY ps.provider_no, s.name"""
GROUPS = "SELECT provider_no, mygroup_no FROM mygroup ORDER BY mygroup_no"
READ = ("appointment_no", "provider_no", "appointment_date", "start_time", "end_time", "status", "creator", "name")
"""Columns of appointment that a poll reads; `name` tells a blocked time."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A practitioner's day: `timecode` is the template's text, own before Public, None when there is no template."""

    who: str
    day: date
    available: bool
    reason: str
    timecode: str | None


@dataclass(frozen=True, slots=True)
class Raw:
    """All that slots are made of. `minutes`: a code's visit length, None where the clinic's own rows disagree."""

    schedules: tuple[Schedule, ...]
    busy: tuple[Busy, ...]
    holidays: frozenset[date] = frozenset()
    minutes: dict[str, int | None] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    """The site of whoever works at one only: a day changed by hand says a reason where others say their site."""


def pull(work: Work, first: str, last: str) -> Raw:
    """Read the days first to last (2026-11-23), both included."""
    days = (first, last)
    codes = work.rows(CODES)
    return Raw(
        schedules=tuple(_schedule(row) for row in work.rows(SCHEDULES, *days) if is_day(row[1])),
        busy=tuple(busy(row) for row in work.rows(APPOINTMENTS, *days) if is_day(row[1])),
        holidays=frozenset(date.fromisoformat(row[0]) for row in work.rows(HOLIDAYS, *days) if is_day(row[0])),
        minutes=_minutes(codes),
        words={str(code): str(words or "") for code, words, _ in codes},
        homes=_homes(work.rows(WHERE_THEY_WORK)),
        people={str(number): f"{given} {family}".strip() for number, family, given in work.rows(PEOPLE)},
    )


def busy(row: Row) -> Busy:
    """Judge one appointment: inclusive ends, 24:00, and times that are none, which block the whole day."""
    who, day, start, end, status, creator, blocked = row
    first, last = seconds(start), seconds(end)
    odd = first is None or last is None
    start_s, end_s = (0, DAY_S) if first is None or last is None else (first, max(last, first + 1))
    gone = (status or "")[:1] in ("C", "D")
    # Ends are inclusive, 09:14 shows as 09:15; an end on a round five minutes was written by hand as exclusive.
    shown_s = end_s + 60 * (end_s % 300 != 0)
    return Busy(who, date.fromisoformat(day), start_s, end_s, gone, creator == OURS, bool(blocked), odd, shown_s)


def _schedule(row: Row) -> Schedule:
    who, day, available, reason, own, owned, public = row
    timecode = owned if own is not None else public
    return Schedule(who, date.fromisoformat(day), available != "0", reason or "", timecode)


def _homes(rows: Sequence[Row]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for who, site in rows:
        found.setdefault(str(who), set()).add(str(site))
    return {who: next(iter(sites)) for who, sites in found.items() if len(sites) == 1}


def _minutes(codes: Sequence[Row]) -> dict[str, int | None]:
    found: dict[str, set[int]] = {}
    for code, _, duration in codes:
        text = (duration or "").strip()
        found.setdefault(str(code), set()).add(int(text) if text.isdecimal() else 0)
    return {code: next(iter(lengths)) if len(lengths) == 1 else None for code, lengths in found.items()}
