"""Make free slots of raw rows: templates, codes and holidays of OSCAR.

Rule: pure; whatever is unclear is withheld and reported, never guessed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from math import ceil

from adapters.sql import free
from adapters.sql.free import Day, Visit
from adapters.sql.oscar.read import Raw, Schedule
from adapters.sql.oscar.terms import Terms
from adapters.sql.places import DAY
from agent.core.message import Message, say
from agent.core.model import AgendaRow, Finding, Slot, Window
from agent.ports import SitePart

NOTHING = "_"


class Unclear(Exception):  # noqa: N818 - it never leaves this file
    """A day that cannot be read; the text is the finding's code."""


def slots(raw: Raw, terms: Terms, window: Window) -> tuple[tuple[Slot, ...], tuple[Finding, ...]]:
    """Return the free slots that start in the window, and what was withheld."""
    counts: Counter[str] = Counter()
    found, more = free.slots(terms, _days(raw, terms, counts), raw.busy, window, raw.people)
    counts.update(more)
    return tuple(found), free.findings("oscar", counts, _says(counts))


def agenda(raw: Raw, terms: Terms, window: Window) -> list[AgendaRow]:
    """Return free slots and active appointments for the clinic's own screen."""
    at = {(each.who, each.day): site for each in raw.schedules if (site := _site(each, raw, terms)) is not None}
    return free.agenda(terms, slots(raw, terms, window)[0], raw.busy, at, raw.people)


def visits(timecode: str | None, minutes: Mapping[str, int | None], long_codes: str) -> tuple[list[Visit], set[str]]:
    """Cut a template into visits; also return the finding codes it earned. Raises Unclear for a broken template."""
    if not timecode:
        return [], set()
    if DAY % len(timecode):
        raise Unclear("template-length")
    width, found, noted, i = DAY // len(timecode), [], set[str](), 0
    while i < len(timecode):
        code, step = timecode[i], 1
        length = minutes.get(code, 0)
        if code == NOTHING or code.isspace():
            pass
        elif length is None:
            noted.add("code-twice")
        elif length <= width:
            found.append(Visit(i * width, width, code))
        elif long_codes == "ask":
            noted.add("long-code")
        else:
            cells = timecode[i + 1 : i + ceil(length / width)]
            if len(cells) == ceil(length / width) - 1 and set(cells) <= _followers(code, long_codes):
                found.append(Visit(i * width, length, code))
                step += len(cells)
            else:
                noted.add("long-code-cut")
        i += step
    return found, noted


def _followers(code: str, long_codes: str) -> set[str]:
    """Return what the cells behind a long code's first one may hold."""
    return {code, NOTHING} if long_codes == "one-cell" else {code}


def _days(raw: Raw, terms: Terms, counts: Counter[str]) -> Iterator[Day]:
    days = sorted(raw.schedules, key=lambda each: (each.day, each.who))
    for _, group in groupby(days, key=lambda each: (each.day, each.who)):
        same = list(group)
        if same[0].day in raw.holidays and terms.holidays == "closed":
            continue
        if len(same) > 1:  # OSCAR takes whichever row comes first, without an order
            counts["two-schedules-one-day"] += 1
        elif same[0].available:
            try:
                yield _day(same[0], raw, terms, counts)
            except Unclear as why:
                counts[str(why)] += 1


def _day(schedule: Schedule, raw: Raw, terms: Terms, counts: Counter[str]) -> Day:
    if schedule.timecode is None:
        raise Unclear("no-template")
    site = _site(schedule, raw, terms)
    if site is None:
        raise Unclear("no-site")
    found, noted = visits(schedule.timecode, raw.minutes, terms.long_codes)
    counts.update(noted)
    return Day(schedule.who, schedule.day, site, found)


def _site(schedule: Schedule, raw: Raw, terms: Terms) -> SitePart | None:
    """Return the site of the day's own word, else of the only place where its doctor works, else the site "*"."""
    named = {site.emr_code: site for site in terms.sites}
    home = raw.homes.get(schedule.who, "")
    return named.get(schedule.reason) or named.get(home) or terms.site("*")


def _says(counts: Mapping[str, int]) -> Mapping[str, Message]:
    """Return the sentences that are OSCAR's own; the numbers are days."""

    def n(code: str) -> int:
        return counts.get(code, 0)

    return {
        "two-schedules-one-day": say("{n} day(s) with two active schedules: withheld", n=n("two-schedules-one-day")),
        "template-length": say("{n} day(s) whose template does not divide the day: withheld", n=n("template-length")),
        "no-template": say("{n} day(s) whose template does not exist", n=n("no-template")),
        "long-code": say(
            "{n} day(s) with codes longer than the grid: not offered until long_codes says", n=n("long-code")
        ),
        "long-code-cut": say("{n} day(s) with a long code that does not fit its cells: withheld", n=n("long-code-cut")),
        "code-twice": say("{n} day(s) with a code whose two definitions differ: withheld", n=n("code-twice")),
    }
