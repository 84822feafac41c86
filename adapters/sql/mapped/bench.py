"""The bench of the conformance kit for any mapping file, on a scratch copy of its EMR.

Rule: it works by the file's own [scratch] statements, as the EMR's screens do, never through the adapter.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from adapters.conformance import NAME, SITE, Opening, Standing, Still
from adapters.sql.dialect import Dialect, Value
from adapters.sql.emr import SqlEmr
from adapters.sql.mapped.file import MappingFile
from adapters.sql.mapped.mapping import MappedBooking, MappedTokened, mapped
from adapters.sql.mapped.query import Query, one_text
from adapters.sql.mapped.times import Clockwork, place_of
from adapters.sql.mapping import Wanted
from adapters.sql.places import OURS, Clinic
from adapters.sql.session import Session, Work
from adapters.sql.sidecar import TABLE
from adapters.sql.write import Point, once
from agent.core.message import say
from agent.core.model import EmrRef

LABEL = "Réservé en ligne"
DOING = say("try bookings on a scratch copy")
ABSENT = "SELECT creneau_absent FROM creneau_absent"
"""What no database answers: the error of its own that a failing write meets."""


class MappedBench:
    """A scratch copy. `agent`: the agent's way in; `desk`: that of an account that may do what the screens do."""

    def __init__(
        self, file: MappingFile, agent: Callable[[], Dialect], desk: Callable[[], Dialect], mode: str = "sidecar"
    ) -> None:
        """Connect nothing yet."""
        self.file = file
        self.agent = agent
        self.mode = mode
        self.desk_dialect = desk
        self._desk = Session(desk())
        self._times = Clockwork(file.utc, file.inclusive)
        self._zone = ZoneInfo(SITE.zone)

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Start anew with these slots."""
        with self._desk.writing(DOING) as work:
            for step in self.file.steps["empty"]:
                step.change(work, {})
            if self.mode == "sidecar":
                work.change(f"DELETE FROM {TABLE}")  # noqa: S608 - a constant
            for each in openings:
                for step in self.file.steps["make"]:
                    step.change(work, {**self._words(each), "type": each.type})

    def adapter(self) -> SqlEmr:
        """Return an adapter on the copy."""
        return self.stepped(lambda _: None)

    def between(self, act: Callable[[], None]) -> SqlEmr:
        """Return an adapter that is stepped into after its commit: before it, our lock keeps the screens waiting."""
        return self.at(Point.COMMITTED, act)

    def at(self, point: Point, act: Callable[[], None]) -> SqlEmr:
        """Return an adapter that is stepped into once, at this point."""
        return self.stepped(once(point, act))

    def stepped(self, pause: Callable[[Point], None], dialect: Dialect | None = None) -> SqlEmr:
        """Return an adapter that is stepped into at every point."""
        return SqlEmr(self.mapping(), dialect or self.agent(), Still(), pause, self.mode)

    def mapping(self) -> MappedBooking:
        """Return the mapping for the kit's one site."""
        made = mapped(self.file, Clinic(NAME, (SITE,), LABEL))
        if not isinstance(made, MappedBooking):
            raise TypeError("a mapping without [book] has nothing to try")
        return made

    @contextmanager
    def failing(self) -> Iterator[SqlEmr]:
        """Let the database answer an error after every row of ours."""
        mapping = _Failing(self.file, Clinic(NAME, (SITE,), LABEL))
        yield SqlEmr(mapping, self.agent(), Still(), mode=self.mode)

    def appointments(self) -> Sequence[Standing]:
        """Return the active appointments."""
        with self._desk.reading(DOING) as work:
            rows = self.file.queries["standing"].rows(work, {})
        return [self._standing(row) for row in rows if one_text(row["state"]) not in self.file.gone]

    def book(self, opening: Opening) -> EmrRef:
        """Book as a receptionist who has already looked."""
        before = {row.ref for row in self.appointments()}
        self._do("desk_book", self._words(opening))
        return next(row.ref for row in self.appointments() if row.ref not in before)

    def cancel(self, ref: EmrRef) -> None:
        """Cancel any row."""
        self._do("desk_cancel", {"ref": ref, "now": self._now()})

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Put a row into another slot."""
        self._do("desk_move", {**self._words(opening), "ref": ref, "now": self._now()})

    def receive(self, ref: EmrRef) -> None:
        """Note that the patient is here."""
        self._do("desk_receive", {"ref": ref, "now": self._now()})

    def close(self) -> None:
        """Let go of the connection."""
        self._desk.close()

    def desk_statement(self, opening: Opening) -> tuple[Query, list[Value]]:
        """Return what a screen's booking runs, for whoever keeps it uncommitted."""
        query = self.file.queries["desk_book"]
        return query, query.bind(self._words(opening))

    def _do(self, name: str, given: dict[str, Value]) -> None:
        with self._desk.writing(DOING) as work:
            self.file.queries[name].change(work, given)

    def _words(self, opening: Opening) -> dict[str, Value]:
        place = place_of(opening.practitioner, opening.start)
        return self._times.words(place, opening.minutes, self._zone)

    def _now(self) -> str:
        return self._times.now(Still().now().utc, self._zone)

    def _standing(self, row: dict[str, Any]) -> Standing:
        start = self._times.start(row, self._zone)
        if start is None:
            raise ValueError("an appointment stands in the hour the clocks skip")
        text = one_text(row.get("text")) or repr(sorted((key, one_text(value)) for key, value in row.items()))
        who = one_text(row["practitioner"])
        return Standing(EmrRef(one_text(row["ref"])), who, start.astimezone(UTC), OURS in one_text(row["mark"]), text)


class _Failing(MappedTokened):
    """A mapping whose bookings the database refuses with an error of its own, after the row was written."""

    def book(self, work: Work, wanted: Wanted) -> EmrRef | None:
        """Book, then ask for what is not there."""
        super().book(work, wanted)
        work.rows(ABSENT)
        return None
