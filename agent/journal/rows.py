"""One booking as a row of the table.

Rule: this file alone knows the columns of `booking`; every other one speaks of core.booking.Booking.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agent.core.booking import Booking, Code, Firmness, Op, Outcome, State, spoken_for
from agent.core.model import BookingId, EmrName, Slot, SlotKey
from agent.journal.codec import facts_of_line, maybe_micros, maybe_moment, maybe_slot, micros, moment, slot_json
from agent.journal.tx import Reader, Tx, Value

COLUMNS = (
    "booking, emr, state, seen_ver, body_hash, goal, goal_slot, slot_line, firmness, until, expires_at, done_ver,"
    " cur_slot, emr_ref, intent_ver, intent_op, intent_at, intent_slot, fault, attempt, turn, outcome, code, kept,"
    " outcome_rev, reported_rev, row"
)
SELECT = f"SELECT {COLUMNS} FROM booking"  # noqa: S608 - constants of this file
INSERT = f"INSERT OR REPLACE INTO booking({COLUMNS}, rule, at, ends) VALUES({','.join('?' * 30)})"
SPEAKING = "(state IN ('queued', 'intent', 'unsure') OR outcome IN ('held', 'requested') OR intent_slot IS NOT NULL)"
"""What may speak for a slot."""
NO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""Before every deadline."""


def booking_of(row: Sequence[Any]) -> Booking:
    """Return the booking of one row of `SELECT`."""
    (
        booking, emr, state, seen_ver, body_hash, goal, goal_slot, slot_line, firmness, until, expires_at, done_ver,
        cur_slot, emr_ref, intent_ver, intent_op, intent_at, intent_slot, fault, attempt, turn, outcome, code, kept,
        outcome_rev, reported_rev, number,
    ) = row  # fmt: skip
    return Booking(
        booking, emr, State(state), seen_ver, body_hash, goal, maybe_slot(goal_slot), slot_line, Firmness(firmness),
        maybe_moment(until), moment(expires_at), done_ver=done_ver, cur_slot=maybe_slot(cur_slot), emr_ref=emr_ref,
        intent_ver=intent_ver, intent_op=Op(intent_op) if intent_op else None, intent_at=maybe_moment(intent_at),
        intent_slot=maybe_slot(intent_slot), fault=Code(fault) if fault else None, attempt=attempt, turn=turn,
        outcome=Outcome(outcome) if outcome else None, code=Code(code) if code else None, kept=bool(kept),
        outcome_rev=outcome_rev, reported_rev=reported_rev, row=number,
    )  # fmt: skip


def columns_of(row: Booking) -> tuple[Value, ...]:
    """Return the values of `COLUMNS`."""
    return (
        row.booking, row.emr, row.state, row.seen_ver, row.body_hash, row.goal, _slot(row.goal_slot), row.slot_line,
        row.firmness, maybe_micros(row.until), micros(row.expires_at), row.done_ver, _slot(row.cur_slot), row.emr_ref,
        row.intent_ver, row.intent_op, maybe_micros(row.intent_at), _slot(row.intent_slot), row.fault, row.attempt,
        row.turn, row.outcome, row.code, int(row.kept), row.outcome_rev, row.reported_rev, row.row,
    )  # fmt: skip


def stored(db: Reader, booking: BookingId) -> Booking | None:
    """Return the row as it stands."""
    found = db.one(f"{SELECT} WHERE booking = ?", booking)
    return None if found is None else booking_of(found)


def chosen(db: Reader, where: str, *args: Value) -> list[Booking]:
    """Return rows by a condition of the caller's own text, oldest order first."""
    return [booking_of(row) for row in db.rows(f"{SELECT} WHERE {where} ORDER BY at, booking", *args)]


def undecided(db: Reader, emr: EmrName) -> list[Booking]:
    """Return every row of a source that may speak for a slot."""
    return chosen(db, f"emr = ? AND {SPEAKING}", emr)


def claimed(db: Reader, but: BookingId | None = None) -> frozenset[tuple[EmrName, SlotKey]]:
    """Return the slots that bookings of any source speak for, `but` one booking's own.

    A move between sources speaks for slots of both. A hold counts until its end was applied, whatever the time.
    """
    rows = chosen(db, f"{SPEAKING} AND booking IS NOT ?", but)
    return frozenset((slot.emr, slot.key) for row in rows for slot in spoken_for(row, NO_TIME))


def put(tx: Tx, row: Booking, *, at: int, rule: str | None = None) -> None:
    """Write the row as it is. `at`: when its newest order came, kept afterwards; `rule`: of the goal's slot."""
    was = tx.one("SELECT rule, at FROM booking WHERE booking = ?", row.booking) or ("", at)
    tx.run(
        INSERT, *columns_of(row), was[0] if rule is None else rule, was[1] if rule is None else at, micros(_ends(row))
    )  # fmt: skip


def _ends(row: Booking) -> datetime:
    """Return until when the row matters: its slots' end; of a slot we do not know, what the order says of it."""
    spans = [slot.end for slot in (row.goal_slot, row.cur_slot, row.intent_slot) if slot is not None]
    if spans:
        return max(spans)
    said = facts_of_line(row.slot_line).get("end", "")
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        return row.expires_at


def _slot(slot: Slot | None) -> str | None:
    return None if slot is None else slot_json(slot)
