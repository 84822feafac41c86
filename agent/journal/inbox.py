"""What arrives: orders and the hub's cursor.

Rule: an order is acknowledged only by a cursor stored in the same transaction as the order and what follows from it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from agent.core.booking import Booking, Order, Ordered, Task, Tell, advance
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import BookingId, EmrName, Instant, Slot, SlotId
from agent.journal import deeds, facts, ledger
from agent.journal.box import place
from agent.journal.codec import micros, slot_of, to_json
from agent.journal.erasing import Eraser
from agent.journal.rows import claimed, stored
from agent.journal.store import Store
from agent.journal.tx import Reader, Tx
from agent.ports import Box

Arrival = tuple[Order, str, str | None]
"""Order, its JWS, the JWE beside it."""


class JournalInbox:
    """The Inbox port. `only`: the name of the source when the clinic has a single one."""

    def __init__(self, store: Store, box: Box, eraser: Eraser, only: EmrName | None) -> None:
        self._store = store
        self._box = box
        self._eraser = eraser
        self._only = only

    def cursor(self) -> Mapping[str, Any] | None:
        """Return how far the hub's log is stored here; None = list everything."""
        text = self._store.read(lambda db: facts.several(db, "cursor")).get("cursor")
        return None if text is None else json.loads(text)

    def take(
        self, orders: Sequence[Arrival], bad: Sequence[str], cursor: Mapping[str, Any], now: Instant
    ) -> int:  # fmt: skip
        """Store and decide everything in one transaction; return how many orders were new.

        Raises Transient when the disk is low: then the cursor stays and the hub keeps the orders.
        """
        if (orders or bad) and self._store.sizes().low:
            raise Transient(
                say("take orders"), say("the disk or the journal's quota is full"), say("free some disk space")
            )

        def work(tx: Tx) -> tuple[int, int]:
            told = facts.several(tx, "log").get("log")
            if told is not None and told != cursor["log"]:
                _tell_again(tx, now.utc)
            facts.put(tx, {"log": cursor["log"], "cursor": to_json(dict(cursor))})
            _keep_bad(tx, bad, now.utc)
            done = [self._take(tx, arrival, now.utc) for arrival in orders]
            return sum(new for new, _ in done), sum(erased for _, erased in done)

        if not orders and not bad and self.cursor() == dict(cursor):
            return 0
        new, erased = self._store.write(work, settle=not orders and not bad)
        self._eraser.note(erased)
        return new

    def _take(self, tx: Tx, arrival: Arrival, now: datetime) -> tuple[int, int]:
        order, jws, jwe = arrival
        if _is_set_apart(tx, order):
            return 0, 0
        new = self._keep(tx, order, jws, jwe, now)
        if new:
            ledger.append(tx, "received", jws.encode(), now)
            # What was ordered is never offered again under that id, however short the order's life was.
            tx.run("UPDATE slot SET ordered = ? WHERE id = ?", micros(now), order.goal)
        found = find(tx, order.goal, order.slot_line, now, order.booking)
        slot, rule, line = found or (None, "", None)
        was = stored(tx, order.booking)
        emr = slot.emr if slot else self._only
        behind = was is not None and _is_behind(was, order)
        row, actions = advance(None if behind else was, Ordered(order, emr, slot, line, now), None)
        if was is not None and behind:
            row = replace(row, row=was.row, turn=was.turn, attempt=was.attempt)
        if row != was:
            newest = was is None or row.seen_ver > was.seen_ver
            row = deeds.keep(tx, row, now, rule=rule if newest else None)
        perform(tx, row, actions, now)
        if row.body_hash != order.body_hash and row.seen_ver == order.version:
            self._eraser.note(1)
            tx.run(
                "UPDATE orders SET bad = 'clash', patient = NULL WHERE booking = ? AND version = ? AND body_hash = ?",
                order.booking, order.version, order.body_hash,
            )  # fmt: skip
        return new, deeds.erase(tx, row)

    def _keep(self, tx: Tx, order: Order, jws: str, jwe: str | None, now: datetime) -> int:
        shut = None
        if jwe is not None:
            shut = self._box.shut(jwe.encode(), place("orders", "patient", order.booking, order.version))
        values = (order.booking, order.version, order.body_hash)
        new = tx.run(
            "INSERT INTO orders VALUES(?,?,?,?,?,?,NULL) ON CONFLICT DO NOTHING", *values, jws, shut, micros(now)
        )
        if not new and shut is not None:  # brought again, perhaps because it was missing; erase() decides what stays
            tx.run(
                "UPDATE orders SET patient = ? WHERE booking = ? AND version = ? AND body_hash = ? AND patient IS NULL",
                shut, *values,
            )  # fmt: skip
        return new


