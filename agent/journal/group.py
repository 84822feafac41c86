"""Leader group commit: many threads, one transaction, one sync of the disk.

Rule: nobody returns before the commit that holds their work; one member's failure is that member's alone.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import apsw

from agent.core.errors import Transient
from agent.core.message import say
from agent.journal.disk import Disk
from agent.journal.faults import BROKEN, DOING, translated
from agent.journal.tx import Tx

T = TypeVar("T")


class _Member:
    """One piece of work that waits for its commit."""

    __slots__ = ("done", "error", "result", "settle", "work")

    def __init__(self, work: Callable[[Tx], Any], *, settle: bool) -> None:
        self.work = work
        self.settle = settle
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def close(self, error: BaseException | None = None) -> None:
        """Mark as answered; each member gets an error object of its own."""
        if error is not None:
            self.error = translated(error)
        self.done = True


class Group:
    """The writer connection and its two locks: `_door` guards the queue, `_seat` is the leader's."""

    def __init__(self, conn: apsw.Connection, disk: Disk, *, quota: int, reserve: int) -> None:
        """`quota`, `reserve`: pages for appends, and how many more for settlements."""
        self.conn = conn
        self._disk = disk
        self._limits = {False: quota, True: quota + reserve}
        self._limit = 0
        self._door = threading.Lock()
        self._seat = threading.Lock()
        self._leader = 0
        self._waiting: list[_Member] = []

    def run(self, work: Callable[[Tx], T], *, settle: bool) -> T:
        """Run `work` in a savepoint of the next commit and return its result after that commit.

        Raises what `work` raised, or Transient when nothing was written. `work` may run twice.
        """
        self._enter()
        member = _Member(work, settle=settle)
        with self._door:
            self._waiting.append(member)
        with self._seat:
            if not member.done:
                with self._door:
                    batch, self._waiting = self._waiting, []
                self._lead(batch)
        if member.error is not None:
            raise member.error
        return cast("T", member.result)

    def hold(self, act: Callable[[apsw.Connection], T]) -> T:
        """Use the writer connection alone, outside any transaction."""
        self._enter()
        with self._seat:
            return act(self.conn)

    def _enter(self) -> None:
        if self._leader == threading.get_ident():
            raise RuntimeError("the journal is called from inside its own write")

    def _lead(self, batch: list[_Member]) -> None:
        self._leader = threading.get_ident()
        try:
            self._commit(batch)
        except BROKEN as exc:
            self._back_out(exc, settles=any(member.settle for member in batch))
            for member in batch:
                self._alone(member)
        except apsw.Error as exc:
            self._back_out(exc)
            for member in batch:
                member.close(exc)
        finally:
            self._leader = 0
            for member in batch:  # only an interrupt gets here with members unanswered
                if not member.done:
                    self._back_out(None)
                    member.close(Transient(DOING, say("the write was interrupted")))

    def _alone(self, member: _Member) -> None:
        try:
            self._commit([member])
        except apsw.Error as exc:
            self._back_out(exc, settles=member.settle)
            member.close(exc)

    def _commit(self, batch: list[_Member]) -> None:
        self.conn.execute("BEGIN IMMEDIATE")
        for member in batch:
            self._work(member)
        self.conn.execute("COMMIT")
        for member in batch:
            member.close()

    def _work(self, member: _Member) -> None:
        member.error = None
        self._allow(self._limits[member.settle])
        self.conn.execute("SAVEPOINT member")
        try:
            if not member.settle and self._disk.spent():
                raise apsw.FullError("what only adds must not eat the room that was given back")  # noqa: TRY301 - as the disk's own
            member.result = member.work(Tx(self.conn))
        except BROKEN:
            raise
        except BaseException as exc:  # noqa: BLE001 - handed to its owner, not swallowed
            self.conn.execute("ROLLBACK TO member")
            member.error = translated(exc)
        self.conn.execute("RELEASE member")

    def _allow(self, pages: int) -> None:
        if pages != self._limit:
            self.conn.pragma("max_page_count", pages)
            self._limit = pages

    def _back_out(self, cause: apsw.Error | None, *, settles: bool = False) -> None:
        with suppress(apsw.Error):  # the cause is what the members hear; a dead connection says so at the next BEGIN
            if self.conn.in_transaction:
                self.conn.execute("ROLLBACK")
            if (
                settles
                and isinstance(cause, apsw.FullError)
                and int(self.conn.pragma("page_count")) < self._limits[False]
            ):
                self._disk.spend()
