"""The mirror of one source, durable: stored messages become records, in one transaction with their settling.

Rule: one reader at a time per source in this process; a message is settled only together with what it changed.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime

from adapters.agenda import Mirror, Record
from adapters.agenda.mirror import PREFIX, load
from adapters.er7 import Change, Terms, Unread, read
from adapters.er7.faults import DUPLICATE
from adapters.hl7v2 import doubt
from adapters.hl7v2.doubt import Held, held
from adapters.hl7v2.intake import CLASH, ended
from adapters.hl7v2.reconcile import NOTE, Compared, State, after, compared, read_state
from adapters.hl7v2.whole import Whole
from agent.core.message import say
from agent.core.model import EmrName
from agent.ports import RawMessage, RawStore, SourceStore

log = logging.getLogger("creneau.hl7")

MANY = 500
"""Messages settled in one transaction."""
VERSION, HEARD, DEAD, TERMS = "version", "heard", "dead", "terms"
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
        self._reads = hashlib.sha256(repr(terms).encode()).hexdigest()[:16].encode()
        self._mirror = Mirror()
        self._doubts: dict[int, Held] = {}
        self._version: bytes | None = None

    @contextmanager
    def open(self, now: datetime) -> Iterator[Mirror]:
        """Take in what arrived and lend the mirror, alone; writes nothing when nothing arrived."""
        with self._door:
            self._refresh()
            try:
                self._read_otherwise()
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

    def doubts(self, now: datetime) -> list[Held]:
        """Return what may be taken without our knowing, oldest first; only within `open`."""
        return [each for _, each in sorted(self._doubts.items()) if not each.is_over(now)]

    def settle(self, number: int) -> Held | None:
        """Forget a doubt on a person's word; None when there is none of this number; only within `open`."""
        found = self._doubts.pop(number, None)
        if found is not None:
            self.keep({found.note: None})
        return found

    def whole(self) -> State:
        """Return how the last comparison with the EMR's whole agenda went."""
        return read_state(self._store.notes(NOTE).get(NOTE))

    def take_whole(
        self, mirror: Mirror, before: Mapping[str, Record], whole: Whole, ours: AbstractSet[str], most: int
    ) -> Compared:
        """Take a complete look in and settle the doubts it covers, one transaction; only within `open`."""
        done = compared(mirror, before, whole, self.whole(), ours, most)
        notes: dict[str, bytes | None] = {key: each.dump() if each else None for key, each in done.notes.items()}
        notes[NOTE] = done.state.dump()
        if not done.state.held:
            notes[HEARD] = max(self.heard() or whole.at, whole.at).isoformat().encode()
            notes |= self._narrowed(whole)
        self.keep(notes)
        return done

    def _narrowed(self, whole: Whole) -> dict[str, bytes | None]:
        notes: dict[str, bytes | None] = {}
        for each in list(self._doubts.values()):
            left = after(each, whole.window, whole.at)
            if left is None:
                notes |= self._settled(iter([each]))
            elif left != each:
                self._doubts[left.number] = left
                notes[left.note] = left.dump()
        return notes

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
            found = (doubt.load(note) for note in self._store.notes(doubt.PREFIX).values())
            self._doubts = {each.number: each for each in found}
            self._version = version or b"0"

    def _read_otherwise(self) -> None:
        """Have the letters in doubt read again when the clinic changed how this source is read."""
        if self._doubts and self._store.notes(TERMS).get(TERMS) != self._reads:
            self._raw.revive(list(self._doubts))
            self._store.note({TERMS: self._reads})

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
                change = self._understood(message)
            except Unread as no:
                dead[number] = f"{no.code} {no.place}"
                notes |= self._doubt(held(number, message, self._terms, dead[number]))
                continue
            done.append(number)
            changed = self._mirror.take(change)
            notes |= {key: record.dump() if record else None for key, record in changed.items()}
            notes |= self._settled(
                each for each in self._doubts.values() if each.number == number or each.is_settled_by(change)
            )
        notes.update(dict.fromkeys(self._mirror.prune(now)))
        notes |= self._settled(each for each in self._doubts.values() if each.is_over(now))
        if last is not None:
            notes[HEARD] = max(self.heard() or last, last).isoformat().encode()
        if dead and last is not None:
            notes[DEAD] = f"{self.dead()[0] + len(dead)} {last.isoformat()}".encode()
        notes[VERSION] = self._next()
        self._raw.settle(done, dead, notes)

    def _understood(self, message: RawMessage) -> Change:
        if message.control_id.startswith(CLASH):
            raise Unread(DUPLICATE, "MSH-10", say("another message has this number"))
        return read(ended(message.body), self._terms, message.received)

    def _doubt(self, found: Held | None) -> dict[str, bytes | None]:
        if found is None:
            return {}
        self._doubts[found.number] = found
        log.error("hl7.doubt n=%d event=%s why=%s", found.number, found.event or "?", found.why)
        return {found.note: found.dump(), TERMS: self._reads}

    def _settled(self, over: Iterator[Held]) -> dict[str, bytes | None]:
        """Forget doubts; return the notes to be deleted."""
        found = list(over)
        for each in found:
            del self._doubts[each.number]
        return {each.note: None for each in found}

    def _next(self) -> bytes:
        self._version = str(int(self._version or b"0") + 1).encode()
        return self._version


def _moment(note: bytes | None) -> datetime | None:
    return datetime.fromisoformat(note.decode()) if note else None
