"""What leaves: the difference between two views, the outcomes, and the attempts to send them.

Rule: nothing is deleted by a refusal, and the first byte leaves only after the attempt and its ledger line are durable.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.core.booking import Sent, advance
from agent.core.changes import View, changes
from agent.core.envelope import Envelope
from agent.core.model import BookingId, Instant, SlotId
from agent.core.sharing import SharedSlot
from agent.journal import facts, ledger
from agent.journal.codec import maybe_moment, micros, moment, shared_json, shared_of, to_json
from agent.journal.rows import put, stored
from agent.journal.store import Store
from agent.journal.tx import Reader, Tx
from agent.journal.views import Now
from agent.journal.whose import whose
from agent.ports import Outgoing, Standing

OFFER = "offer"
OUTCOMES = "outcomes"
LIFE_LEFT = timedelta(seconds=30)
OPEN = "receipted IS NULL AND aside IS NULL"


class JournalOutbox:
    """The Outbox port. One object a journal: it remembers the committed view *told*."""

    def __init__(self, store: Store, now: Now) -> None:
        self._store = store
        self._now = now
        self._told: View = store.read(_told)

    def told(self) -> View:
        """Return what the hub confirmed."""
        return self._told

    def view(self) -> View:
        """Return what it should hold."""
        return self._now.view()

    def standing(self) -> Standing:
        """Return epoch and seq of the last receipt; no epoch after a restart, with the reason."""
        known = self._store.read(lambda db: facts.several(db, "epoch", "seq", "restart"))
        why = known.get("restart")
        epoch = known.get("epoch")
        if why is not None or epoch is None:
            return Standing(None, 0, why or "")
        return Standing(int(epoch), int(known.get("seq", "0")))

    def alive(self, verb: str, now: Instant) -> Outgoing | None:
        """Return the attempt of this verb that still has more than 30 s to live."""
        return self._attempted(verb, micros(now.utc + LIFE_LEFT))

    def unsettled(self, verb: str) -> Outgoing | None:
        """Return the last attempt of this verb, however old, that has no receipt and was not given up."""
        return self._attempted(verb, 0)

    def _attempted(self, verb: str, after: int) -> Outgoing | None:
        sql = "SELECT jti, jws, exp, covers, body, adds FROM attempt WHERE verb = ? AND exp > ?"
        row = self._store.read(lambda db: db.one(sql, verb, after))
        if row is None:
            return None
        jti, jws, exp, covers, body, adds = row
        told = None if adds is None else _added(self._told, json.loads(adds))
        return Outgoing(verb, json.loads(body), covers, told, Envelope(verb, jti, moment(exp), jws))

    def outcomes(self, limit: int) -> Outgoing | None:
        """Return the oldest outcomes without a receipt."""
        sql = f"SELECT id, body FROM outbox WHERE {OPEN} ORDER BY id LIMIT ?"  # noqa: S608 - a constant
        rows = self._store.read(lambda db: db.rows(sql, limit))
        if not rows:
            return None
        return Outgoing(OUTCOMES, {"outcomes": [json.loads(body) for _, body in rows]}, rows[-1][0])

    def attempt(self, out: Outgoing, envelope: Envelope, now: Instant) -> None:
        """Make the attempt and the ledger's `sent` line durable."""
        adds = None if out.told is None else to_json(_difference(self._told, out.told))

        def work(tx: Tx) -> None:
            tx.run(
                "INSERT OR REPLACE INTO attempt VALUES(?,?,?,?,?,?,?)",
                out.verb, envelope.jti, envelope.jws, micros(envelope.exp), out.covers, to_json(out.body), adds,
            )  # fmt: skip
            ledger.append(tx, "sent", envelope.jws.encode(), now.utc)
            said = whose(tx, envelope.jti, out, self._told)
            if said is not None:
                ledger.append(tx, "whose", said, now.utc)

        self._store.write(work)

    def receipted(self, out: Outgoing, receipt: str, standing: Standing | None, now: Instant) -> None:
        """Settle what the receipt covers, with the ledger's `receipt` line."""
        told = out.told

        def work(tx: Tx) -> None:
            tx.run("DELETE FROM attempt WHERE verb = ?", out.verb)
            if told is not None:
                _tell(tx, self._told, told, now.utc)
            if standing is not None and standing.epoch is not None:
                facts.put(tx, {"epoch": str(standing.epoch), "seq": str(standing.seq), "restart": None})
            for booking, rev in _named(out):
                tx.run("UPDATE outbox SET receipted = ? WHERE booking = ? AND rev = ?", micros(now.utc), booking, rev)
                _reported(tx, booking, rev)
            ledger.append(tx, "receipt", receipt.encode(), now.utc)

        self._store.write(work)
        if told is not None:
            self._told = dict(told)

    def failed(self, verb: str) -> None:
        """Forget the attempt; the body stays where it comes from."""
        self._store.write(lambda tx: tx.run("DELETE FROM attempt WHERE verb = ?", verb))

    def aside(self, out: Outgoing, why: str, now: Instant) -> None:
        """Set these outcomes aside, and say so in the ledger."""

        def work(tx: Tx) -> None:
            tx.run("DELETE FROM attempt WHERE verb = ?", out.verb)
            named = _named(out)
            for booking, rev in named:
                tx.run("UPDATE outbox SET aside = ? WHERE booking = ? AND rev = ?", why, booking, rev)
            ledger.append(tx, "aside", to_json({"why": why, "rows": named}).encode(), now.utc)

        self._store.write(work)

    def restart(self, why: str, now: Instant) -> None:
        """Make the next offer a snapshot that asks for an epoch."""

        def work(tx: Tx) -> None:
            tx.run("DELETE FROM attempt WHERE verb = ?", OFFER)
            if facts.put(tx, {"restart": why}):
                ledger.append(tx, "restart", why.encode(), now.utc)

        self._store.write(work)

    def waiting(self) -> datetime | None:
        """Return since when the oldest slot that left *now* waits to leave *told*."""
        return maybe_moment(self._store.read(lambda db: db.value("SELECT min(gone) FROM told")))

    def oldest(self) -> datetime | None:
        """Return when the oldest outcome without a receipt was written."""
        sql = f"SELECT min(at) FROM outbox WHERE {OPEN}"  # noqa: S608 - a constant
        return maybe_moment(self._store.read(lambda db: db.value(sql)))


