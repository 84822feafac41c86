"""Make a decision of the table durable, in one transaction with all that follows from it.

Rule: a row another leg changed meanwhile is read again, never overwritten.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent.core.booking import (
    Action,
    Booking,
    Cancels,
    Erase,
    Event,
    GivenUp,
    Mark,
    Task,
    Tell,
    WriteRules,
    advance,
    given_up,
)
from agent.core.errors import Transient
from agent.core.model import Instant
from agent.ports import Bookings

TRIES = 5
"""Receipts and newer versions that may come between a read and its save, before the step gives up."""


def no_mark(mark: Mark, booking: str) -> None:
    """Do nothing: only crash tests stop here."""


@dataclass
class Saving:
    """Saves rows of one source; `did` and `told` count since `begin`."""

    bookings: Bookings
    cancels: Cancels
    mark: Callable[[Mark, str], None] = no_mark
    did: int = field(init=False, default=0)
    told: bool = field(init=False, default=False)

    def begin(self) -> None:
        """Begin a step."""
        self.did, self.told = 0, False

    def store(
        self, row: Booking, actions: Iterable[Action], now: Instant, place: GivenUp | None = None
    ) -> Booking | None:
        """Save once; None when the stored row is no longer the one this was decided from."""
        actions = tuple(actions)
        tell = any(isinstance(action, Tell) for action in actions)
        try:
            stored = self.bookings.save(
                row,
                tasks=[action.kind.value for action in actions if isinstance(action, Task)],
                tell=tell,
                erase=any(isinstance(action, Erase) for action in actions),
                now=now,
                given_up=place,
            )
        except Transient:
            fresh = self.bookings.row(row.booking)
            if fresh is None or fresh.row == row.row:
                raise
            return None
        self.did += 1
        self.told = self.told or tell
        if tell:
            self.mark(Mark.T4, row.booking)
        return stored

    def commit(self, row: Booking, event: Event, rules: WriteRules | None, now: Instant) -> Booking:
        """Apply a fact to the row and save it; a row that moved on keeps the fact if it still speaks of it."""
        state, version = row.state, row.intent_ver
        for _ in range(TRIES):
            after, actions = advance(row, event, rules)
            if after == row and not actions:
                return row
            stored = self.store(after, actions, now, given_up(row, after, self.cancels, now.utc))
            if stored is not None:
                return stored
            fresh = self.bookings.row(row.booking)
            if fresh is None or (fresh.state, fresh.intent_ver) != (state, version):
                return row if fresh is None else fresh
            row = fresh
        return row
