"""Make free slots of OpenEMR's events: In Office opens, Out Of Office closes, everything else takes time.

Rule: pure; whatever is unclear is withheld and reported, never guessed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from adapters.sql import free
from adapters.sql.free import Busy, Day, Visit
from adapters.sql.openemr.read import Event, Raw
from adapters.sql.openemr.terms import Terms
from adapters.sql.places import DAY, DAY_S, seconds
from agent.core.message import Message, say
from agent.core.model import AgendaRow, Finding, Slot, Window

IN, OUT = "in_office", "out_of_office"
CLOSED = ("holidays", "closed")
CANCELLED = ("x", "%")


@dataclass(frozen=True, slots=True)
class Spread:
    """Events laid out on their days."""

    hours: Mapping[tuple[str, date], Sequence[Event]]
    busy: Sequence[Busy]
    closed: frozenset[date]
    unclear: frozenset[str]
    """Whose calendar holds a series that cannot be read: nothing of theirs is offered."""
    counts: Counter[str]


def slots(raw: Raw, terms: Terms, window: Window) -> tuple[tuple[Slot, ...], tuple[Finding, ...]]:
    """Return the free slots that start in the window, and what was withheld."""
    spread = lay_out(raw, terms)
    counts = Counter(spread.counts)
    found, more = free.slots(terms, _days(raw, terms, spread, counts), spread.busy, window, raw.people)
    counts.update(more)
    return tuple(found), free.findings("openemr", counts, _says(counts))


def agenda(raw: Raw, terms: Terms, window: Window) -> list[AgendaRow]:
    """Return free slots and active events for the clinic's own screen."""
    found, spread = slots(raw, terms, window)[0], lay_out(raw, terms)
    at = {key: site for key, events in spread.hours.items() if (site := terms.site(events[0].facility)) is not None}
    return free.agenda(terms, found, (row for row in spread.busy if row.who in raw.people), at, raw.people)


def lay_out(raw: Raw, terms: Terms) -> Spread:
    """Put every event of somebody in the calendar on its days."""
    words = {number: category.word for number, category in raw.categories.items()}
    hours: defaultdict[tuple[str, date], list[Event]] = defaultdict(list)
    busy: list[Busy] = []
    closed, unclear, counts = set[date](), set[str](), Counter[str]()
    for event in raw.events:
        word, everyone = words.get(event.category, ""), event.who in ("", "0")
        try:
            days = event.series.days(raw.first - timedelta(days=1), raw.last, loose=word in (IN, OUT))
        except (ValueError, OverflowError):  # Unreadable, or days no calendar has
            counts["series"] += 1
            unclear.update(raw.people if everyone else [event.who])
            continue
        if everyone:
            closed.update(days if word in CLOSED and terms.holidays == "closed" else [])
        elif word in (IN, OUT):
            for day in days if event.status not in CANCELLED else []:
                hours[event.who, day].append(event)
        else:
            busy += [piece for day in days for piece in pieces(event, day, terms.grid)]
    if terms.holidays == "closed":
        closed |= raw.holidays
    return Spread(hours, busy, frozenset(closed), frozenset(unclear), counts)


def pieces(event: Event, day: date, grid: int) -> Iterator[Busy]:
    """Return the time an event takes on a day it begins, a cell of the grid at least, and what runs past midnight."""
    start, end = seconds(event.start), seconds(event.end)
    odd = start is None
    first = 0 if start is None else start
    last = max(first + max(event.seconds, grid * 60), end or 0) if not odd else DAY_S
    gone, blocked = event.status in CANCELLED, False
    for n in range(ceil(last / DAY_S)):
        begins, ends = max(first - n * DAY_S, 0), min(last - n * DAY_S, DAY_S)
        yield Busy(event.who, day + timedelta(days=n), begins, ends, gone, event.ours, blocked, odd)


def _days(raw: Raw, terms: Terms, spread: Spread, counts: Counter[str]) -> Iterator[Day]:
    for (who, day), events in sorted(spread.hours.items(), key=lambda item: (item[0][1], item[0][0])):
        if who not in raw.people or who in spread.unclear or day in spread.closed or day < raw.first:
            continue
        for first, last, opened in _stretches(events, raw, terms.grid):
            site, length = terms.site(opened.facility), _length(opened, raw, terms)
            if site is None:
                counts["no-site"] += 1
            elif length is None:
                counts["category"] += 1
            else:
                word = raw.categories[opened.reserved].word if opened.reserved else IN
                starts = range(first, last - length + 1, length)
                yield Day(who, day, site, [Visit(minute, length, word) for minute in starts])


def _stretches(events: Sequence[Event], raw: Raw, grid: int) -> Iterator[tuple[int, int, Event]]:
    """Walk the day as the finder does: In Office opens at its cell, Out Of Office closes and wins its cell."""
    marks: dict[int, Event | None] = {}
    for event in events:
        start = seconds(event.start)
        if start is None:
            continue
        cell = start // 60 // grid * grid
        if raw.categories[event.category].word == OUT:
            marks[cell] = None
        elif marks.get(cell, event) is not None:
            marks[cell] = event
    opened, since = None, 0
    for cell in [*sorted(marks), DAY]:
        if opened is not None and cell > since:
            yield since, cell, opened
        opened, since = marks.get(cell), cell


def _length(opened: Event, raw: Raw, terms: Terms) -> int | None:
    """Return the minutes of a visit in these hours, whole cells; None when the category is not a visit's."""
    words = {category.word: category for category in raw.categories.values()}
    category = raw.categories.get(opened.reserved) if opened.reserved else words.get(terms.visit)
    if category is None or not category.is_visit:
        return None
    return max(1, ceil(category.seconds / 60 / terms.grid)) * terms.grid


def _says(counts: Mapping[str, int]) -> Mapping[str, Message]:
    """Return the sentences that are OpenEMR's own."""
    return {
        "series": say(
            "{n} series whose rule cannot be read: everything of these people is withheld", n=counts.get("series", 0)
        ),
        "category": say(
            "{n} stretch(es) of hours for a category that is unknown or switched off: withheld",
            n=counts.get("category", 0),
        ),
    }


def taking(events: Iterable[Event], words: Mapping[int, str], day: date, grid: int) -> Iterator[tuple[Event, Busy]]:
    """Yield what takes time on a day, with the row it comes from; an unreadable series takes all of it."""
    for event in events:
        if words.get(event.category) in (IN, OUT) or event.status in CANCELLED:
            continue
        try:
            days = event.series.days(day - timedelta(days=1), day, loose=False)
        except (ValueError, OverflowError):  # Unreadable, or days no calendar has
            yield event, Busy(event.who, day, 0, DAY_S, gone=False, ours=False, odd=True)
            continue
        yield from ((event, piece) for each in days for piece in pieces(event, each, grid) if piece.day == day)
