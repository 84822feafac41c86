"""What people at the clinic do to a booking: their answers, and what they changed in the agenda.

Rule: a person's word and the agenda as read are facts; they settle the version they speak of, a newer one goes on.
"""

from dataclasses import replace

from agent.core.booking.events import Answered, RequestOver, Result, Seen
from agent.core.booking.evidence import GONE, UNNAMED, as_shown, staff
from agent.core.booking.model import Booking, Effect, Op, Outcome, State, TaskKind, WriteRules
from agent.core.booking.row import asked, doubt, has, placed, settle
from agent.core.model import Slot

ABOUT_AGENDA = frozenset(
    {TaskKind.ENTER, TaskKind.ENTER_MOVE, TaskKind.ENTER_CANCEL, TaskKind.CHECKING, TaskKind.QUARANTINE}
)
"""Tasks whose answer says what stands in the agenda; the others are only to be read."""


def answered(row: Booking, event: Answered, rules: WriteRules | None) -> Result:
    """Take a person's answer; one that comes after the question was settled changes nothing."""
    del rules
    if event.kind not in ABOUT_AGENDA:
        return row, ()
    if row.state is State.UNSURE:
        return _resolved(row, there=event.in_agenda)
    if row.state is State.QUARANTINE:
        slot = row.cur_slot or row.intent_slot or row.goal_slot
        return _entered(row, slot if event.in_agenda else None, row.seen_ver)
    if asked(row):
        return _requested(row, there=event.in_agenda)
    cancels = row.state is State.QUEUED and row.goal is None and event.kind is TaskKind.ENTER_CANCEL
    if cancels and not event.in_agenda:  # frozen: a person cancelled what we may not touch
        return settle(placed(row, None, None), Outcome.CANCELLED)
    return row, ()


def unanswered(row: Booking, event: RequestOver, rules: WriteRules | None) -> Result:
    """Say that a request came to nothing in time; the desk is asked to take it out again, if somebody had entered it."""
    del event, rules
    late = row.outcome is Outcome.REQUESTED and row.intent_slot is not None and asked(row)
    return settle(row, Outcome.EXPIRED) if late else (row, ())


def _entered(row: Booking, slot: Slot | None, version: int | None) -> Result:
    """Settle what a person entered, or did not; what a person entered only a person changes again."""
    row = replace(row, intent_slot=None)
    if slot is None:
        return settle(placed(row, None, None), Outcome.CONFLICT, version=version)
    return settle(placed(row, slot, None), Outcome.BOOKED, version=version)


def _resolved(row: Booking, *, there: bool) -> Result:
    if row.intent_ver is None:  # it had vanished, or came back
        if there:
            ref = (row.emr_ref or UNNAMED) if row.cur_slot is None else None
            return settle(placed(row, row.cur_slot, ref), Outcome.BOOKED, version=row.done_ver)
        return settle(placed(row, None, None), Outcome.CANCELLED_BY_CLINIC, version=row.done_ver)
    if row.intent_op is Op.CANCEL:
        return settle(row, Outcome.CONFLICT) if there else settle(placed(row, None, None), Outcome.CANCELLED)
    if not there:
        return settle(row, Outcome.CONFLICT)
    ref = None if row.intent_slot is not None else UNNAMED  # a lost journal no longer knows the slot
    return settle(placed(row, row.intent_slot, ref), Outcome.BOOKED)


def _requested(row: Booking, *, there: bool) -> Result:
    slot, done = row.intent_slot, row.done_ver
    row = replace(row, intent_slot=None)
    if row.outcome is not Outcome.REQUESTED:  # called back
        if there and row.outcome is not None and row.cur_slot is None:
            return settle(placed(row, slot, None), row.outcome, version=done, code=row.code)
        return row, ()
    if slot is None:
        if there:
            return settle(row, Outcome.CONFLICT, version=done)
        return settle(placed(row, None, None), Outcome.CANCELLED, version=done)
    return _entered(row, slot, done) if there else settle(row, Outcome.CONFLICT, version=done)


def seen(row: Booking, event: Seen, rules: WriteRules | None) -> Result:
    """Take over what a complete poll shows of our appointment."""
    del rules
    effect = event.effect
    if effect is not None and effect.pending:  # it stands, and it is not yet known whether it may stay
        return row, ()
    if effect is not None and effect.outcome is Outcome.CHECKING:  # the EMR remembers it and has no row of it
        effect = None
    if row.state is State.UNSURE:
        return _came_clear(row, effect)
    if asked(row):
        return _request_met(row, effect)
    if row.done_ver == 0:  # nothing was ever said of it, and its first version is still to be applied
        return row, ()
    if not has(row):
        active = effect is not None and effect.outcome in {Outcome.BOOKED, Outcome.CHANGED}
        return doubt(as_shown(row, effect)) if active and effect is not None else (row, ())
    return _watched(row, effect)


def _watched(row: Booking, effect: Effect | None) -> Result:
    """Compare an appointment we count on with what stands there."""
    if effect is None:
        return doubt(row) if row.emr_ref is not None else (row, ())
    moved = row.cur_slot is not None and effect.slot is not None and effect.slot != row.cur_slot.key
    if effect.theirs or (moved and effect.outcome not in GONE):
        told = row.outcome is Outcome.CHANGED and effect.outcome not in GONE
        return (row, ()) if told else staff(row, effect, row.done_ver)
    if effect.outcome in GONE:
        return doubt(row)
    return (row, ()) if row.emr_ref is not None else (replace(row, emr_ref=effect.ref), ())


def _came_clear(row: Booking, effect: Effect | None) -> Result:
    """Settle a doubt by a read-back that shows our mark where the version wanted it."""
    if effect is None:
        return row, ()
    if row.intent_ver is None:
        return _came_back(row, effect)
    if row.intent_op is Op.CANCEL:
        return settle(placed(row, None, None), Outcome.CANCELLED) if effect.outcome in GONE else (row, ())
    if _shows(effect, row.intent_slot):
        return settle(placed(row, row.intent_slot, effect.ref or UNNAMED), Outcome.BOOKED)
    return row, ()


def _came_back(row: Booking, effect: Effect) -> Result:
    if effect.theirs:
        return staff(row, effect, row.done_ver)
    if effect.outcome is Outcome.BOOKED:
        return settle(as_shown(row, effect), Outcome.BOOKED, version=row.done_ver)
    return row, ()


def _request_met(row: Booking, effect: Effect | None) -> Result:
    """Settle a request whose end a later export shows by our mark."""
    if effect is None:
        return row, ()
    slot, done = row.intent_slot, row.done_ver
    if slot is None:
        return settle(placed(row, None, None), Outcome.CANCELLED, version=done) if effect.outcome in GONE else (row, ())
    if row.outcome is not Outcome.REQUESTED or not _shows(effect, slot):
        return row, ()
    row = placed(replace(row, intent_slot=None), slot, effect.ref or UNNAMED)
    return settle(row, Outcome.BOOKED, version=done)


def _shows(effect: Effect, slot: Slot | None) -> bool:
    return slot is not None and effect.slot == slot.key and effect.outcome not in GONE | {Outcome.CONFLICT}
