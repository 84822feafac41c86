"""One connection, its transactions, and the edge at which driver errors become ours.

Rule: every transaction ends before the call returns, after an error by ROLLBACK; no driver text passes the edge.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from adapters.sql.dialect import Connection, Dialect, Kind, Value
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import Message, say

log = logging.getLogger("creneau.adapters.sql")

Row = Sequence[Any]


PATIENCE = 30
"""How often in a row an error nobody knows is taken for a passing one: half an hour of polls."""


LEAVE_TRIES = 150
"""How often close() looks whether what it cancelled has ended: 3 s."""


class Work:
    """Statements inside one transaction."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        """Take the open connection."""
        self._connection = connection
        self._dialect = dialect
        self.asked_s = 0.0
        """How long SELECTs have kept the database busy, in seconds."""

    def rows(self, sql: str, *values: Value) -> Sequence[Row]:
        """Run a SELECT and return all its rows."""
        begun = time.perf_counter()
        try:
            cursor = self._connection.cursor()
            cursor.execute(sql, values)
            return list(cursor.fetchall())
        finally:
            self.asked_s += time.perf_counter() - begun

    def locked(self, sql: str, *values: Value) -> Sequence[Row]:
        """Run a SELECT whose rows stay ours until the transaction ends."""
        return self.rows(self._dialect.locked(sql), *values)

    def change(self, sql: str, *values: Value) -> int:
        """Run an INSERT, UPDATE or DELETE and return how many rows it touched."""
        cursor = self._connection.cursor()
        cursor.execute(sql, values)
        return int(cursor.rowcount)

    def insert(self, sql: str, *values: Value) -> int:
        """Run an INSERT and return the new row's number."""
        cursor = self._connection.cursor()
        cursor.execute(sql, values)
        return self._dialect.inserted(cursor)

    def unless_there(self, table: str, columns: Sequence[str], *values: Value) -> None:
        """Insert a row that leaves an existing one as it is, and locks it; the first column is the key."""
        self.change(self._dialect.unless_there(table, columns), *values)

    def freeze(self, table: str) -> None:
        """Let nobody else write this table until the transaction ends, where rows alone cannot be locked."""
        if sql := self._dialect.freeze(table):
            self.change(sql)

    def alone(self, name: str) -> None:
        """Take the database's own session lock of this name, kept until the connection closes. Raises Transient."""
        if not self.rows(self._dialect.alone, name)[0][0]:
            raise Transient(say("write into the agenda"), say("another agent holds the clinic's lock in the database"))


class Session:
    """Belongs to one thread, save `close`. Connects on first use and again after a lost connection."""

    def __init__(self, dialect: Dialect) -> None:
        """Open nothing yet."""
        self.dialect = dialect
        self._connection: Connection | None = None
        self._closed = threading.Event()
        self._turn = threading.Lock()
        self._odd = 0
        self.asked_s = 0.0
        """How long the last reading kept the database busy, in seconds."""

    @contextmanager
    def reading(self, doing: Message) -> Iterator[Work]:
        """Give one consistent picture; it is let go of whatever happens."""
        with self._alone(doing), self._edge(doing):
            work = self._begin(self.dialect.begin_read)
            try:
                yield work
            finally:
                self.asked_s = work.asked_s
                self._rollback()

    @contextmanager
    def writing(self, doing: Message) -> Iterator[Work]:
        """Give one locked transaction and commit it. Transient and Refused mean nothing was done."""
        with self._alone(doing):
            with self._edge(doing):
                work = self._begin(self.dialect.begin_write)
                try:
                    yield work
                except BaseException:
                    self._rollback()
                    raise
            self._commit(doing)

    def was_busy(self, error: CreneauError) -> bool:
        """Say whether this was somebody else's lock or a deadlock: worth one more try at once."""
        cause = error.__cause__
        return isinstance(cause, self.dialect.errors) and self.dialect.kind(cause) is Kind.BUSY

    def renew(self) -> None:
        """Close the connection; the next statement opens another."""
        with self._turn:
            self._drop()

    def close(self) -> None:
        """Cancel what runs, wait for it to end, close. Any thread, any number of times.

        A server that answers nothing, the cancelling neither, is waited for `LEAVE_TRIES` times; whoever still runs
        closes when the driver gives up.
        """
        self._closed.set()
        for _ in range(LEAVE_TRIES):
            if self._turn.acquire(timeout=0.02):
                break
            if (running := self._connection) is not None:
                with suppress(self.dialect.errors):  # closed between the two lines
                    self.dialect.interrupt(running)
        else:
            return
        try:
            self._drop()
        finally:
            self._turn.release()

    @contextmanager
    def _alone(self, doing: Message) -> Iterator[None]:
        with self._turn:
            if self._closed.is_set():
                raise Transient(doing, say("the adapter is closed"))
            try:
                yield
            finally:
                if self._closed.is_set():
                    self._drop()

    @contextmanager
    def _edge(self, doing: Message) -> Iterator[None]:
        try:
            yield
        except self.dialect.errors as cause:
            kind = self.dialect.kind(cause)
            self._odd = self._odd + 1 if kind is Kind.ODD else 0
            if kind in (Kind.LOST, Kind.ODD):
                self._drop()
            raise self._ours(kind, cause, doing) from cause
        self._odd = 0

    def _begin(self, statement: str) -> Work:
        if self._connection is not None and not self._alive(statement):
            self._drop()  # lost while nobody looked: nothing of ours was under way
        if self._connection is None:
            self._connection = self.dialect.connect()
            self._connection.cursor().execute(statement)
        return Work(self._connection, self.dialect)

    def _alive(self, statement: str) -> bool:
        try:
            if self._connection is not None:
                self._connection.cursor().execute(statement)
        except self.dialect.errors as cause:
            if self.dialect.kind(cause) is Kind.LOST:
                return False
            raise
        return True

    def _commit(self, doing: Message) -> None:
        try:
            if self._connection is not None:
                self._connection.cursor().execute("COMMIT")
        except self.dialect.errors as cause:
            kind = self.dialect.kind(cause)
            self._rollback()
            if kind is Kind.BUSY:  # the transaction still stood, and was rolled back
                raise self._ours(kind, cause, doing) from cause
            code = self.dialect.code(cause)
            raise Ambiguous(doing, say("the commit was not confirmed ({code})", code=code)) from cause

    def _rollback(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.cursor().execute("ROLLBACK")
        except self.dialect.errors as cause:  # a connection that cannot roll back is not used again
            log.debug("sql.rollback code=%s", self.dialect.code(cause))
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self.dialect.errors):  # it may be gone already
                connection.close()

    def _ours(self, kind: Kind, cause: Exception, doing: Message) -> CreneauError:
        code, hint = self.dialect.code(cause), self.dialect.hint(kind)
        if kind is Kind.LOGIN:
            return Misconfigured(doing, say("the database refused user or password ({code})", code=code), hint)
        if kind is Kind.SETUP or (kind is Kind.ODD and self._odd > PATIENCE):
            return Misconfigured(doing, say("the database is not as expected ({code})", code=code), hint)
        if kind is Kind.DATA:
            return Refused(doing, say("the database refused a value ({code})", code=code), hint)
        what = {
            Kind.STOPPED: say("stopped while it ran"),
            Kind.BUSY: say("somebody else holds the lock ({code})", code=code),
            Kind.LOST: say("the connection was lost ({code})", code=code),
        }
        return Transient(doing, what.get(kind, say("the database cannot answer now ({code})", code=code)), hint)
