"""The statements that write into OpenEMR, one function each.

Rule: every UPDATE and DELETE carries the guard "made by us and still to do"; a row that is not ours cannot match.
"""

import hashlib
from datetime import date, timedelta

from adapters.sql.applied import Seen
from adapters.sql.mapping import Wanted
from adapters.sql.matching import tailed
from adapters.sql.openemr.expand import CANCELLED, IN, taking
from adapters.sql.openemr.patient import NOBODY
from adapters.sql.openemr.read import EVENT, MARK, SERIES, Category, categories, day, event
from adapters.sql.openemr.terms import Terms
from adapters.sql.places import OURS, Place, clock, seconds
from adapters.sql.session import Work
from agent.core.model import EmrRef

TABLE = "openemr_postcalendar_events"
_MADE = f"HEX(SUBSTR(uuid, 1, 6)) = '{MARK}'"
_GUARD = f"WHERE pc_eid = ? AND pc_apptstatus = '-' AND {_MADE}"

SEE = f"""SELECT pc_eid, pc_aid, CAST(pc_eventDate AS CHAR), CAST(pc_startTime AS CHAR), pc_duration, pc_apptstatus,
CASE WHEN {_MADE} THEN 1 ELSE 0 END, CASE WHEN COALESCE(pc_pid, '') IN ('', '0') THEN 0 ELSE 1 END
FROM {TABLE} WHERE pc_eid = ?"""  # noqa: S608 - constants
SINGLE = f"SELECT {EVENT} FROM {TABLE} WHERE pc_eventDate = ? AND pc_aid = ? AND pc_recurrtype = 0"  # noqa: S608 - constants
ANY = f"{SERIES} AND pc_aid = ?"
NO_SERIES = (
    'a:6:{s:17:"event_repeat_freq";s:0:"";s:22:"event_repeat_freq_type";s:0:"";s:19:"event_repeat_on_num";s:1:"1";'
    's:19:"event_repeat_on_day";s:1:"0";s:20:"event_repeat_on_freq";s:1:"0";s:6:"exdate";s:0:"";}'
)
"""What the screens write into pc_recurrspec of a single event."""
BOOK = f"""INSERT INTO {TABLE}(uuid, pc_catid, pc_multiple, pc_aid, pc_pid, pc_gid, pc_title, pc_time, pc_hometext,
pc_informant, pc_eventDate, pc_duration, pc_recurrtype, pc_recurrspec, pc_startTime, pc_endTime, pc_alldayevent,
pc_apptstatus, pc_prefcatid, pc_eventstatus, pc_sharing, pc_facility, pc_billing_location, pc_room)
VALUES(UNHEX(?), ?, 0, ?, ?, 0, ?, ?, ?, '{OURS}', ?, ?, 0, ?, ?, ?, 0, '-', 0, 1, 1, ?, ?, '')"""
CANCEL = f"UPDATE {TABLE} SET pc_apptstatus = 'x', pc_time = ? {_GUARD}"  # noqa: S608 - constants
DELETE = f"DELETE FROM {TABLE} {_GUARD}"  # noqa: S608 - constants
TOKENS = f"SELECT pc_eid, pc_hometext FROM {TABLE} WHERE pc_eventDate >= ? AND {_MADE} AND pc_hometext LIKE ?"  # noqa: S608 - constants
RETOKEN = f"""UPDATE {TABLE} SET pc_hometext = REPLACE(pc_hometext, ?, ?) WHERE pc_eid = ? AND {_MADE}
AND pc_hometext LIKE ?"""  # noqa: S608 - constants

TITLE, COMMENT = 150, 2000
"""Widths of pc_title, and of what we write into pc_hometext, a TEXT."""


def see(work: Work, ref: EmrRef | None, *, lock: bool = False) -> Seen | None:
    """Read one appointment; None when it is not there."""
    if ref is None or not ref.isdecimal():
        return None
    for row in work.locked(SEE, int(ref)) if lock else work.rows(SEE, int(ref)):
        number, who, at, start, length, status, made, matched = row
        where = Place(str(who or ""), day(at), (seconds(start) or 0) // 60)
        flags = (bool(made), status == "-", status in CANCELLED, bool(matched))
        return Seen(EmrRef(str(number)), where, max(1, int(length or 0) // 60), *flags)
    return None


def overlapping(work: Work, place: Place, minutes: int, grid: int) -> set[EmrRef]:
    """Return what takes any of these minutes: series and the evening before, then the day's own events, locked.

    The lock is on the day by its index, whoever the doctor is, so the long walk to the series comes before it; what
    becomes a series in between is found by the look after the commit.
    """
    before, at = f"{place.day - timedelta(days=1):%Y-%m-%d}", f"{place.day:%Y-%m-%d}"
    words = {number: category.word for number, category in categories(work).items()}
    found = [event(row) for row in work.rows(ANY, at, before, place.who)]
    found += [event(row) for row in work.rows(SINGLE, before, place.who)]
    found += [event(row) for row in work.locked(SINGLE, at, place.who)]
    start, end = place.minute * 60, (place.minute + minutes) * 60
    return {
        each.ref for each, busy in taking(found, words, place.day, grid) if busy.start_s < end and busy.end_s > start
    }


def book(work: Work, wanted: Wanted, terms: Terms, facilities: tuple[int, int], now: str) -> EmrRef | None:
    """Insert an event as the screens do; None when the category went away in the meantime. Return its number.

    `pc_endDate` is left to its default: NULL today, the zero date in versions that forbid NULL.
    """
    place, person = wanted.place, wanted.who or NOBODY
    category = _category(categories(work), wanted.slot.type, terms)
    if category is None:
        return None
    title = f"{category.name} {person.name}".strip()[:TITLE]
    span = (clock(place.minute), clock(place.minute + wanted.minutes))
    return EmrRef(
        str(
            work.insert(
                BOOK,
                _uuid(wanted),
                *(category.number, place.who, person.number, title, now),
                tailed(person.comment, wanted.token, COMMENT),
                *(f"{place.day:%Y-%m-%d}", wanted.minutes * 60, NO_SERIES),
                *span,
                *facilities,
            )
        )
    )


def cancel(work: Work, ref: EmrRef, now: str) -> bool:
    """Cancel; False when the guard found nothing of ours."""
    return work.change(CANCEL, now, int(ref)) == 1


def delete(work: Work, ref: EmrRef) -> bool:
    """Delete: a cancelled event would stay on the day and keep OpenEMR's own finder from the time."""
    return work.change(DELETE, int(ref)) == 1


def tokens(work: Work, like: str, since: date) -> list[tuple[EmrRef, str]]:
    """Read the comments of our events that carry a token."""
    return [(EmrRef(str(number)), text) for number, text in work.rows(TOKENS, f"{since:%Y-%m-%d}", like)]


def mark(work: Work, ref: EmrRef, old: str, new: str) -> bool:
    """Change a token where it stands; the rest of the comment stays."""
    return work.change(RETOKEN, old, new, int(ref), f"%{old}%") == 1


def _category(known: dict[int, Category], word: str, terms: Terms) -> Category | None:
    wanted = terms.visit if word == IN else word
    return next((each for each in known.values() if each.word == wanted and each.is_visit), None)


def _uuid(wanted: Wanted) -> str:
    """Return a version 8 UUID in hexadecimal (RFC 9562 §5.8): our mark, then a digest of booking and version."""
    digest = hashlib.sha256(f"{wanted.booking}\n{wanted.version}".encode()).hexdigest()
    return f"{MARK}8{digest[:3]}8{digest[3:18]}"
