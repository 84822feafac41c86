"""Let go of what is no longer needed.

Rule: patient details go 7 days after the appointment's end whatever became of it, a booking 30 days after; ledger
lines go a year at a time, as ledger.py says; a message, understood or not, 30 days after it came.
"""

from datetime import datetime, timedelta

from agent.journal.codec import micros
from agent.journal.tx import Tx

PATIENT = timedelta(days=7)
BOOKING = timedelta(days=30)
MESSAGE = timedelta(days=30)


def tidy(tx: Tx, now: datetime) -> int:
    """Delete what is too old; return how many patients' details were erased."""
    late = micros(now - PATIENT)
    over = micros(now - BOOKING)
    erased = tx.run(
        "UPDATE orders SET patient = NULL WHERE patient IS NOT NULL"
        " AND booking IN (SELECT booking FROM booking WHERE ends < ?)",
        late,
    )
    old = "booking IN (SELECT booking FROM booking WHERE ends < ? AND state = 'reported')"
    tx.run(f"DELETE FROM orders WHERE {old}", over)  # noqa: S608 - a constant
    tx.run(f"DELETE FROM outbox WHERE {old} AND receipted IS NOT NULL", over)  # noqa: S608 - a constant
    tx.run("DELETE FROM task WHERE answered < ?", over)
    tx.run("DELETE FROM booking WHERE ends < ? AND state = 'reported'", over)
    tx.run("DELETE FROM raw WHERE state <> 'new' AND at < ?", micros(now - MESSAGE))
    return erased
