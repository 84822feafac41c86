"""Make free slots of what a mapping's queries gave: what is open, less what is taken.

Rule: pure; whatever is unclear is withheld and reported, never guessed.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from adapters.sql.mapped.times import place_of
from adapters.sql.places import Clinic, later, twice
from agent.core.message import Message, say
from agent.core.model import AgendaRow, Cell, Finding, Practitioner, Severity, SiteId, Slot, Window


@dataclass(frozen=True, slots=True)
class Open:
    """Time a practitioner offers, aware and half-open. `grid`: minutes of a slot, 0 = the whole is one."""

    who: str
    start: datetime
    end: datetime
    type: str
    site: SiteId
    grid: int


@dataclass(frozen=True, slots=True)
class Busy:
    """An appointment as it overlaps, aware and half-open. `gone`: cancelled."""

    who: str
    start: datetime
    end: datetime
    gone: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class Pulled:
    """Some days of the agenda. `odd`: practitioners with an appointment whose time cannot be read."""

    name: str
    clinic: Clinic
    opens: tuple[Open, ...]
    busy: tuple[Busy, ...]
    odd: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def slots(self, window: Window) -> tuple[tuple[Slot, ...], tuple[Finding, ...]]:
        """Return the free slots that start in the window, and what was withheld and why."""
        counts = Counter(self.counts)
        counts["double"] += _doubles(self.busy)
        first, last = window.start.astimezone(UTC), window.end.astimezone(UTC)
        taken = _spans(row for row in self.busy if not row.gone)
        freed = _spans(row for row in self.busy if row.gone)
        found: dict[tuple[str, datetime], Slot] = {}
        for each in self.opens:
            for start, end in _cells(each):
                begin, until = start.astimezone(UTC), end.astimezone(UTC)
                if not first <= begin < last or each.who in self.odd or _hits(taken[each.who], begin, until):
                    continue
                place = place_of(each.who, start)
                if start.fold or (each.who, begin) in found:  # its name is another slot's already
                    counts["hour-twice" if start.fold else "twice"] += 1
                    continue
                counts["hour-twice"] += twice(start)
                who = Practitioner(each.who, label=self.people.get(each.who, ""))
                gone = _hits(freed[each.who], begin, until)
                found[each.who, begin] = Slot(self.clinic.name, place.key, each.site, who, start, end, each.type, gone)
        return tuple(found.values()), tuple(self._finding(code, n) for code, n in sorted(counts.items()) if n)

    def agenda(self, window: Window) -> Sequence[AgendaRow]:
        """Return free slots and active appointments, never a patient."""
        free, _ = self.slots(window)
        rows = [AgendaRow(one.practitioner, one.site, one.start, one.end, Cell.FREE, one.type) for one in free]
        sites = {(each.who, f"{each.start:%Y-%m-%d}"): each.site for each in self.opens}
        first, last = window.start.astimezone(UTC), window.end.astimezone(UTC)
        for row in self.busy:
            site = sites.get((row.who, f"{row.start:%Y-%m-%d}"))
            if site is None and self.clinic.sites:
                site = self.clinic.sites[0].id
            if site is not None and not row.gone and first <= row.start.astimezone(UTC) < last:
                who = Practitioner(row.who, label=self.people.get(row.who, ""))
                cell = Cell.OURS if row.ours else Cell.BUSY
                rows.append(AgendaRow(who, site, row.start, row.end, cell))
        return sorted(rows, key=lambda row: (row.start.astimezone(UTC), row.practitioner.key))

    def _finding(self, code: str, number: int) -> Finding:
        severity = Severity.NOTE if code == "hour-twice" else Severity.WARN
        return Finding(f"{self.name}.{code}", severity, _says(code, number))


def _says(code: str, n: int) -> Message:
    return {
        "double": say("{n} online appointment(s) whose time the desk gave to somebody else too", n=n),
        "hour-twice": say("{n} slot(s) in the hour the clocks show twice: read as its first turn", n=n),
        "twice": say("{n} time(s) open twice for one practitioner: offered once", n=n),
        "no-hour": say("{n} opening(s) in the hour the clocks skip: withheld", n=n),
        "no-site": say("{n} opening(s) at a site that is not in the configuration: withheld", n=n),
        "odd-open": say("{n} opening(s) without a usable time: withheld", n=n),
        "odd-busy": say("{n} appointment(s) without a usable time: all of that practitioner is withheld", n=n),
    }[code]


def _cells(each: Open) -> Iterable[tuple[datetime, datetime]]:
    if not each.grid:
        return [(each.start, each.end)]
    minutes = int((each.end.astimezone(UTC) - each.start.astimezone(UTC)).total_seconds()) // 60
    return [
        (later(each.start, at), later(each.start, at + each.grid))
        for at in range(0, minutes - each.grid + 1, each.grid)
    ]


Spans = list[tuple[datetime, datetime]]


def _spans(rows: Iterable[Busy]) -> Mapping[str, Spans]:
    """Return the time each practitioner is taken, in UTC: apart and in order."""
    found: defaultdict[str, Spans] = defaultdict(list)
    for who, start, end in sorted((row.who, row.start.astimezone(UTC), row.end.astimezone(UTC)) for row in rows):
        spans = found[who]
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return found


def _hits(spans: Spans, start: datetime, end: datetime) -> bool:
    """Say whether anything of the spans lies in [start, end)."""
    before = bisect_left(spans, (end,)) - 1
    return before >= 0 and spans[before][1] > start


def _doubles(busy: Iterable[Busy]) -> int:
    """Count the appointments of ours whose time somebody took after our last look: nothing can prevent it."""
    live = [row for row in busy if not row.gone]
    theirs = _spans(row for row in live if not row.ours)
    return sum(_hits(theirs[row.who], row.start.astimezone(UTC), row.end.astimezone(UTC)) for row in live if row.ours)
