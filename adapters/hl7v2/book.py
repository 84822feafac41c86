"""Book, move and cancel by request (SRM).

Rule: a booking is called made on the EMR's own word for our number; after it, look again and give way to a person.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from adapters.agenda import Record
from adapters.er7 import Kind
from adapters.hl7v2 import replies
from adapters.hl7v2.asked import Asked
from adapters.hl7v2.build import DOING
from adapters.hl7v2.requests import Ask, request
from adapters.hl7v2.settings import Asking, Settings
from adapters.hl7v2.standing import Hl7Standing, ref_of
from agent.core.booking import Code, Effect, Op, Outcome, Write
from agent.core.errors import Ambiguous, Refused, Transient
from agent.core.message import say
from agent.core.model import EmrName, Slot, SlotKey
from agent.ports import Tools


class Hl7Booker(Hl7Standing):
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
        super().__init__(name, settings, asking, tools)
        self.rules = asking.rules()
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
                unanswered = asked.trying == write.version > asked.version
                asked = replace(asked, version=write.version, key=write.slot.key)
                return self._verify(write, asked, None) if unanswered else self._settle(asked, write.slot)
            if not self.rules.moves:
                raise Refused(
                    DOING, say("ours stands at another time, and this EMR moves none"), reason=Code.MOVE.value
                )
        return self._book(write, asked, record if record is not None and record.is_standing else None)

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
        asked = replace(asked.at(slot), version=write.version, filler=made.filler, verified=False).answered()
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
        asked = replace(asked.at(back), version=write.version, verified=True).answered()
        with self._schedule.open(self._now()) as mirror:
            made = replies.made(answer, back, write.booking, self._now())
            stands = self._schedule.learn(mirror, made, {asked.note: asked.dump()})
        return Effect(write.booking, write.version, Outcome.CONFLICT, ref_of(stands), back.key)

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
        ref, key = (ref_of(had), SlotKey(asked.key)) if had is not None else (None, None)
        return Effect(write.booking, write.version, Outcome.CONFLICT, ref, key)

    def _ask(
        self, write: Write, asked: Asked, op: Op, slot: Slot | None, record: Record | None, word: str = ""
    ) -> tuple[Asked, bytes]:
        """Make the attempt durable, then send it; the same version is sent again with the same number and time."""
        again = asked.trying == write.version and asked.sent
        sent = datetime.fromisoformat(asked.sent) if again else self._now()
        aim, leaving = (str(slot.key), "") if slot is not None else ("", word or "cancel")
        asked = replace(asked, trying=write.version, sent=sent.isoformat(), aim=aim, leaving=leaving)
        self._keep(asked)
        filler = record.filler if record is not None else ""
        ask = Ask(write.booking, write.version, op, slot, filler, write.patient, sent, word)
        body = request(ask, self._envelope)
        return asked, self._sender.exchange(body)[1]

    def _settle(self, asked: Asked, slot: Slot) -> Effect:
        asked = replace(asked.at(slot), verified=True, cancelled=False).answered()
        self._keep(asked)
        return self._effect(asked, self._look(asked.id, fresh=False)[1])

    def _gone(self, asked: Asked, answer: bytes) -> None:
        """Take the appointment out of the mirror on the EMR's word, before its notice comes."""
        asked, now = asked.answered(), self._now()
        at = replies.said_at(answer, self._settings.sites[0].zone, now)
        with self._schedule.open(now) as mirror:
            record = self._record(mirror, asked)
            gone = None if record is None else replace(record, state=Kind.GONE, sent=max(at, record.sent))
            if gone is not None:
                mirror.records[gone.key] = gone
            notes = {asked.note: asked.dump()} | ({gone.key: gone.dump()} if gone is not None else {})
            self._schedule.keep(notes)
