"""An EMR as its mapping file tells it, behind the ports of every mapping.

Rule: an appointment is ours by the mark in its row and the state we gave it; any other row never matches a guard.
"""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from adapters.sql.applied import Seen
from adapters.sql.dialect import Value
from adapters.sql.mapped.file import MappingFile
from adapters.sql.mapped.people import Person, person
from adapters.sql.mapped.picture import Busy, Open, Pulled
from adapters.sql.mapped.query import Query, first, one_text
from adapters.sql.mapped.times import Clockwork, Unreadable, place_of
from adapters.sql.mapping import Picture, Right, Wanted
from adapters.sql.places import OURS, Clinic, Place
from adapters.sql.session import Work
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import EmrRef, Patient, Window
from agent.ports import Named

LEAST = 60
"""Minutes the lock reaches back at least."""


class Mapped:
    """A mapping that is read only."""

    def __init__(self, file: MappingFile, clinic: Clinic) -> None:
        """Take the file as it was read."""
        self.file = file
        self.name = file.name
        self.clinic = clinic
        self.reads: Sequence[Right] = file.reads
        self.tables = _tables(file)
        self._times = Clockwork(file.utc, file.inclusive)

    def read(self, work: Work, first: date, last: date) -> Pulled:
        """Pull the days first to last, both included, by SELECT only."""
        counts: Counter[str] = Counter()
        zone = self._zone("")
        start = datetime(first.year, first.month, first.day, tzinfo=zone)
        end = datetime(last.year, last.month, last.day, tzinfo=zone) + timedelta(days=1)
        span = self._times.span(start, end)
        opens = [self._open(row, counts) for row in self._query("open").rows(work, span)]
        busy, odd = self._busy(work, span, counts) if "busy" in self.file.queries else ([], set[str]())
        return Pulled(
            self.name,
            self.clinic,
            tuple(each for each in opens if each is not None),
            tuple(busy),
            frozenset(odd),
            counts,
            self._words(work, "people", "practitioner"),
            self._words(work, "types", "type"),
        )

    def names(self, work: Work, picture: Picture, window: Window) -> Sequence[Named]:
        """Return types, people and sites with their free slots in the window."""
        free, _ = picture.slots(window)
        pulled = picture if isinstance(picture, Pulled) else None
        found = {
            "type": (Counter(slot.type for slot in free), pulled.words if pulled else {}),
            "practitioner": (Counter(slot.practitioner.key for slot in free), pulled.people if pulled else {}),
            "site": (self._site_counts(free), self._words(work, "sites", "site")),
        }
        return [
            Named(kind, code, words.get(code, ""), counts[code])
            for kind, (counts, words) in found.items()
            for code in sorted({*counts, *words})
        ]

    def _site_counts(self, free: Sequence[Any]) -> Counter[str]:
        codes = {site.id: site.emr_code for site in self.clinic.sites}
        return Counter(codes[slot.site] for slot in free if codes[slot.site] != "*")

    def _open(self, row: dict[str, Any], counts: Counter[str]) -> Open | None:
        site = self.clinic.site(one_text(row.get("site")))
        if site is None:
            counts["no-site"] += 1
            return None
        zone = ZoneInfo(site.zone)
        try:
            start = self._times.start(row, zone)
            if start is None:
                counts["no-hour"] += 1
                return None
            end = self._times.end(row, start, zone)
            grid = int(row["grid"]) if row.get("grid") is not None else self.file.grid
        except ValueError:
            counts["odd-open"] += 1
            return None
        return Open(one_text(row["practitioner"]), start, end, one_text(row["type"]), site.id, max(0, grid))

    def _busy(self, work: Work, span: dict[str, Value], counts: Counter[str]) -> tuple[list[Busy], set[str]]:
        found: list[Busy] = []
        odd: set[str] = set()
        for row in self._query("busy").rows(work, span):
            who, gone = one_text(row["practitioner"]), one_text(row["state"]) in self.file.gone
            zone = self._zone(one_text(row.get("site")))
            try:
                start = self._times.start(row, zone)
                end = None if start is None else self._times.end(row, start, zone)
            except Unreadable:
                start = end = None
            if start is not None and end is not None:
                found.append(Busy(who, start, end, gone, OURS in one_text(row.get("mark"))))
            elif not gone:
                odd.add(who)
                counts["odd-busy"] += 1
        return found, odd

    def _zone(self, code: str) -> ZoneInfo:
        site = self.clinic.site(code)
        return ZoneInfo(site.zone) if site else self.clinic.zones()[0]

    def _words(self, work: Work, name: str, code: str) -> dict[str, str]:
        query = self.file.queries.get(name)
        return {one_text(row[code]): one_text(row["name"]) for row in query.rows(work, {})} if query else {}

    def _query(self, name: str) -> Query:
        return self.file.queries[name]


