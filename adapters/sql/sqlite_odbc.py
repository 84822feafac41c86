"""The SQLite dialect over ODBC, with sqliteodbc: for a file whose programs come with that driver.

Rule: the driver waits for locks and never makes a file; a fresh connection is proved like a server's.
"""

from collections.abc import Mapping
from typing import Any

from adapters.sql import native
from adapters.sql.dialect import Connection, Cursor, Kind
from adapters.sql.odbc import Odbc
from adapters.sql.selftest import Trial
from adapters.sql.sqlite import WAIT_MS, Statements, absent, by_result
from agent.core.message import Message, say

CANTOPEN = 14
_TRIAL = Trial(
    make="CREATE TEMPORARY TABLE creneau_selftest(n INT, t VARCHAR(400), h TIME, b BOOLEAN)",
    drop="DROP TABLE creneau_selftest",
    times=("00:00:00", "23:59:59"),
    settings="SELECT foreign_keys FROM pragma_foreign_keys",
    due=(0,),
)


class SqliteOdbc(Odbc, Statements):
    """A database file. The connection is written `DRIVER={SQLite3 ODBC Driver};Database=PATH`; on Linux `{SQLite3}`."""

    ours = frozenset({"UID", "USER", "PWD", "PASSWORD", "TIMEOUT", "NOCREAT", "NOTXN", "FKSUPPORT", "LOADEXT"})

    remedies: Mapping[Kind, Message] = {Kind.SETUP: say("install another version of the SQLite ODBC driver")}

    def connect(self) -> Connection:
        """Open an existing file; never make one. Raises Misconfigured when there is none."""
        try:
            return super().connect()
        except self.errors as cause:
            if native.native(cause) == CANTOPEN:
                raise absent() from cause
            raise

    def inserted(self, cursor: Cursor) -> int:
        """Return the new rowid."""
        cursor.execute("SELECT last_insert_rowid()")
        return int(cursor.fetchall()[0][0])

    def kind(self, error: Exception) -> Kind:
        """Classify by SQLite's own result code, found in the driver's text; without one, by SQLSTATE."""
        number = native.native(error)
        return native.by_state(error) if number is None else by_result(number)

    def code(self, error: Exception) -> str:
        """Return SQLSTATE and result code."""
        return native.code(error)

    def _text(self) -> str:
        text = {**self._parts, "TIMEOUT": str(WAIT_MS), "NOCREAT": "1", "FKSUPPORT": "0"}
        return ";".join(f"{key}={value}" for key, value in text.items())

    def _set(self, real: Any) -> None:
        """Leave it: the connection text has set all."""

    def _trial(self) -> Trial:
        return _TRIAL
