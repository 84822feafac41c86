"""The bench of the conformance kit for OpenEMR, and a receptionist who works in it.

Rule: it works on the tables as the screens do, never through the adapter.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from adapters.conformance import NAME, SITE, Opening, Standing
from adapters.sql.mapping import Booking
from adapters.sql.openemr import OpenEmr, Terms
from adapters.sql.openemr.read import MARK
from adapters.sql.openemr.rows import NO_SERIES
from adapters.sql.openemr.schema import CATEGORIES, SHIPPED
from adapters.sql.private import Server, connect
from agent.core.model import EmrRef

LABEL = "Réservé en ligne"
EVENTS = "openemr_postcalendar_events"
WEEKLY = 'a:3:{{s:17:"event_repeat_freq";s:1:"1";s:22:"event_repeat_freq_type";s:1:"1";s:6:"exdate";s:{}:"{}";}}'
INSERT = f"""INSERT INTO {EVENTS}(pc_catid, pc_multiple, pc_aid, pc_pid, pc_title, pc_time, pc_informant, pc_eventDate,
pc_duration, pc_recurrtype, pc_recurrspec, pc_startTime, pc_endTime, pc_apptstatus, pc_prefcatid, pc_eventstatus,
pc_sharing, pc_facility) VALUES(?, 0, ?, '', ?, NOW(), '4', ?, ?, 0, ?, ?, ?, ?, ?, 1, 1, ?)"""


class Desk:
    """Works in the calendar as its screens do: looks, then writes, with no lock in between."""

    def __init__(self, server: Server) -> None:
        """Sit down at the desk."""
        self._server = server

    @contextmanager
    def base(self) -> Iterator[Any]:
        """Open the database as the screens' account, for one transaction."""
        with closing(connect(self._server.desk())) as base:
            yield base
            base.commit()

    def event(
        self, who: str, start: datetime, seconds: int, category: int = 9, status: str = "-", **more: object
    ) -> int:
        """Put an event into the calendar, wall clock of the clinic; `more`: reserved, facility. Return its number."""
        with self.base() as base:
            return insert(base, who, start, seconds, category, status, **more)

    def change(self, ref: str, **columns: object) -> None:
        """Change columns of any event."""
        sets = ", ".join(f"{name} = ?" for name in columns)
        with self.base() as base:
            base.execute(f"UPDATE {EVENTS} SET {sets} WHERE pc_eid = ?", (*columns.values(), int(ref)))  # noqa: S608 - our own words

    def weekly(self, ref: int | None, excluded: str = "") -> None:
        """Make an event, or each, a weekly series that began four weeks before; `excluded`: dates taken out."""
        rule = WEEKLY.format(len(excluded), excluded)
        with self.base() as base:
            base.execute(
                f"""UPDATE {EVENTS} SET pc_recurrtype = 1, pc_recurrspec = ?, pc_endDate = '2027-12-31',
                pc_eventDate = DATE_SUB(pc_eventDate, INTERVAL 28 DAY) WHERE pc_eid = COALESCE(?, pc_eid)""",  # noqa: S608 - a constant
                (rule, ref),
            )


def insert(
    base: Any, who: str, start: datetime, seconds: int, category: int = 9, status: str = "-", **more: object
) -> int:
    """Insert a single event as a screen does, and leave it uncommitted."""
    end = start + timedelta(seconds=seconds)
    span = f"{start:%H:%M:%S}", f"{end:%H:%M:%S}" if end.date() == start.date() else "24:00:00"
    values = (category, who, "Visite", f"{start:%Y-%m-%d}", seconds, NO_SERIES, *span, status)
    base.execute(INSERT, (*values, more.get("reserved", 0), more.get("facility", 0)))
    return int(base.execute("SELECT LAST_INSERT_ID()").fetchone()[0])


