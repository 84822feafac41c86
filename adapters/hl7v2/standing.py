"""What became of what we asked for: our notes beside what the EMR's notices and answers show.

Rule: what is seen is told as it is: ours, staff's, gone; what an unanswered request of ours did is ours.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.agenda import Mirror, Opening, Record
from adapters.agenda.free import overlapping
from adapters.agenda.openings import within
from adapters.er7 import Kind
from adapters.hl7v2 import replies
from adapters.hl7v2.ack import FINAL, GOOD
from adapters.hl7v2.asked import PREFIX, Asked, load
from adapters.hl7v2.build import DOING, Envelope
from adapters.hl7v2.doubt import Held, doubtful
from adapters.hl7v2.emr import Hl7Emr
from adapters.hl7v2.requests import enquiry
from adapters.hl7v2.sender import Sender
from adapters.hl7v2.settings import Asking, Settings
from agent.core.booking import Effect, Outcome
from agent.core.errors import CreneauError, Transient
from agent.core.message import say
from agent.core.model import BookingId, EmrName, EmrRef, Finding, Severity, SiteId, Slot, SlotKey, Window
from agent.ports import Tools

UNKNOWN_KEY = "204"
"""Table 0357: the EMR has nothing by that number."""


class Hl7Standing(Hl7Emr):
    """A source that knows what it asked for."""

    def __init__(self, name: EmrName, settings: Settings, asking: Asking, tools: Tools) -> None:
        """Connect nothing yet."""
        super().__init__(name, settings, tools)
        self._asking = asking
        self._sender = Sender(asking.to)
        self._envelope = Envelope(str(name), asking.application, asking.facility, settings.label)

    def find(self, booking: BookingId) -> Effect | None:
        """Say what the EMR shows for our number; None = no trace of it."""
        asked, record = self._look(booking)
        if record is None:
            return Effect(booking, asked.version, Outcome.CANCELLED) if asked.cancelled else None
        return self._effect(asked, record)

    def ours(self, window: Window) -> Iterable[Effect]:
        """List appointments of ours that stand in the window or that we put there."""
        with self._schedule.open(self._now()) as mirror:
            pairs = [(asked, self._record(mirror, asked)) for asked in self._memory()]
        found = []
        for asked, record in pairs:
            if record is None or asked.cancelled or (asked.leaving and not record.is_standing):
                continue
            starts = [record.start, datetime.fromisoformat(asked.start) if asked.start else None]
            if any(start is not None and within(window, start) for start in starts):
                found.append(self._effect(asked, record))
        return found

    def check(self) -> Iterable[Finding]:
        """Say also whether the EMR can be reached for requests; nothing is asked of it."""
        yield from super().check()
        try:
            self._sender.reach()
        except CreneauError as fault:
            yield Finding("hl7.no-requests", Severity.WARN, fault.what, fault.hint)
        else:
            yield Finding("hl7.requests", Severity.OK, say("the EMR can be reached for requests"))

    def close(self) -> None:
        """End a request under way too; any thread."""
        super().close()
        self._sender.close()

    # ---- looking

    def _look(self, booking: BookingId, *, fresh: bool = True) -> tuple[Asked, Record | None]:
        """Return what we remember and what the EMR shows, asked anew where it answers enquiries."""
        with self._schedule.open(self._now()) as mirror:
            asked = self._recall(booking)
            record = self._record(mirror, asked)
        if fresh and self._asking.enquiry == "sqm":
            if not self._enquire(booking, record):
                return asked, record if record is not None and not record.is_standing else None
            with self._schedule.open(self._now()) as mirror:
                record = self._record(mirror, asked)
        if asked.leaving and record is not None and not record.is_standing:
            return self._left(asked, record)
        return asked, record

    def _left(self, asked: Asked, record: Record) -> tuple[Asked, Record | None]:
        """Take what is gone for what an unanswered request of ours did: nobody need be told of it as staff's act."""
        if asked.leaving == "undo":  # the write it belongs to is still to be answered
            return asked.answered(), None
        asked = replace(asked.answered(), version=asked.trying, cancelled=True, verified=True)
        self._keep(asked)
        return asked, record

    def _enquire(self, booking: BookingId, record: Record | None) -> bool:
        """Ask the EMR about our number and take in what it shows; say whether it shows it.

        Raises Transient when it does not answer: an enquiry changes nothing.
        """
        now, filler = self._now(), record.filler if record is not None else ""
        body = enquiry(booking, filler, now, self._tools.dice.token(), self._envelope)
        ack, answer = self._sender.ask(body)
        if ack.word in FINAL and ack.code == UNKNOWN_KEY:
            return False
        if ack.word not in GOOD:
            raise Transient(DOING, say("the EMR does not answer the enquiry ({code})", code=ack.code or ack.word))
        changes = replies.shown(answer, booking, filler, self._settings.terms, now)
        for change in changes:
            with self._schedule.open(now) as mirror:
                self._schedule.learn(mirror, change, {})
        return bool(changes)

    def _others(self, slot: Slot, asked: Asked, had: Record | None) -> list[Record]:
        """Return what stands over a slot and is not this booking's own."""
        opening = Opening(slot.site, slot.practitioner.key, slot.start, slot.end, slot.type)
        with self._schedule.open(self._now()) as mirror:
            own = {record.key for record in (self._record(mirror, asked), had) if record is not None}
            window = Window(slot.start, slot.end)
            known = [*self._openings(window), opening]
            over = overlapping(opening, mirror.records.values(), known, self._settings.sites)
        return [record for record in over if record.is_standing and record.key not in own]

    def _is_doubtful(self, slot: Slot, asked: Asked) -> bool:
        """Say whether a message we did not understand may speak of a slot, but for one about this very booking.

        Nothing is begun there; what the EMR accepted is not given up for a doubt.
        """
        opening = Opening(slot.site, slot.practitioner.key, slot.start, slot.end, slot.type)
        window = Window(slot.start, slot.end)
        with self._schedule.open(self._now()):
            others = [each for each in self._schedule.doubts(self._now()) if not _is_of(each, asked)]
            known = [*self._openings(window), opening]
        return bool(overlapping(opening, doubtful(others, window), known, self._settings.sites))

    def _record(self, mirror: Mirror, asked: Asked) -> Record | None:
        """Return the newest record that carries our number, or the EMR's number for it."""
        found = mirror.by_placer(asked.booking)
        if found is not None and asked.filler and found.filler != asked.filler and not found.is_standing:
            found = None
        if found is None and asked.filler:
            found = next((each for each in mirror.records.values() if each.filler == asked.filler), None)
        return found

    def _recall(self, booking: BookingId) -> Asked:
        name = Asked(booking).note
        note = self._schedule.notes(name).get(name)
        return load(note) if note else Asked(booking)

    def _memory(self) -> list[Asked]:
        return [load(note) for note in self._schedule.notes(PREFIX).values()]

    def _ours(self) -> frozenset[str]:
        with self._schedule.open(self._now()) as mirror:
            found = (self._record(mirror, asked) for asked in self._memory())
            return frozenset(record.key for record in found if record is not None)

    def _keep(self, asked: Asked) -> None:
        with self._schedule.open(self._now()):
            self._schedule.keep({asked.note: asked.dump()})

    def _effect(self, asked: Asked, record: Record | None) -> Effect:
        """Say how it stands: ours, theirs, or gone."""
        booking = asked.id
        if record is None or (asked.cancelled and not record.is_standing):
            outcome = Outcome.CANCELLED if asked.cancelled else Outcome.CHECKING
            return Effect(booking, asked.version, outcome)
        ref, key = ref_of(record), self._key(record, asked)
        if not record.is_standing:
            return Effect(booking, asked.version, Outcome.CANCELLED_BY_CLINIC, ref, key, theirs=True)
        if (
            asked.aim == key
            and not record.arrived
            and record.state is not Kind.NO_SHOW
            and asked.trying > asked.version
        ):
            return Effect(booking, asked.trying, Outcome.BOOKED, ref, key, pending=True)
        moved = bool(asked.start) and key != asked.key
        if record.arrived or record.state is Kind.NO_SHOW or moved:
            return Effect(booking, asked.version, Outcome.CHANGED, ref, key, theirs=True)
        return Effect(booking, asked.version, Outcome.BOOKED, ref, key, pending=not asked.verified)

    def _key(self, record: Record, asked: Asked) -> SlotKey | None:
        """Return the name of the slot a record stands in, with the person it names."""
        if record.start is None or record.end is None:
            return None
        sites = self._settings.sites
        by_code = next((site for site in sites if site.emr_code == record.site), None)
        site = by_code or next((site for site in sites if site.id == asked.site), sites[0])
        who = asked.who if asked.who in record.people else next(iter(record.people), asked.who)
        zone = ZoneInfo(site.zone)
        return Opening(SiteId(site.id), who, record.start.astimezone(zone), record.end.astimezone(zone), "").key


def _is_of(doubt: Held, asked: Asked) -> bool:
    """Say whether a message we did not understand names this booking, by our number or the EMR's."""
    ours = doubt.placer.partition("^")[0] == asked.booking
    return ours or bool(asked.filler and doubt.filler == asked.filler)


def ref_of(record: Record) -> EmrRef:
    """Return the EMR's number as our reference: ASCII, at most 80 characters, "" = it has none we can keep."""
    text = record.filler or record.placer
    return EmrRef(text if text.isascii() and len(text) <= 80 else hashlib.sha256(text.encode()).hexdigest())
