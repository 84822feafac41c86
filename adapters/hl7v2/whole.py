"""An agenda as the EMR shows it whole: by its answers to a schedule query, or by a file of all appointments.

Rule: whole or nothing: an appointment that cannot be read, or two that quarrel, refuse all the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.agenda import Mirror, Record
from adapters.er7 import Action, Change, Kind, Terms, Unread, is_whole, messages, read
from adapters.er7.timing import Timing
from adapters.pickup import Picked
from agent.core.errors import Transient
from agent.core.message import Message, say
from agent.core.model import Window

DOING = say("compare with the EMR's own agenda")


@dataclass(frozen=True, slots=True)
class Whole:
    """All that starts in `window`, as the EMR had it at `at` or later, UTC. `mark`: of the file, "" = was asked for.

    `whom`: of these people only, None = of everybody.
    """

    changes: tuple[Change, ...]
    window: Window
    whom: frozenset[str] | None
    at: datetime
    mark: str = ""


def together(found: Iterable[Change]) -> tuple[Change, ...]:
    """Return each appointment once, with the people of every place it was shown at. Raises Transient."""
    once: dict[tuple[str, str], Change] = {}
    for each in found:
        if each.timing is None and each.kind is not Kind.GONE:
            raise unread(say("an appointment in it has no time"))
        name = each.facility, each.filler or each.placer
        before = once.get(name, each)
        if (before.kind, _span(before)) != (each.kind, _span(each)):
            raise unread(say("it shows one appointment at two times"))
        people, places = dict.fromkeys((*before.people, *each.people)), dict.fromkeys((*before.places, *each.places))
        once[name] = replace(before, people=tuple(people), places=tuple(places))
    return tuple(once.values())


def of_file(file: Picked, terms: Terms, window: Window, at: datetime, mark: str) -> Whole:
    """Read a batch of notices, one or more an appointment; the newest of one counts. Raises Transient."""
    if not is_whole(file.data):
        raise unread(say("its rows are not whole"))
    mirror, some = Mirror(), False
    try:
        for body in messages(file.data):
            some = True
            mirror.take(read(body, terms, file.written))
    except Unread as no:
        raise unread(say("a message in it cannot be read ({place})", place=no.place)) from no
    if not some and not file.data.strip():
        raise unread(say("it is empty"))
    return Whole(together(_as_change(each) for each in mirror.records.values()), window, None, at, mark)


def unread(why: Message) -> Transient:
    """Return the fault of an answer or file that is not whole, or not understood."""
    return Transient(DOING, why, say("nothing was changed; see what the EMR sends"))


def _span(change: Change) -> tuple[datetime, datetime] | None:
    return None if change.timing is None or change.kind is Kind.GONE else (change.timing.start, change.timing.end)


def _as_change(record: Record) -> Change:
    timed = record.start is not None and record.end is not None
    when = Timing(record.start, record.end, "", "", repeated=False) if timed else None  # type: ignore[arg-type]
    return Change(
        record.state, "", record.filler, record.placer, record.facility, record.sent, when, record.people,
        record.places, Action.STATE, record.site, record.arrived, (),
    )  # fmt: skip
