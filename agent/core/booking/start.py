"""Begin to apply the newest version (T2), once the EMR was read again.

Rule: whatever depends on the agenda or on the sharing rules is one answer, `conflict`, from one code path.
"""

from dataclasses import replace
from datetime import timedelta

from agent.core.booking.events import Action, Do, Result, Start, Task
from agent.core.booking.model import Booking, Code, Firmness, Op, Outcome, State, TaskKind, Turn, WriteRules
from agent.core.booking.row import THEIRS, ask_person, asked, by_hand, has, lost, same_place, settle
from agent.core.model import Instant

MARGIN = timedelta(seconds=10)
"""Left of the turn beyond the longest write of an adapter that needs one."""


def start(row: Booking, event: Start, rules: WriteRules | None) -> Result:
    """Refuse, expire, hold, hand to a person, or make the intent and write; unchanged = wait."""
    if lost(row) and rules is None and row.fault is None and row.goal is not None:
        return ask_person(row)  # entered by hand perhaps, before the journal was lost: only a person knows
    outright = _outright(row, event, rules)
    if outright is not None:
        outcome, code = outright
        return settle(row, outcome, code=code)
    if row.goal is None:
        return _cancel(row, event, rules)
    if row.outcome in THEIRS:
        return ask_person(row)
    return _hold(row, event, rules) if row.firmness is Firmness.HOLD else _firm(row, event, rules)


def _outright(row: Booking, event: Start, rules: WriteRules | None) -> tuple[Outcome, Code | None] | None:
    """Return the answer that needs no look at the agenda; None = look."""
    if row.fault is not None:
        return Outcome.REFUSED, row.fault
    if row.goal is not None and row.goal_slot is None:  # never offered
        return Outcome.CONFLICT, None
    if row.goal is not None and _too_late(row, event, rules):
        return Outcome.EXPIRED, None
    if row.goal is None or row.outcome in THEIRS:
        return None
    if not _can_go_there(row, rules):
        return Outcome.REFUSED, Code.MOVE
    there = same_place(row.cur_slot, row.goal_slot) and row.firmness is Firmness.FIRM
    return (Outcome.BOOKED, None) if there and not asked(row) else None


def _too_late(row: Booking, event: Start, rules: WriteRules | None) -> bool:
    writes = row.firmness is Firmness.FIRM and rules is not None
    longest = rules.longest_write if writes and rules is not None else timedelta(0)
    over = row.firmness is Firmness.HOLD and row.until is not None and event.now.utc >= row.until
    return over or event.now.utc + longest >= row.expires_at


def _can_go_there(row: Booking, rules: WriteRules | None) -> bool:
    """Say whether a move is possible: both slots in one EMR, and the adapter wins the new one first."""
    if not has(row) or same_place(row.cur_slot, row.goal_slot):
        return True
    able = rules is None or rules.moves
    return able and row.goal_slot is not None and row.goal_slot.emr == row.emr


def _lost(row: Booking, event: Start) -> Result | None:
    """Answer `conflict` when the slot cannot be had; None when it can."""
    if event.limited:
        return settle(row, Outcome.CONFLICT, TaskKind.LIMIT)
    return None if event.allowed and event.free else settle(row, Outcome.CONFLICT)


def _hold(row: Booking, event: Start, rules: WriteRules | None) -> Result:
    if rules is not None and not _has_turn(row, event, rules):
        return row, ()  # whoever has the turn may hold or book this very slot
    if event.frozen:
        return settle(row, Outcome.CONFLICT)
    if event.free is None:
        return row, ()
    return _lost(row, event) or settle(row, Outcome.HELD)


def _firm(row: Booking, event: Start, rules: WriteRules | None) -> Result:
    if event.frozen or event.free is None:
        return row, ()
    hands = rules is None or by_hand(row, rules)
    if rules is not None and not hands and not _may_judge(row, event, rules):
        return row, ()
    lost = _lost(row, event)
    if lost is not None:
        return lost
    if rules is None or hands:
        there = row.intent_slot or row.cur_slot
        kind = TaskKind.ENTER if there is None or same_place(there, row.goal_slot) else TaskKind.ENTER_MOVE
        return settle(row, Outcome.REQUESTED, kind, asks=row.goal_slot)
    return (row, ()) if _is_blocked(event, rules) else _intend(row, event, rules, Op.MOVE if has(row) else Op.BOOK)


def _cancel(row: Booking, event: Start, rules: WriteRules | None) -> Result:
    """Give up what the patient has; a booking that only ever held gives the hold back without a write."""
    only_held = row.outcome is Outcome.HELD and not has(row) and row.seen_ver == row.done_ver + 1
    if only_held and row.intent_slot is None:
        return settle(row, Outcome.RELEASED)
    if rules is None or by_hand(row, rules):
        if has(row) or asked(row) or lost(row):
            return settle(row, Outcome.REQUESTED, TaskKind.ENTER_CANCEL)
        return settle(row, Outcome.CANCELLED)
    if event.frozen:
        return row, (Task(TaskKind.ENTER_CANCEL),)
    waits = _is_blocked(event, rules) or not _has_turn(row, event, rules)
    return (row, ()) if waits else _intend(row, event, rules, Op.CANCEL)


def _may_judge(row: Booking, event: Start, rules: WriteRules) -> bool:
    """Say whether the agenda decides now: without the turn, whoever has it may yet book what is told a conflict here."""
    return event.skew_known and _has_turn(row, event, rules)


def _is_blocked(event: Start, rules: WriteRules) -> bool:
    return rules.by_turn and event.blocked


def _has_turn(row: Booking, event: Start, rules: WriteRules) -> bool:
    return has_turn(event.turn, row, rules, event.now)


def has_turn(turn: Turn | None, row: Booking, rules: WriteRules, now: Instant) -> bool:
    """Say whether a write of this row may begin now: the source needs no turn, or this one is good for it."""
    return not rules.by_turn or _is_good(turn, row, rules, now)


def _is_good(turn: Turn | None, row: Booking, rules: WriteRules, now: Instant) -> bool:
    if turn is None or turn.number < row.turn:
        return False
    return turn.good_until - now.age >= rules.longest_write + MARGIN


def _intend(row: Booking, event: Start, rules: WriteRules, op: Op) -> Result:
    slot = None if op is Op.CANCEL else row.goal_slot
    after = replace(
        row,
        state=State.INTENT,
        intent_ver=row.seen_ver,
        intent_op=op,
        intent_at=event.now.utc,
        intent_slot=slot,
        attempt=row.attempt + 1,
        turn=event.turn.number if rules.by_turn and event.turn is not None else row.turn,
    )
    return after, (again(after),)


def again(row: Booking) -> Action:
    """Return the write of the open intent."""
    op = Op.CANCEL if row.intent_op is None else row.intent_op
    version = row.seen_ver if row.intent_ver is None else row.intent_ver
    return Do(version, op, row.intent_slot, row.emr_ref, row.cur_slot)
