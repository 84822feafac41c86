"""Apply one booking to OSCAR: claim, check, write, commit; then verify, and yield to a human.

Rule: what the sidecar remembers decides; only rows made by us and still to do are changed.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from adapters.sql.dialect import Kind
from adapters.sql.oscar import rows
from adapters.sql.oscar.applied import PLACED, Applied, Seen, answer
from adapters.sql.oscar.patient import NOBODY, Person, person, plain
from adapters.sql.oscar.terms import OURS, Place, Terms, lasts, place
from adapters.sql.session import Session, Work
from agent.core.booking import Effect, Op, Outcome, Write
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Transient
from agent.core.message import say
from agent.core.model import Slot, SlotKey
from agent.ports import Clock, SitePart

log = logging.getLogger("creneau.adapters.sql")

DOING = say("write into the agenda")

T = TypeVar("T")


class Point(StrEnum):
    """Where a test may step between our statements."""

    CLAIMED = "claimed"
    CHECKED = "checked"
    WRITTEN = "written"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found out before anything is locked. `longest`: minutes of the day's longest visit."""

    who: Person
    longest: int = rows.DAY


class Writer:
    """Writes bookings through one session."""

    def __init__(self, session: Session, terms: Terms, clock: Clock, pause: Callable[[Point], None]) -> None:
        """Take the collaborators."""
        self._session = session
        self._terms = terms
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
            return self._twice(lambda: self._settle(known))
        except CreneauError as cause:  # the appointment stands: whoever asks again settles it
            raise Ambiguous(DOING, say("the appointment is written, its last look failed")) from cause

    def _commit(self, write: Write, plan: Plan) -> tuple[Applied, Seen | None]:
        with self._session.writing(DOING) as work:
            known = rows.claim(work, write.booking, self._now())
            self._pause(Point.CLAIMED)
            if known.version < write.version:
                if known.outcome == PLACED:  # cut off before it was verified
                    known = self._verify(work, known)
                known = self._apply(work, known, write, plan)
                rows.remember(work, known, self._now())
                self._pause(Point.WRITTEN)
            return known, rows.see(work, known.ref)

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
                work.rows(rows.PROBE)
            except self._session.dialect.errors as cause:
                if self._session.dialect.kind(cause) is not Kind.SETUP:
                    raise
                raise self._no_sidecar() from cause
            who = NOBODY if write.patient is None else person(work, write.patient, self._terms.label)
            if write.slot is None:
                return Plan(who)
            where, minutes = self._place(write.slot)
            return Plan(who, max(minutes, rows.longest(work, where.day)))

    def _no_sidecar(self) -> CreneauError:
        what = say("the table creneau_applied is missing or older than this agent: nothing is written")
        return Misconfigured(DOING, what, say("creneau emr grants"))

    def _apply(self, work: Work, known: Applied, write: Write, plan: Plan) -> Applied:
        old, made = self._old(work, known, write)
        new = Applied(known.booking, write.version, Outcome.BOOKED, made, old.ref if old else None)
        if write.op is Op.CANCEL or write.slot is None:
            return self._cancel(work, new)
        where, minutes = self._place(write.slot)
        if old is not None and old.creator != OURS:
            return replace(new, outcome=Outcome.CONFLICT, slot=None, ref=None)
        if old is not None and (not old.is_ours or old.key != made or old.key == where.key):
            return new  # theirs now, or already where it should be
        if rows.overlapping(work, where, minutes, plan.longest) - {new.ref}:
            return replace(new, outcome=Outcome.CONFLICT)
        self._pause(Point.CHECKED)
        site = self._site(write.slot)
        location = "" if site.emr_code == "*" else site.emr_code
        ref = rows.book(work, where, minutes, plan.who, location, plain(self._terms.label), self._now())
        return Applied(known.booking, write.version, PLACED, where.key, ref, new.ref)

    def _old(self, work: Work, known: Applied, write: Write) -> tuple[Seen | None, SlotKey | None]:
        """Return the appointment the booking has, and where we put it: by the sidecar, else by the order's own word."""
        if known.version:
            return rows.see(work, known.ref, lock=True), known.slot
        had = int(write.had) if write.had is not None and write.had.isdecimal() else None
        old = rows.see(work, had, lock=True)
        return old, write.had_slot.key if write.had_slot else old.key if old else None

    def _cancel(self, work: Work, new: Applied) -> Applied:
        old = rows.see(work, new.ref, lock=True)
        if old is not None and old.creator == OURS and not old.is_ours:
            return new  # received or cancelled by staff: theirs
        if old is not None:
            rows.cancel(work, old.ref, self._now())
        return replace(new, outcome=Outcome.CANCELLED, slot=None, ref=None)

    def _settle(self, placed: Applied) -> Effect:
        """Look again under the lock: a human's row wins, else the appointment a move leaves is given up."""
        with self._session.writing(DOING) as work:
            known = rows.claim(work, placed.booking, self._now())
            if known.outcome == PLACED and known.version == placed.version:
                known = self._verify(work, known)
                rows.remember(work, known, self._now())
            return answer(known, rows.see(work, known.ref))

    def _verify(self, work: Work, known: Applied) -> Applied:
        row, old = rows.see(work, known.ref, lock=True), rows.see(work, known.previous, lock=True)
        mine = row is not None and row.is_ours and row.key == known.slot
        gone = (row is None or row.is_gone) and old is not None
        lost = row is not None and mine and bool(self._others(work, row, known))
        if gone or lost or (mine and old is not None and not old.is_ours):
            if row is not None and mine:  # what staff touched is theirs
                rows.delete(work, row.ref)
            log.info("booking.yielded booking=%s", known.booking)
            return replace(
                known, outcome=Outcome.CONFLICT, slot=old.key if old else None, ref=known.previous, previous=None
            )
        if old is not None and old.is_ours:
            rows.cancel(work, old.ref, self._now())
        return replace(known, outcome=Outcome.BOOKED, previous=None)

    def _others(self, work: Work, row: Seen, known: Applied) -> Collection[int]:
        return rows.overlapping(work, row.place, row.minutes) - {known.ref, known.previous}

    def _place(self, slot: Slot) -> tuple[Place, int]:
        return place(slot.practitioner.key, slot.start, self._site(slot).zone), lasts(slot.start, slot.end)

    def _site(self, slot: Slot) -> SitePart:
        return next((site for site in self._terms.sites if site.id == slot.site), self._terms.sites[0])

    def _now(self) -> str:
        """Return the wall clock of the clinic, whole seconds, as OSCAR's own screens write it."""
        local = self._clock.now().utc.astimezone(ZoneInfo(self._terms.sites[0].zone) if self._terms.sites else UTC)
        return f"{local:%Y-%m-%d %H:%M:%S}"
