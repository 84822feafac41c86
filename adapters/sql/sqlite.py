"""The SQLite dialect: its words, and the standard library's driver.

Rule: BEGIN IMMEDIATE is the lock; one writer at a time is all this database knows, and all the recipe needs.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from adapters.sql.dialect import Connection, Cursor, Kind
from agent.core.errors import Misconfigured
from agent.core.message import Message, say

SCHEME = "sqlite:///"
WAIT_MS = 3000

_KINDS = {
    sqlite3.SQLITE_BUSY: Kind.BUSY,
    sqlite3.SQLITE_LOCKED: Kind.BUSY,
    sqlite3.SQLITE_INTERRUPT: Kind.STOPPED,
    sqlite3.SQLITE_IOERR: Kind.LOST,
    sqlite3.SQLITE_FULL: Kind.LOST,
    sqlite3.SQLITE_NOMEM: Kind.LOST,
    sqlite3.SQLITE_CONSTRAINT: Kind.DATA,
    sqlite3.SQLITE_TOOBIG: Kind.DATA,
    sqlite3.SQLITE_MISMATCH: Kind.DATA,
}


def by_result(code: int) -> Kind:
    """Classify a result code by its primary part (https://sqlite.org/rescode.html)."""
    return _KINDS.get(code & 0xFF, Kind.SETUP)


def absent() -> Misconfigured:
    """Return the fault of a connection whose file is not there."""
    return Misconfigured(
        say("open the EMR database"),
        say("there is no database file where the connection points"),
        say("mend connection under [[emr]], or bring the disk or share back"),
        key="connection",
    )


class Statements:
    """What SQLite is told, whoever carries it there."""

    name = "sqlite"
    begin_read = "BEGIN"
    begin_write = "BEGIN IMMEDIATE"
    alone = "SELECT 1 WHERE ? <> ''"  # BEGIN IMMEDIATE has made us the only writer already
    is_served = False
    engine = ""
    needs: Sequence[tuple[str, str]] = ()

    def locked(self, sql: str) -> str:
        """Return it as it is: the whole file is ours."""
        return sql

    def freeze(self, table: str) -> str:  # noqa: ARG002 - the port's own
        """Return nothing: the whole file is ours."""
        return ""

    def unless_there(self, table: str, columns: Sequence[str]) -> str:
        """Return an INSERT that does nothing beside an existing key."""
        places = ", ".join("?" * len(columns))
        return f"INSERT INTO {table}({', '.join(columns)}) VALUES({places}) ON CONFLICT({columns[0]}) DO NOTHING"

    def unsafe(self, tables: Sequence[str]) -> str:  # noqa: ARG002 - the port's own
        """Return nothing: all tables know transactions."""
        return ""

    def text(self, width: int) -> str:  # noqa: ARG002 - the port's own
        """Return the one type of texts."""
        return "TEXT"

    def grants(self, needs: Sequence[tuple[str, str]]) -> Iterable[str]:  # noqa: ARG002 - the port's own
        """Yield nothing: who may write the file may do all."""
        return ()

    def endless(self) -> Sequence[str]:
        """Return nothing: a file has no server that could end a statement; close() interrupts it."""
        return ()

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Return what `check` shows."""
        return (("version", "SELECT sqlite_version()"), ("journal", "SELECT journal_mode FROM pragma_journal_mode"))


class Sqlite(Statements):
    """A database file. The connection is written `sqlite:///PATH`; four slashes make the path absolute on Linux."""

    errors: type[Exception] = sqlite3.Error

    def __init__(self, connection: str, wait_ms: int = WAIT_MS) -> None:
        """Take the connection text and how long to wait for a lock. Raises Misconfigured when it names no file."""
        path = connection.removeprefix(SCHEME)
        if path == connection or not path:
            raise Misconfigured(
                say("open the EMR database"),
                say("the connection names no database this agent knows"),
                say("write connection = 'sqlite:///PATH' or 'DRIVER={name};SERVER=…'", name="…"),
                key="connection",
            )
        self._path = Path(path)
        self._wait_ms = wait_ms

    def connect(self) -> Connection:
        """Open an existing file; never make one. Raises Misconfigured when there is none."""
        if not self._path.is_file():
            raise absent()
        # Another thread may only interrupt and close: the session sees to that.
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout={self._wait_ms}")
        return connection

    def inserted(self, cursor: Cursor) -> int:
        """Return the new rowid."""
        return int(getattr(cursor, "lastrowid"))  # noqa: B009 - lastrowid is SQLite's own, not in the Cursor port

    def interrupt(self, connection: Connection) -> None:
        """Cancel the running statement; any thread."""
        if isinstance(connection, sqlite3.Connection):
            connection.interrupt()

    def kind(self, error: Exception) -> Kind:
        """Classify by the primary result code; without one it is the driver's own."""
        code = getattr(error, "sqlite_errorcode", None)
        return Kind.SETUP if code is None else by_result(code)

    def code(self, error: Exception) -> str:
        """Return the name of the result code."""
        return str(getattr(error, "sqlite_errorname", type(error).__name__))

    def hint(self, kind: Kind) -> Message:  # noqa: ARG002 - the port's own
        """Return what to do."""
        return say("creneau check emr")
