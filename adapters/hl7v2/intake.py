"""Take one message in: judge it, store it, and only then have an answer.

Rule: nothing is called accepted before the commit that holds it; one number with other bytes is an alarm.
"""

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.er7 import Change, Segment, Terms, Unread, read
from adapters.er7.faults import DUPLICATE, INTERNAL, MISSING
from adapters.hl7v2.ack import Verdict, answers, refusal
from adapters.hl7v2.mllp import frame
from agent.core.errors import CreneauError
from agent.core.message import say
from agent.ports import Clock, Dice, Kept, RawMessage, RawStore

log = logging.getLogger("creneau.hl7")

CLASH = "clash:"
"""Before the number a message is kept under that has the number of another."""


@dataclass
class Intake:
    """What stands between a connection and the journal; any thread.

    `unreadable`: what a sender hears of a message no repetition will mend: "AE", "AR" or "AA".
    """

    raw: RawStore
    terms: Terms
    clock: Clock
    dice: Dice
    unreadable: str = "AE"

    def take(self, body: bytes) -> bytes:
        """Store one message and return the frames to send back, perhaps none; after the commit, never before."""
        now = self.clock.now().utc
        msh = refusal(body)
        verdict, is_read = self._judge(body, msh, now)
        reply = self._reply(msh, verdict)
        message = RawMessage(peer(msh), control_id(msh, body), body, "", now)
        try:
            taken = self.raw.keep(message, reply)
            if taken.kept is Kept.CLASH:
                return self._clash(msh, message)
            if taken.kept is Kept.REPEAT and is_read and self.raw.revive([taken.id], reply):
                log.info("hl7.read_after_all event=%s", _word(msh.text(9, 2)))
                return reply
        except CreneauError as fault:
            log.warning("hl7.not_stored kind=%s", type(fault).__name__)
            return self._reply(msh, Verdict(INTERNAL, "MSH-10"))
        return taken.answer

    def _clash(self, msh: Segment, message: RawMessage) -> bytes:
        """Refuse a number used twice; what it says is kept all the same: it may take a time we offer."""
        log.error("hl7.number_used_twice event=%s", _word(msh.text(9, 2)))
        reply = self._reply(msh, Verdict(DUPLICATE, "MSH-10", is_final=True))
        name = f"{CLASH}{hashlib.sha256(message.body).hexdigest()[:16]}:{message.control_id}"
        return self.raw.keep(replace(message, control_id=name), reply).answer or reply

    def _judge(self, body: bytes, msh: Segment, now: datetime) -> tuple[Verdict, bool]:
        """Return what to answer, and whether it was understood, whatever the answer."""
        try:
            change = _read(body, msh, self.terms, now)
        except Unread as no:
            log.warning("hl7.unread event=%s code=%d place=%s", _word(msh.text(9, 2)), no.code, no.place)
            if self.unreadable == "AA" and not no.is_final:
                return Verdict(), False
            return Verdict(no.code, no.place, is_final=no.is_final or self.unreadable == "AR"), False
        for odd in change.odd:
            log.info("hl7.odd event=%s what=%s", change.event, odd.value)
        return Verdict(), True

    def _reply(self, msh: Segment, verdict: Verdict) -> bytes:
        due = answers(msh, verdict, self.dice.token()[:19], self.clock.now().utc)
        return b"".join(frame(each) for each in due)


def _read(body: bytes, msh: Segment, terms: Terms, now: datetime) -> Change:
    if not msh.text(10):
        raise Unread(MISSING, "MSH-10", say("the message has no number"))
    return read(ended(body), terms, now)


def ended(body: bytes) -> bytes:
    """Return a message that came in a whole frame with its last segment ended: the frame's end says it is."""
    return body.rstrip(b"\r\n") + b"\r"


def peer(msh: Segment) -> str:
    """Return who sent it: application and facility, as they stand."""
    return f"{msh.raw(3)}^{msh.raw(4)}"[:200]


def control_id(msh: Segment, body: bytes) -> str:
    """Return MSH-10, or a name made of the bytes where there is none: it is stored all the same."""
    return msh.text(10) or "sha256:" + hashlib.sha256(body).hexdigest()


def _word(text: str) -> str:
    """Return what may stand in a log line of a field a peer filled: three letters or digits, else nothing."""
    return text if len(text) == 3 and text.isalnum() and text.isascii() else "?"
