"""The one table of transitions, the succession of outcomes, and the diagram both draw.

Rule: every (state, event) pair is in TABLE or raises; nothing else changes a booking's row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.core.booking import arrival, desk, evidence
from agent.core.booking.events import (
    Answered,
    Effected,
    Event,
    Failed,
    HoldOver,
    Looked,
    NotDone,
    Ordered,
    RequestOver,
    Restarted,
    Result,
    Seen,
    Sent,
    Start,
    Unknown,
)
from agent.core.booking.model import Booking, Outcome, State, WriteRules
from agent.core.booking.row import settle, told_version
from agent.core.booking.start import start
from agent.core.booking.successions import SUCCESSIONS, WITHIN_VERSION


class UndefinedTransition(Exception):  # noqa: N818 - says what happened; a fault of the program, not of the family
    """The table has no such pair, or a transition broke what the table promises."""


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of the table: what to do and every state it may lead to."""

    do: Callable[[Any, Any, WriteRules | None], Result]
    to: frozenset[State]


def receipt(row: Booking, event: Sent, rules: WriteRules | None) -> Result:
    """Note what the hub confirmed; a row with nothing more to tell is reported."""
    del rules
    rev = max(row.reported_rev, min(event.rev, row.outcome_rev))
    done = row.state is State.RESOLVED and rev == row.outcome_rev
    return replace(row, reported_rev=rev, state=State.REPORTED if done else row.state), ()


def expire(row: Booking, event: HoldOver, rules: WriteRules | None) -> Result:
    """End a hold nobody confirmed."""
    del event, rules
    return settle(row, Outcome.EXPIRED) if row.outcome is Outcome.HELD else (row, ())


def stay(row: Booking, event: Event, rules: WriteRules | None) -> Result:
    """Change nothing: in this state the event says nothing new."""
    del event, rules
    return row, ()


def _move(do: Callable[[Any, Any, WriteRules | None], Result], *to: State) -> Move:
    return Move(do, frozenset(to))


Q, I, RES, REP, U, BAD = (  # noqa: E741 - six columns of a table, named as in the diagram
    State.QUEUED,
    State.INTENT,
    State.RESOLVED,
    State.REPORTED,
    State.UNSURE,
    State.QUARANTINE,
)

TABLE: Mapping[tuple[State | None, type], Move] = {
    (None, Ordered): _move(arrival.first, Q, RES),
    (Q, Ordered): _move(arrival.again, Q, RES, BAD),
    (Q, Start): _move(start, Q, I, RES, U),
    (Q, Looked): _move(evidence.met, Q, I, RES, U),
    (Q, Failed): _move(evidence.failed, RES),
    (Q, Sent): _move(receipt, Q),
    (Q, HoldOver): _move(stay, Q),
    (Q, RequestOver): _move(stay, Q),
    (Q, Restarted): _move(stay, Q),
    (Q, Answered): _move(desk.answered, Q, RES),
    (Q, Seen): _move(desk.seen, Q, U),
    (I, Ordered): _move(arrival.again, I),
    (I, Effected): _move(evidence.effected, Q, RES, U),
    (I, Unknown): _move(evidence.lost, I, U),
    (I, NotDone): _move(evidence.undone, Q),
    (I, Looked): _move(evidence.looked, I, Q, RES, U),
    (I, Failed): _move(evidence.failed, Q, RES),
    (I, Sent): _move(receipt, I),
    (I, Restarted): _move(evidence.resume, I, U),
    (I, Answered): _move(stay, I),
    (I, Seen): _move(stay, I),
    (RES, Ordered): _move(arrival.again, RES, Q, BAD),
    (RES, Sent): _move(receipt, RES, REP),
    (RES, HoldOver): _move(expire, RES),
    (RES, RequestOver): _move(desk.unanswered, RES),
    (RES, Restarted): _move(stay, RES),
    (RES, Answered): _move(desk.answered, RES),
    (RES, Seen): _move(desk.seen, RES, U),
    (REP, Ordered): _move(arrival.again, REP, Q, RES, BAD),
    (REP, Sent): _move(receipt, REP),
    (REP, HoldOver): _move(expire, REP, RES),
    (REP, RequestOver): _move(desk.unanswered, REP, RES),
    (REP, Restarted): _move(stay, REP),
    (REP, Answered): _move(desk.answered, REP, RES),
    (REP, Seen): _move(desk.seen, REP, RES, U),
    (U, Ordered): _move(arrival.again, U),
    (U, Sent): _move(receipt, U),
    (U, RequestOver): _move(stay, U),
    (U, Restarted): _move(stay, U),
    (U, Answered): _move(desk.answered, U, Q, RES),
    (U, Seen): _move(desk.seen, U, Q, RES),
    (BAD, Ordered): _move(arrival.again, BAD, Q, RES),
    (BAD, Sent): _move(receipt, BAD),
    (BAD, Restarted): _move(stay, BAD),
    (BAD, Answered): _move(desk.answered, BAD, RES),
    (BAD, Seen): _move(stay, BAD),
}


def advance(row: Booking | None, event: Event, rules: WriteRules | None) -> Result:
    """Return the next row and what must be done, the row's durable write first.

    `rules` None: the source does not write, an order becomes a task. `Ordered` does not read `rules`. Raises
    UndefinedTransition for a pair the table lacks.
    """
    state = None if row is None else row.state
    move = TABLE.get((state, type(event)))
    if move is None:
        raise UndefinedTransition(f"{type(event).__name__} in state {state}")
    after, actions = move.do(row, event, rules)
    fault = broken(row, after, move)
    if fault:
        raise UndefinedTransition(f"{type(event).__name__} in state {state}: {fault}")
    return after, actions


def broken(row: Booking | None, after: Booking, move: Move) -> str:
    """Return which promise of the table the step breaks, "" = none."""
    promises = {
        "state": after.state in move.to,
        "intent": (after.intent_ver is None) == (after.intent_op is None),
        "done": after.done_ver <= after.seen_ver,
        "reported": after.reported_rev <= after.outcome_rev,
    }
    if row is not None:
        numbers = ("seen_ver", "done_ver", "outcome_rev", "reported_rev", "turn", "attempt")
        promises["grows"] = all(getattr(row, name) <= getattr(after, name) for name in numbers)
        told = after.outcome_rev > max(row.outcome_rev, after.reported_rev)  # else it only counted on
        first = row.outcome is None or after.outcome is None
        pairs = WITHIN_VERSION if told_version(row) == told_version(after) else SUCCESSIONS
        promises["succession"] = first or not told or (row.outcome, after.outcome) in pairs
        promises["silent"] = told or row.outcome is after.outcome
    return ", ".join(name for name, kept in promises.items() if not kept)


def diagram() -> str:
    """Draw TABLE as a Mermaid state diagram."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), move in TABLE.items():
        for target in State:
            if target in move.to and (target is not state or len(move.to) == 1):
                source = "[*]" if state is None else state.value
                arrows.setdefault((source, target.value), []).append(event.__name__)
    lines = [f"    {source} --> {target}: {', '.join(events)}" for (source, target), events in arrows.items()]
    return "\n".join(["stateDiagram-v2", *lines]) + "\n"
