"""What the clinics report, and the three words a patient is told.

Rule: outcomes are facts; every one is kept, the last word of whoever knows the newest version is shown, and two that
contradict are "being checked".
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, case, delete, func, insert, select, update

from hub import view
from hub.schema import BOOKING, ORDER, OUTCOME, SEEN, SITE, SLOT, micros
from hub.store import Store
from hub.wire import Outcome

PATIENT_KEPT = timedelta(hours=24)
SEEN_KEPT = timedelta(minutes=10)
ALTERNATIVES = 10

BOOKED, NOT_BOOKED, CHECKING = "booked", "not-booked", "being-checked"
_OPEN = frozenset({"held", "requested", "checking"})
_HOLDING = frozenset({"held", "requested", "checking", "booked", "changed"})
_ENDED = frozenset({"conflict", "cancelled", "released", "expired", "cancelled-by-clinic", "superseded"})


def rfc3339(at: datetime) -> str:
    """Return UTC with milliseconds and a Z, as every time the hub writes."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def store(conn: Connection, clinic: str, kid: str, outcome: Outcome, now: int) -> None:
    """Keep one outcome, whatever the key, the epoch and the turn; a repetition changes nothing."""
    body = outcome.model_dump(exclude_none=True)
    digest = hashlib.sha256(json.dumps([body["version"], body["outcome"], body["kept"]]).encode()).hexdigest()
    key = {"clinic": clinic, "booking": outcome.booking, "rev": outcome.rev, "digest": digest}
    these = [OUTCOME.c[name] == value for name, value in key.items()]
    if conn.execute(select(OUTCOME.c.rev).where(*these)).first() is not None:
        return
    conn.execute(insert(OUTCOME).values(**key, version=outcome.version, body=json.dumps(body), kid=kid, at=now))
    settle(conn, clinic, outcome.booking, now)


def settle(conn: Connection, clinic: str, booking: str, now: int) -> None:
    """Bring the booking up to its highest outcome: decided or not, and which slot stays out of the offer."""
    these = (BOOKING.c.clinic == clinic, BOOKING.c.booking == booking)
    row = conn.execute(select(BOOKING).where(*these)).one_or_none()
    last_one = last(conn, clinic, booking)
    if row is None or last_one is None:
        return  # a hub that lost data hears of the booking again from the portal
    decided = last_one["version"] >= row.version and not contradicts(conn, clinic, booking)
    final = decided and last_one["outcome"] not in _OPEN
    conn.execute(update(BOOKING).where(*these).values(rev=last_one["rev"], final=(row.final or now) if final else None))
    if decided and last_one["outcome"] != "checking":
        holds = last_one["outcome"] in _HOLDING
        view.free(conn, clinic, booking, now, keep=_goal(conn, clinic, booking) if holds else None)


def _goal(conn: Connection, clinic: str, booking: str) -> str | None:
    these = (ORDER.c.clinic == clinic, ORDER.c.booking == booking)
    return conn.scalar(select(ORDER.c.goal).where(*these).order_by(ORDER.c.version.desc()).limit(1))


def _rows(conn: Connection, clinic: str, booking: str) -> list[Row[Any]]:
    """Return every outcome, the one that counts last.

    Of one agent the highest rev counts; between agents the newest version, for one that was replaced may still report,
    and count, for an older one. Versions the hub lost are as new as the newest it knows.
    """
    newest = conn.scalar(select(BOOKING.c.version).where(BOOKING.c.clinic == clinic, BOOKING.c.booking == booking)) or 0
    known = case((OUTCOME.c.version < newest, OUTCOME.c.version), else_=newest).label("known")
    these = (OUTCOME.c.clinic == clinic, OUTCOME.c.booking == booking)
    order = (OUTCOME.c.rev, OUTCOME.c.at, OUTCOME.c.digest)
    rows = conn.execute(select(OUTCOME, known).where(*these).order_by(*order)).all()
    highest = {row.kid: row.rev for row in rows}
    return sorted(rows, key=lambda row: (row.rev == highest[row.kid], row.known, row.rev))


def last(conn: Connection, clinic: str, booking: str) -> dict[str, Any] | None:
    """Return the outcome that counts, as reported."""
    rows = _rows(conn, clinic, booking)
    return json.loads(rows[-1].body) if rows else None


def contradicts(conn: Connection, clinic: str, booking: str) -> bool:
    """Say whether the outcome that counts was reported twice, and differently."""
    return _torn(_rows(conn, clinic, booking))


def _torn(rows: Sequence[Row[Any]]) -> bool:
    return len(rows) > 1 and (rows[-1].known, rows[-1].rev) == (rows[-2].known, rows[-2].rev)


def by_rev(conn: Connection, clinic: str, booking: str) -> list[dict[str, Any]]:
    """Return every outcome, the one that counts last."""
    return [json.loads(row.body) for row in _rows(conn, clinic, booking)]


def word(conn: Connection, clinic: str, booking: str, version: int) -> str:
    """Return what the patient is told about the newest version."""
    rows = _rows(conn, clinic, booking)
    if not rows or rows[-1].version < version or _torn(rows):
        return CHECKING
    known = json.loads(rows[-1].body)
    outcome = known["outcome"]
    if outcome in {"booked", "changed"}:
        return BOOKED
    if outcome in _ENDED or outcome.startswith("refused"):
        return BOOKED if known["kept"] else NOT_BOOKED
    return CHECKING


def alternatives(conn: Connection, clinic: str, slot: dict[str, Any], now: int) -> list[dict[str, Any]]:
    """Return slots of the same site, clientele, reason and mode, nearest in time first."""
    pool = f"{slot['clientele']}|{slot['reason']}|{slot['mode']}"
    start = micros(datetime.fromisoformat(slot["start"]))
    rows = conn.scalars(
        select(SLOT.c.slot)
        .select_from(view.joined())
        .where(SLOT.c.clinic == clinic, SITE.c.id == slot["site"], SLOT.c.pool == pool, view.offered(now))
        .order_by(func.abs(SLOT.c.start - start), SLOT.c.start, SLOT.c.id)
        .limit(ALTERNATIVES)
    )
    return [json.loads(row) for row in rows]


def sweep(hub_store: Store, now: datetime) -> dict[str, int]:
    """Erase sealed patients a day after the final outcome, and answers nobody can ask for again."""
    with hub_store.write() as conn:
        done = select(BOOKING.c.booking).where(
            BOOKING.c.clinic == ORDER.c.clinic,
            BOOKING.c.booking == ORDER.c.booking,
            BOOKING.c.final <= micros(now - PATIENT_KEPT),
        )
        erased = conn.execute(update(ORDER).where(ORDER.c.patient.is_not(None), done.exists()).values(patient=None))
        forgotten = conn.execute(delete(SEEN).where(SEEN.c.at < micros(now - SEEN_KEPT)))
    return {"patients": erased.rowcount, "answers": forgotten.rowcount}
