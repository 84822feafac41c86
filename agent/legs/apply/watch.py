"""Compare our appointments with the clinic's agenda: what staff moved, cancelled or received is theirs.

Rule: what vanished is never made again; many at once stop all writes before anything else is said.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from agent.core.booking import Booking, Effect, Outcome, Seen, State, has
from agent.core.model import BookingId, Instant, Window
from agent.legs.apply.saving import Saving
from agent.ports import Books

log = logging.getLogger("creneau.apply")

MANY = 3
"""More than this many vanished in one poll is an alarm: an EMR restored from a backup, or the wrong database."""
AHEAD = timedelta(days=366)
"""How far staff may move an appointment and still be followed."""
COMPARED = frozenset({State.QUEUED, State.RESOLVED, State.REPORTED})


@dataclass
class Watch:
    """The comparing side of one source."""

    books: Books
    saving: Saving
    interval: timedelta
    _last: timedelta | None = field(init=False, default=None)

    def is_due(self, now: Instant) -> bool:
        """Say whether an interval has passed since the last comparison that went well."""
        return self._last is None or now.age - self._last >= self.interval

    def look(self, now: Instant, *, always: bool, stop: Callable[[], None]) -> int:
        """Take over what the agenda shows; return how many vanished when that is an alarm, else 0.

        `always` False: only when something of ours is in there. `stop` runs before the first of many is called
        vanished, so that no crash in between lets a write through. Raises what the EMR raises.
        """
        rows = self.saving.bookings.kept(now)
        if not always and not any(row.emr_ref is not None for row in rows):
            self._last = now.age
            return 0
        shown = {effect.booking: effect for effect in self.books.ours(Window(now.utc, now.utc + AHEAD))}
        pairs = [(row, shown.get(row.booking) or self.books.find(row.booking)) for row in rows if _compared(row)]
        gone = sum(1 for row, effect in pairs if _counts(row) and _is_gone(effect))
        if gone > MANY:
            stop()
            log.error("bookings.vanished count=%d", gone)
        for row, effect in [*pairs, *self._strangers(rows, shown)]:
            self.saving.commit(row, Seen(effect), self.books.rules, now)
        self._last = now.age
        return gone if gone > MANY else 0

    def _strangers(
        self, rows: Sequence[Booking], shown: Mapping[BookingId, Effect]
    ) -> list[tuple[Booking, Effect | None]]:
        """Return appointments of ours that stand where we believe there is none: a late write, another agent."""
        known = {row.booking for row in rows}
        found: list[tuple[Booking, Effect | None]] = []
        for booking, effect in shown.items():
            row = (
                None if booking in known or effect.outcome is not Outcome.BOOKED else self.saving.bookings.row(booking)
            )
            if row is not None and row.state in COMPARED and not has(row):
                found.append((row, effect))
        return found


def _compared(row: Booking) -> bool:
    return row.state in COMPARED or row.state is State.UNSURE


def _is_gone(effect: Effect | None) -> bool:
    """Say whether nothing is left of it: no trace, or a memory without a row."""
    return effect is None or effect.outcome is Outcome.CHECKING


def _counts(row: Booking) -> bool:
    """Say whether we know an appointment of ours by the EMR's own name for it, and it is not in doubt already."""
    return row.emr_ref is not None and row.state in COMPARED
