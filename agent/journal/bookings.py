"""The bookings of one source, as apply sees them.

Rule: a row is saved only over the row it was decided from.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agent.core.booking import Booking, GivenUp
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import BookingId, EmrName, Instant, SiteId, Slot, SlotId, Window
from agent.journal import deeds, rows
from agent.journal.box import place
from agent.journal.codec import micros
from agent.journal.erasing import Eraser
from agent.journal.inbox import find
from agent.journal.store import Store
from agent.journal.tx import Reader, Tx
from agent.ports import Box

HOUR = timedelta(hours=1)
DUE = (
    "((state IN ('queued', 'intent') AND (emr = ?1 OR emr IS NULL))"
    " OR (emr = ?1 AND outcome = 'held' AND state IN ('resolved', 'reported') AND until <= ?2))"
)


class JournalBookings:
    """The Bookings port of one source."""

    def __init__(self, store: Store, box: Box, eraser: Eraser, emr: EmrName) -> None:
        self._store = store
        self._box = box
        self._eraser = eraser
        self._emr = emr

    def due(self, now: Instant) -> Sequence[Booking]:
        """Return what waits for a move of apply, oldest order first; rows without a source are anyone's."""
        return self._store.read(lambda db: rows.chosen(db, DUE, self._emr, micros(now.utc)))

    def row(self, booking: BookingId) -> Booking | None:
        """Return the stored row as it is now."""
        return self._store.read(lambda db: rows.stored(db, booking))

    def undecided(self, now: Instant) -> Sequence[Booking]:  # noqa: ARG002 - the port's signature
        """Return what may speak for a slot."""
        return self._store.read(lambda db: rows.undecided(db, self._emr))

    def kept(self, now: Instant) -> Sequence[Booking]:
        """Return bookings with an appointment, certain or in doubt, still to come."""
        found = self._store.read(lambda db: rows.chosen(db, "emr = ? AND ends > ?", self._emr, micros(now.utc)))
        return [row for row in found if _is_to_come(row, now.utc)]

    def slot(self, id: SlotId | None, line: bytes | None) -> Slot | None:  # noqa: A002 - the wire's own word
        """Return a slot by id, else one of today's view by line."""
        found = self._store.read(lambda db: find(db, id, line, None))
        return None if found is None else found[0]

    def save(
        self,
        row: Booking,
        *,
        tasks: Sequence[str],
        tell: bool,
        erase: bool,
        now: Instant,
        given_up: GivenUp | None = None,
    ) -> Booking:
        """Store what was decided and all that follows; Transient when the row was saved by another in between."""

        def work(tx: Tx) -> tuple[Booking, int]:
            number = tx.value("SELECT row FROM booking WHERE booking = ?", row.booking)
            if number != row.row and not (number is None and row.row == 0):
                raise Transient(say("save a booking"), say("its row has changed meanwhile"))
            kept = deeds.keep(tx, row, now.utc)
            if tell:
                deeds.tell(tx, kept, now.utc)
            deeds.open_tasks(tx, kept, tasks, now.utc)
            if given_up is not None:
                deeds.give_up(tx, kept, given_up, now.utc)
            return kept, deeds.erase(tx, kept) if erase else 0

        kept, erased = self._store.write(work)
        self._eraser.note(erased)
        return kept

    def sealed(self, booking: BookingId, version: int) -> str | None:
        """Return the patient's JWE while it is kept."""
        return self._store.read(lambda db: sealed(db, self._box, booking, version))

    def busy(self, rule: str, site: SiteId, half: Window, now: Instant) -> Mapping[str, int]:
        """Return live holds of rule and site in `half`, and this source's holds and bookings of the last hour."""

        def work(db: Reader) -> Mapping[str, int]:
            held = rows.chosen(db, "emr = ? AND outcome = 'held' AND until > ? AND rule = ?", self._emr, stamp, rule)
            return {
                "holds": sum(1 for row in held if _is_in(row.goal_slot, site, half)),
                "holds_hour": _count(db, "held", self._emr, stamp),
                "bookings_hour": _count(db, "booked", self._emr, stamp),
            }

        stamp = micros(now.utc)
        return self._store.read(work)

    def rule_of(self, slot: Slot) -> str:
        """Return the rule this slot was last published by."""
        sql = "SELECT rule FROM slot WHERE emr = ? AND key = ? ORDER BY since DESC, id LIMIT 1"
        return self._store.read(lambda db: db.value(sql, slot.emr, slot.key)) or ""


def sealed(db: Reader, box: Box, booking: BookingId, version: int) -> str | None:
    """Return the JWE of one version, None when it was erased or never came."""
    sql = "SELECT patient FROM orders WHERE booking = ? AND version = ? AND bad IS NULL AND patient IS NOT NULL"
    shut = db.value(sql, booking, version)
    return None if shut is None else box.open(shut, place("orders", "patient", booking, version)).decode()


def _count(db: Reader, word: str, emr: EmrName, now: int) -> int:
    sql = "SELECT count(*) FROM outbox o JOIN booking b USING(booking) WHERE b.emr = ? AND o.word = ? AND o.at > ?"
    return int(db.value(sql, emr, word, now - HOUR // timedelta(microseconds=1)))


def _is_in(slot: Slot | None, site: SiteId, half: Window) -> bool:
    return slot is not None and slot.site == site and half.start <= slot.start < half.end


def _is_to_come(row: Booking, now: datetime) -> bool:
    doubt = row.intent_slot if row.outcome in {"checking", "requested"} else None
    if row.cur_slot is None and row.emr_ref is not None:  # staff moved it to a time we have no slot for: still followed
        return True
    return any(slot is not None and slot.end > now for slot in (row.cur_slot, doubt))
