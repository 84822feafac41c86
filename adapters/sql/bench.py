"""The bench of the conformance kit for OSCAR in a SQLite file.

Rule: it works on the file as the screens do, never through the adapter.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.conformance import NAME, SITE, Opening, Standing, Still
from adapters.sql.dialect import Dialect
from adapters.sql.emr import SqlEmr
from adapters.sql.mapping import Booking
from adapters.sql.oscar import Oscar, Terms
from adapters.sql.places import OURS
from adapters.sql.sample import Base, Receptionist, rows
from adapters.sql.schema import TABLES
from adapters.sql.sqlite import SCHEME, Sqlite
from adapters.sql.write import Point, once
from agent.core.model import EmrRef

LABEL = "Réservé en ligne"
GRID = 15


class OscarBench:
    """An OSCAR-shaped file with a template of its own for every practitioner and day."""

    refuse = """CREATE TRIGGER refuse BEFORE INSERT ON appointment WHEN NEW.creator = 'creneau'
        BEGIN SELECT RAISE(ABORT, 'refused on purpose'); END"""

    def __init__(self, folder: Path) -> None:
        """Keep the file in this folder."""
        self.path = folder / "oscar.db"
        self.terms = Terms(NAME, (SITE,), label=LABEL)

    @property
    def place(self) -> Base:
        """Return where the agenda is."""
        return self.path

    @property
    def mapping(self) -> Booking:
        """Return the mapping under test."""
        return Oscar(self.terms)

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Start anew with these cells."""
        self.empty()
        days: defaultdict[tuple[str, str], list[str]] = defaultdict(lambda: ["_"] * (1440 // GRID))
        for each in openings:
            cell = (each.start.hour * 60 + each.start.minute) // GRID
            days[each.practitioner, f"{each.start:%Y-%m-%d}"][cell] = each.type
        with self.base() as base:
            for (who, day), cells in days.items():
                base.execute(
                    "INSERT INTO scheduletemplate(provider_no, name, timecode) VALUES(?, ?, ?)",
                    (who, day, "".join(cells)),
                )
                base.execute(
                    "INSERT INTO scheduledate(sdate, provider_no, available, hour, status) VALUES(?, ?, '1', ?, 'A')",
                    (day, who, day),
                )

    def empty(self) -> None:
        """Write a new file with empty tables."""
        self.path.unlink(missing_ok=True)
        with self.base() as base:
            for table in TABLES:
                base.execute(table)

    def adapter(self) -> SqlEmr:
        """Return an adapter on the file."""
        return SqlEmr(self.mapping, self.dialect(), Still())

    def between(self, act: Callable[[], None]) -> SqlEmr:
        """Return an adapter that is stepped into after its commit: before it, SQLite's lock keeps the screens waiting."""
        return SqlEmr(self.mapping, self.dialect(), Still(), once(Point.COMMITTED, act))

    @contextmanager
    def failing(self) -> Iterator[SqlEmr]:
        """Let the database refuse every row of ours."""
        with self.base() as base:
            base.execute(self.refuse)
        yield self.adapter()
        with self.base() as base:
            base.execute("DROP TRIGGER refuse")

    def appointments(self) -> Sequence[Standing]:
        """Return the active rows."""
        zone = ZoneInfo(SITE.zone)
        return [
            Standing(
                EmrRef(str(row.number)),
                row.provider,
                row.start.replace(tzinfo=zone),
                row.creator == OURS,
                f"{row!r} {row.name}",
            )
            for row in rows(self.place)
            if row.is_active
        ]

    def book(self, opening: Opening) -> EmrRef:
        """Book as a receptionist who has already looked."""
        desk = Receptionist(self.place)
        return EmrRef(str(desk.book(opening.practitioner, _wall(opening), opening.minutes, look=False)))

    def cancel(self, ref: EmrRef) -> None:
        """Cancel any row."""
        Receptionist(self.place).cancel(int(ref))

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Put a row into another cell."""
        Receptionist(self.place).move(int(ref), opening.practitioner, _wall(opening), opening.minutes)

    def receive(self, ref: EmrRef) -> None:
        """Note that the patient is here."""
        Receptionist(self.place).receive(int(ref))

    def close(self) -> None:
        """Nothing is held."""

    @contextmanager
    def base(self) -> Iterator[Any]:
        """Open the file for one transaction."""
        with closing(sqlite3.connect(self.path)) as base, base:
            base.execute("PRAGMA synchronous=OFF")  # no power fails in a test
            yield base

    def dialect(self) -> Dialect:
        """Return the way in."""
        return Sqlite(f"{SCHEME}{self.path}")


def _wall(opening: Opening) -> datetime:
    return opening.start.replace(tzinfo=None)
