"""Understand a scheduling message (SIU S12 to S26, HL7 v2.5.1 chapter 10): what it does to which appointment.

Rule: the event decides, never a status word; a time is read from the fields made for one, or the message is refused.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from adapters.er7.faults import EVENT, MISSING, SEGMENT, TYPE, Unread
from adapters.er7.scan import Message, Segment, scan
from adapters.er7.times import sent_at
from adapters.er7.timing import ROWS, Asked, Timing, timing
from agent.core.message import say
from agent.ports import SitePart


class Kind(StrEnum):
    """What a message makes of an appointment. A no-show keeps its time: nobody else was given it."""

    BUSY = "busy"
    GONE = "gone"
    BLOCK = "block"
    OPEN = "open"
    NO_SHOW = "no-show"


class Action(StrEnum):
    """What it does to the resources: states them all, adds some, takes some away."""

    STATE = "state"
    ADD = "add"
    TAKE = "take"


class Odd(StrEnum):
    """What was met and is no reason to refuse."""

    STATUS = "status-contradicts"
    WORD = "status-unknown"
    ACTION = "action-unknown"
    TWICE = "time-twice"
    NOBODY = "no-resource"
    GLUED = "segment-glued"


EVENTS = {
    **dict.fromkeys(("S12", "S13", "S14", "S18", "S19", "S20", "S21", "S22"), Kind.BUSY),
    **dict.fromkeys(("S15", "S16", "S17"), Kind.GONE),
    "S23": Kind.BLOCK,
    "S24": Kind.OPEN,
    "S26": Kind.NO_SHOW,
}
BEGINS = frozenset({"S12", "S13", "S14", "S18", "S19", "S23"})
"""These take time and must say when. A cancel, a no-show, an opening, a resource taken away need the id only."""
_ACTIONS = {
    **dict.fromkeys(("S18", "S19"), Action.ADD),
    **dict.fromkeys(("S20", "S21", "S22"), Action.TAKE),
}
_HERE = frozenset({"started", "arrived", "checked-in", "checked in", "complete", "completed", "seen", "in progress"})
_ENDED = frozenset({"cancelled", "canceled", "deleted", "discontinued"})
_MISSED = frozenset({"noshow", "no-show", "no show"})
WAITS = frozenset({"pending", "waitlist"})
"""Asked for, not given."""
_STANDS = frozenset({"pending", "waitlist", "booked", "scheduled", "confirmed", "blocked", "overbook"}) | _HERE


@dataclass(frozen=True, slots=True)
class Terms:
    """How one source is read. `sites`: its own, for zone and code; `time_from`: "agree" or a word of timing.FIELDS.

    `unit`: of a bare number, "m", "s", "" = refuse; `fold`: "first" or "second", of a time the clock shows twice.
    """

    sites: tuple[SitePart, ...]
    time_from: str = "agree"
    unit: str = ""
    fold: str = "first"


@dataclass(frozen=True, slots=True)
class Change:
    """What one message does. Ids as sent, "id^namespace"; `sent`: MSH-7 in UTC, the order of messages, never a time.

    `people`: codes of AIP and AIG; `places`: codes of AIL; `site`: emr_code of the site it names, "" = none known.
    """

    kind: Kind
    event: str
    filler: str
    placer: str
    facility: str
    sent: datetime
    timing: Timing | None
    people: tuple[str, ...]
    places: tuple[str, ...]
    action: Action
    site: str
    arrived: bool
    odd: tuple[Odd, ...]


def read(body: bytes, terms: Terms, received: datetime) -> Change:
    """Understand one message; `received`, aware, stands in for an MSH-7 that cannot be read. Raises Unread."""
    return understand(scan(body), terms, received)


def understand(message: Message, terms: Terms, received: datetime) -> Change:
    """Understand a scanned notice. Raises Unread."""
    event = event_of(message)
    return changed(message, terms, received, event, EVENTS[event])


def listed(message: Message, terms: Terms, received: datetime) -> tuple[Change, ...]:
    """Understand the appointments an answer lists (SRR, SQR): no event there, so the status word decides.

    No word counts as booked, by whoever filled it (SRR^S01 with AA). Raises Unread.
    """
    return tuple(_as_it_stands(part, terms, received) for part in _parts(message))


def changed(message: Message, terms: Terms, received: datetime, event: str, kind: Kind) -> Change:
    """Return what a message with one SCH says of its appointment. Raises Unread."""
    msh, sch = message.msh, message.first("SCH")
    if sch is None:
        raise Unread(SEGMENT, "SCH", say("the segment SCH is missing"))
    filler, placer = identity(sch, 2), identity(sch, 1)
    if not (filler or placer):
        raise Unread(MISSING, "SCH-2", say("the appointment has no number"))
    _whole(message)
    stands, taken = rows(message)
    named = stands or taken
    site, zone = place(message, named, terms)
    nobody = () if named or kind is Kind.GONE else (Odd.NOBODY,)
    when = _when(message, stands, Asked(zone, terms.time_from, terms.unit, terms.fold == "second"), event)
    return Change(
        kind=kind,
        event=event,
        filler=filler,
        placer=placer,
        facility=msh.text(4),
        sent=sent_at(msh.text(7), zone, received.astimezone(UTC)),
        timing=when,
        people=people(named),
        places=places(named),
        action=_ACTIONS.get(event, Action.STATE),
        site=site,
        arrived=sch.text(25).casefold() in _HERE,
        odd=(*nobody, *_odd(message, sch, kind, when)),
    )


def event_of(message: Message) -> str:
    """Return "S12" of a scheduling notice. Raises Unread: requests and queries are for an EMR, the rest for others."""
    kind, event = message.msh.text(9), message.msh.text(9, 2)
    if kind != "SIU":
        raise Unread(TYPE, "MSH-9.1", say("this is no scheduling notice (SIU)"))
    if event not in EVENTS:
        raise Unread(EVENT, "MSH-9.2", say("this event is none of S12 to S24 and S26"))
    return event


def identity(sch: Segment, field: int) -> str:
    """Return an EI as "id^namespace", case and zeros kept; "" when there is none."""
    parts = [sch.text(field, component) for component in range(1, 5)]
    return "^".join(parts).rstrip("^") if parts[0] else ""


def rows(message: Message) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Return the resource segments that stand, and those that are taken away (action D, table 0206)."""
    standing: list[Segment] = []
    taken: list[Segment] = []
    group = ""
    for segment in message.segments:
        if segment.name == "RGS":
            group = segment.text(2).upper()
        elif segment.name in ROWS:
            action = segment.text(2).upper() or group
            (taken if action == "D" else standing).append(segment)
    return tuple(standing), tuple(taken)


