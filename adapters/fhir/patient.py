"""Find the patient of a booking on the server, by a search whose words stand in no address.

Rule: one certain match or none; what the server answers is compared again here, because servers ignore filters.
"""

import unicodedata
from typing import Any

from adapters.fhir.line import Line
from agent.core.model import Patient


class Patients:
    """The patients of one server. `nam_system`: of the health insurance number, "" = never searched by it."""

    def __init__(self, line: Line, nam_system: str) -> None:
        """Take the collaborators."""
        self._line = line
        self._nam_system = nam_system
        self._able = True

    def actor(self, patient: Patient) -> dict[str, Any]:
        """Return a participant's actor: the matched patient, else the name as text with what the desk needs to call."""
        name = f"{patient.family.upper()}, {patient.given}"
        found = self._match(patient)
        if found:
            return {"reference": f"Patient/{found}", "display": name}
        born = f"{patient.born:%Y-%m-%d}" if patient.born else ""
        return {"display": " - ".join(part for part in (name, born, patient.nam, patient.phone, patient.email) if part)}

    def _match(self, patient: Patient) -> str:
        """Return the server's id of the only one who fits, "" when none or several do."""
        if patient.born is None:
            return ""
        nam = "".join(patient.nam.split()).upper()
        if nam and self._nam_system:
            spaced = " ".join((nam[:4], nam[4:8], nam[8:]))  # as the card prints it, and as some servers keep it
            rows = self._rows({"identifier": ",".join(f"{self._nam_system}|{one}" for one in (nam, spaced))})
            by_nam = [row for row in rows if _born(row, patient) and nam in _numbers(row, self._nam_system)]
            if by_nam:
                return _only(by_nam)
        rows = self._rows({"birthdate": f"{patient.born:%Y-%m-%d}", "family": patient.family})
        return _only([row for row in rows if _born(row, patient) and _is_named(row, patient)])

    def _rows(self, form: dict[str, str]) -> list[dict[str, Any]]:
        if not self._able:
            return []
        answer = self._line.look("Patient", {**form, "_count": "50"})
        if not answer.is_good:  # this server knows no search by POST, and a name goes into no address
            self._able = False
            return []
        whole = answer.json()
        if any(link.get("relation") == "next" for link in whole.get("link") or ()):
            return []  # too many to be sure of one
        rows = [entry.get("resource", {}) for entry in whole.get("entry") or ()]
        return [row for row in rows if row.get("resourceType") == "Patient" and row.get("active", True)]


def _only(rows: list[dict[str, Any]]) -> str:
    return str(rows[0].get("id", "")) if len(rows) == 1 else ""


def _born(row: dict[str, Any], patient: Patient) -> bool:
    return patient.born is not None and row.get("birthDate") == f"{patient.born:%Y-%m-%d}"


def _numbers(row: dict[str, Any], system: str) -> set[str]:
    names = row.get("identifier") or ()
    return {"".join(str(one.get("value", "")).split()).upper() for one in names if one.get("system") == system}


def _is_named(row: dict[str, Any], patient: Patient) -> bool:
    wanted = _letters(patient.family), _letters(patient.given)
    names = row.get("name") or ()
    return any(wanted == (_letters(str(one.get("family", ""))), _letters(_first(one))) for one in names)


def _first(name: dict[str, Any]) -> str:
    given = name.get("given") or [""]
    return str(given[0])


def _letters(text: str) -> str:
    """Compare as people do: no accents, no case, no hyphens."""
    flat = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in flat if c.isalnum())
