"""Make free slots of raw rows: templates, codes, holidays, appointments, clocks that jump.

Rule: pure; whatever is unclear is withheld and reported, never guessed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from math import ceil
from zoneinfo import ZoneInfo

from adapters.sql.oscar.read import Busy, Raw, Schedule
from adapters.sql.oscar.terms import Terms
from adapters.sql.places import Place, later, moment, twice
from agent.core.message import Message, say
from agent.core.model import AgendaRow, Cell, Finding, Practitioner, Severity, Slot, Window
from agent.ports import SitePart

DAY = 1440
NOTHING = "_"


@dataclass(frozen=True, slots=True)
class Visit:
    """Minutes since midnight and the code that marks them."""

    minute: int
    minutes: int
    code: str


class Unclear(Exception):  # noqa: N818 - it never leaves this file
    """A day that cannot be read; the text is the finding's code."""


def slots(raw: Raw, terms: Terms, window: Window) -> tuple[tuple[Slot, ...], tuple[Finding, ...]]:
    """Return the free slots that start in the window, and what was withheld."""
    counts: Counter[str] = Counter(each.code for each in _odd(raw.busy))
    window = Window(window.start.astimezone(UTC), window.end.astimezone(UTC))
    taken, gone = _by_day(row for row in raw.busy if not row.gone), _by_day(row for row in raw.busy if row.gone)
    counts.update(_doubles(taken.values()))
    free: list[Slot] = []
    for schedule, site, visits in _days(raw, terms, counts):
        day = _fold(schedule.who), schedule.day
        for visit in visits:
            start = _start(schedule.day, visit.minute, site, window, counts)
            if start is not None and not _overlaps(visit, taken[day]):
                freed = _overlaps(visit, gone[day])
                free.append(_slot(schedule, visit, site, start, raw, terms, freed=freed))
    return tuple(free), tuple(_finding(code, number) for code, number in sorted(counts.items()))