class OpenEmrDesk:
    """The half of a bench that knows OpenEMR; the other half knows the server (see mariadb_bench.py)."""

    server: Server
    refuse = f"""CREATE TRIGGER refuse BEFORE INSERT ON {EVENTS} FOR EACH ROW
        IF HEX(LEFT(NEW.uuid, 6)) = '{MARK}' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused on purpose'; END IF"""
    terms = Terms(NAME, (SITE,), label=LABEL)

    @property
    def mapping(self) -> Booking:
        """Return the mapping under test."""
        return OpenEmr(self.terms)

    @property
    def desk(self) -> Desk:
        """Return somebody at the desk."""
        return Desk(self.server)

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Start anew: a category for every code, In Office at each opening, Out Of Office where none goes on."""
        self.server.empty()
        codes = {code: 100 + n for n, code in enumerate(sorted({each.type for each in openings}))}
        own = [(number, code, code, 900, 0) for code, number in codes.items()]
        starts = {(each.practitioner, each.start) for each in openings}
        with self.desk.base() as base:
            if len(codes) > len({code.casefold() for code in codes}):  # more than OpenEMR's own key allows
                base.execute(
                    "ALTER TABLE openemr_postcalendar_categories MODIFY pc_constant_id VARCHAR(255) COLLATE utf8mb4_bin"
                )
            for number, word, name, seconds, kind in [*((n, w, w, s, k) for n, w, s, k in SHIPPED), *own]:
                base.execute(f"{CATEGORIES} VALUES(?, ?, ?, ?, ?)", (number, word, name, seconds, kind))
            for who in sorted({each.practitioner for each in openings}):
                base.execute(
                    "INSERT INTO users(id, fname, lname, authorized, calendar) VALUES(?, 'Zoé', 'Côté', 1, 1)", who
                )
            for each in openings:
                start, end = _wall(each.start), _wall(each.start) + timedelta(minutes=each.minutes)
                insert(base, each.practitioner, start, 0, 2, reserved=codes[each.type])
                if (each.practitioner, each.start + timedelta(minutes=each.minutes)) not in starts:
                    insert(base, each.practitioner, end, 0, 3)

    def weekly(self) -> None:
        """Make every event a series: what clinics do with their hours."""
        self.desk.weekly(None)

    def appointments(self) -> Sequence[Standing]:
        """Return the active events that take time."""
        zone = ZoneInfo(SITE.zone)
        with self.desk.base() as base:
            rows = base.execute(f"""SELECT pc_eid, pc_aid, CAST(pc_eventDate AS CHAR), CAST(pc_startTime AS CHAR),
                CASE WHEN HEX(LEFT(uuid, 6)) = '{MARK}' THEN 1 ELSE 0 END, pc_apptstatus, pc_title, pc_pid, pc_hometext
                FROM {EVENTS} WHERE pc_catid NOT IN (2, 3) AND pc_apptstatus NOT IN ('x', '%') ORDER BY 1""").fetchall()  # noqa: S608 - constants
        return [
            Standing(
                EmrRef(str(ref)), who, datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=zone), bool(ours), f"{text}"
            )
            for ref, who, day, at, ours, *text in rows
        ]

    def book(self, opening: Opening) -> EmrRef:
        """Book as a receptionist who has already looked."""
        return EmrRef(str(self.desk.event(opening.practitioner, _wall(opening.start), opening.minutes * 60)))

    def cancel(self, ref: EmrRef) -> None:
        """Cancel any event."""
        self.desk.change(ref, pc_apptstatus="x")

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Put an event into another cell, as the edit form does."""
        start = _wall(opening.start)
        end = start + timedelta(minutes=opening.minutes)
        self.desk.change(
            ref,
            pc_aid=opening.practitioner,
            pc_eventDate=f"{start:%Y-%m-%d}",
            pc_startTime=f"{start:%H:%M:%S}",
            pc_endTime=f"{end:%H:%M:%S}",
            pc_duration=opening.minutes * 60,
            pc_informant="4",
        )

    def receive(self, ref: EmrRef) -> None:
        """Note that the patient is here."""
        self.desk.change(ref, pc_apptstatus="@")


def _wall(at: datetime) -> datetime:
    return at.replace(tzinfo=None)
