"""The view *now* of one source: which slots may leave, under which ids.

Rule: an unchanged view writes nothing at all, not even an empty transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.core.changes import View, line, wire
from agent.core.model import EmrName, Instant, Slot, SlotId, SlotKey, Window
from agent.core.sharing import Offered, SharedSlot
from agent.journal import entered
from agent.journal.codec import micros, moment, shared_json, shared_of, slot_json, slot_of
from agent.journal.rows import claimed
from agent.journal.store import Store
from agent.journal.tx import Reader, Tx


@dataclass(frozen=True, slots=True)
class Entry:
    """One slot of the view: its id, its wire members, the slot as the EMR had it, its rule, first publication."""

    id: SlotId
    shared: SharedSlot
    slot: Slot
    rule: str
    at: int


Entries = Mapping[SlotKey, Entry]


class Now:
    """The views of all sources, as committed; a mapping is replaced whole, never changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts: dict[EmrName, Entries] = store.read(_load)

    def part(self, emr: EmrName) -> Entries:
        """Return the view of one source."""
        return self._parts.get(emr, {})

    def view(self) -> View:
        """Return the views of all sources together."""
        return {entry.id: entry.shared for part in tuple(self._parts.values()) for entry in part.values()}

    def replace(self, emr: EmrName, entries: Entries) -> None:
        """Take what was just committed."""
        self._parts[emr] = entries


def _load(db: Reader) -> dict[EmrName, Entries]:
    parts: dict[EmrName, dict[SlotKey, Entry]] = {}
    sql = "SELECT n.emr, n.key, n.id, n.shared, s.slot, s.rule, n.at FROM now n JOIN slot s ON s.id = n.id"
    for emr, key, slot_id, shared, slot, rule, at in db.rows(sql):
        parts.setdefault(emr, {})[key] = Entry(slot_id, shared_of(shared), slot_of(slot), rule, at)
    return dict(parts)


class JournalViews:
    """The Views port of one source."""

    def __init__(self, store: Store, now: Now, emr: EmrName) -> None:
        self._store = store
        self._now = now
        self._emr = emr

    def known(self) -> Mapping[SlotKey, tuple[SlotId, SharedSlot]]:
        """Return the view as it stands, less the ids an order has named: the hub hides those until we offer anew."""
        spent = self._store.read(
            lambda db: {one for (one,) in db.rows("SELECT id FROM slot WHERE ordered IS NOT NULL")}
        )
        return {
            key: (entry.id, entry.shared) for key, entry in self._now.part(self._emr).items() if entry.id not in spent
        }

    def since(self) -> Mapping[SlotKey, datetime]:
        """Return when each slot was first published; kept while it stays, whatever id it has."""
        return {key: moment(entry.at) for key, entry in self._now.part(self._emr).items()}

    def held(self) -> frozenset[SlotKey]:
        """Return the slots some booking speaks for; a hold counts until its end was applied."""
        taken, known = self._store.read(lambda db: (claimed(db), entered.every(db)))
        said = {(slot.emr, slot.key) for slot in known.values()}
        return frozenset(key for emr, key in taken | said if emr == self._emr)

    def met(self, window: Window, free: frozenset[SlotKey], at: Instant) -> int:
        """Let the EMR speak again for slots entered by hand or kept back, once it shows them taken, or they are over."""
        known = self._store.read(entered.every)
        done = [
            name
            for name, slot in known.items()
            if slot.emr == self._emr
            and (slot.end <= at.utc or (window.start <= slot.start < window.end and slot.key not in free))
        ]
        return self._store.write(lambda tx: entered.forget(tx, done)) if done else 0

    def now(
        self, view: Mapping[SlotKey, tuple[SlotId, SharedSlot]], offered: Mapping[SlotKey, Offered], at: Instant
    ) -> int:
        """Make this the view; return how many slots entered, left or changed, 0 = no write at all."""
        old = self._now.part(self._emr)
        stamp = micros(at.utc)
        new = {key: _entry(slot_id, shared, offered.get(key), old.get(key), stamp)
               for key, (slot_id, shared) in view.items()}  # fmt: skip
        put = {key: entry for key, entry in new.items() if not _is_same(old.get(key), entry)}
        gone = [key for key in old if key not in new]
        if not put and not gone:
            return 0
        self._store.write(lambda tx: self._store_change(tx, old, put, gone, stamp))
        self._now.replace(self._emr, new)
        return len(put) + len(gone)

    def _store_change(
        self, tx: Tx, old: Entries, put: Entries, gone: list[SlotKey], stamp: int
    ) -> None:  # fmt: skip
        left = [old[key].id for key in gone]
        left += [old[key].id for key, entry in put.items() if key in old and old[key].id != entry.id]
        tx.many("UPDATE slot SET gone = ? WHERE id = ?", ((stamp, slot_id) for slot_id in left))
        tx.many("UPDATE told SET gone = ? WHERE id = ? AND gone IS NULL", ((stamp, slot_id) for slot_id in left))
        tx.many("DELETE FROM now WHERE id = ?", ((slot_id,) for slot_id in left))
        tx.many(
            "INSERT INTO slot VALUES(?,?,?,?,?,?,?,?,NULL,NULL) ON CONFLICT(id) DO UPDATE"
            " SET slot = excluded.slot, rule = excluded.rule, line = excluded.line, ends = excluded.ends, gone = NULL",
            (
                (e.id, self._emr, key, slot_json(e.slot), e.rule, line(e.shared, None), e.at, micros(e.slot.end))
                for key, e in put.items()
            ),
        )
        tx.many(
            "INSERT INTO now VALUES(?,?,?,?,?) ON CONFLICT(emr, key) DO UPDATE SET shared = excluded.shared",
            ((self._emr, key, e.id, shared_json(e.shared), e.at) for key, e in put.items()),
        )
        tx.many("UPDATE told SET gone = NULL WHERE id = ?", ((e.id,) for e in put.values()))
        tx.run(
            "DELETE FROM slot WHERE ends < ? AND id NOT IN (SELECT id FROM now) AND id NOT IN (SELECT id FROM told)",
            stamp,
        )


def _is_same(was: Entry | None, entry: Entry) -> bool:
    if was is None or (was.id, was.rule, was.slot) != (entry.id, entry.rule, entry.slot):
        return False
    return was.shared is entry.shared or wire(None, was.shared) == wire(None, entry.shared)


def _entry(slot_id: SlotId, shared: SharedSlot, offered: Offered | None, was: Entry | None, stamp: int) -> Entry:
    if offered is None:  # an incomplete reading keeps what was there
        if was is None:
            raise KeyError("a slot of the view is neither offered nor known")
        return Entry(slot_id, shared, was.slot, was.rule, was.at)
    return Entry(slot_id, shared, offered.slot, offered.rule, was.at if was else stamp)
