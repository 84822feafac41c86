"""The patient of a booking in an EMR known by its mapping file, and the words its row is given.

Rule: one certain person or none; what is written is plain text on one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from adapters.sql.dialect import Value
from adapters.sql.mapped.query import Query, one_text
from adapters.sql.matching import Known, match, plain, told
from adapters.sql.session import Work
from agent.core.model import Patient

WIDTH = 255
"""Characters of `text`, which most EMRs keep in a column of that width at least."""


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What a row may say of its patient. No repr."""

    number: str | None
    patient: Patient | None = field(default=None)
    text: str = ""

    def words(self) -> dict[str, Value]:
        """Return the values a booking may ask for; `patient` is NULL for somebody the EMR does not know."""
        someone = self.patient
        family, given = (plain(someone.family), plain(someone.given)) if someone else ("", "")
        return {
            "patient": self.number,
            "family": family,
            "given": given,
            "name": f"{family.upper()},{given.upper()}"[:50],
            "born": f"{someone.born:%Y-%m-%d}" if someone and someone.born else None,
            "nam": plain(someone.nam) if someone else "",
            "phone": plain(someone.phone) if someone else "",
            "email": plain(someone.email) if someone else "",
            "text": self.text[:WIDTH],
        }


def person(work: Work, queries: Mapping[str, Query], patient: Patient, label: str) -> Person:
    """Match by health card and birth date, else by names and birth date; else the row brings how to reach them."""
    card, birth = queries.get("patient_by_card"), queries.get("patient_by_birth")
    nam = "".join(patient.nam.split()).upper()
    by_card = _known(work, card, {"nam": nam}) if card and nam else []
    by_birth = _known(work, birth, {"born": f"{patient.born:%Y-%m-%d}"}) if birth and patient.born else []
    number = match(patient, by_card, by_birth)
    return Person(number, patient, told(label, patient, matched=number is not None))


def _known(work: Work, query: Query, given: dict[str, Value]) -> list[Known]:
    return [
        Known(one_text(row["patient"]), _born(row["born"]), one_text(row["family"]), one_text(row["given"]))
        for row in query.rows(work, given)
    ]


def _born(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(one_text(value).strip()[:10])
    except ValueError:
        return None