def _told(db: Reader) -> View:
    return {SlotId(slot_id): shared_of(shared) for slot_id, shared in db.rows("SELECT id, shared FROM told")}


def _difference(old: View, new: View) -> dict[str, Any]:
    delta = changes(old, new)
    put = {slot_id: shared_json(shared) for slot_id, shared in delta.put.items()}
    return {"put": put, "gone": sorted(delta.gone)}


def _added(told: View, adds: Mapping[str, Any]) -> View:
    put: dict[SlotId, SharedSlot] = {SlotId(slot_id): shared_of(text) for slot_id, text in adds["put"].items()}
    gone = frozenset(adds["gone"])
    return {slot_id: shared for slot_id, shared in told.items() if slot_id not in gone} | put


def _tell(tx: Tx, old: View, new: View, now: datetime) -> None:
    # An id that left *now* while its offer was under way is gone since then, not since the receipt.
    change = _difference(old, new)
    stamp = micros(now)
    tx.many("DELETE FROM told WHERE id = ?", ((slot_id,) for slot_id in change["gone"]))
    tx.many(
        "INSERT INTO told VALUES(?1, ?2, ?3, CASE WHEN EXISTS (SELECT 1 FROM now WHERE id = ?1) THEN NULL"
        " ELSE coalesce((SELECT gone FROM slot WHERE id = ?1), ?3) END)"
        " ON CONFLICT(id) DO UPDATE SET shared = excluded.shared",
        ((slot_id, shared, stamp) for slot_id, shared in change["put"].items()),
    )


def _named(out: Outgoing) -> Sequence[tuple[BookingId, int]]:
    return [(entry["booking"], entry["rev"]) for entry in out.body.get(OUTCOMES, ())]


def _reported(tx: Tx, booking: BookingId, rev: int) -> None:
    # The row's number stays: a receipt is no reason to make apply decide again.
    row = stored(tx, booking)
    if row is not None and row.reported_rev < rev <= row.outcome_rev:
        put(tx, advance(row, Sent(rev), None)[0], at=micros(row.expires_at))
