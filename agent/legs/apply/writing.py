"""Write one intent into the EMR, or find out what became of it.

Rule: after a lost answer nothing is written again except by the adapter's own recovery rule.
"""

import logging
from dataclasses import dataclass, field
from datetime import timedelta

from agent.core.booking import (
    Ask,
    Booking,
    Code,
    Do,
    Effect,
    Effected,
    Failed,
    Looked,
    Mark,
    NotDone,
    Restarted,
    Unknown,
    Write,
    advance,
)
from agent.core.errors import Ambiguous, Misconfigured, Refused, Transient
from agent.core.model import BookingId, Instant, Patient
from agent.legs.apply.saving import Saving
from agent.ports import Board, Books, Keys

log = logging.getLogger("creneau.apply")


@dataclass
class Writing:
    """The writing side of one source; `wrote`: a write was made since the step began."""

    books: Books
    saving: Saving
    keys: Keys
    board: Board
    wrote: bool = field(init=False, default=False)

    def begin(self) -> None:
        """Begin a step."""
        self.wrote = False

    def find(self, booking: BookingId) -> Effect | None:
        """Look a booking up; raises what the EMR raises."""
        return self.books.find(booking)

    def write(self, row: Booking, do: Do, patient: Patient | None, now: Instant) -> None:
        """Write a fresh intent; what surely did not happen is queued again, what may have stays an intent."""
        try:
            effect = self._send(row, do, patient)
        except (Transient, Misconfigured):
            self.saving.commit(row, NotDone(), self.books.rules, now)
            raise
        except Ambiguous:
            log.warning("write.unknown emr=%s op=%s", row.emr, do.op.value)
            self.saving.commit(row, Unknown(now.utc), self.books.rules, now)
        except Refused as no:
            log.info("write.refused emr=%s op=%s reason=%s", row.emr, do.op.value, no.reason)
            self.saving.commit(row, Failed(_code(no.reason)), self.books.rules, now)
        else:
            self._settle(row, effect, now)

    def _send(self, row: Booking, do: Do, patient: Patient | None) -> Effect:
        self.wrote = True
        order = Write(row.booking, do.version, do.op, do.slot, do.had, do.had_slot, patient, self.board.turn())
        return self.books.write(order)

    def _settle(self, row: Booking, effect: Effect, now: Instant) -> None:
        self.saving.mark(Mark.T3, row.booking)
        stored = self.saving.commit(row, Effected(effect, now.utc), self.books.rules, now)
        word = stored.outcome.value if stored.outcome else "none"
        log.info("booking.applied emr=%s outcome=%s rev=%d", row.emr, word, stored.outcome_rev)

    def resolve(self, row: Booking, now: Instant, *, may_write: bool) -> timedelta | None:
        """Resolve an open intent by the adapter's rule; return how long it must stay open, None = it is settled."""
        after, actions = advance(row, Restarted(), self.books.rules)
        again = next((action for action in actions if isinstance(action, Do)), None)
        if again is not None and may_write and self._rerun(row, again, now):
            return None
        if after.state is not row.state:
            self.saving.commit(row, Restarted(), self.books.rules, now)
            return None
        seen = self.saving.commit(row, Looked(self.find(row.booking), now.utc), self.books.rules, now)
        if seen.state is not row.state:
            return None
        _, left = advance(seen, Looked(None, now.utc), self.books.rules)
        asks = [action.after - now.utc for action in left if isinstance(action, Ask)]
        return max(min(asks, default=timedelta(0)), timedelta(0))

    def _rerun(self, row: Booking, again: Do, now: Instant) -> bool:
        """Run the same write again; False when it can only be looked up: no details left, too late, no turn."""
        rules, patient = self.books.rules, None
        if again.slot is not None:
            jwe = self.saving.bookings.sealed(row.booking, again.version)
            if jwe is None or again.slot.start <= now.utc + rules.longest_write:
                return False
            try:
                patient = self.keys.patient(jwe, row.booking, again.version)
            except Refused:
                return False
        if not rules.fenced:
            return False
        try:
            effect = self._send(row, again, patient)
        except (Ambiguous, Refused):
            return False
        self._settle(row, effect, now)
        return True


def _code(reason: str) -> Code | None:
    """Return the code the hub may read; any other reason depends on the agenda and stays at the clinic."""
    return Code(reason) if reason in set(Code) else None
