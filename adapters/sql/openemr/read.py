"""Pull OpenEMR's raw rows for some days.

Rule: SELECT only, no patient column, no judgement; what the rows mean is judged in expand.py.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from adapters.sql.openemr.series import Series
from adapters.sql.places import is_day
from adapters.sql.session import Row, Work
from agent.core.model import EmrRef

MARK = "63C3A96E6561"
"""The first six bytes, in hexadecimal, of `uuid` in every event we make: there is no column for who made one."""

EVENT = f"""pc_eid, pc_aid, pc_catid, pc_prefcatid, CAST(pc_eventDate AS CHAR), CAST(pc_endDate AS CHAR),
CAST(pc_startTime AS CHAR), CAST(pc_endTime AS CHAR), pc_duration, pc_recurrtype, pc_recurrspec, pc_apptstatus,
pc_facility, CASE WHEN HEX(SUBSTR(uuid, 1, 6)) = '{MARK}' THEN 1 ELSE 0 END"""
SINGLE = f"""SELECT {EVENT} FROM openemr_postcalendar_events
WHERE pc_recurrtype = 0 AND pc_eventDate BETWEEN ? AND ?"""  # noqa: S608 - constants
SERIES = f"""SELECT {EVENT} FROM openemr_postcalendar_events
WHERE pc_recurrtype > 0 AND pc_eventDate <= ? AND pc_endDate >= ?"""  # noqa: S608 - constants
"""No index of OpenEMR's leads to series: like its own calendar, this walks the table, and so never under a lock."""
CATEGORIES = """SELECT pc_catid, pc_constant_id, pc_catname, pc_duration, pc_cattype, pc_active
FROM openemr_postcalendar_categories"""
PEOPLE = "SELECT id, fname, lname FROM users WHERE authorized = 1 AND active = 1 AND calendar = 1"
FACILITIES = "SELECT id, name FROM facility ORDER BY id"
HOLIDAYS = "SELECT CAST(date AS CHAR) FROM calendar_external WHERE date BETWEEN ? AND ?"

NONE = "0000-00-00"
"""How versions before NULL write that there is no last day."""


@dataclass(frozen=True, slots=True)
class Category:
    """A category: `word` is its constant, or its number where the clinic gave none. `seconds`: how long a visit is."""

    number: int
    word: str
    name: str
    seconds: int
    is_visit: bool


@dataclass(frozen=True, slots=True)
class Event:
    """One row of events. Times as text; `reserved`: the category an In Office event is kept for, 0 = none."""

    ref: EmrRef
    who: str
    category: int
    reserved: int
    series: Series
    start: str
    end: str
    seconds: int
    status: str
    facility: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Raw:
    """All that slots are made of."""

    first: date
    last: date
    events: tuple[Event, ...]
    categories: dict[int, Category] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    facilities: dict[str, str] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()


def pull(work: Work, first: date, last: date) -> Raw:
    """Read the days first to last, both included, and the evening before them."""
    days = tuple(f"{day:%Y-%m-%d}" for day in (first - timedelta(days=1), last))
    return Raw(
        first,
        last,
        events=tuple(event(row) for row in [*work.rows(SINGLE, *days), *work.rows(SERIES, *reversed(days))]),
        categories=categories(work),
        people={str(number): f"{given or ''} {family or ''}".strip() for number, given, family in work.rows(PEOPLE)},
        facilities={str(number): str(name or "") for number, name in work.rows(FACILITIES)},
        holidays=frozenset(date.fromisoformat(row[0]) for row in work.rows(HOLIDAYS, *days) if is_day(row[0])),
    )


def categories(work: Work) -> dict[int, Category]:
    """Read the categories; a clinic's own may be switched off."""
    return {
        int(number): Category(int(number), str(word or number), str(name or ""), int(seconds or 0), _is_visit(kind, on))
        for number, word, name, seconds, kind, on in work.rows(CATEGORIES)
    }


def event(row: Row) -> Event:
    """Take one row apart."""
    ref, who, category, reserved, first, last, start, end, seconds, kind, spec, status, facility, ours = row
    return Event(
        ref=EmrRef(str(ref)),
        who=str(who or ""),
        category=int(category),
        reserved=int(reserved or 0),
        series=Series(int(kind or 0), day(first), None if last in (None, NONE) else day(last), str(spec or "")),
        start=str(start or ""),
        end=str(end or ""),
        seconds=int(seconds or 0),
        status=str(status or ""),
        facility=str(facility or 0),
        ours=bool(ours),
    )


def day(text: str) -> date:
    """Return the day of a DATE; the zero date, which only a lax server takes, is the first day there is."""
    return date.fromisoformat(text) if is_day(text) else date.min


def _is_visit(kind: object, on: object) -> bool:
    return int(str(kind or 0)) == 0 and int(str(on or 0)) == 1
