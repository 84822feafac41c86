"""Read what the EMR answers to a request (SRR^S01 to S04) or an enquiry (SQR^S25).

Rule: the EMR's word is for our number or it is nobody's; "pending" is no appointment.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from adapters.er7 import Change, Kind, Terms, Unread, listed, scan
from adapters.er7.reader import WAITS, Action, identity
from adapters.er7.times import sent_at
from adapters.er7.timing import Timing
from adapters.hl7v2.build import DOING, OURS
from agent.core.errors import Ambiguous
from agent.core.message import say
from agent.core.model import BookingId, Slot


def made(answer: bytes, slot: Slot, booking: BookingId, now: datetime) -> Change:
    """Return the appointment an accepted request stands for: where we asked for it, under the EMR's own number.

    Raises Ambiguous when the EMR has not decided, or says that it stands elsewhere.
    """
    message = scan(answer)
    sch = message.first("SCH")
    if sch is not None and sch.text(25).casefold() in WAITS:
        raise Ambiguous(DOING, say("the EMR took the request and has not decided"))
    zone = slot.start.tzinfo
    return Change(
        kind=Kind.BUSY,
        event="S12",
        filler=identity(sch, 2) if sch is not None else "",
        placer=f"{booking}^{OURS}",
        facility=message.msh.text(4),
        sent=sent_at(message.msh.text(7), zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC"), now),
        timing=Timing(slot.start, slot.end, "ARQ-11", "ARQ-11", repeated=False),
        people=(slot.practitioner.key,),
        places=(),
        action=Action.STATE,
        site="",
        arrived=False,
        odd=(),
    )


def said_at(answer: bytes, zone: str, now: datetime) -> datetime:
    """Return when the EMR said it, by its own clock: the order among its messages."""
    return sent_at(scan(answer).msh.text(7), ZoneInfo(zone), now).astimezone(UTC)


def shown(answer: bytes, booking: BookingId, filler: str, terms: Terms, now: datetime) -> tuple[Change, ...]:
    """Return what an enquiry's answer shows for our number, or for the EMR's number of it; what is unread is absent."""
    try:
        changes = listed(scan(answer), terms, now)
    except Unread:
        return ()
    return tuple(
        each for each in changes if each.placer.partition("^")[0] == booking or (filler and each.filler == filler)
    )
