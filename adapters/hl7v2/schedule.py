"""The mirror of one source, durable: stored messages become records, in one transaction with their settling.

Rule: one reader at a time per source in this process; a message is settled only together with what it changed.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from adapters.agenda import Mirror, Record
from adapters.agenda.mirror import PREFIX, load
from adapters.er7 import Change, Terms, Unread, read
from adapters.hl7v2.intake import ended
from agent.core.model import EmrName
from agent.ports import RawMessage, RawStore, SourceStore

MANY = 500
"""Messages settled in one transaction."""
VERSION, HEARD, DEAD = "version", "heard", "dead"
_DOORS: dict[EmrName, threading.RLock] = {}
_MAKING = threading.Lock()


def door(name: EmrName) -> threading.RLock:
    """Return the lock of a source: each leg has an adapter object of its own, and they share one mirror."""
    with _MAKING:
        return _DOORS.setdefault(name, threading.RLock())


class Schedule:
    """What one adapter object knows of the agenda; kept while nobody else changed it."""

    def __init__(self, name: EmrName, raw: RawStore, store: SourceStore, terms: Terms, *, mirrors: bool = True) -> None:
        """Read nothing yet; `mirrors` False: messages are settled unread, they only woke somebody."""
        self._mirrors = mirrors
        self._door = door(name)
        self._raw = raw
        self._store = store
        self._terms = terms
        self._mirror = Mirror()
        self._version: bytes | None = None

    @contextmanager
    def open(self, now: datetime) -> Iterator[Mirror]:
        """Take in what arrived and lend the mirror, alone; writes nothing when nothing arrived."""
        with self._door:
            self._refresh()
            try:
                while unread := self._raw.unread(MANY):
                    self._absorb(unread, now)
                yield self._mirror
            except BaseException:
                self._version = None  # what is in memory may be ahead of what is kept
                raise

    def keep(self, changes: Mapping[str, bytes | None]) -> None:
        """Write notes, one transaction; only within `open`."""
        if changes:
            self._store.note({**changes, VERSION: self._next()})

    def learn(self, mirror: Mirror, change: Change, notes: Mapping[str, bytes | None]) -> Record:
        """Take in what the EMR answered us, with notes of ours, one transaction; only within `open`."""
        changed = mirror.take(change)
        self.keep({**notes, **{key: record.dump() if record else None for key, record in changed.items()}})
        return mirror.of(change)

    def notes(self, prefix: str) -> dict[str, bytes]:
        """Return notes of ours."""
        return dict(self._store.notes(prefix))

    def heard(self) -> datetime | None:
        """Return when the last message arrived, whatever it said."""
        return _moment(self._store.notes(HEARD).get(HEARD))

    def dead(self) -> tuple[int, datetime | None]:
        """Return how many messages could not be read since the beginning, and when the last of them came."""
        note = self._store.notes(DEAD).get(DEAD)
        if note is None:
            return 0, None
        count, _, at = note.decode().partition(" ")
        return int(count), datetime.fromisoformat(at)

    def _refresh(self) -> None:
        version = self._store.notes(VERSION).get(VERSION)
        if self._version is None or version != self._version:
            self._mirror = Mirror(load(note) for note in self._store.notes(PREFIX).values())
            self._version = version or b"0"

    def _absorb(self, unread: Sequence[tuple[int, RawMessage]], now: datetime) -> None:
        done: list[int] = []
        dead: dict[int, str] = {}
        notes: dict[str, bytes | None] = {}
        last: datetime | None = None
        for number, message in unread:
            last = max(last or message.received, message.received)
            if not self._mirrors:
                done.append(number)
                continue
            try:
                changed = self._mirror.take(read(ended(message.body), self._terms, message.received))
            except Unread as no:
                dead[number] = f"{no.code} {no.place}"
                continue
            done.append(number)
            notes.update({key: record.dump() if record else None for key, record in changed.items()})
        notes.update(dict.fromkeys(self._mirror.prune(now)))
        if last is not None:
            notes[HEARD] = max(self.heard() or last, last).isoformat().encode()
        if dead and last is not None:
            notes[DEAD] = f"{self.dead()[0] + len(dead)} {last.isoformat()}".encode()
        notes[VERSION] = self._next()
        self._raw.settle(done, dead, notes)

    def _next(self) -> bytes:
        self._version = str(int(self._version or b"0") + 1).encode()
        return self._version


def _moment(note: bytes | None) -> datetime | None:
    return datetime.fromisoformat(note.decode()) if note else None
