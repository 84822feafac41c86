"""The SQL Server dialect, over ODBC. Written from the manual and parsed by tests; no server of this kind was ever ours to run.

Rule: nobody books through it before `creneau emr prove` passed on the clinic's own server.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adapters.sql import native
from adapters.sql.dialect import Cursor, Kind
from adapters.sql.odbc import LOCK_S, Odbc, braced

NAMES = ("sql server", "msodbcsql", "freetds")
"""What a driver of this dialect is called, in small letters."""

SESSION = (
    "SET NOCOUNT OFF",
    "SET XACT_ABORT ON",
    f"SET LOCK_TIMEOUT {LOCK_S * 1000}",
    "SET DATEFORMAT ymd",
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
"""After any error the server undoes the whole transaction; a date is read the same in every language."""

NUMBERS: Mapping[int, Kind] = {
    1205: Kind.BUSY,  # chosen as the victim of a deadlock
    1222: Kind.BUSY,  # lock timeout
    10928: Kind.SLOW,
    10929: Kind.SLOW,
    18456: Kind.LOGIN,
    18452: Kind.LOGIN,
    4060: Kind.SETUP,  # unknown database
    207: Kind.SETUP,  # unknown column
    208: Kind.SETUP,  # unknown table
    229: Kind.SETUP,  # no right on a table
    230: Kind.SETUP,  # no right on a column
    515: Kind.SETUP,  # NULL where the schema forbids it
    547: Kind.SETUP,  # foreign key
    2627: Kind.DATA,
    2601: Kind.DATA,
    8152: Kind.DATA,  # too long
    2628: Kind.DATA,
    241: Kind.DATA,  # no date
    3906: Kind.ODD,  # read-only database
    6005: Kind.LOST,  # the server shuts down
    20009: Kind.LOST,  # FreeTDS: nobody listens
}


class SqlServer(Odbc):
    """A SQL Server database. The connection is written `DRIVER={ODBC Driver 18 for SQL Server};SERVER=…;DATABASE=…`."""

    name = "sqlserver"
    ours = frozenset({"UID", "USER", "PWD", "PASSWORD", "TRUSTED_CONNECTION"})
    begin_read = "BEGIN TRANSACTION"
    begin_write = "BEGIN TRANSACTION"
    alone = """DECLARE @got INT; EXEC @got = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Session',
@LockTimeout = 500; SELECT CASE WHEN @got >= 0 THEN 1 ELSE 0 END"""
    is_served = True
    engine = ""
    needs: Sequence[tuple[str, str]] = ()

    def locked(self, sql: str) -> str:
        """Return it as it is: here a query carries its own hints, (UPDLOCK, HOLDLOCK)."""
        return sql

    def freeze(self, table: str) -> str:  # noqa: ARG002 - the port's own
        """Return nothing: HOLDLOCK keeps the gaps."""
        return ""

    def unless_there(self, table: str, columns: Sequence[str]) -> str:
        """Return a MERGE that locks the row either way."""
        key, kept, names = columns[0], columns[1], ", ".join(columns)
        given = ", ".join(f"given.{name}" for name in columns)
        return f"""MERGE INTO {table} WITH (HOLDLOCK) AS old
USING (VALUES ({", ".join("?" * len(columns))})) AS given({names}) ON old.{key} = given.{key}
WHEN MATCHED THEN UPDATE SET {kept} = old.{kept}
WHEN NOT MATCHED THEN INSERT({names}) VALUES({given});"""

    def unsafe(self, tables: Sequence[str]) -> str:
        """Return a SELECT of tables a restart empties."""
        names = ", ".join(f"'{table}'" for table in tables)
        return f"SELECT name FROM sys.tables WHERE durability <> 0 AND name IN ({names})"  # noqa: S608 - our own words

    def text(self, width: int) -> str:
        """Return a type that compares byte by byte."""
        return f"VARCHAR({width}) COLLATE Latin1_General_100_BIN2"

    def inserted(self, cursor: Cursor) -> int:
        """Return the number the INSERT answered by its OUTPUT."""
        return int(cursor.fetchall()[0][0])

    def kind(self, error: Exception) -> Kind:
        """Classify by the server's number, then by SQLSTATE."""
        number = native.native(error) if len(error.args) > 1 else None
        known = NUMBERS.get(number) if number is not None else None
        return known or native.by_state(error)

    def code(self, error: Exception) -> str:
        """Return SQLSTATE and number."""
        return native.code(error)

    def grants(self, needs: Sequence[tuple[str, str]]) -> Iterable[str]:
        """Yield GRANT statements for rights like ("SELECT, INSERT", "appointments")."""
        for right, table in needs:
            yield f"GRANT {right} ON {table} TO [{self._user or 'creneau'}];"

    def endless(self) -> Sequence[str]:
        """Return nothing: here the driver ends a statement (`timeout`), and no server of this kind was ever tried."""
        return ()

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Return what `check` shows."""
        return (
            ("version", "SELECT CAST(SERVERPROPERTY('ProductVersion') AS VARCHAR(40))"),
            ("charset", "SELECT CAST(SERVERPROPERTY('Collation') AS VARCHAR(80))"),
        )

    def _text(self) -> str:
        given = {"UID": braced(self._user), "PWD": braced(self._password())} if self._user else {}
        text = {**self._parts, **(given or {"TRUSTED_CONNECTION": "yes"})}
        return ";".join(f"{key}={value}" for key, value in text.items())

    def _set(self, real: Any) -> None:
        real.timeout = self.statement_s
        for setting in SESSION:
            real.execute(setting)
