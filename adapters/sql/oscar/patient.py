"""Find the patient of a booking in OSCAR, and write what the front desk reads.

Rule: one certain match or none; texts are cut to OSCAR's lengths on purpose, never by the database.
"""

import unicodedata
from dataclasses import dataclass

from adapters.sql.session import Row, Work
from agent.core.model import Patient

BY_NAM = """SELECT demographic_no, year_of_birth, month_of_birth, date_of_birth, last_name, first_name FROM demographic
WHERE UPPER(REPLACE(hin, ' ', '')) = ?"""
BY_YEAR = """SELECT demographic_no, year_of_birth, month_of_birth, date_of_birth, last_name, first_name FROM demographic
WHERE year_of_birth = ?"""

NAME, NOTES = 50, 255
"""Widths of appointment.name and appointment.notes (varchar, utf8mb3)."""


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What an appointment row says of its patient; `number` 0 = not matched. No repr."""

    number: int
    name: str
    notes: str


NOBODY = Person(0, "", "")


def person(work: Work, patient: Patient, label: str) -> Person:
    """Match by health card and birth date, else by names and birth date; unmatched ones bring their phone."""
    number = _match(work, patient)
    told = (label, patient.note) if number else (label, patient.phone, patient.email, patient.note)
    name = f"{plain(patient.family).upper()},{plain(patient.given).upper()}"
    return Person(number, name[:NAME], plain(" - ".join(part for part in told if part))[:NOTES])


def plain(text: str) -> str:
    """Keep what utf8mb3 can store, on one line: no character beyond U+FFFF, no control character."""
    kept = "".join(" " if unicodedata.category(c)[0] == "C" or ord(c) > 0xFFFF else c for c in text)
    return " ".join(kept.split())


def _match(work: Work, patient: Patient) -> int:
    if patient.born is None:
        return 0
    nam = "".join(patient.nam.split()).upper()
    by_nam = [row for row in work.rows(BY_NAM, nam) if _born(row, patient)] if nam else []
    if by_nam:
        return _only(by_nam)
    named = _letters(patient.family), _letters(patient.given)
    rows = work.rows(BY_YEAR, str(patient.born.year))
    return _only([row for row in rows if _born(row, patient) and (_letters(row[4]), _letters(row[5])) == named])


def _only(rows: list[Row]) -> int:
    return int(rows[0][0]) if len(rows) == 1 else 0


def _born(row: Row, patient: Patient) -> bool:
    parts = [int(part) if str(part or "").strip().isdecimal() else 0 for part in row[1:4]]
    born = patient.born
    return born is not None and parts == [born.year, born.month, born.day]


def _letters(text: str) -> str:
    """Compare as people do: no accents, no case, no hyphens."""
    flat = unicodedata.normalize("NFKD", text or "").casefold()
    return "".join(c for c in flat if c.isalnum())