def find(
    db: Reader, goal: SlotId | None, line: bytes | None, now: datetime | None, booking: BookingId | None = None
) -> tuple[Slot, str, bytes] | None:
    """Return slot, rule and line: by id until the slot's end, else a slot of today's view with the same line.

    By line several slots may fit, of a team say: one that no other booking speaks for goes first.
    """
    if goal is None:
        return None
    ends = 0 if now is None else micros(now)
    row = db.one("SELECT slot, rule, line FROM slot WHERE id = ? AND ends > ?", goal, ends)
    if row is not None:
        return slot_of(row[0]), row[1], row[2]
    sql = "SELECT s.slot, s.rule, s.line FROM slot s JOIN now n ON n.id = s.id WHERE s.line = ? ORDER BY s.id"
    fit = [(slot_of(slot), rule, own) for slot, rule, own in db.rows(sql, line)]
    taken = claimed(db, booking) if len(fit) > 1 else frozenset()
    return min(fit, key=lambda found: (found[0].emr, found[0].key) in taken, default=None)


def perform(tx: Tx, row: Booking, actions: Sequence[object], now: datetime) -> None:
    """Do what the core asks of the journal: tell, open tasks. Erasing follows from the row itself."""
    if any(isinstance(action, Tell) for action in actions):
        deeds.tell(tx, row, now)
    kinds = [action.kind for action in actions if isinstance(action, Task)]
    deeds.open_tasks(tx, row, kinds, now)


def _is_behind(was: Booking, order: Order) -> bool:
    """Say whether the hub was told more than this row knows: the state folder was brought back from an older copy.

    What such a row says may long be untrue. It begins anew, as a lost one: it counts on from what was told, and the EMR
    is asked before anything is.
    """
    return order.told > was.outcome_rev and order.version >= was.seen_ver


def _is_set_apart(db: Reader, order: Order) -> bool:
    """Say whether a person was already told of this very body: it is not judged twice."""
    sql = "SELECT bad FROM orders WHERE booking = ? AND version = ? AND body_hash = ?"
    return db.value(sql, order.booking, order.version, order.body_hash) is not None


def _keep_bad(tx: Tx, bad: Sequence[str], now: datetime) -> None:
    for jws in bad:
        digest = hashlib.sha256(jws.encode()).digest()
        new = tx.run(
            "INSERT INTO orders VALUES('?', 0, ?, ?, NULL, ?, 'unreadable') ON CONFLICT DO NOTHING",
            digest, jws, micros(now),
        )  # fmt: skip
        if new:
            ledger.append(tx, "received", jws.encode(), now)
            deeds.open_task(tx, None, deeds.QUARANTINE, to_json({"sha256": digest.hex()}), now)


def _tell_again(tx: Tx, now: datetime) -> None:
    """After the hub lost or restored data: the last outcome of every booking still to come leaves once more."""
    tx.run(
        "UPDATE outbox SET receipted = NULL WHERE (booking, rev) IN"
        " (SELECT booking, outcome_rev FROM booking WHERE ends > ?)",
        micros(now),
    )
