"""The PostgreSQL dialect, over ODBC with psqlODBC.

Rule: PostgreSQL has no gap locks, so a table is frozen before it is checked; a failed transaction is only rolled back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.sql import sqlstates
from adapters.sql.dialect import Cursor, Kind
from adapters.sql.odbc import Odbc, braced
from adapters.sql.selftest import Trial
from agent.core.message import Message, say

NAMES = ("postgres", "psqlodbc")
"""What a driver of this dialect is called, in small letters."""

_TRIAL = Trial(
    make="CREATE TEMPORARY TABLE creneau_selftest(n INT, t VARCHAR(400), h TIME, b BOOLEAN)",
    drop="DROP TABLE creneau_selftest",
    times=("00:00:00", "23:59:59", "24:00:00"),
    settings="""SELECT current_setting('server_encoding'), current_setting('TimeZone'), current_setting('lock_timeout'),
    current_setting('statement_timeout')""",
    due=(),
    as_text="VARCHAR",
)


class Postgres(Odbc):
    """A PostgreSQL database. The connection is written `DRIVER={PostgreSQL Unicode};SERVER=…;DATABASE=…`."""

    name = "postgresql"
    ours = frozenset({"UID", "USER", "USERNAME", "PWD", "PASSWORD", "CONNSETTINGS", "PROTOCOL", "BOOLSASCHAR", "PQOPT"})
    begin_read = "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    begin_write = "START TRANSACTION ISOLATION LEVEL READ COMMITTED"  # each statement after the lock sees the newest
    alone = "SELECT 1 FROM (SELECT pg_advisory_lock(hashtext(?))) AS held"  # a connection just closed lets go a moment later
    is_served = True
    engine = ""
    needs: Sequence[tuple[str, str]] = (("TEMPORARY", "*"),)  # the self-test at each connect
    remedies: Mapping[Kind, Message] = {
        Kind.SETUP: say("install another version of the PostgreSQL ODBC driver, the one named Unicode")
    }

    def locked(self, sql: str) -> str:
        """Return it with its row locks; the gaps are frozen by the table."""
        return f"{sql} FOR UPDATE"

    def freeze(self, table: str) -> str:
        """Return a lock that lets everybody read and nobody else write."""
        return f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"

    def unless_there(self, table: str, columns: Sequence[str]) -> str:
        """Return an INSERT that waits for another's of the same key, then does nothing."""
        places = ", ".join("?" * len(columns))
        return f"INSERT INTO {table}({', '.join(columns)}) VALUES({places}) ON CONFLICT ({columns[0]}) DO NOTHING"

    def unsafe(self, tables: Sequence[str]) -> str:
        """Return a SELECT of tables that a crash empties."""
        names = ", ".join(f"'{table}'" for table in tables)
        return f"SELECT relname FROM pg_class WHERE relpersistence <> 'p' AND relname IN ({names})"  # noqa: S608 - our own words

    def text(self, width: int) -> str:
        """Return a type that compares byte by byte."""
        return f'VARCHAR({width}) COLLATE "C"'

    def inserted(self, cursor: Cursor) -> int:
        """Return the number the INSERT answered by its RETURNING."""
        return int(cursor.fetchall()[0][0])

    def kind(self, error: Exception) -> Kind:
        """Classify by SQLSTATE."""
        return sqlstates.kind(error)

    def code(self, error: Exception) -> str:
        """Return the SQLSTATE."""
        return sqlstates.code(error)

    def grants(self, needs: Sequence[tuple[str, str]]) -> Iterable[str]:
        """Yield GRANTs of rights like ("SELECT", "appointment"), or on "SEQUENCE appointment_id_seq"; "*" = the database."""
        whole = f'DATABASE "{self._parts.get("DATABASE", "emr")}"'
        for right, table in needs:
            yield f'GRANT {right} ON {whole if table == "*" else table} TO "{self._user or "creneau"}";'

    def endless(self) -> Sequence[str]:
        """Return statements of which the last must be ended by the server as too slow."""
        return ("SET LOCAL statement_timeout = '100ms'", "SELECT pg_sleep(5)")

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Return what `check` shows."""
        return (
            ("version", "SHOW server_version"),
            ("isolation", "SHOW transaction_isolation"),
            ("charset", "SHOW server_encoding"),
            ("time-zone", "SHOW TIME ZONE"),
        )

    def _text(self) -> str:
        # 7.4-0: after an error every statement fails until ROLLBACK; the driver's own savepoints would keep locks.
        options = f"connect_timeout={self.login_s} keepalives_idle=10 keepalives_interval=5 keepalives_count=3"
        text = {**self._parts, "BOOLSASCHAR": "0", "PROTOCOL": "7.4-0", "PQOPT": braced(options)}
        if self._user:
            text |= {"UID": self._user, "PWD": braced(self._password())}
        return ";".join(f"{key}={value}" for key, value in text.items())

    def _set(self, real: Any) -> None:
        for setting in (
            f"SET lock_timeout = '{self.lock_s}s'",
            f"SET statement_timeout = '{self.statement_s}s'",
            "SET idle_in_transaction_session_timeout = '60s'",
            "SET TIME ZONE 'UTC'",
        ):
            real.execute(setting)

    def _trial(self) -> Trial:
        return replace(_TRIAL, due=("UTF8", "UTC", f"{self.lock_s}s", f"{self.statement_s}s"))
