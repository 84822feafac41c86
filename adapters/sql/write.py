"""Apply one booking: claim, check, write, commit; then verify, and yield to a human.

Rule: what the memory says decides; only rows made by us and still to do are changed.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from adapters.sql.applied import PLACED, Applied, Seen, answer
from adapters.sql.dialect import Kind
from adapters.sql.mapping import Booking, Wanted
from adapters.sql.places import DAY, Place, lasts, place
from adapters.sql.session import Session, Work
from agent.core.booking import Effect, Op, Outcome, Write, WriteRules
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Transient
from agent.core.message import say
from agent.core.model import BookingId, EmrRef, Slot, SlotKey
from agent.ports import Clock

log = logging.getLogger("creneau.adapters.sql")

DOING = say("write into the agenda")

T = TypeVar("T")


class Point(StrEnum):
    """Where a test may step between our statements."""

    CLAIMED = "claimed"
    CHECKED = "checked"
    WRITTEN = "written"
    COMMITTED = "committed"


def once(at: Point, act: Callable[[], None]) -> Callable[[Point], None]:
    """Return a step that acts once, at this point."""
    acts = [act]

    def pause(now: Point) -> None:
        if now is at and acts:
            acts.pop()()

    return pause


class Memory(Protocol):
    """What is remembered of our bookings, in the database itself: a sidecar table, or a token in the row."""

    def probe(self, work: Work) -> None:
        """Touch whatever it needs; raises the driver's error when that is missing or older."""
        ...

    def claim(self, work: Work, booking: BookingId, now: datetime) -> Applied:
        """Make sure that nobody else applies this booking, and return what is known of it; version 0 = nothing."""
        ...

    def recall(self, work: Work, booking: BookingId, now: datetime) -> Applied | None:
        """Read what is known of it, without a lock."""
        ...

    def remembered(self, work: Work, now: datetime) -> list[Applied]:
        """Read every booking that names an appointment."""
        ...

    def remember(self, work: Work, known: Applied, now: datetime) -> None:
        """Store what was done; the last statement before COMMIT."""
        ...

    def token(self, booking: BookingId, version: int, key: SlotKey) -> str:
        """Return the mark a new appointment carries; "" = none."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found out before anything is locked. `longest`: minutes of the day's longest visit."""

    who: Any = field(default=None, repr=False)
    longest: int = DAY


