"""An EMR in a SQL database as the agent sees it, whatever the mapping: Emr, Agenda, Names, Grants, and Books.

Rule: a method is one or two transactions, each over before the method returns.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, timedelta

from adapters.sql.applied import Applied, Seen, answer, stands
from adapters.sql.check import findings
from adapters.sql.dialect import Dialect
from adapters.sql.grants import script
from adapters.sql.mapping import Booking, Mapping, Picture, Tokened
from adapters.sql.places import moment_of
from adapters.sql.session import Session
from adapters.sql.sidecar import Sidecar
from adapters.sql.token import LOCK, Token
from adapters.sql.write import Memory, Point, Writer
from agent.core.booking import Effect, Outcome, Recovery, Write, WriteRules
from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.core.model import AgendaRow, BookingId, Finding, Instant, Reading, Window
from agent.ports import Clock, Named

READING = say("read slots")
LOOKING = say("look a booking up")

FENCED = WriteRules(
    recovery=Recovery.RERUN,
    enquire_first=False,
    tombstone=True,
    fenced=True,
    moves=True,
    quiet=timedelta(0),
    longest_write=timedelta(seconds=15),
)
"""With the sidecar: right with crashes, late commits and two live agents, with the hub away."""
UNFENCED = WriteRules(
    recovery=Recovery.ENQUIRE,
    enquire_first=True,
    tombstone=False,
    fenced=False,
    moves=True,
    quiet=timedelta(0),
    longest_write=timedelta(seconds=15),
)
"""With a token: who holds the session lock knows that no lost write is still under way, so a look is proof."""


SHARE = 50
"""One part in so many of the wall time may go into reading the EMR: 2 %."""


class SqlReader:
    """Emr, Agenda, Names, Grants and Paced: an EMR that is read and never written."""

    def __init__(self, mapping: Mapping, dialect: Dialect, clock: Clock) -> None:
        """Connect nothing yet."""
        self.name = mapping.clinic.name
        self._mapping = mapping
        self._clock = clock
        self._session = Session(dialect)
        self._rested = timedelta(0)

    def slots(self, window: Window) -> Reading:
        """Read the whole window in one consistent picture."""
        as_of = self._clock.now().utc
        try:
            picture = self._pull(window)
        except Transient as error:
            error.after = max(error.after or timedelta(0), self._earned())
            raise
        self._rested = self._clock.now().age + self._earned()
        free, found = picture.slots(window)
        return Reading(window, as_of, free, findings=found)

    def rest(self, now: Instant) -> timedelta:
        """Return how long the EMR is still left alone: its queries take at most one fiftieth of the time."""
        return self._rested - now.age

    def check(self) -> Iterable[Finding]:
        """Read every table and the memory; change nothing."""
        return findings(self._session, self._mapping, self._memory(), self._clock.now().utc)

    def grants(self) -> str:
        """Return the SQL that gives our account its rights, and makes what it needs; connects nothing."""
        return script(self._session.dialect, self._mapping, sidecar=isinstance(self._memory(), Sidecar))

    def close(self) -> None:
        """Cancel a running statement and close; any thread, any number of times."""
        self._session.close()

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return the clinic's own day, without any patient."""
        return self._pull(window).agenda(window)

    def names(self, window: Window) -> Iterable[Named]:
        """Return types, people and sites with their free slots in the window."""
        first, last = self._mapping.clinic.days(window)
        with self._session.reading(READING) as work:
            return self._mapping.names(work, self._mapping.read(work, first, last), window)

    def _memory(self) -> Memory | None:
        return None

    def _pull(self, window: Window) -> Picture:
        first, last = self._mapping.clinic.days(window)
        with self._session.reading(READING) as work:
            return self._mapping.read(work, first, last)

    def _earned(self) -> timedelta:
        """Return the rest that the last read earned the database; a file of its own needs none."""
        return timedelta(seconds=self._session.asked_s * (SHARE - 1) * self._session.dialect.is_served)


class SqlEmr(SqlReader):
    """Adds Books. `mode`: "sidecar", or "token" where the clinic makes no table for us: that needs turns.

    `pause` lets a test step between our statements, as the world does.
    """

    def __init__(
        self,
        mapping: Booking,
        dialect: Dialect,
        clock: Clock,
        pause: Callable[[Point], None] = lambda _: None,
        mode: str = "sidecar",
    ) -> None:
        """Connect nothing yet. Raises Misconfigured for a mode this mapping does not have."""
        super().__init__(mapping, dialect, clock)
        self._booking = mapping
        self.mode = mode
        self.rules = UNFENCED if mode == "token" else FENCED
        self._remembers = _memory(mapping, mode)
        self._writer = Writer(self._session, mapping, self._remembers, self.rules, clock, pause)

    def write(self, write: Write) -> Effect:
        """Apply one booking; see Writer."""
        return self._writer.write(write)

    def find(self, booking: BookingId) -> Effect | None:
        """Say what is remembered and how the appointment stands; None proves there was no write.

        Without a sidecar it also verifies what was cut off, and raises Transient while another agent holds the lock.
        """
        if not self.rules.fenced:
            with self._session.reading(LOOKING) as work:
                work.alone(LOCK)
        with self._session.reading(LOOKING) as work:
            known = self._remembers.recall(work, booking, self._clock.now().utc)
            effect = None if known is None else answer(known, self._booking.see(work, known.ref))
        if known is None or effect is None or not effect.pending or self.rules.fenced:
            return effect
        settled = self._writer.settle(known)  # no write of ours is run again: the look itself verifies or yields
        return self.find(booking) if settled.outcome is Outcome.CONFLICT else settled

    def ours(self, window: Window) -> Iterable[Effect]:
        """List our appointments that stand in the window, or that we put there and staff moved."""
        with self._session.reading(say("compare our appointments")) as work:
            known = self._remembers.remembered(work, self._clock.now().utc)
            both = [(each, self._booking.see(work, each.ref)) for each in known]
        return [stands(known, row) for known, row in both if row is not None and self._touches(window, known, row)]

    def _memory(self) -> Memory | None:
        return self._remembers

    def _touches(self, window: Window, known: Applied, row: Seen) -> bool:
        if known.outcome == Outcome.CANCELLED:
            return False
        keys = {row.key, known.slot or row.key}
        zones = self._mapping.clinic.zones()
        starts = [start for key in keys for zone in zones if (start := moment_of(key, zone))]
        return any(
            window.start.astimezone(UTC) <= start.astimezone(UTC) < window.end.astimezone(UTC) for start in starts
        )


def _memory(mapping: Booking, mode: str) -> Memory:
    if mode != "token":
        return Sidecar()
    if not isinstance(mapping, Tokened):
        raise Misconfigured(
            say("open the EMR database"),
            say("the mapping {mapping} has no column for a token", mapping=mapping.name),
            say("write memory = 'sidecar'"),
            key="memory",
        )
    return Token(mapping)
