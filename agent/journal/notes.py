"""Small durable memory of one source.

Rule: a value is boxed for its own key; what it means is the adapter's business.
"""

from collections.abc import Mapping

from agent.core.model import EmrName
from agent.journal.box import place
from agent.journal.store import Store
from agent.journal.tx import Tx
from agent.ports import Box


class JournalNotes:
    """The SourceStore port of one source."""

    def __init__(self, store: Store, box: Box, emr: EmrName) -> None:
        self._store = store
        self._box = box
        self._emr = emr

    def notes(self, prefix: str) -> Mapping[str, bytes]:
        """Return all notes whose key begins so."""
        sql = "SELECT key, value FROM note WHERE emr = ? AND substr(key, 1, ?) = ? ORDER BY key"
        found = self._store.read(lambda db: db.rows(sql, self._emr, len(prefix), prefix))
        return {key: self._box.open(value, place("note", "value", self._emr, key)) for key, value in found}

    def note(self, changes: Mapping[str, bytes | None]) -> None:
        """Set or (None) delete notes in one transaction."""
        if changes:
            self._store.write(lambda tx: change(tx, self._box, self._emr, changes))


def change(tx: Tx, box: Box, emr: EmrName, changes: Mapping[str, bytes | None]) -> None:
    """Set or delete notes within a transaction."""
    for key, value in changes.items():
        if value is None:
            tx.run("DELETE FROM note WHERE emr = ? AND key = ?", emr, key)
        else:
            shut = box.shut(value, place("note", "value", emr, key))
            tx.run("INSERT OR REPLACE INTO note VALUES(?,?,?)", emr, key, shut)
