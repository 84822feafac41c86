"""What an order's arrival does to a booking (T1).

Rule: only a version above `seen_ver` changes the goal; an equal one repeats the answer or is a clash.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from agent.core.booking.events import Erase, Ordered, Result, Task, Tell
from agent.core.booking.model import Booking, Code, Firmness, Outcome, State, TaskKind, WriteRules
from agent.core.booking.row import DOUBTFUL, held, home, on_hold, same_place, settle, tell, told_version

LONGEST_HOLD = timedelta(minutes=15)


def first(row: None, event: Ordered, rules: WriteRules | None) -> Result:
    """Make the row of a booking never seen, or lost; a cancel makes one too (tombstone)."""
    del row, rules
    order = event.order
    empty = Booking(
        booking=order.booking,
        emr=event.emr,
        state=State.QUEUED,
        seen_ver=0,
        body_hash=b"",
        goal=None,
        goal_slot=None,
        slot_line=None,
        firmness=Firmness.FIRM,
        until=None,
        expires_at=order.expires_at,
        outcome_rev=order.told,
        reported_rev=order.told,
        kept=order.stood,
    )
    return _newest(empty, event)


def again(row: Booking, event: Ordered, rules: WriteRules | None) -> Result:
    """Take a newer version; repeat the answer of an equal one; set a clash aside; ignore a lower one."""
    del rules
    order = event.order
    if order.version > row.seen_ver:
        return _newest(row, event)
    if order.version < row.seen_ver:
        return row, ()
    if order.body_hash != row.body_hash:
        return _clash(row)
    answered = row.outcome is not None and told_version(row) == order.version
    return row, (Tell(),) if answered else ()


def _clash(row: Booking) -> Result:
    """Believe neither body; where a write has begun the first one stands, and a person is told."""
    if row.state is State.QUARANTINE:
        return row, ()
    if row.state in DOUBTFUL:
        return row, (Task(TaskKind.QUARANTINE),)
    return tell(row, Outcome.CHECKING, State.QUARANTINE), (Tell(), Task(TaskKind.QUARANTINE))


def _newest(row: Booking, event: Ordered) -> Result:
    order = event.order
    after = replace(
        row,
        emr=event.emr if row.outcome is None and row.intent_ver is None else row.emr,
        seen_ver=order.version,
        body_hash=order.body_hash,
        goal=order.goal,
        goal_slot=event.found if order.goal is not None else None,
        slot_line=order.slot_line,
        firmness=order.firmness,
        until=_until(row, event),
        expires_at=order.expires_at,
        fault=_fault(event),
    )
    if row.state is State.INTENT:
        return after, (Erase(),)
    if row.state is State.UNSURE:
        return after, (Task(TaskKind.CHECKING), Erase())
    after = replace(after, state=State.QUEUED)
    after = replace(after, emr=home(after))
    return settle(after, Outcome.REFUSED, code=after.fault) if after.fault else (after, (Erase(),))


def _until(row: Booking, event: Ordered) -> datetime | None:
    """Keep the end of a live hold beside its confirm: the confirm keeps the hold alive until it is applied."""
    order = event.order
    if order.firmness is Firmness.HOLD:
        return order.until
    alive = on_hold(row) or (row.state is not State.QUEUED and held(row, event.now))
    return row.until if alive and same_place(row.goal_slot, event.found) else None


def _fault(event: Ordered) -> Code | None:
    """Return why the order is refused whatever the agenda says."""
    order = event.order
    if order.goal is None:
        return None
    if event.line is not None and event.line != order.slot_line:
        return Code.SLOT_LINE
    if order.firmness is Firmness.HOLD:
        if order.until is None:
            return Code.SCHEMA
        if order.until - event.now > LONGEST_HOLD:
            return Code.UNTIL
    return None
