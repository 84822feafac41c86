"""How driver errors become ours, and what is certain after each."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.sql.session import Session
from adapters.sql.sqlite import SCHEME, Sqlite
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say

DOING = say("try")


class Failing:
    """A connection that raises what it is told to at a statement."""

    def __init__(self, real: sqlite3.Connection, wrong: dict[str, int]) -> None:
        self.real, self.wrong, self.closed = real, wrong, False
        self.rows: list[Any] = []

    def cursor(self) -> "Failing":
        return self

    @property
    def rowcount(self) -> int:
        return 0

    def fetchall(self) -> list[Any]:
        return self.rows

    def execute(self, sql: str, values: Any = ()) -> Any:
        code = self.wrong.get(sql)
        if code is not None:
            error = sqlite3.OperationalError("ZZYQ70510199")
            error.sqlite_errorcode, error.sqlite_errorname = code, f"CODE_{code}"
            raise error
        self.rows = self.real.execute(sql, values).fetchall()
        return self

    def close(self) -> None:
        self.closed = True
        self.real.close()


class Bad(Sqlite):
    """SQLite with made-up faults."""

    def __init__(self, path: Path, **wrong: int) -> None:
        super().__init__(f"{SCHEME}{path}")
        self.wrong = {name.replace("_", " "): code for name, code in wrong.items()}
        self.made: list[Failing] = []

    def connect(self) -> Any:
        self.made.append(Failing(super().connect(), self.wrong))  # type: ignore[arg-type]
        return self.made[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a database with one table."""
    base = sqlite3.connect(tmp_path / "x.db")
    base.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL)")
    base.close()
    return tmp_path / "x.db"


def written(session: Session) -> CreneauError:
    with pytest.raises(CreneauError) as told, session.writing(DOING) as work:
        work.change("INSERT INTO t(b) VALUES('x')")
    return told.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, Transient),
        (sqlite3.SQLITE_INTERRUPT, Transient),
        (sqlite3.SQLITE_IOERR, Transient),
        (sqlite3.SQLITE_IOERR | 3 << 8, Transient),
        (sqlite3.SQLITE_CONSTRAINT, Refused),
        (sqlite3.SQLITE_READONLY, Misconfigured),
        (sqlite3.SQLITE_NOTADB, Misconfigured),
    ],
)
def test_the_kind_of_an_error_is_its_retry_policy(path: Path, code: int, kind: type[CreneauError]) -> None:
    """Busy, stopped and lost are tried again; a refused value is final; a wrong set-up stops."""
    session = Session(Bad(path, BEGIN_IMMEDIATE=code))
    error = written(session)
    assert type(error) is kind
    assert "ZZYQ" not in f"{error}{error.what}{error.hint}"
    session.close()


def test_a_commit_that_is_not_confirmed_is_ambiguous(path: Path) -> None:
    """The disk fails during COMMIT: it may have happened, ask before writing again."""
    session = Session(Bad(path, COMMIT=sqlite3.SQLITE_IOERR))
    assert type(written(session)) is Ambiguous
    session.close()


def test_a_commit_that_found_the_lock_taken_was_rolled_back(path: Path) -> None:
    """SQLITE_BUSY at COMMIT leaves the transaction standing; it is rolled back, so surely nothing was done."""
    session = Session(Bad(path, COMMIT=sqlite3.SQLITE_BUSY))
    assert type(written(session)) is Transient
    with session.reading(DOING) as work:
        assert work.rows("SELECT COUNT(*) FROM t") == [(0,)]
    session.close()


def test_a_lost_connection_is_replaced(path: Path) -> None:
    """After a lost connection the next call opens a new one."""
    bad = Bad(path, BEGIN=sqlite3.SQLITE_IOERR)
    session = Session(bad)
    for _ in range(2):
        with pytest.raises(Transient), session.reading(DOING):
            pass
    assert [each.closed for each in bad.made] == [True, True]
    session.close()


def test_a_connection_that_cannot_roll_back_is_dropped(path: Path) -> None:
    """A failed ROLLBACK never leaves a half-open transaction in use."""
    bad = Bad(path, ROLLBACK=sqlite3.SQLITE_IOERR)
    session = Session(bad)
    with session.reading(DOING) as work:
        work.rows("SELECT 1")
    assert bad.made[0].closed
    session.close()


def test_a_value_refused_leaves_nothing(path: Path) -> None:
    """A constraint of the real database is Refused, and the rows before it are undone."""
    session = Session(Sqlite(f"{SCHEME}{path}"))

    def half() -> None:
        with session.writing(DOING) as work:
            work.change("INSERT INTO t(b) VALUES('x')")
            work.change("INSERT INTO t(b) VALUES(?)", None)

    with pytest.raises(Refused):
        half()
    with session.reading(DOING) as work:
        assert work.rows("SELECT COUNT(*) FROM t") == [(0,)]
    session.close()


def test_close_cancels_a_running_statement(path: Path) -> None:
    """A statement that would run for hours ends when another thread closes, as Transient."""
    import threading

    session = Session(Sqlite(f"{SCHEME}{path}"))
    running, ends = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            with session.reading(DOING) as sql:
                running.set()
                sql.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n")
        except CreneauError as error:
            ends.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    running.wait(60)
    session.close()
    thread.join(60)
    assert [type(each) for each in ends] == [Transient]
    session.close()


@pytest.mark.parametrize("connection", ["", "sqlite:///", "DRIVER={MariaDB Unicode};SERVER=127.0.0.1", "postgres://x"])
def test_a_connection_it_cannot_read_is_said_at_once(connection: str) -> None:
    """Only sqlite:///PATH is known; the fault names the key."""
    with pytest.raises(Misconfigured) as told:
        Sqlite(connection)
    assert told.value.key == "connection"


def test_an_error_without_a_code_is_a_fault_of_the_set_up(path: Path) -> None:
    """Errors of the driver itself carry no result code."""
    dialect: Callable[..., Any] = Sqlite
    one = dialect(f"{SCHEME}{path}")
    assert one.code(sqlite3.ProgrammingError("closed")) == "ProgrammingError"
    one.interrupt(object())
