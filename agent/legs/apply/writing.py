"""Write one intent into the EMR, or find out what became of it.

Rule: after a lost answer nothing is written again except by the adapter's own recovery rule.
"""

import logging
from dataclasses import dataclass, field
from datetime import timedelta

from agent.core.booking import (
    Booking,
    Code,
    Do,
    Effect,
    Effected,
    Failed,
    Looked,
    Mark,
    NotDone,
    Recovery,
    Restarted,
    Unknown,
    Write,
    advance,
    decides,
    has_turn,
)
from agent.core.errors import Ambiguous, Misconfigured, Refused, Transient
from agent.core.model import BookingId, Instant, Patient
from agent.legs.apply.saving import Saving
from agent.ports import Board, Books, Keys

log = logging.getLogger("creneau.apply")

AGAIN = timedelta(seconds=30)
"""Between two runs of the same write whose answers are lost."""


@dataclass
class Writing:
    """The writing side of one source; `wrote`: a write was made since the step began."""

    books: Books
    saving: Saving
    keys: Keys
    board: Board
    wrote: bool = field(init=False, default=False)
    _since: dict[tuple[BookingId, int], timedelta] = field(init=False, default_factory=dict)

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

    def resolve(self, row: Booking, now: Instant, *, may_write: bool, later: bool) -> timedelta | None:
        """Resolve an open intent by the adapter's rule; return how long it must stay open, None = it is settled.

        `later`: where it may not be written now, it may be some other time.
        """
        after, actions = advance(row, Restarted(), self.books.rules)
        left: timedelta | None = None
        if after.state is not row.state:  # only a person can say
            self.saving.commit(row, Restarted(), self.books.rules, now)
        elif not self.has_turn(row, now):
            left = AGAIN  # whoever has it may make, or undo, what is read here
        else:
            again = next((action for action in actions if isinstance(action, Do)), None)
            left = self._resolve(row, again, now, may_write=may_write, later=later)
        if left is None:
            self._since.pop((row.booking, row.attempt), None)
        return left

    def _resolve(
        self, row: Booking, again: Do | None, now: Instant, *, may_write: bool, later: bool
    ) -> timedelta | None:
        """Run the write `again` where that is the rule, else look what became of it."""
        patient = self._ready(row, again, now) if again is not None else None
        lost = patient is not None and later
        if again is not None and patient is not None and may_write:
            ran = self._rerun(row, again, patient, now)
            if ran:
                return None
            lost = lost and ran is None
        effect = self.find(row.booking)
        if effect is not None and effect.pending and patient is not None:
            return AGAIN  # only the write run again verifies it
        if lost and (effect is None or not decides(row, effect)):
            return AGAIN  # absent proves nothing: a late request may still land, and only the write run again stops it
        quiet = self._quiet(row, effect, now)
        if quiet > timedelta(0):
            return quiet
        seen = self.saving.commit(row, Looked(effect, now.utc), self.books.rules, now)
        return None if seen.state is not row.state else AGAIN

    def _quiet(self, row: Booking, effect: Effect | None, now: Instant) -> timedelta:
        """Return how long an absence still proves nothing, by the clock that never jumps.

        Counted from the first step that found the intent open: it began after the write ended, whereas the time kept
        in the row was read before the agenda was, and before the write was sent.
        """
        rules = self.books.rules
        if rules.recovery is Recovery.RERUN or (effect is not None and decides(row, effect)):
            return timedelta(0)
        since = self._since.setdefault((row.booking, row.attempt), now.age)
        return since + rules.longest_write + rules.quiet - now.age

    def _ready(self, row: Booking, again: Do, now: Instant) -> tuple[Patient | None] | None:
        """Return what the same write needs to be run again; None = it can only be looked up: no details, too late."""
        rules = self.books.rules
        if not rules.fenced:
            return None
        if again.slot is None:
            return (None,)
        jwe = self.saving.bookings.sealed(row.booking, again.version)
        if jwe is None or again.slot.start <= now.utc + rules.longest_write:
            return None
        try:
            return (self.keys.patient(jwe, row.booking, again.version),)
        except Refused:
            return None

    def has_turn(self, row: Booking, now: Instant) -> bool:
        """Say whether the turn is there, where the source needs one: without it nothing is written, and nothing read.

        Whoever has the turn may book what is absent here, or undo what is found, before it is told.
        """
        return has_turn(self.board.turn(), row, self.books.rules, now)

    def _rerun(self, row: Booking, again: Do, patient: tuple[Patient | None], now: Instant) -> bool | None:
        """Run the same write again; None when its answer is lost too, False when the EMR refuses it."""
        try:
            effect = self._send(row, again, *patient)
        except Ambiguous:
            return None
        except Refused:
            return False
        self._settle(row, effect, now)
        return True


def _code(reason: str) -> Code | None:
    """Return the code the hub may read; any other reason depends on the agenda and stays at the clinic."""
    return Code(reason) if reason in set(Code) else None