def agenda(raw: Raw, terms: Terms, window: Window) -> list[AgendaRow]:
    """Return free slots and active appointments for the clinic's own screen."""
    free, _ = slots(raw, terms, window)
    rows = [AgendaRow(each.practitioner, each.site, each.start, each.end, Cell.FREE, each.type) for each in free]
    places = {(each.who, each.day): terms.site(each.reason) for each in raw.schedules}
    for row in raw.busy:
        site = places.get((row.who, row.day)) or terms.site("")
        start = None if site is None else _start(row.day, row.start_s // 60 % DAY, site, window, Counter())
        if site is None or start is None or row.gone:
            continue
        # Ends are inclusive, 09:14 shows as 09:15; an end on a round five minutes was written by hand as exclusive.
        end = later(start, max(1, (row.end_s - row.start_s) // 60 + (row.end_s % 300 != 0)))
        cell = Cell.OURS if row.ours else Cell.BLOCKED if row.blocked else Cell.BUSY
        rows.append(AgendaRow(_who(row.who, raw), site.id, start, end, cell))
    return sorted(rows, key=lambda row: (row.start.astimezone(UTC), row.practitioner.key))


def visits(timecode: str | None, minutes: Mapping[str, int | None], long_codes: str) -> tuple[list[Visit], set[str]]:
    """Cut a template into visits; also return the finding codes it earned. Raises Unclear for a broken template."""
    if not timecode:
        return [], set()
    if DAY % len(timecode):
        raise Unclear("oscar.template-length")
    width, found, noted, i = DAY // len(timecode), [], set[str](), 0
    while i < len(timecode):
        code, step = timecode[i], 1
        length = minutes.get(code, 0)
        if code == NOTHING or code.isspace():
            pass
        elif length is None:
            noted.add("oscar.code-twice")
        elif length <= width:
            found.append(Visit(i * width, width, code))
        elif long_codes == "ask":
            noted.add("oscar.long-code")
        else:
            cells = timecode[i + 1 : i + ceil(length / width)]
            if len(cells) == ceil(length / width) - 1 and set(cells) <= _followers(code, long_codes):
                found.append(Visit(i * width, length, code))
                step += len(cells)
            else:
                noted.add("oscar.long-code-cut")
        i += step
    return found, noted


def _followers(code: str, long_codes: str) -> set[str]:
    """Return what the cells behind a long code's first one may hold."""
    return {code, NOTHING} if long_codes == "one-cell" else {code}


def _days(raw: Raw, terms: Terms, counts: Counter[str]) -> Iterator[tuple[Schedule, SitePart, Sequence[Visit]]]:
    days = sorted(raw.schedules, key=lambda each: (each.day, each.who))
    for _, group in groupby(days, key=lambda each: (each.day, each.who)):
        same = list(group)
        if same[0].day in raw.holidays and terms.holidays == "closed":
            continue
        if len(same) > 1:  # OSCAR takes whichever row comes first, without an order
            counts["oscar.two-schedules-one-day"] += 1
        elif same[0].available:
            try:
                yield _day(same[0], raw, terms, counts)
            except Unclear as why:
                counts[str(why)] += 1


def _day(
    schedule: Schedule, raw: Raw, terms: Terms, counts: Counter[str]
) -> tuple[Schedule, SitePart, Sequence[Visit]]:
    if schedule.timecode is None:
        raise Unclear("oscar.no-template")
    site = terms.site(schedule.reason)
    if site is None:
        raise Unclear("oscar.no-site")
    found, noted = visits(schedule.timecode, raw.minutes, terms.long_codes)
    counts.update(noted)
    return schedule, site, found


def _start(day: date, minute: int, site: SitePart, window: Window, counts: Counter[str]) -> datetime | None:
    start = moment(day, minute, ZoneInfo(site.zone))
    if (
        start is None or not window.start <= start.astimezone(UTC) < window.end
    ):  # in UTC: within one zone Python compares walls
        return None
    if twice(start):
        counts["oscar.hour-twice"] += 1
    return start


def _overlaps(visit: Visit, rows: Sequence[Busy]) -> bool:
    start, end = visit.minute * 60, (visit.minute + visit.minutes) * 60
    return any(row.start_s < end and row.end_s > start for row in rows)


def _slot(
    schedule: Schedule, visit: Visit, site: SitePart, start: datetime, raw: Raw, terms: Terms, *, freed: bool
) -> Slot:
    return Slot(
        emr=terms.name,
        key=Place(schedule.who, schedule.day, visit.minute).key,
        site=site.id,
        practitioner=_who(schedule.who, raw),
        start=start,
        end=later(start, visit.minutes),
        type=visit.code,
        after_cancel=freed,
    )


def _who(number: str, raw: Raw) -> Practitioner:
    return Practitioner(number, label=raw.people.get(number, ""))


def _by_day(busy: Iterable[Busy]) -> Mapping[tuple[str, date], list[Busy]]:
    found: defaultdict[tuple[str, date], list[Busy]] = defaultdict(list)
    for row in busy:
        found[_fold(row.who), row.day].append(row)
    return found


def _fold(number: str) -> str:
    """Compare numbers as OSCAR's columns do: no case, no blanks behind."""
    return number.rstrip().casefold()


def _doubles(days: Iterable[Sequence[Busy]]) -> Iterator[str]:
    """Yield once for each appointment of ours whose time somebody took after our last look: nothing can prevent it."""
    for live in days:
        for ours in (row for row in live if row.ours):
            if any(not row.ours and row.start_s < ours.end_s and row.end_s > ours.start_s for row in live):
                yield "oscar.double"


def _odd(busy: Iterable[Busy]) -> Iterator[Finding]:
    return (_finding("oscar.odd-time", 1) for row in busy if row.odd and not row.gone)


def _finding(code: str, number: int) -> Finding:
    return Finding(code, Severity.NOTE if code == "oscar.hour-twice" else Severity.WARN, _says(code, number))


def _says(code: str, number: int) -> Message:
    """Return the sentence of a finding; the numbers are days unless it says otherwise."""
    return {
        "oscar.two-schedules-one-day": say("{n} day(s) with two active schedules: withheld", n=number),
        "oscar.template-length": say("{n} day(s) whose template does not divide the day: withheld", n=number),
        "oscar.no-template": say("{n} day(s) whose template does not exist", n=number),
        "oscar.no-site": say("{n} day(s) at a site that is not in the configuration: withheld", n=number),
        "oscar.long-code": say(
            "{n} day(s) with codes longer than the grid: not offered until long_codes says", n=number
        ),
        "oscar.long-code-cut": say("{n} day(s) with a long code that does not fit its cells: withheld", n=number),
        "oscar.code-twice": say("{n} day(s) with a code whose two definitions differ: withheld", n=number),
        "oscar.hour-twice": say("{n} slot(s) in the hour the clocks show twice: read as its first turn", n=number),
        "oscar.double": say("{n} online appointment(s) whose time the desk gave to somebody else too", n=number),
        "oscar.odd-time": say("{n} appointment(s) without a usable time: they block their day", n=number),
    }[code]
