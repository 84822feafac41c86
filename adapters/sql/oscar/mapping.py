"""OSCAR as a mapping: which function answers which question.

Rule: nothing is decided here.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from adapters.sql.applied import Seen
from adapters.sql.mapping import Days, Right, Wanted
from adapters.sql.matching import plain
from adapters.sql.oscar import expand, rows
from adapters.sql.oscar.names import names
from adapters.sql.oscar.patient import Person, person
from adapters.sql.oscar.read import READ, Raw, pull
from adapters.sql.oscar.terms import Terms
from adapters.sql.places import Place
from adapters.sql.session import Work
from agent.core.model import EmrRef, Patient, Window
from agent.ports import Named


class Oscar:
    """Mapping, Booking and Tokened for OSCAR."""

    name = "oscar"
    tables = (
        *("appointment", "appointmentArchive", "scheduledate", "scheduletemplate", "scheduletemplatecode"),
        *("scheduleholiday", "provider", "demographic", "site", "providersite", "mygroup", "appointmentType"),
    )
    written = ("appointment", "appointmentArchive")
    reads: Sequence[Right] = (
        (f"SELECT ({', '.join(READ)})", "appointment"),
        ("SELECT", "scheduledate"),
        ("SELECT", "scheduletemplate"),
        ("SELECT", "scheduletemplatecode"),
        ("SELECT", "scheduleholiday"),
        ("SELECT", "site"),
        ("SELECT (provider_no, last_name, first_name)", "provider"),
        ("SELECT", "providersite"),
        ("SELECT (mygroup_no, provider_no)", "mygroup"),
    )
    writes: Sequence[Right] = (
        ("SELECT, INSERT, UPDATE, DELETE", "appointment"),
        ("SELECT (name)", "appointmentType"),
        ("SELECT (appointment_no), INSERT", "appointmentArchive"),
        (
            "SELECT (demographic_no, last_name, first_name, year_of_birth, month_of_birth, date_of_birth, hin)",
            "demographic",
        ),
    )

    def __init__(self, terms: Terms) -> None:
        """Take what the clinic decided."""
        self.clinic = terms

    def read(self, work: Work, first: date, last: date) -> Days[Raw, Terms]:
        """Pull the raw rows of some days."""
        return Days(pull(work, f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"), self.clinic, expand.slots, expand.agenda)

    def names(self, work: Work, picture: Any, window: Window) -> Sequence[Named]:
        """Return template codes, people and sites."""
        return names(work, picture.raw, picture.slots(window)[0])

    def person(self, work: Work, patient: Patient) -> Person:
        """Match by health card or names, with the birth date."""
        return person(work, patient, self.clinic.label)

    def longest(self, work: Work, day: date) -> int:
        """Measure the day's longest visit."""
        return rows.longest(work, day)

    def see(self, work: Work, ref: EmrRef | None, *, lock: bool = False) -> Seen | None:
        """Read one appointment."""
        return rows.see(work, ref, lock=lock)

    def overlapping(self, work: Work, place: Place, minutes: int, longest: int) -> set[EmrRef]:
        """Return the active appointments that overlap, locked."""
        return rows.overlapping(work, place, minutes, longest)

    def book(self, work: Work, wanted: Wanted) -> EmrRef | None:
        """Insert an appointment."""
        code = self.clinic.site_of(wanted.slot).emr_code
        location, label = "" if code == "*" else code, plain(self.clinic.label)
        return rows.book(work, wanted, location, label, self.clinic.wall(wanted.now))

    def cancel(self, work: Work, ref: EmrRef, now: datetime) -> bool:
        """Archive and cancel."""
        return rows.cancel(work, ref, self.clinic.wall(now))

    def undo(self, work: Work, ref: EmrRef, now: datetime) -> bool:  # noqa: ARG002 - the port's own
        """Archive and delete."""
        return rows.delete(work, ref)

    def tokens(self, work: Work, like: str, now: datetime) -> Sequence[tuple[EmrRef, str]]:
        """Read tokens from the notes, from yesterday on."""
        return rows.tokens(work, like, self.clinic.wall(now - timedelta(days=1))[:10])

    def mark(self, work: Work, ref: EmrRef, old: str, new: str) -> bool:
        """Change a token in the notes."""
        return rows.mark(work, ref, old, new)
