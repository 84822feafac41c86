"""Questions about one row, and the one way an outcome is written into it.

Rule: an outcome, its rev, `kept` and the version it settles change together, here.
"""

from dataclasses import replace
from datetime import datetime

from agent.core.booking.events import Erase, Result, Task, Tell
from agent.core.booking.model import Booking, Code, Firmness, Op, Outcome, State, TaskKind, WriteRules
from agent.core.model import EmrName, EmrRef, Slot

DOUBTFUL = frozenset({State.INTENT, State.UNSURE})
THEIRS = frozenset({Outcome.CHANGED, Outcome.CANCELLED_BY_CLINIC})


def has(row: Booking) -> bool:
    """Say whether the patient has an appointment, as far as we know."""
    return row.cur_slot is not None or row.emr_ref is not None


def lost(row: Booking) -> bool:
    """Say whether a row that was lost with its journal told the patient of an appointment: one may stand there."""
    return row.outcome is None and row.kept


def by_hand(row: Booking, rules: WriteRules | None) -> bool:
    """Say whether only a person can change it: no writing source, a request still open, or entered by hand."""
    entered = row.cur_slot is not None and row.emr_ref is None
    return rules is None or entered or asked(row)


def asked(row: Booking) -> bool:
    """Say whether the desk was asked to enter, move or cancel something, or to call that back, and has not answered."""
    return row.intent_ver is None and (row.outcome is Outcome.REQUESTED or row.intent_slot is not None)


def on_hold(row: Booking) -> bool:
    """Say whether the newest version is a confirm that arrived while its hold lived: it keeps the hold alive."""
    firm = row.firmness is Firmness.FIRM and row.state is State.QUEUED
    return firm and row.outcome is Outcome.HELD and row.until is not None


def held(row: Booking, now: datetime) -> bool:
    """Say whether `goal_slot` is under a live hold of this booking."""
    if row.outcome is not Outcome.HELD or row.until is None:
        return False
    settled = row.state in {State.RESOLVED, State.REPORTED}
    return on_hold(row) or (settled and now < row.until)


def same_place(one: Slot | None, other: Slot | None) -> bool:
    """Say whether both are the same cell of the same agenda."""
    return one is not None and other is not None and (one.emr, one.key) == (other.emr, other.key)


def claims(row: Booking, now: datetime) -> tuple[Slot, ...]:
    """Return the slots no other order may have: live holds, writes and tasks whose end is not known."""
    slots = [row.goal_slot] if held(row, now) else []
    if row.state in DOUBTFUL:
        slots += [row.intent_slot, row.cur_slot]
    elif asked(row):
        slots.append(row.intent_slot)
    return tuple(slot for slot in slots if slot is not None and slot.end > now)


def spoken_for(row: Booking, now: datetime) -> tuple[Slot, ...]:
    """Return the slots to leave out of the view: those of `claims`, and of an order not yet decided."""
    waiting = row.seen_ver > row.done_ver and row.state is not State.QUARANTINE
    goal = row.goal_slot
    more = (goal,) if waiting and goal is not None and goal.end > now else ()
    return (*claims(row, now), *more)


def needs(row: Booking) -> frozenset[int]:
    """Return the versions whose patient details must still be kept."""
    kept = {row.seen_ver} if row.seen_ver > row.done_ver or row.state is State.QUARANTINE else set()
    if row.intent_ver is not None:
        kept.add(row.intent_ver)
    if row.outcome in {Outcome.REQUESTED, Outcome.CHECKING}:
        kept.add(row.done_ver)
    return frozenset(kept - {0})


def told_version(row: Booking) -> int:
    """Return the version the row's outcome speaks of."""
    if row.state is State.QUARANTINE:
        return row.seen_ver
    return row.done_ver if row.intent_ver is None or row.state is State.INTENT else row.intent_ver


def told_slot(row: Booking) -> Slot | None:
    """Return the slot whose exact times go with the outcome; None where the outcome names none or we do not know."""
    if row.outcome is Outcome.HELD:
        return row.goal_slot
    return row.cur_slot if row.outcome is Outcome.BOOKED else None


def home(row: Booking) -> EmrName | None:
    """Return the source whose leg moves this row: where its appointment is, else where its goal is."""
    if row.state in DOUBTFUL or (row.emr_ref is not None and row.cur_slot is None):
        return row.emr
    for slot in (row.cur_slot, row.intent_slot, row.goal_slot):
        if slot is not None:
            return slot.emr
    return row.emr


def tell(row: Booking, outcome: Outcome, state: State, code: Code | None = None) -> Booking:
    """Return the row with its next outcome."""
    rev = row.outcome_rev + 1
    return replace(row, state=state, outcome=outcome, code=code, kept=has(row), outcome_rev=rev)


def settle(
    row: Booking,
    outcome: Outcome,
    *tasks: TaskKind,
    version: int | None = None,
    code: Code | None = None,
    asks: Slot | None = None,
) -> Result:
    """Give a version its outcome: the one named, else the one under intent, else the newest; a newer one is queued.

    `asks`: where the desk is asked to enter it. A request the desk has not answered yet, and that no newer request
    replaces, is called back: it may be in the agenda already.
    """
    if version is None:
        version = row.seen_ver if row.intent_ver is None else row.intent_ver
    waits = row.seen_ver > version
    back = outcome is not Outcome.REQUESTED and asked(row) and row.intent_slot is not None
    row = replace(
        row,
        done_ver=version,
        intent_ver=None,
        intent_op=None,
        intent_at=None,
        intent_slot=row.intent_slot if back else asks,
        fault=row.fault if waits else None,
    )
    row = tell(row, outcome, State.QUEUED if waits else State.RESOLVED, code)
    kinds = (*tasks, TaskKind.ENTER_CANCEL) if back else tasks
    return replace(row, emr=home(row)), (Tell(), *map(Task, kinds), Erase())


def doubt(row: Booking) -> Result:
    """Say that the outcome cannot be proved: a person looks, newer versions wait."""
    return tell(row, Outcome.CHECKING, State.UNSURE), (Tell(), Task(TaskKind.CHECKING))


def ask_person(row: Booking) -> Result:
    """Hand the newest version to a person, who says whether it stands in the agenda."""
    op = Op.MOVE if has(row) else Op.BOOK
    return doubt(replace(row, intent_ver=row.seen_ver, intent_op=op, intent_slot=row.goal_slot))


def placed(row: Booking, slot: Slot | None, ref: EmrRef | None) -> Booking:
    """Return the row with the appointment where evidence puts it; None, None = it has none."""
    return replace(row, cur_slot=slot, emr_ref=ref)
