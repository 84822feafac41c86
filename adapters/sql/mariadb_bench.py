"""The benches of the conformance kit on a private MariaDB server: OSCAR and OpenEMR, with sidecar or token.

Rule: the agent's account has what `creneau emr grants` prints and nothing more; the bench works as the screens do.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.conformance import Opening, Still
from adapters.sql.bench import OscarBench
from adapters.sql.dialect import Dialect
from adapters.sql.emr import SqlEmr
from adapters.sql.mapping import Booking
from adapters.sql.odbc import LOCK_S
from adapters.sql.openemr_bench import OpenEmrDesk, insert
from adapters.sql.private import Server, connect
from adapters.sql.sample import Base
from adapters.sql.write import Point, once


class OnMaria:
    """The half of a bench that knows the server; mix it in before the half that knows the EMR."""

    server: Server
    mapping: Booking
    refuse: str

    @property
    def mode(self) -> str:
        """Return how the agent remembers there."""
        return "sidecar" if self.server.database.sidecar else "token"

    def dialect(self) -> Dialect:
        """Return the agent's way in."""
        return self.server.dialect()

    def adapter(self) -> SqlEmr:
        """Return an adapter on the server."""
        return self.stepped(lambda _: None)

    def between(self, act: Callable[[], None]) -> SqlEmr:
        """Return an adapter that is stepped into after its commit: until then our lock keeps the screens waiting."""
        return self.at(Point.COMMITTED, act)

    def at(self, point: Point, act: Callable[[], None]) -> SqlEmr:
        """Return an adapter that is stepped into once, at this point."""
        return self.stepped(once(point, act))

    def stepped(self, pause: Callable[[Point], None], lock_s: int = LOCK_S) -> SqlEmr:
        """Return an adapter that is stepped into at every point."""
        dialect = self.server.dialect()
        dialect.lock_s = lock_s
        return SqlEmr(self.mapping, dialect, Still(), pause, self.mode)

    @contextmanager
    def failing(self) -> Iterator[SqlEmr]:
        """Let the database refuse every row of ours."""
        with self.base() as base:
            base.execute(self.refuse)
        emr = self.adapter()
        yield emr
        emr.close()
        with self.base() as base:
            base.execute("DROP TRIGGER refuse")

    @contextmanager
    def base(self) -> Iterator[Any]:
        """Open the database as the screens' account, for one transaction."""
        with closing(connect(self.server.desk())) as base:
            yield base
            base.commit()

    def close(self) -> None:
        """Nothing is held."""


class OpenEmrBench(OnMaria, OpenEmrDesk):
    """OpenEMR's tables on a server."""

    def unsaved(self, base: Any, opening: Opening) -> None:
        """Insert as a screen does, and leave it uncommitted."""
        insert(base, opening.practitioner, opening.start.replace(tzinfo=None), opening.minutes * 60)

    def __init__(self, server: Server) -> None:
        """Take a server that runs."""
        self.server = server


class MariaBench(OnMaria, OscarBench):
    """OSCAR's tables on a server."""

    refuse = """CREATE TRIGGER refuse BEFORE INSERT ON appointment FOR EACH ROW
        IF NEW.creator = 'creneau' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused on purpose'; END IF"""

    def __init__(self, server: Server, folder: Path) -> None:
        """Take a server that runs; the folder stays empty."""
        super().__init__(folder)
        self.server = server

    @property
    def place(self) -> Base:
        """Return the screens' own way in."""
        return self.server.desk()

    def empty(self) -> None:
        """Take every row out."""
        self.server.empty()

    def unsaved(self, base: Any, opening: Opening) -> None:
        """Insert as a screen does, and leave it uncommitted."""
        start = opening.start
        end = start + timedelta(minutes=opening.minutes - 1)
        base.execute(
            """INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, name, demographic_no, status,
            creator) VALUES(?, ?, ?, ?, 'X', 0, 't', 'Manon')""",
            (opening.practitioner, f"{start:%Y-%m-%d}", f"{start:%H:%M:00}", f"{end:%H:%M:00}"),
        )
