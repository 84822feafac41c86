"""What a piece of work sees of the database while it runs.

Rule: a Tx lives as long as the work it was given to; work may run twice, so it changes nothing but rows.
"""

from collections.abc import Iterable
from typing import Any

import apsw

Value = str | bytes | int | None


class Reader:
    """A consistent picture of the journal."""

    __slots__ = ("_conn",)

    def __init__(self, conn: apsw.Connection) -> None:
        self._conn = conn

    def rows(self, sql: str, *args: Value) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return list(self._conn.execute(sql, args))

    def one(self, sql: str, *args: Value) -> tuple[Any, ...] | None:
        """Return the first row of a query, None when there is none."""
        return next(iter(self._conn.execute(sql, args)), None)

    def value(self, sql: str, *args: Value) -> Any:
        """Return the first column of the first row, None when there is no row."""
        row = self.one(sql, *args)
        return None if row is None else row[0]


class Tx(Reader):
    """A transaction: reads see what was written before in it."""

    __slots__ = ()

    def run(self, sql: str, *args: Value) -> int:
        """Run one statement; return the rows it changed."""
        self._conn.execute(sql, args)
        return self._conn.changes()

    def many(self, sql: str, rows: Iterable[tuple[Value, ...]]) -> None:
        """Run one statement for every row of values."""
        self._conn.executemany(sql, rows)

    def last_id(self) -> int:
        """Return the rowid of the last INSERT."""
        return self._conn.last_insert_rowid()
