"""The file on the disk: found sound or set aside, one writer, one reader a thread.

Rule: a file that cannot be trusted is renamed, never deleted and never written to.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

import apsw

from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.journal.connect import BUSY_MS, DOING, PAGE, check_library, private, reader, writer
from agent.journal.copying import keep
from agent.journal.disk import MIB, Disk
from agent.journal.faults import RUINED, translated
from agent.journal.group import Group
from agent.journal.migrations import APPLICATION_ID, migrate
from agent.journal.tx import Reader, Tx
from agent.ports import Sizes

T = TypeVar("T")
log = logging.getLogger("creneau.journal")

NAME = "journal.db"
BRIEF_MS = 250
RESERVE = 8
"""Settlements may use one part in 8 beyond the quota."""


class Store:
    """Rows, durable. `fresh`: this file was made now; `lost`: because another one had to be set aside."""

    def __init__(self, folder: Path, *, vfs: str, locking: str, quota_mb: int, at: datetime) -> None:
        check_library()
        self._real = not vfs
        self.path = self._path = folder / NAME
        self._alone = locking != "normal"
        self._readers = threading.local()
        self._open_readers: WeakSet[apsw.Connection] = WeakSet()  # a thread that ends takes its reader along
        self._closed = False
        self.lost = False
        self.disk = disk = Disk(folder if self._real else None)
        conn = self._sound(vfs, locking, at)
        disk.restore()
        self._quota = quota_mb * MIB
        quota = self._quota // PAGE
        self._group = Group(conn, disk, quota=quota, reserve=max(quota // RESERVE, 64))

    def write(self, work: Callable[[Tx], T], *, settle: bool = True) -> T:
        """Run `work` in the next commit; `settle=False` for what only adds, and must stop at the quota."""
        return self._group.run(work, settle=settle)

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run `work` on one consistent picture, on this thread's own connection."""
        try:
            if self._alone:
                return self._group.hold(lambda conn: work(Reader(conn)))
            conn = self._reader()
            with conn:
                seen = work(Reader(conn))
        except apsw.Error as exc:
            raise translated(exc) from exc
        return seen

    def truncate(self) -> bool:
        """Move everything from the log into the file and empty the log; False while a reader is in the way."""
        try:
            self._group.hold(_truncate)
        except (apsw.BusyError, apsw.LockedError):
            return False
        except apsw.Error as exc:
            raise translated(exc) from exc
        self.disk.restore()
        return True

    def sizes(self) -> Sizes:
        """Return how full the file is; `low` also when the disk itself is."""
        count, free = self.read(lambda db: (db.value("PRAGMA page_count"), db.value("PRAGMA freelist_count")))
        used = (count - free) * PAGE
        return Sizes(used, self._quota, self.disk.low() or used * 20 > self._quota * 19)

    def close(self) -> None:
        """Close every connection; idempotent. The last one empties the log into the file."""
        self._closed = True
        for conn in tuple(self._open_readers):
            conn.close()
        self._group.hold(lambda conn: conn.close())

    def _reader(self) -> apsw.Connection:
        conn: apsw.Connection | None = getattr(self._readers, "conn", None)
        if conn is None:
            if self._closed:
                raise apsw.ConnectionClosedError
            conn = self._readers.conn = reader(self._path)
            self._open_readers.add(conn)
        return conn

    def _sound(self, vfs: str, locking: str, at: datetime) -> apsw.Connection:
        try:
            return self._roomy(vfs, locking)
        except RUINED as exc:
            if not self._real:
                raise translated(exc) from exc
            self._set_aside(at)
            self.lost = True
        except (apsw.CantOpenError, OSError) as exc:
            raise Misconfigured(
                DOING, say("the data folder cannot be written"), say("give the service account rights on data_dir")
            ) from exc
        except apsw.Error as exc:
            raise translated(exc) from exc
        return self._checked(vfs, locking)

    def _roomy(self, vfs: str, locking: str) -> apsw.Connection:
        try:
            return self._checked(vfs, locking)
        except apsw.FullError:
            if not self.disk.spend():
                raise
            return self._checked(vfs, locking)

    def _checked(self, vfs: str, locking: str) -> apsw.Connection:
        if self._real:
            private(self._path)
        conn = writer(self._path, vfs=vfs, locking=locking)
        try:
            _examine(conn)
            if self._real:
                keep(conn, self._path)
            migrate(conn)
            conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # what was erased before a crash goes now
        except BaseException:
            conn.close()
            raise
        return conn

    def _set_aside(self, at: datetime) -> None:
        stamp = f"{at:%Y%m%dT%H%M%SZ}"
        for tail in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self._path.with_name(NAME + tail).replace(self._free_name(stamp, tail))
        log.error("journal.lost set_aside=journal-%s.bad", stamp)

    def _free_name(self, stamp: str, tail: str) -> Path:
        path = self._path.with_name(f"journal-{stamp}.bad{tail}")
        number = 1
        while path.exists():
            number += 1
            path = self._path.with_name(f"journal-{stamp}-{number}.bad{tail}")
        return path


def _examine(conn: apsw.Connection) -> None:
    """Raise as SQLite would when the file is no sound journal; an empty one is."""
    if conn.execute("SELECT count(*) FROM sqlite_schema").get == 0:
        return
    if int(conn.pragma("application_id")) != APPLICATION_ID:
        raise apsw.NotADBError("not a journal")
    if conn.pragma("quick_check") != "ok":
        raise apsw.CorruptError("quick_check")


def _truncate(conn: apsw.Connection) -> None:
    conn.set_busy_timeout(BRIEF_MS)  # the writers wait behind it: rather ask again than make them wait
    try:
        conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        conn.set_busy_timeout(BUSY_MS)
