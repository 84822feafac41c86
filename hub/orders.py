"""Versioned goals: a portal asks, the hub signs once and hands the order on until it is decided for good.

Rule: an order is signed once and redelivered verbatim; the same version with another body does not exist.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from agent.core.changes import line
from agent.core.envelope import resign_order, sealed_hash, sign_order
from agent.core.sharing import revive
from hub import outcomes, view
from hub.ask import Ask
from hub.hub import Hub, enter
from hub.ring import held_by
from hub.schema import BOOKING, CLINIC, ORDER, SETTING, SLOT, micros
from hub.store import clinic_row, put

HOLD_MOST = timedelta(minutes=15)
LIST_MOST = 500


@dataclass(frozen=True, slots=True)
class Goal:
    """What a portal asks for: `goal` None = none, that is cancel."""

    version: int
    goal: str | None
    firmness: str
    until: datetime | None
    expires_at: datetime | None
    patient: str | None = field(repr=False)

    def digest(self) -> str:
        """Return the SHA-256 by which a repetition is known, also after the patient's details were erased."""
        times = [time and micros(time) for time in (self.until, self.expires_at)]
        sealed = self.patient and sealed_hash(self.patient)
        parts = [self.version, self.goal, self.firmness, *times, sealed]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Turned(Exception):  # noqa: N818 - not a fault: the portal's goal is turned down
    """`word`: unknown-clinic, stale-version, other-body, other-portal, slot-gone, restored."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def place(hub: Hub, clinic: str, booking: str, goal: Goal, portal: str) -> bool:
    """Sign and store the order; True when it is new, False when it repeats. Raises Turned."""
    now = micros(hub.clock.now())
    with hub.store.write() as conn:
        hub.refresh(conn)
        row = clinic_row(conn, clinic)
        if row is None:
            raise Turned("unknown-clinic")
        stands = conn.execute(
            select(BOOKING).where(BOOKING.c.clinic == clinic, BOOKING.c.booking == booking)
        ).one_or_none()
        if stands is not None and stands.portal != portal:
            raise Turned("other-portal")
        newest = None if stands is None else _newest(conn, clinic, booking)
        if newest is not None and goal.version <= newest.version:
            return _repeats(newest, goal)
        found = _slot(conn, row, booking, goal.goal, newest, now)
        if found is None and not _was_decided(conn, clinic, booking, goal, newest):
            raise Turned("restored" if _is_fresh(conn, now) else "slot-gone")
        slot, ends = found or (None, 0)
        if found is not None:
            _store(conn, hub, row, booking, goal, slot)
        ends = max(ends, stands.ends if stands is not None else 0)
        version = max(goal.version, stands.version if stands is not None else 0)
        values = {"portal": portal, "version": version, "ends": ends, "final": None}
        put(conn, BOOKING, {"clinic": clinic, "booking": booking}, values | ({"rev": 0} if stands is None else {}))
        if goal.goal is not None:
            view.take(conn, clinic, goal.goal, booking)
        outcomes.settle(conn, clinic, booking, now)
    hub.room.wake(clinic)
    return found is not None


def _was_decided(conn: Connection, clinic: str, booking: str, goal: Goal, newest: Row[Any] | None) -> bool:
    """Say whether we lost this booking and the clinic told again what became of it: its own word stands."""
    told = outcomes.last(conn, clinic, booking) if newest is None else None
    return told is not None and int(told["version"]) >= goal.version


def _is_fresh(conn: Connection, now: int) -> bool:
    """Say whether our data came back so lately that a clinic may still be telling what we lost."""
    at = conn.scalar(select(SETTING.c.value).where(SETTING.c.name == "restored"))
    return at is not None and now - int(at) < view.VALIDITY // timedelta(microseconds=1)


def _repeats(newest: Row[Any], goal: Goal) -> bool:
    if goal.version < newest.version:
        raise Turned("stale-version")
    if goal.digest() != newest.body:
        raise Turned("other-body")
    return False


def _newest(conn: Connection, clinic: str, booking: str) -> Row[Any] | None:
    these = (ORDER.c.clinic == clinic, ORDER.c.booking == booking)
    return conn.execute(select(ORDER).where(*these).order_by(ORDER.c.version.desc()).limit(1)).one_or_none()


def _slot(
    conn: Connection, clinic: Row[Any], booking: str, goal: str | None, newest: Row[Any] | None, now: int
) -> tuple[str | None, int] | None:
    """Return the slot as it was published, and its end; None = it is not to be had. A held slot has left the view: its own order remembers it."""
    if goal is None:
        return None, 0
    if newest is not None and newest.goal == goal:
        return newest.slot, 0
    found = conn.execute(
        select(SLOT.c.slot, SLOT.c.ends)
        .select_from(view.joined())
        .where(SLOT.c.clinic == clinic.id, SLOT.c.id == goal, or_(view.offered(now), SLOT.c.booking == booking))
    ).one_or_none()
    return None if found is None else (found.slot, found.ends)


def _store(conn: Connection, hub: Hub, clinic: Row[Any], booking: str, goal: Goal, slot: str | None) -> None:
    said = slot and line(revive(json.loads(slot)), None).decode()
    claims = {
        "iss": hub.origin,
        "aud": clinic.id,
        "booking": booking,
        "version": goal.version,
        "goal": goal.goal,
        "slot": said,
        "firmness": goal.firmness,
        "until": _wire(goal.until),
        "expires_at": _wire(goal.expires_at),
        "patient_sha256": goal.patient and sealed_hash(goal.patient),
    }
    jws = sign_order(claims, hub.ring.signing(held_by(conn, clinic.id)))
    n = clinic.entries + 1
    conn.execute(update(CLINIC).where(CLINIC.c.id == clinic.id).values(entries=n))
    row = {"clinic": clinic.id, "booking": booking, "version": goal.version, "n": n, "body": goal.digest()}
    kept = {"goal": goal.goal, "firmness": goal.firmness, "slot": slot, "jws": jws, "patient": goal.patient}
    conn.execute(insert(ORDER).values(**row, **kept, at=micros(hub.clock.now())))
    older = (ORDER.c.clinic == clinic.id, ORDER.c.booking == booking, ORDER.c.version < goal.version)
    conn.execute(update(ORDER).where(*older).values(patient=None))  # a superseded version loses its patient at once
    enter(conn, hub, clinic.id, "order", booking, jws, proof=False)


def _wire(at: datetime | None) -> str | None:
    return None if at is None else outcomes.rfc3339(at)


def after(ask: Ask, n: int) -> tuple[list[dict[str, Any]], int]:
    """Return entries above `n`, oldest first, and the number of the last; at most LIST_MOST."""
    rows = _listed(ask.conn, ask.clinic.id, ORDER.c.n > n, LIST_MOST)
    return [_entry(ask, row) for row in rows], rows[-1].n if rows else n


def all_open(ask: Ask) -> list[dict[str, Any]]:
    """Return every booking still to come or without final outcome."""
    open_ = or_(BOOKING.c.ends > ask.now, BOOKING.c.final.is_(None))
    return [_entry(ask, row) for row in _listed(ask.conn, ask.clinic.id, open_)]


def _listed(conn: Connection, clinic: str, condition: Any, most: int | None = None) -> Sequence[Row[Any]]:
    """Return the newest order of each booking that meets the condition, in the order of their numbers."""
    same = and_(
        BOOKING.c.clinic == ORDER.c.clinic, BOOKING.c.booking == ORDER.c.booking, BOOKING.c.version == ORDER.c.version
    )
    asked = select(ORDER, BOOKING.c.rev).select_from(ORDER.join(BOOKING, same))
    return conn.execute(asked.where(ORDER.c.clinic == clinic, condition).order_by(ORDER.c.n).limit(most)).all()


def _entry(ask: Ask, row: Row[Any]) -> dict[str, Any]:
    """Return an order verbatim, or signed anew for an agent that no longer holds the key that signed it."""
    last = outcomes.last(ask.conn, row.clinic, row.booking)
    ring, held = ask.hub.ring, held_by(ask.conn, row.clinic)
    jws = resign_order(row.jws, ring.keys(held if held in ring.public else None), ring.signing(held))
    return {"order": jws, "patient": row.patient, "outcome": last}


def history(conn: Connection, clinic: str, booking: str) -> list[Mapping[str, Any]]:
    """Return every version, oldest first, without the sealed patient."""
    these = (ORDER.c.clinic == clinic, ORDER.c.booking == booking)
    rows = conn.execute(select(ORDER).where(*these).order_by(ORDER.c.version)).all()
    return [
        {
            "version": row.version,
            "goal": row.goal,
            "firmness": row.firmness,
            "slot": row.slot and json.loads(row.slot),
            "at": row.at,
            "sealed": row.patient is not None,
        }
        for row in rows
    ]
