"""What evidence from the EMR does to an open intent (T4), and what its absence does.

Rule: nothing is called booked, cancelled or undone without evidence; where none can be had, a person looks.
"""

from dataclasses import replace
from datetime import datetime

from agent.core.booking.events import Ask, Effected, Failed, Looked, NotDone, Restarted, Result, Unknown
from agent.core.booking.model import (
    Booking,
    Effect,
    Firmness,
    Op,
    Outcome,
    Recovery,
    State,
    TaskKind,
    WriteRules,
)
from agent.core.booking.row import ask_person, doubt, has, placed, settle
from agent.core.booking.start import again
from agent.core.model import EmrRef, Slot

GONE = frozenset({Outcome.CANCELLED, Outcome.CANCELLED_BY_CLINIC})
MOST_ATTEMPTS = 5
"""Writes of one booking whose answer was lost, before a person looks."""
UNNAMED = EmrRef("")
"""Ours in the EMR, and the adapter has no name for it."""


def effected(row: Booking, event: Effected, rules: WriteRules | None) -> Result:
    """Settle what the write's own answer proves."""
    del rules
    return proved(row, event.effect)


def proved(row: Booking, effect: Effect) -> Result:
    """Settle an intent whose end the effect shows; `decides` said it does, or the write itself answered."""
    known = row.intent_ver is not None and effect.version > row.intent_ver
    if known or effect.outcome is Outcome.SUPERSEDED:
        shown = row if effect.pending else as_shown(row, effect)  # what is not verified may still be undone
        return settle(shown, Outcome.SUPERSEDED)
    if effect.theirs:
        return staff(row, effect)
    tasks = (TaskKind.UNMATCHED,) if effect.matched is False else ()
    cancels = row.intent_op is Op.CANCEL
    elsewhere = row.intent_slot is not None and effect.slot not in {None, row.intent_slot.key}
    if effect.outcome is Outcome.BOOKED and not cancels and not elsewhere:
        return settle(placed(row, row.intent_slot, effect.ref or UNNAMED), Outcome.BOOKED, *tasks)
    if effect.outcome is Outcome.CANCELLED and cancels:
        return settle(placed(row, None, None), Outcome.CANCELLED)
    if effect.outcome is Outcome.CONFLICT:
        return settle(as_shown(row, effect), Outcome.CONFLICT)
    return doubt(row)


def staff(row: Booking, effect: Effect, version: int | None = None) -> Result:
    """Report that staff took the appointment over: from now on it is theirs. A patient who arrived asks nothing of anyone."""
    gone = effect.outcome in GONE
    stays = not gone and row.cur_slot is not None and effect.slot in {None, row.cur_slot.key}
    outcome = Outcome.CANCELLED_BY_CLINIC if gone else Outcome.CHANGED
    return settle(as_shown(row, effect), outcome, *(() if stays else (TaskKind.STAFF_CHANGED,)), version=version)


def as_shown(row: Booking, effect: Effect) -> Booking:
    """Put the appointment where the effect shows it; a place we have no slot for leaves only the reference."""
    if effect.outcome in GONE:
        return placed(row, None, None)
    if effect.ref is None and effect.slot is None:
        return row
    ref = effect.ref or row.emr_ref or UNNAMED
    return placed(row, _slot(row, effect), ref)


def _slot(row: Booking, effect: Effect) -> Slot | None:
    for slot in (row.intent_slot, row.cur_slot, row.goal_slot):
        if slot is not None and slot.key == effect.slot:
            return slot
    return row.cur_slot if effect.slot is None else None


def looked(row: Booking, event: Looked, rules: WriteRules | None) -> Result:
    """Settle an intent by reading: found is proof, absent proves what the adapter's rules say."""
    effect = event.effect
    if effect is not None and decides(row, effect):
        return proved(row, effect)
    if rules is None or rules.recovery is Recovery.BLIND or (effect is not None and effect.pending):
        return doubt(row)
    quiet = _quiet_over(row, event.now, rules)
    if event.now < quiet:
        return row, (Ask(quiet),)
    cancels = row.intent_op is Op.CANCEL
    unproved = rules.recovery is Recovery.ABSENT_UNSURE and not (cancels and effect is not None)
    if unproved or row.attempt >= MOST_ATTEMPTS:
        return doubt(row)
    if cancels and effect is None and not rules.tombstone:
        return settle(placed(row, None, None), Outcome.CANCELLED)
    return _queued(row), ()