class MappedBooking(Mapped):
    """A mapping whose appointments can be made, moved and cancelled."""

    def __init__(self, file: MappingFile, clinic: Clinic) -> None:
        """Take the file as it was read."""
        super().__init__(file, clinic)
        self.written: Sequence[str] = (file.table,)
        self.writes: Sequence[Right] = file.writes

    def person(self, work: Work, patient: Patient) -> Person:
        """Match the patient and word the row, before anything is locked."""
        return person(work, self.file.queries, patient, self.clinic.label)

    def longest(self, work: Work, day: date) -> int:
        """Return the minutes of the longest visit of the clinic's day, an hour at least; a whole day when unclear."""
        start = datetime(day.year, day.month, day.day, tzinfo=self._zone(""))
        span = self._times.span(start, start + timedelta(days=1))
        busy, odd = self._busy(work, span, Counter())
        lengths = [row.end.astimezone(UTC) - row.start.astimezone(UTC) for row in busy if not row.gone]
        return 1440 if odd else max([LEAST, *(int(each.total_seconds()) // 60 for each in lengths)])

    def see(self, work: Work, ref: EmrRef | None, *, lock: bool = False) -> Seen | None:
        """Read one appointment; None when it is not there. Raises Misconfigured for a row that cannot be read."""
        given: dict[str, Value] = {"ref": ref, "now": ""}
        row = None if ref is None else first(self._query("see").rows(work, given, lock=lock))
        if row is None or ref is None:
            return None
        zone = self._zone(one_text(row.get("site")))
        try:
            start = self._times.start(row, zone)
            end = None if start is None else self._times.end(row, start, zone)
        except Unreadable as cause:
            raise self._unreadable() from cause
        if start is None or end is None:
            raise self._unreadable()
        state, minutes = one_text(row["state"]), end.astimezone(UTC) - start.astimezone(UTC)
        return Seen(
            ref=ref,
            place=place_of(one_text(row["practitioner"]), start),
            minutes=int(minutes.total_seconds()) // 60,
            made=OURS in one_text(row["mark"]),
            due=state in self.file.due,
            gone=state in self.file.gone,
            matched=row["patient"] not in (None, "", 0, "0"),
        )

    def overlapping(self, work: Work, place: Place, minutes: int, longest: int) -> AbstractSet[EmrRef]:
        """Return what takes any of these minutes, locked where the database can; nothing older than `longest`."""
        words = self._times.words(place, minutes, self._zone(""), longest)
        rows = self._query("overlap").rows(work, words, lock=True)
        return {EmrRef(one_text(row["ref"])) for row in rows}

    def book(self, work: Work, wanted: Wanted) -> EmrRef | None:
        """Make the appointment; None when the free row is no longer free."""
        site = self.clinic.site_of(wanted.slot)
        zone = ZoneInfo(site.zone)
        words = self._times.words(wanted.place, wanted.minutes, zone)
        words |= {
            "type": wanted.slot.type,
            "site": "" if site.emr_code == "*" else site.emr_code,
            "now": self._times.now(wanted.now, zone),
            "mark": f"[{wanted.token or OURS}]",
            **wanted.who.words(),
        }
        query, rows = self._query("book"), self.file.queries.get("row")
        if rows is None:
            return EmrRef(str(work.insert(query.sql, *query.bind(words))))
        row = first(rows.rows(work, words, lock=True))
        if row is None or query.change(work, {**words, "row": row["ref"]}) != 1:
            return None
        return EmrRef(one_text(row["ref"]))

    def cancel(self, work: Work, ref: EmrRef, now: datetime) -> bool:
        """Cancel as the screens do; False when the guard found nothing of ours."""
        return self._run(work, self.file.steps["cancel"], ref, now)

    def undo(self, work: Work, ref: EmrRef, now: datetime) -> bool:
        """Take back what was booked a moment ago; False as above."""
        return self._run(work, self.file.steps.get("undo", self.file.steps["cancel"]), ref, now)

    def _run(self, work: Work, steps: Sequence[Query], ref: EmrRef, now: datetime) -> bool:
        given: dict[str, Value] = {"ref": ref, "now": self._times.now(now, self._zone(""))}
        return all(step.change(work, given) == 1 for step in steps)

    def _unreadable(self) -> Misconfigured:
        query = self._query("see")
        return Misconfigured(
            say("read the agenda"),
            say("the time of an appointment cannot be read"),
            say("cast it to a text in the SQL: docs/connect-an-emr.md"),
            file=query.file,
            key="see",
            line=query.line,
        )


class MappedTokened(MappedBooking):
    """A mapping whose appointments can carry our token, for a clinic that makes no table for us."""

    def tokens(self, work: Work, like: str, now: datetime) -> Sequence[tuple[EmrRef, str]]:
        """Return (appointment, token) of rows made by us whose token is LIKE this, from yesterday on."""
        zone = self._zone("")
        given: dict[str, Value] = {"like": like, "since": self._times.now(now - timedelta(days=1), zone)}
        rows = self._query("tokens").rows(work, given)
        return [(EmrRef(one_text(row["ref"])), one_text(row["mark"])) for row in rows]

    def mark(self, work: Work, ref: EmrRef, old: str, new: str) -> bool:
        """Change a token; False when it was not there."""
        return self._query("token").change(work, {"ref": ref, "old": old, "new": new}) == 1


def mapped(file: MappingFile, clinic: Clinic) -> Mapped:
    """Return the mapping with the abilities its file gives it."""
    if not file.books:
        return Mapped(file, clinic)
    return MappedTokened(file, clinic) if "tokens" in file.queries else MappedBooking(file, clinic)


def _tables(file: MappingFile) -> tuple[str, ...]:
    """Return the tables the file asks to read, in its order."""
    named = [table for right, table in (*file.reads, *file.writes) if "SELECT" in right]
    return tuple(dict.fromkeys(named))
