"""Openings less what stands in the mirror: free slots, and the clinic's own view of both.

Rule: a time whose owner is not known is taken from everybody it could be; a doubt never makes a slot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.agenda.mirror import Record
from adapters.agenda.openings import Opening, within
from adapters.er7 import Kind
from agent.core.model import AgendaRow, Cell, EmrName, Practitioner, SiteId, Slot, Window
from agent.ports import SitePart

_BUCKET = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Freed:
    """The free slots, and how many standing records name somebody the openings know (`known`) or nobody they know."""

    slots: tuple[Slot, ...]
    known: int
    strangers: int


class _Taken:
    """Standing and cancelled records by quarter of a day."""

    def __init__(self, records: Iterable[Record], openings: Sequence[Opening], sites: Sequence[SitePart]) -> None:
        self._who = {each.practitioner for each in openings}
        self._rooms = {each.place for each in openings if each.place} | {site.emr_code for site in sites}
        self._codes: dict[SiteId, str] = {site.id: site.emr_code for site in sites}
        self._at: dict[int, list[Record]] = {}
        self.known = self.strangers = 0
        for record in records:
            if record.start is None or record.end is None or record.end <= record.start:
                continue
            for bucket in _buckets(record.start, record.end):
                self._at.setdefault(bucket, []).append(record)
            if record.is_standing:
                mine = bool(self._who & {*record.people, *record.places})
                self.known += mine
                self.strangers += not mine and bool(record.people)

    def over(self, opening: Opening) -> list[Record]:
        """Return the records that overlap an opening and could be its own."""
        start, end = opening.start.astimezone(UTC), opening.end.astimezone(UTC)
        near = {record.key: record for bucket in _buckets(start, end) for record in self._at.get(bucket, ())}
        return [
            record
            for record in near.values()
            if record.start
            and record.end
            and record.start < end
            and record.end > start
            and self._is_of(record, opening)
        ]

    def _is_of(self, record: Record, opening: Opening) -> bool:
        named = {*record.people, *record.places}
        if opening.practitioner in named or (opening.place and opening.place in named):
            return True
        if record.people or self._who & named:
            return False  # somebody else's
        code = self._codes.get(opening.site, "*")
        if record.site not in ("", "*", code):
            return False
        rooms = self._rooms & set(record.places)
        return not rooms or code in rooms or not opening.place


def free(openings: Iterable[Opening], records: Iterable[Record], emr: EmrName, sites: Sequence[SitePart]) -> Freed:
    """Return what is left; `after_cancel` where a cancelled appointment stood."""
    openings = list(openings)
    taken = _Taken(records, openings, sites)
    slots: dict[str, Slot] = {}
    for each in openings:
        over = taken.over(each)
        if not any(record.is_standing for record in over):
            cancelled = any(record.state is Kind.GONE for record in over)
            who = Practitioner(each.practitioner)
            slots[each.key] = Slot(emr, each.key, each.site, who, each.start, each.end, each.type, cancelled)
    return Freed(tuple(slots.values()), taken.known, taken.strangers)


def apart(openings: Iterable[Opening], records: Iterable[Record], sites: Sequence[SitePart]) -> list[Opening]:
    """Return the openings that no record could be over."""
    openings = list(openings)
    taken = _Taken(records, openings, sites)
    return [each for each in openings if not taken.over(each)]


def overlapping(
    opening: Opening, records: Iterable[Record], openings: Iterable[Opening], sites: Sequence[SitePart]
) -> list[Record]:
    """Return the records over one opening that could be its own; `openings`: whose codes are known."""
    return _Taken(records, list(openings), sites).over(opening)


def agenda(
    openings: Iterable[Opening],
    records: Iterable[Record],
    window: Window,
    sites: Sequence[SitePart],
    ours: frozenset[str] = frozenset(),
) -> list[AgendaRow]:
    """Return free openings and what stands, by start; `ours`: keys of records that are our bookings."""
    openings, records = list(openings), [each for each in records if each.is_standing]
    taken = _Taken(records, openings, sites)
    rows = [
        AgendaRow(Practitioner(each.practitioner), each.site, each.start, each.end, Cell.FREE, each.type)
        for each in openings
        if not taken.over(each)
    ]
    by_code = {site.emr_code: site for site in sites}
    for record in records:
        if record.start is None or record.end is None or not within(window, record.start):
            continue
        site = by_code.get(record.site, sites[0])
        zone = ZoneInfo(site.zone)
        who = next((each.practitioner for each in openings if each.practitioner in record.people), "")
        person = Practitioner(who or next(iter((*record.people, *record.places)), "?"))
        cell = Cell.OURS if record.key in ours else Cell.BLOCKED if record.state is Kind.BLOCK else Cell.BUSY
        rows.append(AgendaRow(person, site.id, record.start.astimezone(zone), record.end.astimezone(zone), cell))
    return sorted(rows, key=lambda row: (row.start, row.practitioner.key))


def _buckets(start: datetime, end: datetime) -> range:
    first, last = (int(at.timestamp() // _BUCKET.total_seconds()) for at in (start, end))
    return range(first, last + 1)
