"""The MariaDB dialect, over ODBC with pyodbc.

Rule: what the driver gets wrong in silence is set right at every connect, and proved before the first statement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.sql import native
from adapters.sql.dialect import Cursor, Kind
from adapters.sql.odbc import ANSWER_S, Odbc, braced, unusable
from adapters.sql.selftest import Trial
from agent.core.message import Message, say

_TRIAL = Trial(
    make="""CREATE TEMPORARY TABLE creneau_selftest(n INT, t VARCHAR(400) CHARACTER SET utf8mb4, h TIME, b BOOLEAN)""",
    drop="DROP TEMPORARY TABLE creneau_selftest",
    times=("00:00:00", "23:59:59", "24:00:00", "-01:00:00"),
    settings="""SELECT @@character_set_client, @@tx_isolation, @@sql_mode, CAST(@@innodb_lock_wait_timeout AS SIGNED),
    CAST(@@max_statement_time AS SIGNED)""",
    due=(),
)
_SESSION = """SET SESSION sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = {lock_s},
max_statement_time = {statement_s}"""
_HERE = {"", "localhost", "127.0.0.1", "::1"}


class Mariadb(Odbc):
    """A MariaDB database. The connection is written `DRIVER={MariaDB Unicode};SERVER=…;DATABASE=…`."""

    name = "mariadb"
    ours = frozenset({"UID", "USER", "PWD", "PASSWORD", "INITSTMT", "AUTO_RECONNECT", "OPTION"})
    lock = "FOR UPDATE"
    begin_read = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    begin_write = "START TRANSACTION"
    # Locks belong to the whole server; a connection just closed lets go a moment later.
    alone = "SELECT COALESCE(GET_LOCK(CONCAT(?, '.', DATABASE()), 0.5), 0)"
    is_served = True
    engine = " ENGINE=InnoDB"
    needs: Sequence[tuple[str, str]] = (("CREATE TEMPORARY TABLES", "*"),)  # the self-test at each connect

    remedies: Mapping[Kind, Message] = {
        Kind.LOGIN: say("creneau emr grants"),
        Kind.SETUP: say("install another version of the MariaDB ODBC driver"),
    }

    answer_s = ANSWER_S

    def __init__(self, connection: str, user: str, password: Callable[[], str], secret: str = "ID") -> None:  # noqa: S107 - the name of a secret, not one
        """Refuse every other character set as well."""
        super().__init__(connection, user, password, secret)
        if self._parts.get("CHARSET", "utf8mb4").lower() != "utf8mb4":
            raise unusable(say("the character set must be utf8mb4: others lose letters in silence"))

    def locked(self, sql: str) -> str:
        """Return it with its next-key locks: rows and gaps."""
        return f"{sql} {self.lock}"

    def freeze(self, table: str) -> str:  # noqa: ARG002 - the port's own
        """Return nothing: gaps can be locked."""
        return ""

    def unless_there(self, table: str, columns: Sequence[str]) -> str:
        """Return an INSERT that changes nothing of an existing row; INSERT IGNORE would deadlock by the dozen."""
        places, key = ", ".join("?" * len(columns)), columns[0]
        return f"INSERT INTO {table}({', '.join(columns)}) VALUES({places}) ON DUPLICATE KEY UPDATE {key} = {key}"

    def unsafe(self, tables: Sequence[str]) -> str:
        """Return a SELECT of tables that are not InnoDB's."""
        names = ", ".join(f"'{table}'" for table in tables)
        return f"""SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()
        AND engine <> 'InnoDB' AND table_name IN ({names})"""  # noqa: S608 - our own words

    def text(self, width: int) -> str:
        """Return a type that compares byte by byte."""
        return f"VARCHAR({width}) CHARACTER SET ascii COLLATE ascii_bin"

    def inserted(self, cursor: Cursor) -> int:
        """Return the number of the row inserted last on this connection."""
        cursor.execute("SELECT LAST_INSERT_ID()")
        return int(cursor.fetchall()[0][0])

    def kind(self, error: Exception) -> Kind:
        """Classify by the server's number, then by SQLSTATE."""
        return native.kind(error)

    def code(self, error: Exception) -> str:
        """Return SQLSTATE and number."""
        return native.code(error)

    def endless(self) -> Sequence[str]:
        """Return statements of which the last must be ended by the server as too slow."""
        return ("SET SESSION max_statement_time = 0.1", "SELECT SLEEP(5)")

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Return what `check` shows."""
        return (
            ("version", "SELECT VERSION()"),
            ("isolation", "SELECT @@tx_isolation"),
            ("charset", "SELECT @@character_set_client"),
            ("time-zone", "SELECT @@time_zone"),
        )

    def grants(self, needs: Sequence[tuple[str, str]]) -> Iterable[str]:
        """Yield GRANT statements for rights like ("SELECT, INSERT", "appointment"); "*" = the whole database."""
        base = self._parts.get("DATABASE", "oscar")
        for right, table in needs:
            yield f"GRANT {right} ON `{base}`.{table if table == '*' else f'`{table}`'} TO {self.account()};"

    def account(self) -> str:
        """Return the account as the server knows it; MariaDB calls 127.0.0.1 localhost."""
        server = self._parts.get("SERVER", "")
        user = self._user or "creneau"
        return f"'{user}'@'{'localhost' if server in _HERE else '%'}'"

    def _text(self) -> str:
        parts = {**self._parts, "CHARSET": "utf8mb4"}
        if self._user:
            parts |= {"UID": braced(self._user), "PWD": braced(self._password())}
        # The driver's own words: a login timeout set through ODBC does not end a handshake with a frozen server.
        parts |= {
            "CONN_TIMEOUT": str(self.login_s),
            "READ_TIMEOUT": str(self.answer_s),
            "WRITE_TIMEOUT": str(self.answer_s),
        }
        return ";".join(f"{key}={value}" for key, value in parts.items())

    def _set(self, real: Any) -> None:
        # Without this, texts of 129 and more UTF-16 units are stored wrong and nothing says so.
        real.maxwrite = 1 << 30
        real.set_attr(self._driver.SQL_ATTR_TXN_ISOLATION, self._driver.SQL_TXN_REPEATABLE_READ)
        real.execute(_SESSION.format(lock_s=self.lock_s, statement_s=self.statement_s))

    def _trial(self) -> Trial:
        due = ("utf8mb4", "REPEATABLE-READ", "STRICT_ALL_TABLES", self.lock_s, self.statement_s)
        return replace(_TRIAL, due=due)
