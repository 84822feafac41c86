"""The sidecar: a table of ours in the EMR's database that remembers every booking by its version.

Rule: it is changed only in the transaction that changes the agenda; one row a booking, never deleted.
"""

from datetime import UTC, datetime

from adapters.sql.applied import Applied
from adapters.sql.dialect import Dialect
from adapters.sql.session import Row, Work
from agent.core.model import BookingId, EmrRef, SlotKey

TABLE = "creneau_applied"
PROBE = "SELECT booking, version, outcome, slot, appointment, previous, at FROM creneau_applied WHERE 1 = 0"
RECALL = "SELECT booking, version, outcome, slot, appointment, previous FROM creneau_applied WHERE booking = ?"
ALL = """SELECT booking, version, outcome, slot, appointment, previous FROM creneau_applied
WHERE appointment IS NOT NULL AND version > 0"""
REMEMBER = """UPDATE creneau_applied SET version = ?, outcome = ?, slot = ?, appointment = ?, previous = ?, at = ?
WHERE booking = ?"""


def table(dialect: Dialect) -> str:
    """Return the statement that makes it; text and whole numbers only, so that every database takes it."""
    return f"""CREATE TABLE {TABLE}(booking {dialect.text(64)} NOT NULL PRIMARY KEY, version INT NOT NULL,
  outcome {dialect.text(20)} NOT NULL, slot {dialect.text(80)}, appointment {dialect.text(80)},
  previous {dialect.text(80)}, at {dialect.text(20)} NOT NULL){dialect.engine}"""


class Sidecar:
    """Memory (see write.py) in a table. Fenced: right with crashes, late commits and two live agents, without a turn."""

    def probe(self, work: Work) -> None:
        """Touch every column; raises the driver's error when the table is missing or older."""
        work.rows(PROBE)

    def claim(self, work: Work, booking: BookingId, now: datetime) -> Applied:
        """Lock the booking's row, made when it is the first time."""
        work.unless_there(TABLE, ("booking", "version", "outcome", "at"), booking, 0, "", _stamp(now))
        return _applied(work.locked(RECALL, booking)[0])

    def recall(self, work: Work, booking: BookingId, now: datetime) -> Applied | None:  # noqa: ARG002 - the port's own
        """Read the booking's row; None = never applied."""
        return next((_applied(row) for row in work.rows(RECALL, booking)), None)

    def remembered(self, work: Work, now: datetime) -> list[Applied]:  # noqa: ARG002 - the port's own
        """Read every row that names an appointment."""
        return [_applied(row) for row in work.rows(ALL)]

    def remember(self, work: Work, known: Applied, now: datetime) -> None:
        """Store what was done; the last statement before COMMIT."""
        values = (known.version, known.outcome, known.slot, known.ref, known.previous, _stamp(now))
        work.change(REMEMBER, *values, known.booking)

    def token(self, booking: BookingId, version: int, key: SlotKey) -> str:  # noqa: ARG002 - the port's own
        """Return nothing: the appointment carries no mark of ours beyond its maker."""
        return ""


def _stamp(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _applied(row: Row) -> Applied:
    booking, version, outcome, slot, ref, previous = row
    return Applied(
        BookingId(booking),
        int(version),
        outcome,
        SlotKey(slot) if slot else None,
        EmrRef(ref) if ref else None,
        EmrRef(previous) if previous else None,
    )
