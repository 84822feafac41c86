"""Find the patient of a booking in OpenEMR, and write what the front desk reads.

Rule: the health card is `pubpid`, the external number; nobody is made.
"""

from dataclasses import dataclass
from datetime import date

from adapters.sql.matching import Known, match, plain, told
from adapters.sql.session import Row, Work
from agent.core.model import Patient

BY_CARD = """SELECT pid, CAST(DOB AS CHAR), lname, fname FROM patient_data
WHERE UPPER(REPLACE(pubpid, ' ', '')) = ?"""
BY_BIRTH = "SELECT pid, CAST(DOB AS CHAR), lname, fname FROM patient_data WHERE DOB = ?"


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What an event says of its patient; `number` "" = not matched, and then `name` stands in the title. No repr."""

    number: str
    name: str
    comment: str


NOBODY = Person("", "", "")


def person(work: Work, patient: Patient, label: str) -> Person:
    """Match by health card and birth date, else by names and birth date; unmatched ones bring their phone."""
    number = _number(work, patient) or ""
    name = "" if number else f"{plain(patient.family, beyond=True).upper()}, {plain(patient.given, beyond=True)}"
    return Person(number, name, told(label, patient, matched=bool(number), beyond=True))


def _number(work: Work, patient: Patient) -> str | None:
    if patient.born is None:
        return None
    card = "".join(patient.nam.split()).upper()
    by_card = [_known(row) for row in work.rows(BY_CARD, card)] if card else []
    return match(patient, by_card, [_known(row) for row in work.rows(BY_BIRTH, f"{patient.born:%Y-%m-%d}")])


def _known(row: Row) -> Known:
    number, born, family, given = row
    day = None if not born or str(born).startswith("0000") else date.fromisoformat(str(born))
    return Known(str(number), day, str(family or ""), str(given or ""))