def decides(row: Booking, effect: Effect) -> bool:
    """Say whether the effect shows how the intent ended, and not what was true before it or is not yet verified."""
    if effect.pending:
        return False
    if effect.theirs or (row.intent_ver is not None and effect.version >= row.intent_ver):
        return True
    if row.intent_op is Op.CANCEL:
        return effect.outcome is Outcome.CANCELLED
    there = row.intent_slot is not None and effect.slot == row.intent_slot.key
    return effect.outcome is Outcome.BOOKED and there


def _quiet_over(row: Booking, now: datetime, rules: WriteRules) -> datetime:
    return now if row.intent_at is None else row.intent_at + rules.longest_write + rules.quiet


def _queued(row: Booking) -> Booking:
    return replace(row, state=State.QUEUED, intent_ver=None, intent_op=None, intent_at=None, intent_slot=None)


def lost(row: Booking, event: Unknown, rules: WriteRules | None) -> Result:
    """Take note that the answer was lost; quiet time counts from here."""
    return resume(replace(row, intent_at=event.now), Restarted(), rules)


def resume(row: Booking, event: Restarted, rules: WriteRules | None) -> Result:
    """Say how the open intent is resolved: the same write again, a look, or a person."""
    del event
    if rules is None or rules.recovery is Recovery.BLIND:
        return doubt(row)
    if rules.recovery is Recovery.RERUN:
        return row, (again(row),)
    at = row.intent_at or row.expires_at
    return row, (Ask(_quiet_over(row, at, rules)),)


def undone(row: Booking, event: NotDone, rules: WriteRules | None) -> Result:
    """Queue the order again: the intent is over, nothing happened."""
    del event, rules
    return _queued(row), ()


def failed(row: Booking, event: Failed, rules: WriteRules | None) -> Result:
    """Give the final no; a reason that depends on agenda or rules stays at the clinic."""
    del rules
    return settle(row, Outcome.CONFLICT if event.code is None else Outcome.REFUSED, code=event.code)


def met(row: Booking, event: Looked, rules: WriteRules | None) -> Result:
    """Learn, before a write, what the EMR has for the booking: another life of ours may have written."""
    del rules
    effect = event.effect
    if effect is None:
        return ask_person(row) if event.elsewhere else (row, ())
    if effect.pending:
        return _unfinished(row, effect, event.now)
    if effect.theirs:
        shown = as_shown(row, effect)
        return (shown, ()) if row.goal_slot is None or row.fault else ask_person(shown)
    if effect.outcome is not Outcome.BOOKED:  # after a conflict it has what it had before, if anything
        return (as_shown(row, effect) if effect.outcome is Outcome.CONFLICT else row), ()
    here = row.goal_slot is not None and row.goal_slot.key == effect.slot
    forgotten = row.goal is not None and row.goal_slot is None and effect.version == row.seen_ver
    reached = here or forgotten  # a lost journal no longer knows the slot, the EMR knows the version
    if reached and row.firmness is Firmness.FIRM and not row.fault:
        return settle(placed(row, row.goal_slot, effect.ref or UNNAMED), Outcome.BOOKED)
    return as_shown(row, effect), ()


def _unfinished(row: Booking, effect: Effect, now: datetime) -> Result:
    """Take up our own write that was cut off before its verify; a person looks when it was for an older version."""
    if row.goal_slot is None or effect.version != row.seen_ver:
        return ask_person(row)
    after = replace(
        row,
        state=State.INTENT,
        intent_ver=row.seen_ver,
        intent_op=Op.MOVE if has(row) else Op.BOOK,
        intent_at=now,
        intent_slot=row.goal_slot,
        attempt=row.attempt + 1,
    )
    return after, (again(after),)
