"""OSCAR as the agent sees it: Emr, Books, Agenda, Names and Grants over one session.

Rule: a method is one or two transactions, each over before the method returns.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from adapters.sql.dialect import Dialect
from adapters.sql.oscar import expand, rows
from adapters.sql.oscar.applied import Applied, Seen, answer, stands
from adapters.sql.oscar.book import Point, Writer
from adapters.sql.oscar.check import findings
from adapters.sql.oscar.grants import script
from adapters.sql.oscar.names import names
from adapters.sql.oscar.read import Raw, pull
from adapters.sql.oscar.terms import Terms, moment_of
from adapters.sql.session import Session
from agent.core.booking import Effect, Outcome, Recovery, Write, WriteRules
from agent.core.message import say
from agent.core.model import AgendaRow, BookingId, Finding, Reading, Window
from agent.ports import Clock, Named

READING = say("read slots")


class OscarEmr:
    """Emr, Books, Agenda, Names and Grants. `pause` lets a test step between our statements, as the world does."""

    rules = WriteRules(
        recovery=Recovery.RERUN,
        enquire_first=False,
        tombstone=True,
        fenced=True,
        moves=True,
        quiet=timedelta(0),
        longest_write=timedelta(seconds=15),
    )

    def __init__(
        self, terms: Terms, dialect: Dialect, clock: Clock, pause: Callable[[Point], None] = lambda _: None
    ) -> None:
        """Connect nothing yet."""
        self.name = terms.name
        self._terms = terms
        self._clock = clock
        self._session = Session(dialect)
        self._writer = Writer(self._session, terms, clock, pause)

    def slots(self, window: Window) -> Reading:
        """Read the whole window in one consistent picture."""
        as_of = self._clock.now().utc
        free, found = expand.slots(self._pull(window), self._terms, window)
        return Reading(window, as_of, free, findings=found)

    def check(self) -> Iterable[Finding]:
        """Read every table and the sidecar; change nothing."""
        return findings(self._session, self._terms, self._clock.now().utc)

    def grants(self) -> str:
        """Return the SQL that makes the sidecar and gives our account its rights; connects nothing."""
        return script(self._session.dialect)

    def close(self) -> None:
        """Cancel a running statement and close; any thread, any number of times."""
        self._session.close()

    def write(self, write: Write) -> Effect:
        """Apply one booking; see Writer."""
        return self._writer.write(write)

    def find(self, booking: BookingId) -> Effect | None:
        """Say what the sidecar remembers and how the appointment stands; None proves there was no write."""
        with self._session.reading(say("look a booking up")) as work:
            known = rows.recall(work, booking)
            return None if known is None else answer(known, rows.see(work, known.ref))

    def ours(self, window: Window) -> Iterable[Effect]:
        """List our appointments that stand in the window, or that we put there and staff moved."""
        with self._session.reading(say("compare our appointments")) as work:
            both = [(known, rows.see(work, known.ref)) for known in rows.remembered(work)]
        return [stands(known, row) for known, row in both if row is not None and self._touches(window, known, row)]

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return the clinic's own day, without any patient."""
        return expand.agenda(self._pull(window), self._terms, window)

    def names(self, window: Window) -> Iterable[Named]:
        """Return types, people and sites with their free slots in the window."""
        raw = self._pull(window)
        free, _ = expand.slots(raw, self._terms, window)
        with self._session.reading(READING) as work:
            return names(work, raw, free)

    def _pull(self, window: Window) -> Raw:
        first, last = self._days(window)
        with self._session.reading(READING) as work:
            return pull(work, first, last)

    def _touches(self, window: Window, known: Applied, row: Seen) -> bool:
        if known.outcome == Outcome.CANCELLED:
            return False
        keys = {row.key, known.slot or row.key}
        starts = [start for key in keys for site in self._terms.sites if (start := moment_of(key, ZoneInfo(site.zone)))]
        return any(
            window.start.astimezone(UTC) <= start.astimezone(UTC) < window.end.astimezone(UTC) for start in starts
        )

    def _days(self, window: Window) -> tuple[str, str]:
        """Return the first and last day the window touches on any site's wall clock, as OSCAR writes days."""
        zones = [ZoneInfo(site.zone) for site in self._terms.sites] or [ZoneInfo("UTC")]
        first = min(window.start.astimezone(zone).date() for zone in zones)
        last = max(window.end.astimezone(zone).date() for zone in zones)
        return f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"
