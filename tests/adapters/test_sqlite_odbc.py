"""OSCAR in a SQLite file keeps every promise of the kit over ODBC too, and faults are told apart as natively."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from adapters import conformance
from adapters.conformance import NAME
from adapters.conformance.stores import tools
from adapters.sql import private
from adapters.sql.bench import OscarBench
from adapters.sql.dialect import Dialect, Kind
from adapters.sql.factory import dialect_of
from adapters.sql.sqlite_odbc import SqliteOdbc
from agent.core.errors import Misconfigured

LACKS = private.unregistered("SQLite3", "libsqliteodbc")
pytestmark = pytest.mark.skipif(bool(LACKS), reason=LACKS)


def through(path: Path) -> SqliteOdbc:
    """Return the way in, by the driver Debian names so."""
    return SqliteOdbc(f"DRIVER={{SQLite3}};Database={path}", "", lambda: "")


class OdbcBench(OscarBench):
    """The same file, behind the driver."""

    def dialect(self) -> Dialect:
        """Return the way in."""
        return through(self.path)


test_promises = conformance.suite(OdbcBench)


@pytest.fixture
def dialect(bench: OscarBench) -> SqliteOdbc:
    """Return the way to a file that is there."""
    return through(bench.path)


def kind(dialect: SqliteOdbc, sql: str) -> tuple[Kind, str]:
    """Return what an error of this statement is, and its code."""
    with closing(dialect.connect()) as line, pytest.raises(dialect.errors) as caught:
        line.cursor().execute(sql)
    return dialect.kind(caught.value), dialect.code(caught.value)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """The driver's own habit is to make it; the clinic is told instead."""
    with pytest.raises(Misconfigured, match="no database file"):
        through(tmp_path / "absent.db").connect()
    assert not (tmp_path / "absent.db").exists()


def test_faults_are_told_apart(bench: OscarBench, dialect: SqliteOdbc) -> None:
    """By SQLite's own result code: a lock, a value, a table; something that is no database."""
    assert kind(dialect, "SELECT nothing FROM nowhere") == (Kind.SETUP, "HY000/1")
    assert kind(dialect, "INSERT INTO appointment(appointment_no) VALUES('x')") == (Kind.DATA, "HY000/20")
    with closing(sqlite3.connect(bench.path, isolation_level=None)) as desk:
        desk.execute("BEGIN IMMEDIATE")
        assert kind(dialect, dialect.begin_write) == (Kind.BUSY, "HY000/5")
    bench.path.write_bytes(b"not a database" * 100)
    with pytest.raises(Misconfigured, match="HY000/26"):
        dialect.connect()


def test_a_running_statement_is_stopped_from_another_thread(dialect: SqliteOdbc) -> None:
    """A count without end ends once it is cancelled, as stopped."""
    with closing(dialect.connect()) as line:
        cursor, done = line.cursor(), threading.Event()

        def cancel() -> None:
            while not done.wait(0.05):  # a cancel that comes before the statement stops nothing
                dialect.interrupt(line)

        other = threading.Thread(target=cancel)
        other.start()
        endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT COUNT(*) FROM r"
        try:
            with pytest.raises(dialect.errors) as caught:
                cursor.execute(endless)
        finally:
            done.set()
            other.join()
    assert dialect.kind(caught.value) is Kind.STOPPED


def test_the_name_of_the_driver_picks_the_dialect() -> None:
    """Debian's name and the one Windows's installer gives."""
    for called in ("SQLite3", "SQLite3 ODBC Driver"):
        options = {"connection": f"DRIVER={{{called}}};Database=a.db"}
        assert isinstance(dialect_of(NAME, options, tools()), SqliteOdbc)


def test_what_the_dialect_writes_itself_is_refused(tmp_path: Path) -> None:
    """Nobody makes files, or loads extensions, by the connection text."""
    with pytest.raises(Misconfigured):
        SqliteOdbc(f"DRIVER={{SQLite3}};Database={tmp_path / 'a.db'};LoadExt=x.so", "", lambda: "")