class Writer:
    """Writes bookings through one session."""

    def __init__(
        self,
        session: Session,
        mapping: Booking,
        memory: Memory,
        rules: WriteRules,
        clock: Clock,
        pause: Callable[[Point], None],
    ) -> None:
        """Take the collaborators."""
        self._session = session
        self._mapping = mapping
        self._memory = memory
        self._rules = rules
        self._clock = clock
        self._pause = pause

    def write(self, write: Write) -> Effect:
        """Return what is true afterwards. Raises Transient, Ambiguous, Refused, Misconfigured as the port says."""
        plan = self._plan(write)
        known, row = self._twice(lambda: self._commit(write, plan))
        if known.outcome != PLACED:
            return answer(known, row)
        self._pause(Point.COMMITTED)
        try:
            return self.settle(known)
        except CreneauError as cause:  # the appointment stands: whoever asks again settles it
            raise Ambiguous(DOING, say("the appointment is written, its last look failed")) from cause

    def settle(self, placed: Applied) -> Effect:
        """Verify what was committed a moment ago, or by a write that was cut off. Raises as `write` does."""
        return self._twice(lambda: self._settle(placed))

    def _commit(self, write: Write, plan: Plan) -> tuple[Applied, Seen | None]:
        with self._session.writing(DOING) as work:
            known = self._memory.claim(work, write.booking, self._now())
            self._has_turn(write)
            self._pause(Point.CLAIMED)
            if known.version < write.version:
                if known.outcome == PLACED:  # cut off before it was verified
                    known = self._verify(work, known)
                known = self._apply(work, known, write, plan)
                self._memory.remember(work, known, self._now())
                self._pause(Point.WRITTEN)
            return known, self._mapping.see(work, known.ref)

    def _twice(self, work: Callable[[], T]) -> T:
        """Try once more at once when a lock or a deadlock undid the transaction."""
        try:
            return work()
        except Transient as error:
            if not self._session.was_busy(error):
                raise
            return work()

    def _plan(self, write: Write) -> Plan:
        """Probe the sidecar, match the patient and measure the day before anything is locked."""
        with self._session.reading(DOING) as work:
            try:
                self._memory.probe(work)
            except self._session.dialect.errors as cause:
                if self._session.dialect.kind(cause) is not Kind.SETUP:
                    raise
                raise self._no_sidecar() from cause
            who = None if write.patient is None else self._mapping.person(work, write.patient)
            if write.slot is None:
                return Plan(who)
            where, minutes = self._place(write.slot)
            return Plan(who, max(minutes, self._mapping.longest(work, where.day)))

    def _no_sidecar(self) -> CreneauError:
        what = say("the table creneau_applied is missing or older than this agent: nothing is written")
        return Misconfigured(DOING, what, say("creneau emr grants"))

    def _apply(self, work: Work, known: Applied, write: Write, plan: Plan) -> Applied:
        old, made = self._old(work, known, write)
        new = Applied(known.booking, write.version, Outcome.BOOKED, made, old.ref if old else None)
        if write.op is Op.CANCEL or write.slot is None:
            return self._cancel(work, new)
        where, minutes = self._place(write.slot)
        if old is not None and not old.made:
            return replace(new, outcome=Outcome.CONFLICT, slot=None, ref=None)
        if old is not None and (not old.is_ours or old.key != made or old.key == where.key):
            return new  # theirs now, or already where it should be
        work.freeze(self._mapping.written[0])
        if self._mapping.overlapping(work, where, minutes, plan.longest) - {new.ref}:
            return replace(new, outcome=Outcome.CONFLICT)
        self._pause(Point.CHECKED)
        token = self._memory.token(known.booking, write.version, where.key)
        wanted = Wanted(known.booking, write.version, where, minutes, write.slot, plan.who, self._now(), token)
        ref = self._mapping.book(work, wanted)
        if ref is None:
            return replace(new, outcome=Outcome.CONFLICT)
        return Applied(known.booking, write.version, PLACED, where.key, ref, new.ref)

    def _old(self, work: Work, known: Applied, write: Write) -> tuple[Seen | None, SlotKey | None]:
        """Return the appointment the booking has, and where we put it: by the sidecar, else by the order's own word."""
        if known.version:
            return self._mapping.see(work, known.ref, lock=True), known.slot
        old = self._mapping.see(work, write.had or None, lock=True)
        return old, write.had_slot.key if write.had_slot else old.key if old else None

    def _cancel(self, work: Work, new: Applied) -> Applied:
        old = self._mapping.see(work, new.ref, lock=True)
        if old is not None and old.made and not old.due:
            return new  # received or cancelled by staff: theirs
        if old is not None:
            self._mapping.cancel(work, old.ref, self._now())
        return replace(new, outcome=Outcome.CANCELLED, slot=None, ref=None)

    def _settle(self, placed: Applied) -> Effect:
        """Look again under the lock: a human's row wins, else the appointment a move leaves is given up."""
        with self._session.writing(DOING) as work:
            known = self._memory.claim(work, placed.booking, self._now())
            if known.outcome == PLACED and known.version == placed.version:
                known = self._verify(work, known)
                self._memory.remember(work, known, self._now())
            return answer(known, self._mapping.see(work, known.ref))

    def _verify(self, work: Work, known: Applied) -> Applied:
        work.freeze(self._mapping.written[0])
        row, old = self._mapping.see(work, known.ref, lock=True), self._mapping.see(work, known.previous, lock=True)
        mine = row is not None and row.is_ours and row.key == known.slot
        gone = (row is None or row.gone) and old is not None
        lost = row is not None and (not row.made or (mine and bool(self._others(work, row, known))))
        if gone or lost or (mine and old is not None and not old.is_ours):
            if row is not None and mine:  # what staff touched is theirs
                self._mapping.undo(work, row.ref, self._now())
            log.info("booking.yielded booking=%s", known.booking)
            return replace(
                known, outcome=Outcome.CONFLICT, slot=old.key if old else None, ref=known.previous, previous=None
            )
        if old is not None and old.is_ours:
            self._mapping.cancel(work, old.ref, self._now())
        return replace(known, outcome=Outcome.BOOKED, previous=None)

    def _others(self, work: Work, row: Seen, known: Applied) -> Collection[EmrRef]:
        """Look without the bound: a visit that is longer than any before is found here."""
        return self._mapping.overlapping(work, row.place, row.minutes, DAY) - {
            ref for ref in (known.ref, known.previous) if ref
        }

    def _has_turn(self, write: Write) -> None:
        """Ask again, under the lock, whether an unfenced write may still begin (design of turns: two agents at once)."""
        if self._rules.fenced:
            return
        left = write.turn.good_until - self._clock.now().age if write.turn is not None else timedelta(0)
        if left < self._rules.longest_write:
            raise Transient(DOING, say("the hub has given this agent no turn to write, or too little is left of it"))

    def _place(self, slot: Slot) -> tuple[Place, int]:
        zone = self._mapping.clinic.site_of(slot).zone
        return place(slot.practitioner.key, slot.start, zone), lasts(slot.start, slot.end)

    def _now(self) -> datetime:
        return self._clock.now().utc
