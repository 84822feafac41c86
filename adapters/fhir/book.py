"""Apply one booking to a FHIR server: claim the Slot, check, write the Appointment; then verify, and yield to a human.

Rule: the Slot under its ETag first, the Appointment second; what the Appointment remembers decides, and whatever is
cut off in between is found by its mark and finished or undone by whoever comes next.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from adapters.fhir.answer import WRITING
from adapters.fhir.draft import cancelled, drafted, moved, withdrawn
from adapters.fhir.lastlook import LastLook, Point
from adapters.fhir.profile import LONGEST, Profile
from adapters.fhir.record import Applied, Place, Record, answer, named
from adapters.fhir.records import Records, not_found
from adapters.fhir.slots import Cell, Slots
from adapters.fhir.terms import Terms
from agent.core.booking import Effect, Op, Outcome, Write
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.core.model import BookingId, Patient, Slot
from agent.ports import Clock

TRIES = 3
"""How often a Slot that somebody else keeps changing is tried for within one write."""


class Writer:
    """Writes bookings through one line. `matched` returns a patient as a participant, found in the EMR or named."""

    def __init__(
        self,
        slots: Slots,
        records: Records,
        terms: Terms,
        clock: Clock,
        matched: Callable[[Patient], dict[str, Any]],
        pause: Callable[[Point, Op], None],
    ) -> None:
        """Take the collaborators."""
        self._slots = slots
        self._records = records
        self._terms = terms
        self._clock = clock
        self._matched = matched
        self._pause = pause
        self._last = LastLook(slots, records, pause)

    def write(self, write: Write, profile: Profile) -> Effect:
        """Return what is true afterwards. Raises Transient, Ambiguous, Refused, Misconfigured as the port says."""
        self._in_turn(write)
        self._records.wrote = False
        try:
            for _ in range(TRIES):
                effect = self._try(write, profile)
                if effect is not None:
                    return effect
            raise _busy()
        except (Transient, Refused, Misconfigured) as cause:
            if self._records.wrote:  # an Appointment was written: whoever asks again finds it, and settles it
                raise _unsettled() from cause
            raise

    def _in_turn(self, write: Write) -> None:
        """Test a write's turn again, now that nothing else stands before the EMR."""
        turn = write.turn
        if turn is not None and turn.good_until - self._clock.now().age < LONGEST:
            raise Transient(WRITING, say("the turn is nearly over: the write waits for the next one"))

    def _try(self, write: Write, profile: Profile) -> Effect | None:
        """Return the effect; None = somebody was faster somewhere, so that all has to be looked at again."""
        own = self._records.find(write.booking, profile)
        if own is not None and own.is_pending:
            own = self._last.settle(own, write.op, marks=profile.claims)
            if own is None:
                return None
        if own is not None and (own.applied.version >= write.version or not (own.is_ours or own.is_closed)):
            return answer(own) if own.applied.version >= write.version else self._theirs(own, write)
        if write.op is Op.CANCEL or write.slot is None:
            return self._cancel(own, write, profile)
        if own is None and write.had is not None:  # what vanished is never made again
            return Effect(write.booking, 0, Outcome.CHECKING, write.had, write.had_slot.key if write.had_slot else None)
        return self._book(own, write, write.slot, profile)

    def _theirs(self, own: Record, write: Write) -> Effect | None:
        """Leave what staff touched, save that a patient may still cancel what was only moved."""
        if write.op is Op.CANCEL and own.is_standing and own.applied.version > 0:
            return self._cancelled(own, write)
        return answer(own)

    # ---- cancel

    def _cancel(self, own: Record | None, write: Write, profile: Profile) -> Effect | None:
        """Cancel what stands; of nothing, leave a cancelled Appointment that stops a late booking."""
        applied = Applied(write.version, Outcome.CANCELLED)
        if own is not None:
            return self._cancelled(own, write) if own.is_ours else self._remember(own, applied)
        return self._marked(write, applied, profile)

    def _marked(self, write: Write, applied: Applied, profile: Profile) -> Effect | None:
        """Leave a cancelled Appointment that remembers, where this server keeps one."""
        if not profile.tombstones:
            return Effect(write.booking, 0, applied.outcome)
        made = self._records.make(write.booking, cancelled(write.booking, applied, self._terms.booking_system), profile)
        if made is None:
            return None
        self._last.tidy(made)
        return answer(made)

    def _cancelled(self, own: Record, write: Write) -> Effect | None:
        where = own.now.slot if own.now is not None and own.now.slot else None
        applied = Applied(write.version, Outcome.CANCELLED)
        after = self._records.put(own, withdrawn(own, applied))
        if after is None:
            return None
        there = self._slots.get(where) if where else None
        if there is not None:
            self._slots.release(there, own.booking)
        self._last.tidy(after)
        return answer(after)

    # ---- book and move

    def _book(self, own: Record | None, write: Write, slot: Slot, profile: Profile) -> Effect | None:
        there = own.applied.place if own is not None and own.is_ours else None
        if own is not None and there is not None and there.slot == slot.key:
            return self._remember(own, Applied(write.version, Outcome.BOOKED, there))
        return self._place(own, write, slot, profile)

    def _place(self, own: Record | None, write: Write, slot: Slot, profile: Profile) -> Effect | None:
        cell = self._slots.get(slot.key)
        if cell is None or not _is_same(cell, slot) or not self._may_have(cell, write.booking):
            return self._conflict(own, write, profile)
        left = own.applied.place.slot if own is not None and own.applied.place is not None else None
        applied = Applied(write.version, Outcome.BOOKED, cell.place, sure=False, previous=left)
        if own is None and profile.is_at_once:
            return self._at_once(write, cell, applied, profile)
        claimed = self._slots.put(cell, self._slots.marked(cell, write.booking, str(write.version)))
        if claimed is None:
            return None
        self._pause(Point.CLAIMED, write.op)
        try:
            if self._slots.others(claimed, write.booking):
                self._slots.release(claimed, write.booking, untouched=True)
                return self._conflict(own, write, profile)
            self._pause(Point.CHECKED, write.op)
            made = self._written(own, write, claimed, applied, profile)
        except Refused:  # surely not written: give the Slot back
            self._slots.release(claimed, write.booking, untouched=True)
            raise
        if made is None:
            self._loser(write)
            return None
        return self._verified(made, write, profile)

    def _may_have(self, cell: Cell, booking: BookingId) -> bool:
        """Say whether a Slot is free, ours, or left behind by a booking whose move does not hang on it."""
        if not cell.is_open(booking):
            return False
        if cell.claim in ("", booking):
            return True
        other = self._records.find(BookingId(cell.claim))
        return other is None or not other.is_pending

    def _at_once(self, write: Write, cell: Cell, applied: Applied, profile: Profile) -> Effect | None:
        """Write Slot and Appointment in one transaction, where the server was seen to undo a failed one whole."""
        if self._slots.others(cell, write.booking):
            return self._conflict(None, write, profile)
        self._pause(Point.CHECKED, write.op)
        draft = self._draft(write, cell, applied)
        slot = self._slots.marked(cell, write.booking, str(write.version))
        if not self._records.make_with(write.booking, draft, self._slots, cell, slot):
            return None
        made = self._records.find(write.booking, profile)
        if made is None or str(made.applied) != str(applied):
            if made is None or not profile.fresh:
                raise not_found()
            self._loser(write)
            return None
        return self._verified(made, write, profile)

    def _written(
        self, own: Record | None, write: Write, cell: Cell, applied: Applied, profile: Profile
    ) -> Record | None:
        if own is None:
            return self._records.make(write.booking, self._draft(write, cell, applied), profile)
        if own.is_closed:
            fresh = self._draft(write, cell, applied)
            kept: dict[str, Any] = {
                key: own.resource[key] for key in ("id", "meta", "extension") if key in own.resource
            }
            names = named({"identifier": own.resource.get("identifier")}, applied=str(applied))
            return self._records.put(own, {**fresh, **kept, "identifier": names})
        return self._records.put(own, moved(own, applied, cell, self._slots.people(cell), self._terms.guide.placed))

    def _draft(self, write: Write, cell: Cell, applied: Applied) -> dict[str, Any]:
        who = self._matched(write.patient) if write.patient is not None else None
        return drafted(write, cell, applied, self._slots.people(cell), who, self._terms)

    def _loser(self, write: Write) -> None:
        """Give back a Slot that was claimed for an Appointment somebody else wrote first, elsewhere.

        What a move leaves stays claimed until the move is sure: it may have to go back there.
        """
        own = self._records.find(write.booking)
        left = own.applied.previous if own is not None and own.is_pending else None
        for cell in self._slots.claimed(write.booking):
            stands = own is not None and own.applied.place is not None and own.applied.place == cell.place
            if not stands and (left is None or cell.place is None or cell.place.slot != left):
                self._slots.release(cell, write.booking)

    def _conflict(self, own: Record | None, write: Write, profile: Profile) -> Effect | None:
        """Remember that the time could not be had: a late request of this version then finds it settled."""
        applied = Applied(write.version, Outcome.CONFLICT, own.applied.place if own and own.is_ours else None)
        if own is not None:
            return self._remember(own, applied)
        return self._marked(write, applied, profile)

    def _remember(self, own: Record, applied: Applied) -> Effect | None:
        after = self._records.put(own, moved(own, applied))
        if after is None:
            return None
        self._last.tidy(after)
        return answer(after)

    # ---- verify

    def _verified(self, made: Record, write: Write, profile: Profile) -> Effect | None:
        self._pause(Point.WRITTEN, write.op)
        sure = self._last.settle(made, write.op, marks=profile.claims)
        return None if sure is None else answer(sure)


def _is_same(cell: Cell, slot: Slot) -> bool:
    """Say whether the Slot still has the times that were offered."""
    return cell.place == Place(slot.key, slot.start) and cell.end is not None and cell.end == slot.end


def _busy() -> Transient:
    return Transient(WRITING, say("somebody else keeps changing the same Slot"), after=timedelta(seconds=1))


def _unsettled() -> CreneauError:
    return Ambiguous(WRITING, say("the appointment is written, its last look failed"))
