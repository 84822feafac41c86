"""The statements that write into OSCAR, one function each.

Rule: every UPDATE and DELETE carries the guard "made by us and still to do"; a row that is not ours cannot match.
"""

from datetime import date

from adapters.sql.oscar.applied import Applied, Seen
from adapters.sql.oscar.patient import Person
from adapters.sql.oscar.read import seconds
from adapters.sql.oscar.terms import OURS, Place, clock
from adapters.sql.session import Row, Work
from agent.core.model import BookingId, SlotKey

_GUARD = f"WHERE appointment_no = ? AND creator = '{OURS}' AND SUBSTR(status, 1, 1) = 't'"
_COPIED = """appointment_no, provider_no, appointment_date, start_time, end_time, name, demographic_no, program_id, notes,
reason, location, resources, type, style, billing, status, imported_status, createdatetime, updatedatetime, creator,
lastupdateuser, remarks, urgency, creatorSecurityId, bookingSource"""

PROBE = "SELECT booking, version, outcome, slot, appointment, previous, at FROM creneau_applied WHERE 1 = 0"
CLAIM = "INSERT INTO creneau_applied(booking, version, outcome, at) VALUES(?, 0, '', ?)"
RECALL = "SELECT booking, version, outcome, slot, appointment, previous FROM creneau_applied WHERE booking = ?"
ALL = """SELECT booking, version, outcome, slot, appointment, previous FROM creneau_applied
WHERE appointment IS NOT NULL AND version > 0"""
REMEMBER = """UPDATE creneau_applied SET version = ?, outcome = ?, slot = ?, appointment = ?, previous = ?, at = ?
WHERE booking = ?"""
SEE = """SELECT appointment_no, provider_no, CAST(appointment_date AS CHAR), CAST(start_time AS CHAR),
CAST(end_time AS CHAR), status, creator, CASE WHEN COALESCE(demographic_no, 0) = 0 THEN 0 ELSE 1 END FROM appointment WHERE appointment_no = ?"""
OVERLAP = """SELECT appointment_no FROM appointment WHERE provider_no = ? AND appointment_date = ?
AND start_time < ? AND start_time >= ? AND (end_time > ? OR start_time >= ?)
AND (status IS NULL OR SUBSTR(status, 1, 1) NOT IN ('C', 'D'))"""
LENGTHS = "SELECT DISTINCT CAST(start_time AS CHAR), CAST(end_time AS CHAR) FROM appointment WHERE appointment_date = ?"
BOOK = f"""INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, name, demographic_no, program_id,
notes, reason, location, resources, type, style, billing, status, remarks, urgency, creator, lastupdateuser,
createdatetime, updatedatetime, bookingSource)
VALUES(?, ?, ?, ?, ?, ?, 0, ?, '', ?, '', '', '', '', 't', ?, '', '{OURS}', '', ?, ?, NULL)"""
ARCHIVE = f"INSERT INTO appointmentArchive({_COPIED}) SELECT {_COPIED} FROM appointment {_GUARD}"  # noqa: S608 - constants
CANCEL = f"UPDATE appointment SET status = 'C', updatedatetime = ?, lastupdateuser = '' {_GUARD}"  # noqa: S608 - a constant
DELETE = f"DELETE FROM appointment {_GUARD}"  # noqa: S608 - a constant

DAY, LEAST = 1440, 60
REMARKS = 50
"""Width of appointment.remarks."""


def claim(work: Work, booking: BookingId, now: str) -> Applied:
    """Lock the booking's sidecar row, made when it is the first time."""
    work.unless_there(CLAIM, booking, now)
    return _applied(work.locked(RECALL, booking)[0])


def recall(work: Work, booking: BookingId) -> Applied | None:
    """Read the booking's sidecar row; None = never applied."""
    return next((_applied(row) for row in work.rows(RECALL, booking)), None)


def remembered(work: Work) -> list[Applied]:
    """Read every sidecar row that names an appointment."""
    return [_applied(row) for row in work.rows(ALL)]


def remember(work: Work, known: Applied, now: str) -> None:
    """Store what was done; the last statement before COMMIT."""
    work.change(REMEMBER, known.version, known.outcome, known.slot, known.ref, known.previous, now, known.booking)


def see(work: Work, ref: int | None, *, lock: bool = False) -> Seen | None:
    """Read one appointment; None when it is not there."""
    if ref is None:
        return None
    for row in work.locked(SEE, ref) if lock else work.rows(SEE, ref):
        number, who, day, start, end, status, creator, matched = row
        first, last = ((seconds(text) or 0) // 60 for text in (start, end))
        where = Place(who, _day(day), first)
        return Seen(int(number), where, max(1, last + 1 - first), status or "", creator or "", bool(matched))
    return None


def longest(work: Work, day: date) -> int:
    """Return the minutes of the longest visit of the clinic's day, an hour at least; a whole day when one is unclear."""
    found = [LEAST]
    for first, last in work.rows(LENGTHS, f"{day:%Y-%m-%d}"):
        start_s, end_s = seconds(first), seconds(last)
        found.append(DAY if start_s is None or end_s is None else (end_s - start_s) // 60 + 1)
    return max(found)


def overlapping(work: Work, place: Place, minutes: int, longest: int = DAY) -> set[int]:
    """Return the active appointments that overlap, locked; what starts more than `longest` minutes before is not read.

    On MariaDB that bound decides how many other doctors' screens wait for us (a whole day of them without it). The
    last look after the commit has none: a visit that is longer than any before is found then.
    """
    since = clock(max(0, place.minute - longest))
    start, end = clock(place.minute), clock(place.minute + minutes)
    day = f"{place.day:%Y-%m-%d}"
    return {int(row[0]) for row in work.locked(OVERLAP, place.who, day, end, since, start, start)}


def book(work: Work, place: Place, minutes: int, person: Person, location: str, label: str, now: str) -> int:
    """Insert an appointment as the screens do: `end_time` is the inclusive last minute. Return its number."""
    day, start, end = f"{place.day:%Y-%m-%d}", clock(place.minute), clock(place.minute + minutes - 1)
    who = (place.who, day, start, end, person.name, person.number)
    return work.insert(BOOK, *who, person.notes, location[:30], label[:REMARKS], now, now)


def cancel(work: Work, ref: int, now: str) -> bool:
    """Archive, then cancel; False when the guard found nothing of ours."""
    return work.change(ARCHIVE, ref) == 1 and work.change(CANCEL, now, ref) == 1


def delete(work: Work, ref: int) -> bool:
    """Archive, then delete, as OSCAR's own delete does: a cancelled row would stay on the day sheet."""
    return work.change(ARCHIVE, ref) == 1 and work.change(DELETE, ref) == 1


def _day(text: str) -> date:
    """Return the day of a DATE; the zero date, which only a lax server takes, is the first day there is."""
    return date.min if text.startswith("0000") else date.fromisoformat(text)


def _applied(row: Row) -> Applied:
    booking, version, outcome, slot, ref, previous = row
    return Applied(BookingId(booking), int(version), outcome, SlotKey(slot) if slot else None, ref, previous)
