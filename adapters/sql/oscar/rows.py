"""The statements that write into OSCAR, one function each.

Rule: every UPDATE and DELETE carries the guard "made by us and still to do"; a row that is not ours cannot match.
"""

from datetime import date

from adapters.sql.applied import Seen
from adapters.sql.mapping import Wanted
from adapters.sql.matching import tailed
from adapters.sql.oscar.patient import NOBODY, NOTES
from adapters.sql.oscar.read import CODES
from adapters.sql.places import DAY, OURS, Place, clock, is_day, seconds
from adapters.sql.session import Work
from agent.core.model import EmrRef

_GUARD = f"WHERE appointment_no = ? AND creator = '{OURS}' AND SUBSTR(status, 1, 1) = 't'"
_COPIED = """appointment_no, provider_no, appointment_date, start_time, end_time, name, demographic_no, program_id, notes,
reason, location, resources, type, style, billing, status, imported_status, createdatetime, updatedatetime, creator,
lastupdateuser, remarks, urgency, creatorSecurityId, bookingSource"""

SEE = """SELECT appointment_no, provider_no, CAST(appointment_date AS CHAR), CAST(start_time AS CHAR),
CAST(end_time AS CHAR), status, creator, CASE WHEN COALESCE(demographic_no, 0) = 0 THEN 0 ELSE 1 END FROM appointment WHERE appointment_no = ?"""
OVERLAP = """SELECT appointment_no FROM appointment WHERE provider_no = ? AND appointment_date = ?
AND start_time < ? AND start_time >= ? AND (end_time > ? OR start_time >= ?)
AND (status IS NULL OR SUBSTR(status, 1, 1) NOT IN ('C', 'D'))"""
LENGTHS = "SELECT DISTINCT CAST(start_time AS CHAR), CAST(end_time AS CHAR) FROM appointment WHERE appointment_date = ?"
BOOK = f"""INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, name, demographic_no, program_id,
notes, reason, location, resources, type, style, billing, status, remarks, urgency, creator, lastupdateuser,
createdatetime, updatedatetime, bookingSource)
VALUES(?, ?, ?, ?, ?, ?, 0, ?, '', ?, '', ?, '', '', 't', ?, '', '{OURS}', '', ?, ?, NULL)"""
ARCHIVE = f"INSERT INTO appointmentArchive({_COPIED}) SELECT {_COPIED} FROM appointment {_GUARD}"  # noqa: S608 - constants
CANCEL = f"UPDATE appointment SET status = 'C', updatedatetime = ?, lastupdateuser = '' {_GUARD}"  # noqa: S608 - a constant
DELETE = f"DELETE FROM appointment {_GUARD}"  # noqa: S608 - a constant

TYPES = "SELECT name FROM appointmentType WHERE name IS NOT NULL"
TOKENS = f"""SELECT appointment_no, notes FROM appointment WHERE appointment_date >= ? AND creator = '{OURS}'
AND notes LIKE ?"""  # noqa: S608 - a constant
MARK = f"""UPDATE appointment SET notes = REPLACE(notes, ?, ?) WHERE appointment_no = ? AND creator = '{OURS}'
AND notes LIKE ?"""  # noqa: S608 - a constant

LEAST = 60
REMARKS = 50
"""Width of appointment.remarks."""


def see(work: Work, ref: EmrRef | None, *, lock: bool = False) -> Seen | None:
    """Read one appointment; None when it is not there."""
    if ref is None or not ref.isdecimal():
        return None
    for row in work.locked(SEE, int(ref)) if lock else work.rows(SEE, int(ref)):
        number, who, day, start, end, status, creator, matched = row
        first, last = ((seconds(text) or 0) // 60 for text in (start, end))
        state, where = (status or "")[:1], Place(who, _day(day), first)
        flags = (creator == OURS, state == "t", state in ("C", "D"), bool(matched))
        return Seen(EmrRef(str(number)), where, max(1, last + 1 - first), *flags)
    return None


def longest(work: Work, day: date) -> int:
    """Return the minutes of the longest visit of the clinic's day, an hour at least; a whole day when one is unclear."""
    found = [LEAST]
    for first, last in work.rows(LENGTHS, f"{day:%Y-%m-%d}"):
        start_s, end_s = seconds(first), seconds(last)
        found.append(DAY if start_s is None or end_s is None else (end_s - start_s) // 60 + 1)
    return max(found)


def overlapping(work: Work, place: Place, minutes: int, longest: int = DAY) -> set[EmrRef]:
    """Return the active appointments that overlap, locked; what starts more than `longest` minutes before is not read.

    On MariaDB that bound decides how many other doctors' screens wait for us (a whole day of them without it). The
    last look after the commit has none: a visit that is longer than any before is found then.
    """
    since = clock(max(0, place.minute - longest))
    start, end = clock(place.minute), clock(place.minute + minutes)
    day = f"{place.day:%Y-%m-%d}"
    return {EmrRef(str(row[0])) for row in work.locked(OVERLAP, place.who, day, end, since, start, start)}


def book(work: Work, wanted: Wanted, location: str, label: str, now: str) -> EmrRef:
    """Insert an appointment as the screens do: `end_time` is the inclusive last minute. Return its number."""
    place, person = wanted.place, wanted.who or NOBODY
    day, start, end = f"{place.day:%Y-%m-%d}", clock(place.minute), clock(place.minute + wanted.minutes - 1)
    notes = tailed(person.notes, wanted.token, NOTES)
    who = (place.who, day, start, end, person.name, person.number)
    kind = _type(work, wanted.slot.type)
    return EmrRef(str(work.insert(BOOK, *who, notes, location[:30], kind, label[:REMARKS], now, now)))


def cancel(work: Work, ref: EmrRef, now: str) -> bool:
    """Archive, then cancel; False when the guard found nothing of ours."""
    return work.change(ARCHIVE, int(ref)) == 1 and work.change(CANCEL, now, int(ref)) == 1


def delete(work: Work, ref: EmrRef) -> bool:
    """Archive, then delete, as OSCAR's own delete does: a cancelled row would stay on the day sheet."""
    return work.change(ARCHIVE, int(ref)) == 1 and work.change(DELETE, int(ref)) == 1


def tokens(work: Work, like: str, since: str) -> list[tuple[EmrRef, str]]:
    """Read the notes of our rows that carry a token."""
    return [(EmrRef(str(number)), notes) for number, notes in work.rows(TOKENS, since, like)]


def mark(work: Work, ref: EmrRef, old: str, new: str) -> bool:
    """Change a token where it stands; the rest of the notes stays."""
    return work.change(MARK, old, new, int(ref), f"%{old}%") == 1


def _type(work: Work, code: str) -> str:
    """Return the clinic's appointment type that is called as the template code is described; "" when there is none."""
    words = {str(words or "").strip() for each, words, _ in work.rows(CODES) if each == code}
    return next((str(name) for (name,) in work.rows(TYPES) if str(name).strip() in words - {""}), "")


def _day(text: str) -> date:
    """Return the day of a DATE; the zero date, which only a lax server takes, is the first day there is."""
    return date.fromisoformat(text) if is_day(text) else date.min
