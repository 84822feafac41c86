"""What follows from a decision about a booking: outbox row, tasks, erasing.

Rule: always in the transaction that writes the booking's row.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from agent.core.booking import Booking, Code, GivenUp, Outcome, State, needs, told_slot, told_version
from agent.core.model import BookingId, Slot
from agent.journal import entered
from agent.journal.codec import facts_of, facts_of_line, micros, to_json, utc_text, wire_time
from agent.journal.rows import put
from agent.journal.tx import Tx

EXACT = frozenset({Outcome.HELD, Outcome.BOOKED, Outcome.CHANGED})
"""Outcomes that carry the slot's exact times."""
QUARANTINE = "quarantine"


def keep(tx: Tx, row: Booking, now: datetime, *, rule: str | None = None) -> Booking:
    """Store the row under the next number, with the receipts that came meanwhile; return it as stored."""
    reported = tx.value("SELECT reported_rev FROM booking WHERE booking = ?", row.booking) or 0
    reported = max(row.reported_rev, reported)
    state = row.state
    if state is State.RESOLVED and row.outcome_rev and reported >= row.outcome_rev:
        state = State.REPORTED
    row = replace(row, state=state, reported_rev=reported, row=row.row + 1)
    put(tx, row, at=micros(now), rule=rule)
    entered.follow(tx, row)
    return row


def word(outcome: Outcome, code: Code | None) -> str:
    """Return the outcome as the protocol writes it: "booked", "refused: reseal"."""
    return f"{outcome.value}: {code.value}" if outcome is Outcome.REFUSED and code else outcome.value


def tell(tx: Tx, row: Booking, now: datetime) -> None:
    """Put the row's outcome into the outbox; a repeated answer leaves again as it was first written."""
    if row.outcome is None:
        return
    body: dict[str, object] = {
        "booking": row.booking,
        "version": told_version(row),
        "rev": row.outcome_rev,
        "outcome": word(row.outcome, row.code),
        "kept": row.kept,
    }
    slot = told_slot(row)
    if slot is not None and row.outcome in EXACT:
        body["slot"] = {"start": wire_time(slot.start), "end": wire_time(slot.end)}
    body["at"] = utc_text(now)
    tx.run(
        "INSERT INTO outbox(booking, rev, word, body, at) VALUES(?,?,?,?,?)"
        " ON CONFLICT(booking, rev) DO UPDATE SET receipted = NULL, aside = NULL",
        row.booking, row.outcome_rev, row.outcome.value, to_json(body), micros(now),
    )  # fmt: skip


def give_up(tx: Tx, row: Booking, place: GivenUp, now: datetime) -> None:
    """Keep a place out of the offer if the clinic so chose, and tell the desk of it."""
    if place.keep:
        entered.keep_back(tx, row.booking, place.slot)
    open_tasks(tx, row, place.tasks, now, about=place.slot)


def open_tasks(tx: Tx, row: Booking, kinds: Iterable[str], now: datetime, *, about: Slot | None = None) -> None:
    """Open tasks; an open one of the same kind is refreshed, older ones of other kinds are closed as superseded."""
    wanted = tuple(dict.fromkeys(kinds))
    for kind in wanted:
        facts = to_json(_facts(row, about))
        others = ",".join("?" * len(wanted))
        tx.run(
            f"UPDATE task SET answered = ? WHERE booking = ? AND answered IS NULL AND kind NOT IN ({others})",  # noqa: S608 - marks only
            micros(now), row.booking, *wanted,
        )  # fmt: skip
        again = "UPDATE task SET facts = ? WHERE booking = ? AND kind = ? AND answered IS NULL"
        if not tx.run(again, facts, row.booking, kind):
            open_task(tx, row.booking, kind, facts, now)


def open_task(tx: Tx, booking: BookingId | None, kind: str, facts: str, now: datetime) -> None:
    """Open one task; `facts` is JSON without a patient datum."""
    tx.run("INSERT INTO task(booking, kind, facts, opened) VALUES(?,?,?,?)", booking, kind, facts, micros(now))


def erase(tx: Tx, row: Booking) -> int:
    """Forget the patient details of every version the booking no longer needs; return how many were forgotten."""
    kept = json.dumps(sorted(needs(row)))
    return tx.run(
        "UPDATE orders SET patient = NULL WHERE booking = ? AND patient IS NOT NULL"
        " AND version NOT IN (SELECT value FROM json_each(?))",
        row.booking, kept,
    )  # fmt: skip


def _facts(row: Booking, about: Slot | None = None) -> dict[str, str]:
    facts = dict(facts_of(about or row.intent_slot or row.goal_slot or row.cur_slot) or facts_of_line(row.slot_line))
    facts["version"] = str(row.intent_ver or row.seen_ver)
    facts["expires"] = utc_text(row.expires_at)
    if row.emr:
        facts["emr"] = row.emr
    if row.seen_ver > (row.intent_ver or row.seen_ver):
        facts["newest"] = str(row.seen_ver)
    if row.outcome:
        facts["outcome"] = word(row.outcome, row.code)
    return facts
