"""What is left of working time: visits that no appointment overlaps, on clocks that jump twice a year.

Rule: pure; whatever is unclear is withheld and reported, never guessed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from adapters.sql.places import DAY, Clinic, Place, later, moment, twice
from agent.core.message import Message, say
from agent.core.model import AgendaRow, Cell, Finding, Practitioner, Severity, Slot, Window
from agent.ports import SitePart


@dataclass(frozen=True, slots=True)
class Visit:
    """A piece of working time on the wall clock: minutes since midnight, and the EMR's own word for it."""

    minute: int
    minutes: int
    type: str


@dataclass(frozen=True, slots=True)
class Day:
    """A practitioner's working time on one day, at one site."""

    who: str
    day: date
    site: SitePart
    visits: Sequence[Visit]


@dataclass(frozen=True, slots=True)
class Busy:
    """An appointment as it overlaps: seconds of the day, half-open. `gone`: cancelled or deleted.

    `odd`: it has no usable time, and takes the whole day. `shown_s`: the end people see, where that differs.
    """

    who: str
    day: date
    start_s: int
    end_s: int
    gone: bool
    ours: bool
    blocked: bool = False
    odd: bool = False
    shown_s: int | None = None


def slots(
    clinic: Clinic, days: Iterable[Day], busy: Iterable[Busy], window: Window, people: Mapping[str, str]
) -> tuple[list[Slot], Counter[str]]:
    """Return the free visits that start in the window; and how often: "double", "odd-time", "hour-twice"."""
    busy = list(busy)
    counts = Counter("odd-time" for row in busy if row.odd and not row.gone)
    taken, gone = _by_day(row for row in busy if not row.gone), _by_day(row for row in busy if row.gone)
    counts.update(_doubles(taken.values()))
    window = Window(window.start.astimezone(UTC), window.end.astimezone(UTC))  # in one zone Python compares walls
    free: list[Slot] = []
    for each in days:
        place = _fold(each.who), each.day
        for visit in each.visits:
            start = moment(each.day, visit.minute, ZoneInfo(each.site.zone))
            if start is None or not window.start <= start.astimezone(UTC) < window.end:
                continue
            counts.update(["hour-twice"] if twice(start) else [])
            if not _overlaps(visit, taken[place]):
                freed = _overlaps(visit, gone[place])
                free.append(_slot(clinic, each, visit, start, people, freed=freed))
    return free, counts


def agenda(
    clinic: Clinic,
    free: Iterable[Slot],
    busy: Iterable[Busy],
    sites: Mapping[tuple[str, date], SitePart],
    people: Mapping[str, str],
) -> list[AgendaRow]:
    """Return free slots and active appointments for the clinic's own screen. `sites`: where somebody is on a day."""
    rows = [AgendaRow(each.practitioner, each.site, each.start, each.end, Cell.FREE, each.type) for each in free]
    for row in busy:
        site = sites.get((row.who, row.day)) or clinic.site("")
        start = None if site is None else moment(row.day, row.start_s // 60 % DAY, ZoneInfo(site.zone))
        if site is None or start is None or row.gone:
            continue
        end_s = row.end_s if row.shown_s is None else row.shown_s
        end = later(start, max(1, (end_s - row.start_s) // 60))
        cell = Cell.OURS if row.ours else Cell.BLOCKED if row.blocked else Cell.BUSY
        rows.append(AgendaRow(_person(row.who, people), site.id, start, end, cell))
    return sorted(rows, key=lambda row: (row.start.astimezone(UTC), row.practitioner.key))


def findings(mapping: str, counts: Mapping[str, int], own: Mapping[str, Message] | None = None) -> tuple[Finding, ...]:
    """Return one finding for each count. `own`: the mapping's sentences for codes that are its own."""
    says = {**_says(counts), **(own or {})}
    return tuple(
        Finding(f"{mapping}.{code}", Severity.NOTE if code == "hour-twice" else Severity.WARN, says[code])
        for code, number in sorted(counts.items())
        if number
    )


def _says(counts: Mapping[str, int]) -> Mapping[str, Message]:
    def n(code: str) -> int:
        return counts.get(code, 0)

    return {
        "no-site": say("{n} day(s) at a site that is not in the configuration: withheld", n=n("no-site")),
        "hour-twice": say("{n} slot(s) in the hour the clocks show twice: read as its first turn", n=n("hour-twice")),
        "double": say("{n} online appointment(s) whose time the desk gave to somebody else too", n=n("double")),
        "odd-time": say("{n} appointment(s) without a usable time: they block their day", n=n("odd-time")),
    }


def _overlaps(visit: Visit, rows: Sequence[Busy]) -> bool:
    start, end = visit.minute * 60, (visit.minute + visit.minutes) * 60
    return any(row.start_s < end and row.end_s > start for row in rows)


def _slot(clinic: Clinic, day: Day, visit: Visit, start: datetime, people: Mapping[str, str], *, freed: bool) -> Slot:
    return Slot(
        emr=clinic.name,
        key=Place(day.who, day.day, visit.minute).key,
        site=day.site.id,
        practitioner=_person(day.who, people),
        start=start,
        end=later(start, visit.minutes),
        type=visit.type,
        after_cancel=freed,
    )


def _person(number: str, people: Mapping[str, str]) -> Practitioner:
    return Practitioner(number, label=people.get(number, ""))


def _by_day(busy: Iterable[Busy]) -> Mapping[tuple[str, date], list[Busy]]:
    found: defaultdict[tuple[str, date], list[Busy]] = defaultdict(list)
    for row in busy:
        found[_fold(row.who), row.day].append(row)
    return found


def _fold(number: str) -> str:
    """Compare numbers as databases commonly do: no case, no blanks behind."""
    return number.rstrip().casefold()


def _doubles(days: Iterable[Sequence[Busy]]) -> Iterator[str]:
    """Yield once for each appointment of ours whose time somebody took after our last look: nothing can prevent it."""
    for live in days:
        for ours in (row for row in live if row.ours):
            if any(not row.ours and row.start_s < ours.end_s and row.end_s > ours.start_s for row in live):
                yield "double"
