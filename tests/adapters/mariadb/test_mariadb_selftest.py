"""What a driver gets wrong in silence is found before the first statement; what it does right is said by check."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.sql.mariadb import Mariadb
from adapters.sql.mariadb_bench import MariaBench
from adapters.sql.private import Server
from adapters.sql.session import Session
from agent.core.errors import CreneauError, Misconfigured
from agent.core.message import say
from agent.core.model import Severity

DOING = say("try")
Fails = Callable[..., CreneauError]
Used = Callable[[Mariadb], AbstractContextManager[Session]]


class Unmended:
    """pyodbc as it is when nobody sets the limit of a text."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def connect(self, *words: Any, **named: Any) -> Any:
        return Forgetful(self._real.connect(*words, **named))


class Forgetful:
    """A connection that takes no `maxwrite`."""

    def __init__(self, real: Any) -> None:
        object.__setattr__(self, "_real", real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name == "maxwrite"


@pytest.mark.parametrize("lengths", [(128,), (127, 129), (300,)])
def test_a_driver_that_changes_texts_is_refused_at_the_door(
    server: Server, lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, fails: Fails, used: Used
) -> None:
    """Without the remedy the self-test finds the garbage at each length alone, and no slot is read."""
    monkeypatch.setattr("adapters.sql.selftest.LENGTHS", lengths)
    dialect = server.dialect()
    dialect._driver = Unmended(dialect._driver)
    with used(dialect) as session:
        error = fails(session)
    assert (type(error), str(error.hint)) == (
        Misconfigured,
        "install another version of the MariaDB ODBC driver",
    )


class Liar:
    """A connection whose driver changes one thing on its way; `old` becomes `new` in every statement."""

    def __init__(self, real: Any, old: str, new: str, count: int | None = None) -> None:
        self._real, self._old, self._new, self._count = real, old, new, count

    def execute(self, sql: str, *values: Any) -> Any:
        return self._real.execute(sql.replace(self._old, self._new), *values)

    def cursor(self) -> Any:
        cursor = self._real.cursor()
        if self._count is None:
            return cursor
        return SimpleNamespace(execute=cursor.execute, rowcount=self._count)


@pytest.mark.parametrize(
    ("lie", "fact"),
    [
        (("SELECT n, t FROM", "SELECT n, REPLACE(t, 'é', 'e') FROM"), "text"),
        (("SELECT CAST(h AS CHAR)", "SELECT CAST(ABS(h) AS CHAR)"), "time"),
        (("SELECT b FROM", "SELECT CAST(b AS CHAR) FROM"), "boolean"),
        (("SELECT b FROM", "SELECT 1 - b FROM"), "boolean"),
        (("x", "x", -1), "rowcount"),
        (("@@sql_mode", "''"), "utf8mb4 REPEATABLE-READ"),
    ],
)
def test_a_driver_that_lies_is_refused_with_what_it_changed(server: Server, lie: Any, fact: str) -> None:
    """Texts, times, truth values and row counts are proved one by one before the first statement."""
    dialect = server.dialect()
    with closing(server.root("oscar")) as root:
        root.execute(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = 3, max_statement_time = 30"
        )
        root.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(Misconfigured) as told:
            dialect._prove(Liar(root, *lie))
    assert fact in str(told.value)


def test_check_proves_that_the_server_ends_what_takes_too_long(maria: MariaBench) -> None:
    """The limit is tried, not only read back; where a proxy swallows it, check says so."""
    emr = maria.adapter()
    assert {"sql.selftest", "sql.timeout"} <= {each.code for each in emr.check() if each.severity is Severity.OK}
    dialect: Any = emr._session.dialect
    dialect.endless = lambda: ("SELECT 1",)
    assert [each.code for each in emr.check() if each.severity is Severity.FAULT] == ["sql.timeout"]
    dialect.endless = lambda: ("SELECT absent",)
    with pytest.raises(Misconfigured):
        list(emr.check())
    emr.close()
