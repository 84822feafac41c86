"""Find the patient of a booking in OSCAR, and write what the front desk reads.

Rule: texts are cut to OSCAR's lengths on purpose, never by the database.
"""

from dataclasses import dataclass

from adapters.sql.matching import Known, born, match, plain, told
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
    number = int(_number(work, patient) or 0)
    name = f"{plain(patient.family).upper()},{plain(patient.given).upper()}"
    return Person(number, name[:NAME], told(label, patient, matched=bool(number))[:NOTES])


def _number(work: Work, patient: Patient) -> str | None:
    if patient.born is None:
        return None
    nam = "".join(patient.nam.split()).upper()
    by_nam = [_known(row) for row in work.rows(BY_NAM, nam)] if nam else []
    by_name = [_known(row) for row in work.rows(BY_YEAR, str(patient.born.year))]
    return match(patient, by_nam, by_name)


def _known(row: Row) -> Known:
    number, year, month, day, family, given = row
    return Known(str(number), born(year, month, day), family or "", given or "")
