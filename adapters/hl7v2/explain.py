"""Say field by field what is understood of a message, and why.

Rule: the very functions of the reader are asked; PID, NTE and free text are never shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.er7 import Message, Segment, Terms, Unread, messages, scan, understand
from adapters.er7.reader import EVENTS, Change, Kind, Odd, event_of, identity, people, place, places, rows
from adapters.er7.timing import Asked, found, lengths
from adapters.hl7v2.doubt import held
from agent.core.message import Message as Sentence
from agent.core.message import say
from agent.ports import RawMessage

KINDS = {
    Kind.BUSY: say("an appointment stands"),
    Kind.GONE: say("an appointment is cancelled; its number is enough"),
    Kind.BLOCK: say("a time is blocked"),
    Kind.OPEN: say("a blocked time is opened again"),
    Kind.NO_SHOW: say("the patient did not come; the time stays taken"),
}
ODD = {
    Odd.STATUS: say("the status word says something else than the event; the event decides"),
    Odd.WORD: say("the status word is not known; the event decides"),
    Odd.ACTION: say("an action code is none of A, D, U; it is taken as standing"),
    Odd.TWICE: say("the clock shows this time twice that night; the setting fold decides"),
    Odd.NOBODY: say("no resource is named; it takes the time of everybody it could be"),
    Odd.GLUED: say("a segment is glued to the one before; its fields are passed over"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing understood. `place`: "SCH-11.4"; `text`: what stands there, "" where it may name a patient."""

    place: str
    text: str
    says: Sentence


@dataclass(frozen=True, slots=True)
class Explained:
    """One message. `code`: 0 = understood, else of table 0357."""

    lines: tuple[Line, ...]
    code: int


def explain(file: bytes, terms: Terms, now: datetime) -> list[Explained]:
    """Explain every message of a file; bytes without any message are explained as the one they should be."""
    return [_one(body, terms, now) for body in list(messages(file)) or [file]]


def _one(body: bytes, terms: Terms, now: datetime) -> Explained:
    lines: list[Line] = []
    try:
        message = scan(body)
        lines += _header(message)
        event_of(message)
        lines += _fields(message, terms)
        lines += _verdict(understand(message, terms, now))
    except Unread as no:
        lines.append(Line(no.place, "", no.what))
        word = "AR" if no.is_final else "AE"
        lines.append(Line("", f"{word} {no.code}", say("refused; stored all the same, and nothing is made of it")))
        lines += _kept_back(body, terms, now)
        return Explained(tuple(lines), no.code)
    return Explained(tuple(lines), 0)


def _kept_back(body: bytes, terms: Terms, now: datetime) -> Iterator[Line]:
    """Say which times are not offered while a message is not understood."""
    found = held(0, RawMessage("", "", body, "", now), terms, "")
    if found is None:
        yield Line("", "", say("it takes no time: nothing is kept back for it"))
        return
    whom = ", ".join((*found.people, *found.places)) or "*"
    zone = ZoneInfo(terms.sites[0].zone)
    start = found.start.astimezone(zone).isoformat(" ", "minutes")
    if found.end is None:
        yield Line("", whom, say("kept back until it is understood: every time from {start} on", start=start))
        return
    end = found.end.astimezone(zone).isoformat(" ", "minutes")
    yield Line("", whom, say("kept back until it is understood: from {start} to {end}", start=start, end=end))


def _header(message: Message) -> Iterator[Line]:
    msh = message.msh
    kind = EVENTS.get(msh.text(9, 2)) if msh.text(9) == "SIU" else None
    yield Line("MSH-9", f"{msh.text(9)}^{msh.text(9, 2)}", KINDS[kind] if kind else say("what is asked or told"))
    yield Line("MSH-10", msh.text(10), say("the message's own number; the answer repeats it"))
    yield Line("MSH-7", msh.text(7), say("when it was sent: orders messages, is never an appointment's time"))
    yield Line("MSH-18", msh.text(18), say("read as {charset}", charset=message.charset))


def _fields(message: Message, terms: Terms) -> Iterator[Line]:
    sch = message.first("SCH")
    if sch is None:
        return
    for field, says in ((2, say("the EMR's number of the appointment")), (1, say("the other side's number of it"))):
        if text := identity(sch, field):
            yield Line(f"SCH-{field}", text, says)
    stands, taken = rows(message)
    site, zone = place(message, stands or taken, terms)
    yield Line("", zone.key, say("the clock of the site {code}", code=site or "?"))
    asked = Asked(zone, terms.time_from, terms.unit, terms.fold == "second")
    for ends in (False, True):
        yield from _times(message, stands, asked, ends=ends)
    for where, span in lengths(message, stands):
        unit = {1: "s", 60: "min", 3600: "h"}.get(span.unit, "")
        says = say("a length") if unit else say("a length without a unit")
        yield Line(where, f"{span.count} {unit}".strip(), says)
    if codes := people(stands or taken):
        yield Line("AIP/AIG", ", ".join(codes), say("people and resources, by their codes"))
    if codes := places(stands or taken):
        yield Line("AIL", ", ".join(codes), say("rooms and places, by their codes"))
    if sch.text(25):
        yield Line("SCH-25", sch.text(25), say("a status word; the event decides"))


def _times(message: Message, stands: tuple[Segment, ...], asked: Asked, *, ends: bool) -> Iterator[Line]:
    try:
        for one in found(message, stands, asked, ends=ends):
            at = one.stamp.at.isoformat(" ", "minutes")
            yield Line(one.place, "", say("ends {at}", at=at) if ends else say("starts {at}", at=at))
    except Unread as no:
        yield Line(no.place, "", no.what)


def _verdict(change: Change) -> Iterator[Line]:
    for odd in change.odd:
        yield Line("", "", ODD[odd])
    when = change.timing
    if when is None:
        yield Line("", "", say("understood; it needs no time"))
        return
    start, end = when.start.isoformat(" ", "minutes"), when.end.isoformat(" ", "minutes")
    says = say(
        "understood: from {start} ({one}) to {end} ({two})",
        start=start,
        one=when.start_from,
        end=end,
        two=when.end_from,
    )
    yield Line("", "", says)
