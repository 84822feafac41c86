"""A FHIR server as the agent sees it: Emr, Books, Agenda, Names, Holds, Hints and Proves over one line.

Rule: what a server was seen to do decides how it is written to; see profile.py.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from adapters.fhir import agenda
from adapters.fhir.answer import READING
from adapters.fhir.book import Writer
from adapters.fhir.check import findings
from adapters.fhir.lastlook import Point
from adapters.fhir.line import Line
from adapters.fhir.patient import Patients
from adapters.fhir.profile import BLURRED, LONGEST, Profile, fingerprint, keep, load, tried
from adapters.fhir.read import Reader
from adapters.fhir.record import Record, answer, moment, stands
from adapters.fhir.records import Records
from adapters.fhir.slots import Slots, hold_word
from adapters.fhir.terms import Terms
from adapters.fhir.trial import trial
from adapters.fhir.validate import Sample
from agent.core.booking import Effect, Op, Outcome, Write, WriteRules
from agent.core.errors import CreneauError, Transient
from agent.core.message import say
from agent.core.model import AgendaRow, BookingId, Finding, Reading, Slot, Window
from agent.ports import Named, Proved, Tools

OVERLAP = timedelta(minutes=2)
"""Looked at twice by Hints: clocks of servers behind one address differ."""


class FhirEmr:
    """One server. `pause` lets a test step between our requests, as the world does."""

    def __init__(
        self, terms: Terms, line: Line, tools: Tools, pause: Callable[[Point, Op], None] = lambda *_: None
    ) -> None:
        """Connect nothing yet."""
        self.name = terms.name
        self._terms = terms
        self._line = line
        self._tools = tools
        self._sample = Sample(terms.validate)
        self._reader = Reader(line, terms, self._sample)
        self._slots = Slots(line, self._reader.whose, self._reader.appointments, lambda: line.at)
        self._records = Records(line, terms.guide)
        patients = Patients(line, terms.nam_system)
        self._writer = Writer(self._slots, self._records, terms, tools.clock, patients.actor, pause)

    # ---- Emr

    def slots(self, window: Window) -> Reading:
        """Read the whole window."""
        as_of = self._tools.clock.now().utc
        pulled = self._reader.pull(window)
        free, found = agenda.slots(pulled, self._terms, window)
        return Reading(window, as_of, free, pulled.whole, (*found, *self._sample.findings))

    def check(self) -> Iterable[Finding]:
        """Read the server's own statement, the stored profile and two weeks; change nothing."""
        return findings(self._line, self._terms, self._tools.store, self.unproven(), self.slots)

    def close(self) -> None:
        """Cut the line; any thread, any number of times."""
        self._line.close()

    # ---- Agenda and Names

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return the clinic's own day, without any patient."""
        pulled = self._reader.pull(window)
        return sorted(agenda.rows(pulled, self._terms, window), key=lambda row: (row.start, row.practitioner.key))

    def names(self, window: Window) -> Iterable[Named]:
        """Return types, people and places with their free slots in the window."""
        pulled = self._reader.pull(window)
        free, _ = agenda.slots(pulled, self._terms, window)
        labels = {whose.who.key: whose.who.label for whose in pulled.schedules.values()}
        keys = {slot.id: pulled.schedules.get(slot.schedule.key) for slot in pulled.slots}
        places = Counter(place for slot in free if (whose := keys.get(str(slot.key))) for place in whose.places)
        types, people = Counter(slot.type for slot in free), Counter(slot.practitioner.key for slot in free)
        words = {agenda.word(slot, self._terms) for slot in pulled.slots}
        sites = {place for whose in pulled.schedules.values() for place in whose.places}
        return [
            *(Named("type", code, "", types[code]) for code in sorted(words)),
            *(Named("practitioner", code, labels[code], people[code]) for code in sorted(labels)),
            *(Named("site", code, "", places[code]) for code in sorted(sites)),
        ]

    # ---- Books

    @property
    def rules(self) -> WriteRules:
        """Return what the stored profile of this server can carry; the most careful rules while it was never tried."""
        profile = self._profile()
        return profile.rules if profile is not None else BLURRED

    def write(self, write: Write) -> Effect:
        """Apply one booking; see Writer. Raises Misconfigured while this server was never tried."""
        profile = tried(load(self._tools.store), self.unproven())
        with self._line.within(LONGEST):
            return self._writer.write(write, profile)

    def find(self, booking: BookingId) -> Effect | None:
        """Say what the server remembers; a Slot we made busy before its Appointment is a write that was cut off."""
        own = self._records.find(booking, self._profile())
        version = own.applied.version if own is not None else 0
        for cell in self._slots.claimed(booking):
            if cell.version > version and cell.status == "busy" and cell.place is not None:
                return Effect(booking, cell.version, Outcome.BOOKED, None, cell.place.slot, pending=True)
        return None if own is None else answer(own)

    def ours(self, window: Window) -> Iterable[Effect]:
        """List our appointments that start in the window as they stand, and those we put there and staff moved."""
        found = self._records.ours([("date", f"ge{_instant(window.start)}"), ("date", f"lt{_instant(window.end)}")])
        for own in self._single(found):
            places = (place for place in (own.now, own.applied.place) if place is not None)
            if not own.is_closed and any(agenda.within(window, place.start) for place in places):
                yield stands(own)

    def _single(self, found: list[Record]) -> Iterator[Record]:
        """Yield one record a booking; doubles are struck first."""
        for booking in dict.fromkeys(own.booking for own in found):
            same = [own for own in found if own.booking == booking]
            one = same[0] if len(same) == 1 else self._records.find(booking, self._profile())
            if one is not None:
                yield one

    # ---- Holds

    def hold(self, booking: BookingId, slot: Slot, until: datetime) -> bool:
        """Show a hold as `busy-tentative`; False = the Slot is not free, or somebody was faster."""
        tried(load(self._tools.store), self.unproven())
        cell = self._slots.get(slot.key)
        if cell is None or cell.status != "free":
            return False
        return self._slots.put(cell, self._slots.marked(cell, booking, hold_word(until), "busy-tentative")) is not None

    def drop(self, booking: BookingId) -> None:
        """Take the mark of a hold away; a booking's own Slot stays as it is."""
        for cell in self._slots.claimed(booking):
            if cell.status == "busy-tentative":
                self._slots.release(cell, booking)

    # ---- Hints

    def changed(self, since: str | None) -> tuple[bool, str]:
        """Ask whether anything is newer; deletes are invisible to it, so it only makes a read earlier."""
        last = moment(since) if since else None
        try:
            newer = last is None or self._reader.changed(last - OVERLAP)
        except CreneauError as lost:
            raise Transient(READING, say("the FHIR server's answer was lost")) from lost
        return newer, self._line.at.astimezone(UTC).isoformat()

    def _profile(self) -> Profile | None:
        """Return what was seen of this very server, None while it was never tried."""
        profile = load(self._tools.store)
        return profile if profile is not None and profile.fingerprint == self.unproven() else None

    # ---- Proves

    def unproven(self) -> str:
        """Return the fingerprint of what a trial covers: address, guide, recipe."""
        return fingerprint(self._line.base, self._terms.guide)

    def prove(self, scratch: str, shared: Collection[str] = ()) -> Iterator[Proved]:
        """Try every behaviour on an empty schedule and keep the profile. Raises Refused when it may not be used."""
        whose = self._reader.whose
        profile = yield from trial(self._line, self._terms, scratch, self.unproven(), self._tools, whose, shared)
        keep(self._tools.store, profile)


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
