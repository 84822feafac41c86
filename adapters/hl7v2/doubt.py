"""What a message that was not understood may cover: whose time, from when to when.

Rule: wider when unsure, never narrower: only what the message itself names draws a line, and no patient is kept.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from adapters.agenda import Record
from adapters.agenda.mirror import TOMBSTONE
from adapters.er7 import Change, Kind, Message, Segment, Terms, Unread, head, scan
from adapters.er7.reader import BEGINS, EVENTS, identity, people, place, places, rows
from adapters.er7.times import FIRST, LAST, sent_at, stamp
from adapters.er7.timing import ROWS, lengths, written
from agent.core.model import Window
from agent.ports import RawMessage

PREFIX = "d:"
DAY = timedelta(days=1)
_BARE = re.compile(r"(\d{8})(?:([01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?", re.ASCII)
"""A day, with an hour or not: the day is sure even where the hour is none of that night's."""


@dataclass(frozen=True, slots=True)
class Held:
    """One dead letter about an appointment. `number`: of the stored message; `why`: code and place, "102 SCH-11.4".

    `start`, `end`: UTC, what it may cover; `end` None = no end is known. No `people` and no `places` = anybody.
    """

    number: int
    why: str
    event: str
    received: datetime
    sent: datetime
    start: datetime
    end: datetime | None
    facility: str = ""
    filler: str = ""
    placer: str = ""
    people: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    site: str = ""

    @property
    def note(self) -> str:
        """Return the name it is kept under."""
        return f"{PREFIX}{self.number}"

    def within(self, window: Window) -> Record | None:
        """Return the part of it in a window, as a time that is taken."""
        start, end = max(self.start, window.start.astimezone(UTC)), window.end.astimezone(UTC)
        end = end if self.end is None else min(self.end, end)
        record = Record(self.note, "", "", Kind.BLOCK, self.sent, start, end, self.people, self.places, self.site)
        return record if start < end else None

    def is_over(self, now: datetime) -> bool:
        """Say whether all it may cover is past."""
        return (self.end or self.received + TOMBSTONE) <= now

    def is_settled_by(self, change: Change) -> bool:
        """Say whether a later message about the same appointment says where it is, or that it is gone."""
        same = self.facility == change.facility and (
            (bool(self.filler) and self.filler == change.filler) or (bool(self.placer) and self.placer == change.placer)
        )
        placed = change.timing is not None or change.kind in (Kind.GONE, Kind.OPEN)
        return same and placed and change.sent >= self.sent

    def dump(self) -> bytes:
        """Return it as a note."""
        return json.dumps(asdict(self), default=lambda at: at.isoformat(), separators=(",", ":")).encode()


def load(note: bytes) -> Held:
    """Read a note."""
    row = json.loads(note)
    for name in ("received", "sent", "start", "end"):
        row[name] = datetime.fromisoformat(row[name]) if row[name] else None
    row["people"], row["places"] = tuple(row["people"]), tuple(row["places"])
    return Held(**row)


def held(number: int, message: RawMessage, terms: Terms, why: str) -> Held | None:
    """Return what a dead letter may cover, None when it takes no time: a cancel, a no-show, nothing of an agenda."""
    anything = Held(number, why, "", message.received, message.received, message.received, None)
    try:
        msh = head(message.body)
    except Unread:
        return anything  # what it was nobody knows
    event = msh.text(9, 2)
    if msh.text(9) != "SIU" or (event in EVENTS and event not in BEGINS):
        return None
    try:
        whole = scan(message.body, "latin-1")  # codes and times are the same in every alphabet
    except Unread:
        return anything
    return _scoped(anything, whole, terms, event if event in EVENTS else "")


def _scoped(anything: Held, message: Message, terms: Terms, event: str) -> Held:
    zones = [ZoneInfo(site.zone) for site in terms.sites]
    sch, cut = message.first("SCH"), message.segments[-1].name if message.is_open else ""
    whose = sch if sch is not None and cut != "SCH" else None
    known = replace(
        anything,
        event=event,
        sent=sent_at(message.msh.text(7), zones[0], anything.received),
        facility=message.msh.text(4),
        filler=identity(whose, 2) if whose is not None else "",
        placer=identity(whose, 1) if whose is not None else "",
    )
    if cut:
        return known  # half a code or half a time looks whole, and what should follow is not there
    standing, taken = rows(message)
    named = () if _is_glued(message) else (*standing, *taken)
    start, end = _span(message, standing, zones, is_block=event in ("S23", ""))
    return replace(
        known,
        start=known.start if start is None else start,
        end=end,
        people=people(named),
        places=places(named),
        site=_site(message, named, terms),
    )


def _is_glued(message: Message) -> bool:
    """Say whether a resource segment lost its line end: then some of the resources are not seen."""
    marks = {*ROWS, "RGS"}
    return any(marks & set(segment.fields[1:]) for segment in message.segments)


def _site(message: Message, named: tuple[Segment, ...], terms: Terms) -> str:
    try:
        return place(message, named, terms)[0]
    except Unread:
        return ""


def _span(
    message: Message, standing: tuple[Segment, ...], zones: list[ZoneInfo], *, is_block: bool
) -> tuple[datetime | None, datetime | None]:
    """Return the days every field agrees to or quarrels about, from the first to the last; None where one is unread.

    An appointment without a readable end stays within its last day; a block may be for weeks.
    """
    starts, ends = (list(_days(written(message, standing, ends=last), zones)) for last in (False, True))
    if not starts or None in starts or None in ends:
        return None, None
    days = [day for day in (*starts, *ends) if day is not None]
    longest = max((span.count * (span.unit or 60) for _, span in lengths(message, standing)), default=0)
    first = min(datetime.combine(min(days), time(), zone).astimezone(UTC) for zone in zones)
    if is_block and not longest and not ends:
        return first, None
    last = max(datetime.combine(max(days) + DAY, time(), zone).astimezone(UTC) for zone in zones)
    return first, last + timedelta(seconds=longest)


def _days(texts: Iterable[str], zones: Iterable[ZoneInfo]) -> Iterator[date | None]:
    """Yield the day each text names, on the clock of every site; None for one that names no day for sure."""
    zones = tuple(zones)
    for text in texts:
        bare = _BARE.fullmatch(text.strip())
        try:
            for zone in zones:
                yield _day(bare[1]) if bare else stamp(text, zone, "").at.date()
        except (Unread, ValueError):
            yield None


def _day(text: str) -> date:
    if not FIRST <= text[:4] <= LAST:
        raise ValueError(text)
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def doubtful(doubts: Iterable[Held], window: Window) -> list[Record]:
    """Return the times that doubts take in a window."""
    return [record for each in doubts if (record := each.within(window)) is not None]
