"""Inbound messages of one source, kept before they are acknowledged.

Rule: one message, one row: the same control id with other bytes is a clash, never an overwrite.
"""

import hmac
from collections.abc import Mapping, Sequence

from agent.core.model import EmrName
from agent.journal.box import place
from agent.journal.codec import micros, moment
from agent.journal.erasing import Eraser
from agent.journal.notes import change
from agent.journal.store import Store
from agent.journal.tx import Tx
from agent.ports import Box, Kept, RawMessage, Taken


class JournalRaw:
    """The RawStore port of one source; any thread."""

    def __init__(self, store: Store, box: Box, eraser: Eraser, emr: EmrName, digest_key: bytes) -> None:
        self._store = store
        self._box = box
        self._eraser = eraser
        self._emr = emr
        self._digest_key = digest_key

    def keep(self, message: RawMessage, answer: bytes) -> Taken:
        """Store a message with its answer; a repeat gets the first answer, a clash none."""
        digest = hmac.digest(self._digest_key, message.body, "sha256")
        body = self._box.shut(message.body, self._place(message.peer, message.control_id))

        def work(tx: Tx) -> Taken:
            new = tx.run(
                "INSERT INTO raw(emr, peer, control_id, body, charset, digest, answer, at) VALUES(?,?,?,?,?,?,?,?)"
                " ON CONFLICT DO NOTHING",
                self._emr, message.peer, message.control_id, body, message.charset, digest, answer,
                micros(message.received),
            )  # fmt: skip
            if new:
                return Taken(Kept.NEW, tx.last_id(), answer)
            sql = "SELECT id, digest, answer FROM raw WHERE emr = ? AND peer = ? AND control_id = ?"
            ((number, before, stored),) = tx.rows(sql, self._emr, message.peer, message.control_id)
            if hmac.compare_digest(before, digest):
                return Taken(Kept.REPEAT, number, stored)
            return Taken(Kept.CLASH, number, b"")

        return self._store.write(work, settle=False)

    def unread(self, limit: int) -> Sequence[tuple[int, RawMessage]]:
        """Return messages not yet settled, oldest first."""
        sql = (
            "SELECT id, peer, control_id, body, charset, at FROM raw WHERE emr = ? AND state = 'new'"
            " ORDER BY id LIMIT ?"
        )
        found = self._store.read(lambda db: db.rows(sql, self._emr, limit))
        return [
            (number, RawMessage(peer, control, self._box.open(body, self._place(peer, control)), charset, moment(at)))
            for number, peer, control, body, charset, at in found
        ]

    def settle(self, done: Sequence[int], dead: Mapping[int, str], notes: Mapping[str, bytes | None]) -> None:
        """Erase the bodies of what is done, set what is dead apart with its reason, change notes; one transaction."""

        def work(tx: Tx) -> None:
            tx.many(
                "UPDATE raw SET state = 'done', body = NULL WHERE id = ? AND emr = ?",
                ((number, self._emr) for number in done),
            )
            tx.many(
                "UPDATE raw SET state = 'dead', why = ? WHERE id = ? AND emr = ?",
                ((why, number, self._emr) for number, why in dead.items()),
            )
            change(tx, self._box, self._emr, notes)

        self._store.write(work)
        self._eraser.note(len(done))

    def revive(self, numbers: Sequence[int], answer: bytes | None = None) -> int:
        """Make dead messages unread again; what is not dead stays as it is, and then nothing is written."""
        which = "WHERE id = ? AND emr = ? AND state = 'dead'"

        def work(tx: Tx) -> int:
            sql = f"UPDATE raw SET state = 'new', why = NULL, answer = coalesce(?, answer) {which}"  # noqa: S608 - constants
            return sum(tx.run(sql, answer, number, self._emr) for number in dead)

        is_dead = f"SELECT 1 FROM raw {which}"  # noqa: S608 - constants
        dead = self._store.read(lambda db: [n for n in numbers if db.value(is_dead, n, self._emr)])
        return self._store.write(work) if dead else 0

    def _place(self, peer: str, control_id: str) -> bytes:
        return place("raw", "body", self._emr, peer, control_id)
