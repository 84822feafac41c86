"""Ask the EMR for all appointments of its resources: SQM^S25, answered by SQR^S25 (HL7 v2.5.1 10.5, 5.10.5.3).

Rule: an answer counts when it is to this very question, says that it found, and its pages are all there.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.er7 import Change, Message, Segment, Terms, Unread, listed, scan
from adapters.hl7v2.ack import FINAL, GOOD
from adapters.hl7v2.build import OURS, Envelope, begun, finished, local, safe, utc
from adapters.hl7v2.intake import ended
from adapters.hl7v2.sender import Sender
from adapters.hl7v2.whole import DOING, Whole, together, unread
from agent.core.errors import Refused, Transient
from agent.core.message import say
from agent.core.model import Window

PAGE = 200
"""Appointments asked for at once; the EMR may give fewer a page, or more."""
PAGES = 200
"""More of one resource is an answer without end."""
FOUND, NONE = "OK", "NF"
"""Table 0208: what a query found. The rest says that it did not look."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One question. `salt`: no two are alike; `page`: where the last answer broke off, "" = from the beginning."""

    who: str
    window: Window
    sent: datetime
    salt: str
    page: str = ""

    @property
    def tag(self) -> str:
        """Return QRD-4: the same for every page; 10 characters."""
        return _digest(f"{self.salt}|{self.who}")[:10]

    @property
    def number(self) -> str:
        """Return MSH-10: another one for each page; 20 characters."""
        return _digest(f"{self.salt}|{self.who}|{self.page}")[:20]


def question(ask: Asking, to: Envelope) -> bytes:
    """Return an SQM^S25 for the booked and blocked times of one resource. Raises Misconfigured.

    The resource stands in QRD-8 and AIP-3, the window in QRF-2 and 3, ARQ-11 and AIP-6: EMRs read the one or the other.
    """
    start, end = local(ask.window.start), local(ask.window.end)
    message = begun("SQM^S25^SQM_S25", "SQM_S25", ask.number, ask.sent, to)
    qrd = message.add_segment("QRD")
    qrd.qrd_1, qrd.qrd_2, qrd.qrd_3, qrd.qrd_4 = utc(ask.sent), "R", "I", ask.tag
    qrd.qrd_7, qrd.qrd_8, qrd.qrd_10 = f"{PAGE}^RD", safe(ask.who), OURS
    for what in ("SBK", "SBL"):  # table 0048: booked and blocked slots
        qrd.add_field("QRD_9").value = what
    qrf = message.add_segment("QRF")
    qrf.qrf_1, qrf.qrf_2, qrf.qrf_3 = OURS, start, end
    group = message.add_group("SQM_S25_REQUEST")
    arq = group.add_segment("ARQ")
    arq.arq_1, arq.arq_11 = f"{ask.tag}^{OURS}", f"{start}^{end}"
    arq.arq_15 = arq.arq_19 = OURS
    resources = group.add_group("SQM_S25_RESOURCES")
    resources.add_segment("RGS").rgs_1 = "1"
    aip = resources.add_group("SQM_S25_PERSONNEL_RESOURCE").add_segment("AIP")
    aip.aip_1, aip.aip_3, aip.aip_6 = "1", safe(ask.who), start
    if ask.page:
        dsc = message.add_segment("DSC")
        dsc.dsc_1, dsc.dsc_2 = safe(ask.page), "I"
    return finished(message)


def shown(sender: Sender, whom: Iterable[str], first: Asking, terms: Terms, to: Envelope) -> Whole:
    """Ask for one resource after the other. Raises Transient when an answer is not whole, Refused when the EMR will not."""
    whom = frozenset(whom)
    found = [
        change for who in sorted(whom) for change in _of(sender, replace(first, who=who), terms, to)
    ]  # the second is asked once the first is whole
    return Whole(together(found), first.window, whom, first.sent)


def _of(sender: Sender, ask: Asking, terms: Terms, to: Envelope) -> Iterator[Change]:
    pages: dict[str, int] = {}
    due = None
    while ask.page not in pages and len(pages) < PAGES:
        answer = _answer(sender, ask, to)
        try:
            changes = listed(answer, terms, ask.sent)
        except Unread as no:
            raise unread(say("a message in it cannot be read ({place})", place=no.place)) from no
        pages[ask.page] = len(changes)
        yield from (each if each.people or each.places else replace(each, people=(ask.who,)) for each in changes)
        due = _hits(answer, 4) if due is None else due
        dsc = answer.first("DSC")
        if dsc is None or not dsc.text(1):
            if (due is not None and due != sum(pages.values())) or _hits(answer, 6):
                raise unread(say("the answer breaks off: less is there than it says"))
            return
        if dsc.text(2).upper() == "F":
            raise unread(say("the answer is in fragments, which this agent does not put together"))
        ask = replace(ask, page=dsc.text(1))
    raise unread(say("the answer has no end"))


def _answer(sender: Sender, ask: Asking, to: Envelope) -> Message:
    """Return the page that was asked for; any other is as good as none."""
    ack, body = sender.ask(question(ask, to))
    if ack.word in FINAL:
        raise Refused(DOING, say("the EMR refuses to show its agenda ({code})", code=ack.code or ack.word))
    if ack.word not in GOOD:
        raise Transient(DOING, say("the EMR does not answer the enquiry ({code})", code=ack.code or ack.word))
    try:
        answer = scan(ended(body))
    except Unread as no:
        raise unread(say("a message in it cannot be read ({place})", place=no.place)) from no
    qak, some = answer.first("QAK"), answer.first("SCH") is not None
    if qak is None or qak.text(1) != ask.tag or not _is_of(answer.first("QRD"), ask):
        raise unread(say("the answer is to another question"))
    word = qak.text(2).upper()
    if word not in (FOUND, NONE) or (word == NONE) is some:
        raise unread(say("the EMR did not look everything up ({code})", code=word[:2] or "?"))
    return answer


def _is_of(qrd: Segment | None, ask: Asking) -> bool:
    return qrd is None or qrd.text(4) in ("", ask.tag)


def _hits(answer: Message, field: int) -> int | None:
    """Return QAK-4, the hits in all, or QAK-6, those that remain; None where it is not said (before v2.4)."""
    qak = answer.first("QAK")
    text = qak.text(field) if qak is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest().upper()
