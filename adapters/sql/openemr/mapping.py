"""OpenEMR as a mapping: which function answers which question.

Rule: nothing is decided here.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from adapters.sql.applied import Seen
from adapters.sql.mapping import Days, Right, Wanted
from adapters.sql.openemr import expand, rows
from adapters.sql.openemr.patient import Person, person
from adapters.sql.openemr.read import Raw, pull
from adapters.sql.openemr.terms import Terms
from adapters.sql.places import DAY, Place
from adapters.sql.session import Work
from agent.core.model import EmrRef, Patient, Window
from agent.ports import Named

_READ = """pc_eid, pc_aid, pc_catid, pc_prefcatid, pc_eventDate, pc_endDate, pc_startTime, pc_endTime, pc_duration,
pc_recurrtype, pc_recurrspec, pc_apptstatus, pc_facility, uuid"""


class OpenEmr:
    """Mapping, Booking and Tokened for OpenEMR."""

    name = "openemr"
    tables = (
        *(rows.TABLE, "openemr_postcalendar_categories", "calendar_external"),
        *("users", "facility", "patient_data"),
    )
    written = (rows.TABLE,)
    reads: Sequence[Right] = (
        (f"SELECT ({' '.join(_READ.split())})", rows.TABLE),
        ("SELECT", "openemr_postcalendar_categories"),
        ("SELECT (date)", "calendar_external"),
        ("SELECT (id, fname, lname, authorized, active, calendar)", "users"),
        ("SELECT (id, name)", "facility"),
    )
    writes: Sequence[Right] = (
        ("SELECT (pc_pid, pc_hometext), INSERT, UPDATE (pc_apptstatus, pc_time, pc_hometext), DELETE", rows.TABLE),
        ("SELECT (pid, pubpid, lname, fname, DOB)", "patient_data"),
    )

    def __init__(self, terms: Terms) -> None:
        """Take what the clinic decided."""
        self.clinic = terms

    def read(self, work: Work, first: date, last: date) -> Days[Raw, Terms]:
        """Pull the raw rows of some days."""
        return Days(pull(work, first, last), self.clinic, expand.slots, expand.agenda)

    def names(self, work: Work, picture: Any, window: Window) -> Sequence[Named]:  # noqa: ARG002 - all was pulled
        """Return categories by their constants, people of the calendar, and facilities by number."""
        raw: Raw = picture.raw
        free = picture.slots(window)[0]
        types, people = Counter(slot.type for slot in free), Counter(slot.practitioner.key for slot in free)
        sites = Counter(slot.site for slot in free)
        words = {expand.IN: "", **{each.word: each.name for each in raw.categories.values() if each.is_visit}}
        places = {number: self.clinic.site(number) for number in raw.facilities}
        return [
            *(Named("type", word, name, types[word]) for word, name in sorted(words.items())),
            *(Named("practitioner", who, name, people[who]) for who, name in sorted(raw.people.items())),
            *(Named("site", n, raw.facilities[n], sites[at.id] if at else 0) for n, at in sorted(places.items())),
        ]

    def person(self, work: Work, patient: Patient) -> Person:
        """Match by health card or names, with the birth date."""
        return person(work, patient, self.clinic.label)

    def longest(self, work: Work, day: date) -> int:  # noqa: ARG002 - the port's own
        """Return a day: the index that the lock walks knows days only."""
        return DAY

    def see(self, work: Work, ref: EmrRef | None, *, lock: bool = False) -> Seen | None:
        """Read one appointment."""
        return rows.see(work, ref, lock=lock)

    def overlapping(self, work: Work, place: Place, minutes: int, longest: int) -> set[EmrRef]:  # noqa: ARG002 - see `longest`
        """Return the active events that overlap, single ones locked."""
        return rows.overlapping(work, place, minutes, self.clinic.grid)

    def book(self, work: Work, wanted: Wanted) -> EmrRef | None:
        """Insert an event."""
        code = self.clinic.site_of(wanted.slot).emr_code
        facility = int(code) if code.isdecimal() else 0
        return rows.book(work, wanted, self.clinic, (facility, facility), self.clinic.wall(wanted.now))

    def cancel(self, work: Work, ref: EmrRef, now: datetime) -> bool:
        """Set the status to cancelled."""
        return rows.cancel(work, ref, self.clinic.wall(now))

    def undo(self, work: Work, ref: EmrRef, now: datetime) -> bool:  # noqa: ARG002 - the port's own
        """Delete."""
        return rows.delete(work, ref)

    def tokens(self, work: Work, like: str, now: datetime) -> Sequence[tuple[EmrRef, str]]:
        """Read tokens from the comments, from yesterday on."""
        return rows.tokens(work, like, (now - timedelta(days=1)).date())

    def mark(self, work: Work, ref: EmrRef, old: str, new: str) -> bool:
        """Change a token in the comment."""
        return rows.mark(work, ref, old, new)
