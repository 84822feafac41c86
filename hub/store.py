"""Keep what the hub promised: one database, one writer at a time, nothing acknowledged before it is on disk.

Rule: every difference between databases is in this file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, create_engine, event, insert, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection

from hub.schema import CLINIC, SETTING, TABLES


class Store:
    """The hub's database; any thread, one transaction a call."""

    def __init__(self, folder: Path, database: str = "") -> None:
        """Open or create; `database` is an SQLAlchemy URL, "" = SQLite in the folder."""
        self.file = folder / "hub.db"
        self._engine = create_engine(database or f"sqlite:///{self.file.as_posix()}")
        if self._engine.dialect.name == "sqlite":
            _make_durable(self._engine)
        TABLES.create_all(self._engine)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open the one writing transaction; committed at the end, rolled back on any error."""
        with self._engine.begin() as conn:
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads and waits for no writer."""
        with self._engine.connect().execution_options(creneau_reads=True) as conn:
            yield conn

    def setting(self, name: str) -> str:
        """Return a setting, "" when it was never set."""
        with self.read() as conn:
            return conn.scalar(select(SETTING.c.value).where(SETTING.c.name == name)) or ""

    def set(self, name: str, value: str) -> None:
        """Set a setting."""
        with self.write() as conn:
            put(conn, SETTING, {"name": name}, {"value": value})

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()


def put(conn: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Insert or update one row by its key; the caller's transaction keeps others out."""
    where = [table.c[name] == value for name, value in key.items()]
    if conn.execute(update(table).where(*where).values(values)).rowcount == 0:
        conn.execute(insert(table).values({**key, **values}))


def clinic_row(conn: Connection, clinic: str) -> Row[Any] | None:
    """Return the clinic and keep every other writer of it out until the end of the transaction."""
    return conn.execute(select(CLINIC).where(CLINIC.c.id == clinic).with_for_update()).one_or_none()


def _make_durable(engine: Engine) -> None:
    """Set up SQLite: WAL, a sync for every commit, real deletion, and a write lock from the first statement on."""

    def connected(raw: DBAPIConnection, _record: object) -> None:
        raw.isolation_level = None  # sqlite3 would open transactions by itself, too late and only for some statements
        cursor = raw.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA busy_timeout=15000")
        cursor.close()

    def begins(conn: Connection) -> None:
        reads = conn.get_execution_options().get("creneau_reads", False)
        conn.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begins)
