"""The journal: everything the agent must still know after a crash, in one SQLite file.

Rule: what a method of the journal returned from is on the disk; nothing else is remembered across a restart.
"""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from agent.core.model import EmrName, Instant
from agent.journal import facts, ledger
from agent.journal.bookings import JournalBookings
from agent.journal.box import place
from agent.journal.copying import copy
from agent.journal.erasing import Eraser
from agent.journal.inbox import JournalInbox
from agent.journal.notes import JournalNotes
from agent.journal.outbox import JournalOutbox
from agent.journal.raw import JournalRaw
from agent.journal.records import JournalRecords
from agent.journal.retention import tidy
from agent.journal.store import Store
from agent.journal.tx import Reader, Tx
from agent.journal.views import JournalViews, Now
from agent.ports import Bookings, Box, Inbox, Outbox, RawStore, Records, SourceStore, Views

__all__ = ["Journal", "Reader", "Tx"]

T = TypeVar("T")
DIGEST_KEY = "digest_key"


class Journal:
    """All ports of the journal over one file; any thread. Made by `open`."""

    def __init__(self, store: Store, box: Box) -> None:
        self._store = store
        self._box = box
        self._digest_key = _digest_key(store, box)
        self._eraser = Eraser(store)
        self._now = Now(store)
        self._outbox = JournalOutbox(store, self._now)

    @classmethod
    def open(
        cls, folder: Path, box: Box, *, vfs: str = "", locking: str = "normal", quota_mb: int = 256, now: Instant
    ) -> Self:
        """Open or make `folder`/journal.db.

        A damaged file is renamed journal-<utc>.bad and an empty one begins, with the fact restart = "lost".
        `vfs`, `locking`: for proofs on a VFS of their own. Raises Misconfigured: newer file, wrong SQLite, wrong data
        key, no rights.
        """
        store = Store(folder, vfs=vfs, locking=locking, quota_mb=quota_mb, at=now.utc)
        try:
            if store.lost:
                store.write(lambda tx: _start_lost(tx, now.utc))
            return cls(store, box)
        except BaseException:
            store.close()
            raise

    def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in the next commit and return its result once that is durable; `work` may run twice."""
        return self._store.write(work)

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run `work` on one consistent picture."""
        return self._store.read(work)

    def close(self) -> None:
        """Close every connection; idempotent."""
        self._store.close()

    def snapshot(self, target: Path) -> None:
        """Write a whole copy of the journal into a new file; writers go on meanwhile."""
        copy(self._store.path, target)

    def came_back(self, now: Instant, who: str) -> None:
        """Say that this journal is a copy of an earlier day: all is told, listed and looked up anew before any write."""

        def work(tx: Tx) -> None:
            stamp = now.utc.isoformat(timespec="seconds")
            facts.put(tx, {"restart": "restored", "lost": stamp, "cursor": None})
            tx.run("DELETE FROM attempt")
            ledger.append(tx, "start", b"restored", now.utc, who)

        self._store.write(work)

    def scrub(self) -> bool:
        """Make what was erased vanish from the disk; False = a reader is in the way, ask again within the minute."""
        return self._eraser.scrub()

    def tidy(self, now: Instant, ledger_keep: int = 36) -> None:
        """Let go of what is past its retention; once a night. `ledger_keep`: months a line of the ledger is kept."""
        self._eraser.note(self._store.write(lambda tx: tidy(tx, now.utc)))
        self._store.write(lambda tx: ledger.prune(tx, now.utc, ledger_keep))
        while swept := self._store.write(ledger.sweep):
            self._eraser.note(swept)

    def views(self, emr: EmrName) -> Views:
        """Return the view of one source."""
        return JournalViews(self._store, self._now, emr)

    def outbox(self) -> Outbox:
        """Return what leaves."""
        return self._outbox

    def inbox(self, only: EmrName | None = None) -> Inbox:
        """Return what arrives; `only`: the source when the clinic has a single one."""
        return JournalInbox(self._store, self._box, self._eraser, only)

    def bookings(self, emr: EmrName) -> Bookings:
        """Return the bookings of one source."""
        return JournalBookings(self._store, self._box, self._eraser, emr)

    def raw(self, emr: EmrName) -> RawStore:
        """Return the inbound messages of one source."""
        return JournalRaw(self._store, self._box, self._eraser, emr, self._digest_key)

    def store(self, emr: EmrName) -> SourceStore:
        """Return the notes of one source."""
        return JournalNotes(self._store, self._box, emr)

    def records(self) -> Records:
        """Return what the command line may look up and do."""
        return JournalRecords(self._store, self._box, self._eraser)


def _start_lost(tx: Tx, now: datetime) -> None:
    facts.put(tx, {"restart": "lost", "lost": now.isoformat(timespec="seconds")})
    ledger.append(tx, "start", b"lost", now)


def _digest_key(store: Store, box: Box) -> bytes:
    """Return the key of raw digests, made once; opening it proves that the vault belongs to this journal."""
    here = place("fact", "value", DIGEST_KEY)
    made = box.shut(os.urandom(32), here)

    def work(tx: Tx) -> bytes:
        tx.run("INSERT INTO fact VALUES(?,?) ON CONFLICT DO NOTHING", DIGEST_KEY, made)
        return bytes(tx.value("SELECT value FROM fact WHERE name = ?", DIGEST_KEY))

    kept = store.read(lambda db: db.value("SELECT value FROM fact WHERE name = ?", DIGEST_KEY))
    return box.open(bytes(kept) if kept is not None else store.write(work), here)
