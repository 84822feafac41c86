"""What differs from one database to the next, and nothing else.

Rule: SQL text outside a dialect runs on every database; placeholders are `?`, times are read as text by CAST AS CHAR.
"""

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any, Protocol

from agent.core.message import Message

Value = str | int | None
"""What a statement takes: texts, whole numbers, NULL. Dates and times go as text, naive, in the site's zone."""


class Kind(Enum):
    """What a driver's error means for whoever asked."""

    BUSY = auto()
    """A lock or a deadlock: nothing done, worth one more try at once."""
    SLOW = auto()
    """Too long, or too many at once: nothing done, later."""
    STOPPED = auto()
    """Cancelled by our own close()."""
    LOST = auto()
    """The connection or the disk went away."""
    LOGIN = auto()
    """User or password refused."""
    SETUP = auto()
    """Missing file, table, column or right."""
    DATA = auto()
    """The database refused a value."""
    ODD = auto()
    """Nobody knows, or time may mend it: Transient for a while, then a fault of the set-up."""


class Cursor(Protocol):
    """The part of DB-API 2.0 (PEP 249) that is used."""

    rowcount: int

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Run one statement."""
        ...

    def fetchall(self) -> Sequence[Any]:
        """Return the rows that remain."""
        ...


class Connection(Protocol):
    """The part of a DB-API connection that is used; transactions go by statement."""

    def cursor(self) -> Any:
        """Return a fresh cursor."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Dialect(Protocol):
    """One kind of database at one place. All methods but `interrupt` belong to the adapter's own thread."""

    name: str
    errors: type[Exception]
    """What the driver raises; everything else is not the database's."""
    begin_read: str
    begin_write: str
    alone: str
    """SELECTs 1 when the session lock named `?` is ours now, or was already; 0 when another connection has it."""
    is_served: bool
    """A server answers, which the clinic's screens use at the same moment: it is left alone most of the time."""
    engine: str
    """Ends a CREATE TABLE whose rows must know transactions."""
    needs: Sequence[tuple[str, str]]
    """Rights the connection itself takes, whatever the mapping."""

    def connect(self) -> Connection:
        """Open with the session settings the recipe needs (strict values, lock wait of 3 s)."""
        ...

    def locked(self, sql: str) -> str:
        """Return a SELECT whose rows, and the gaps between them, stay ours until the end of the transaction."""
        ...

    def freeze(self, table: str) -> str:
        """Return what lets nobody else write a table until the transaction ends; "" where `locked` is enough."""
        ...

    def unless_there(self, table: str, columns: Sequence[str]) -> str:
        """Return an INSERT of `?`s that leaves an existing row as it is, while locking it; the first column is the key."""
        ...

    def unsafe(self, tables: Sequence[str]) -> str:
        """Return a SELECT of those of our tables whose engine knows no transactions; "" where all do."""
        ...

    def text(self, width: int) -> str:
        """Return the type of a column for plain ASCII words that compares byte by byte."""
        ...

    def inserted(self, cursor: Cursor) -> int:
        """Return the number the database gave to the row just inserted."""
        ...

    def interrupt(self, connection: Connection) -> None:
        """Cancel the running statement; any thread."""
        ...

    def kind(self, error: Exception) -> Kind:
        """Classify an error; the class of the exception alone is never enough."""
        ...

    def code(self, error: Exception) -> str:
        """Return the driver's own code for the log and the screen, never its text: that may carry values."""
        ...

    def hint(self, kind: Kind) -> Message:
        """Return what to do about a LOGIN, SETUP, ODD or LOST."""
        ...

    def grants(self, needs: Sequence[tuple[str, str]]) -> Iterable[str]:
        """Yield statements that give our account these (rights, table) pairs; none where a file is all there is."""
        ...

    def endless(self) -> Sequence[str]:
        """Return statements for one transaction, the last of which the server must end as too slow.

        () = this database has no such limit. The connection is not used again.
        """
        ...

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Return (fact, SELECT of one value) pairs `check` shows: version, isolation."""
        ...