def people(segments: tuple[Segment, ...]) -> tuple[str, ...]:
    """Return the codes of the persons and general resources, as the EMR writes them."""
    codes: dict[str, None] = {}
    for segment in segments:
        for repetition in segment.repetitions(3) if segment.name in ("AIP", "AIG") else ():
            code = segment.of(repetition, 1) or (segment.text(4) if segment.name == "AIG" else "")
            codes.update(dict.fromkeys(part for part in (code, code.partition("@")[0]) if part))
    return tuple(codes)


def places(segments: tuple[Segment, ...]) -> tuple[str, ...]:
    """Return the codes of the rooms and places: point of care, room, facility, description of a PL."""
    found = (
        segment.of(repetition, component)
        for segment in segments
        if segment.name == "AIL"
        for repetition in segment.repetitions(3)
        for component in (1, 2, 4, 9)
    )
    return tuple(dict.fromkeys(code for code in found if code))


def place(message: Message, named: tuple[Segment, ...], terms: Terms) -> tuple[str, ZoneInfo]:
    """Return the code of the site it is at ("" = not said) and the zone of its clock. Raises Unread for no one zone."""
    sites = {site.emr_code: site.zone for site in terms.sites}
    if "*" in sites:
        return "*", ZoneInfo(sites["*"])
    pv1 = message.first("PV1")
    visit = (pv1.text(3, 1), pv1.text(3, 4)) if pv1 is not None else ()
    code = next((each for each in (*places(named), *visit, message.msh.text(4)) if each in sites), "")
    zones = {sites[code]} if code else set(sites.values())
    if len(zones) != 1:
        raise Unread(MISSING, "AIL-3", say("no site is named, and the sites have different time zones"))
    return code, ZoneInfo(zones.pop())


def _whole(message: Message) -> None:
    """Refuse a message that breaks off within what is read: half an id, half a time, half a code look whole."""
    last = message.segments[-1]
    longest = {"SCH": 11, "TQ1": 13, **{name: row.duration + 1 for name, row in ROWS.items()}}.get(last.name, 0)
    if message.is_open and len(last.fields) - 1 <= longest:
        raise Unread(SEGMENT, f"{last.name}-{len(last.fields) - 1}", say("the message breaks off here"))


def _parts(message: Message) -> list[Message]:
    """Cut an answer at each SCH, every part under the same header."""
    starts = [number for number, segment in enumerate(message.segments) if segment.name == "SCH"]
    return [
        replace(message, segments=(message.msh, *message.segments[start:end]))
        for start, end in pairwise([*starts, len(message.segments)])
    ]


def _as_it_stands(part: Message, terms: Terms, received: datetime) -> Change:
    sch = part.first("SCH")
    word = sch.text(25).casefold() if sch is not None else ""
    if word in _ENDED:
        return changed(part, terms, received, "S15", Kind.GONE)
    return changed(part, terms, received, "S26", Kind.NO_SHOW if word in _MISSED else Kind.BUSY)


def _when(message: Message, standing: tuple[Segment, ...], asked: Asked, event: str) -> Timing | None:
    try:
        return timing(message, standing, asked)
    except Unread:
        if event in BEGINS:
            raise
        return None


def _odd(message: Message, sch: Segment, kind: Kind, when: Timing | None) -> tuple[Odd, ...]:
    odd = []
    word = sch.text(25).casefold()
    fits = {Kind.BUSY: _STANDS, Kind.GONE: _ENDED | _MISSED, Kind.NO_SHOW: _MISSED}.get(kind, frozenset({"blocked"}))
    if word and word not in _STANDS | _ENDED | _MISSED:
        odd.append(Odd.WORD)
    elif word and word not in fits:
        odd.append(Odd.STATUS)
    actions = {segment.text(2).upper() for segment in message.segments if segment.name in (*ROWS, "RGS")}
    if actions - {"", "A", "D", "U"}:
        odd.append(Odd.ACTION)
    if when is not None and when.repeated:
        odd.append(Odd.TWICE)
    if any("NK1" in segment.fields[1:] or "PV1" in segment.fields[1:] for segment in message.segments):
        odd.append(Odd.GLUED)
    return tuple(odd)
