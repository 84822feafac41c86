"""Book, move and cancel by request (SRM), and find out what became of one (SQM, notices).

Rule: a booking is called made on the EMR's own word for our number; after it, look again and give way to a person.
"""

import hashlib
from collections.abc import Callable, Iterable
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
from adapters.hl7v2.requests import Ask, enquiry, request
from adapters.hl7v2.sender import Sender
from adapters.hl7v2.settings import Asking, Settings
from agent.core.booking import Code, Effect, Op, Outcome, Write
from agent.core.errors import Ambiguous, CreneauError, Refused, Transient
from agent.core.message import say
from agent.core.model import BookingId, EmrName, EmrRef, Finding, Severity, SiteId, Slot, SlotKey, Window
from agent.ports import Tools

UNKNOWN_KEY = "204"
"""Table 0357: the EMR has nothing by that number."""


class Hl7Booker(Hl7Emr):
    """A source that also takes requests. `pause` lets a test step in between the EMR's answer and our last look."""

    def __init__(
        self,
        name: EmrName,
        settings: Settings,
        asking: Asking,
        tools: Tools,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Connect nothing yet."""
        super().__init__(name, settings, tools)
        self.rules = asking.rules()
        self._asking = asking
        self._sender = Sender(asking.to)
        self._envelope = Envelope(str(name), asking.application, asking.facility, settings.label)
        self._pause = pause

    def write(self, write: Write) -> Effect:
        """Look, ask, take the answer in, look again, give way. Raises what a request may end in."""
        asked, record = self._look(write.booking)
        if asked.version >= write.version and (asked.cancelled or record is not None):
            found = self._effect(asked, record)
            cut_off = found.pending and not found.theirs and write.slot is not None
            return self._verify(write, asked, record) if cut_off else found
        if write.op is Op.CANCEL or write.slot is None:
            return self._cancel(write, asked, record)
        if record is not None and record.is_standing:
            found = self._effect(asked, record)
            if found.theirs:
                return found
            if found.slot == write.slot.key:
                return self._settle(replace(asked, version=write.version, key=write.slot.key), write.slot)
            if not self.rules.moves:
                raise Refused(
                    DOING, say("ours stands at another time, and this EMR moves none"), reason=Code.MOVE.value
                )
        return self._book(write, asked, record if record is not None and record.is_standing else None)

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
            if record is None or asked.cancelled:
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

    # ---- steps

    def _book(self, write: Write, asked: Asked, had: Record | None) -> Effect:
        slot = write.slot
        if slot is None:
            raise ValueError(write.op)
        if self._others(slot, asked, had) or self._is_doubtful(slot, asked):
            return self._conflict(write, asked, had)
        op = Op.MOVE if had is not None else Op.BOOK
        asked, answer = self._ask(write, replace(asked, cancelled=False), op, slot, had)
        made = replies.made(answer, slot, write.booking, self._now())
        asked = replace(asked.at(slot), version=write.version, filler=made.filler, verified=False)
        with self._schedule.open(self._now()) as mirror:
            self._schedule.learn(mirror, made, {asked.note: asked.dump()})
        self._pause()
        return self._verify(write, asked, had)

    def _verify(self, write: Write, asked: Asked, had: Record | None) -> Effect:
        """Look again after the EMR's answer, now or when a cut-off write is asked again; keep it or give way."""
        slot = write.slot
        if slot is None:
            raise ValueError(write.op)
        if not self._others(slot, asked, None):
            return self._settle(replace(asked, verified=True), slot)
        return self._give_way(write, asked, had if write.op is Op.MOVE else None)

    def _give_way(self, write: Write, asked: Asked, had: Record | None) -> Effect:
        """Undo ours: a person has the time. A move goes back to where it was. Raises Ambiguous when that fails."""
        back = write.had_slot if had is not None else None
        if had is not None and back is None:
            raise Ambiguous(DOING, say("somebody else has the new time, and the old one was given up"))
        if back is not None and (self._others(back, asked, None) or self._is_doubtful(back, asked)):
            raise Ambiguous(DOING, say("somebody else has the new time, and by now the old one too"))
        record = self._look(write.booking, fresh=False)[1]
        try:
            asked, answer = self._ask(write, asked, Op.MOVE if back else Op.CANCEL, back, record, word="undo")
        except (Transient, Refused) as no:
            raise Ambiguous(DOING, say("somebody else has the time, and ours could not be undone")) from no
        if back is None:
            self._gone(replace(asked, version=write.version, cancelled=True, verified=True), answer)
            return Effect(write.booking, write.version, Outcome.CONFLICT)
        asked = replace(asked.at(back), version=write.version, verified=True)
        with self._schedule.open(self._now()) as mirror:
            made = replies.made(answer, back, write.booking, self._now())
            stands = self._schedule.learn(mirror, made, {asked.note: asked.dump()})
        return Effect(write.booking, write.version, Outcome.CONFLICT, _ref(stands), back.key)

    def _cancel(self, write: Write, asked: Asked, record: Record | None) -> Effect:
        if record is None:
            self._keep(replace(asked, version=write.version, cancelled=True))
            return Effect(write.booking, write.version, Outcome.CANCELLED)
        found = self._effect(asked, record)
        if not record.is_standing or record.arrived:
            return replace(found, version=write.version) if found.theirs else found
        asked, answer = self._ask(write, asked, Op.CANCEL, None, record)
        self._gone(replace(asked, version=write.version, cancelled=True, verified=True), answer)
        return Effect(write.booking, write.version, Outcome.CANCELLED)

    def _conflict(self, write: Write, asked: Asked, had: Record | None) -> Effect:
        if had is not None:
            self._keep(replace(asked, version=write.version))
        ref, key = (_ref(had), SlotKey(asked.key)) if had is not None else (None, None)
        return Effect(write.booking, write.version, Outcome.CONFLICT, ref, key)

    def _ask(
        self, write: Write, asked: Asked, op: Op, slot: Slot | None, record: Record | None, word: str = ""
    ) -> tuple[Asked, bytes]:
        """Make the attempt durable, then send it; the same version is sent again with the same number and time."""
        again = asked.trying == write.version and asked.sent
        sent = datetime.fromisoformat(asked.sent) if again else self._now()
        asked = replace(asked, trying=write.version, sent=sent.isoformat())
        self._keep(asked)
        filler = record.filler if record is not None else ""
        ask = Ask(write.booking, write.version, op, slot, filler, write.patient, sent, word)
        body = request(ask, self._envelope)
        return asked, self._sender.exchange(body)[1]

    def _settle(self, asked: Asked, slot: Slot) -> Effect:
        asked = replace(asked.at(slot), verified=True, cancelled=False)
        self._keep(asked)
        return self._effect(asked, self._look(asked.id, fresh=False)[1])

    def _gone(self, asked: Asked, answer: bytes) -> None:
        """Take the appointment out of the mirror on the EMR's word, before its notice comes."""
        now = self._now()
        at = replies.said_at(answer, self._settings.sites[0].zone, now)
        with self._schedule.open(now) as mirror:
            record = self._record(mirror, asked)
            gone = None if record is None else replace(record, state=Kind.GONE, sent=max(at, record.sent))
            if gone is not None:
                mirror.records[gone.key] = gone
            notes = {asked.note: asked.dump()} | ({gone.key: gone.dump()} if gone is not None else {})
            self._schedule.keep(notes)

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
        ref, key = _ref(record), self._key(record, asked)
        if not record.is_standing:
            return Effect(booking, asked.version, Outcome.CANCELLED_BY_CLINIC, ref, key, theirs=True)
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


def _ref(record: Record) -> EmrRef:
    """Return the EMR's number as our reference: ASCII, at most 80 characters, "" = it has none we can keep."""
    text = record.filler or record.placer
    return EmrRef(text if text.isascii() and len(text) <= 80 else hashlib.sha256(text.encode()).hexdigest())
