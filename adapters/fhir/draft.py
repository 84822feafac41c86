"""The Appointment as we write it: from a booking, or changed in place.

Rule: pure; whatever the server or staff put into an Appointment stays in it, save what the change is about.
"""

from typing import Any

from adapters.fhir.record import Applied, Record, booked, named
from adapters.fhir.resources import relative
from adapters.fhir.slots import Cell
from adapters.fhir.terms import BOOKING, OUTCOME, Terms
from agent.core.booking import Outcome, Write
from agent.core.model import BookingId

PEOPLE = ("Practitioner/", "PractitionerRole/")
COPIED = ("serviceCategory", "serviceType", "specialty", "appointmentType")
"""Elements that Slot and Appointment have in common (R4): the desk sees the visit's kind."""
NOBODY = {"type": [{"text": "Créneau"}], "status": "declined"}
"""The compulsory participant of an Appointment that never was one (R4: participant 1..*)."""


def drafted(
    write: Write,
    cell: Cell,
    applied: Applied,
    people: list[dict[str, Any]],
    who: dict[str, Any] | None,
    terms: Terms,
) -> dict[str, Any]:
    """Return a new Appointment in a Slot, not yet verified."""
    note = write.patient.note if write.patient is not None else ""
    made: dict[str, Any] = {
        "resourceType": "Appointment",
        "identifier": booked(write.booking, terms.booking_system, applied=str(applied)),
        "status": terms.guide.placed,
        **{key: cell.resource[key] for key in COPIED if cell.resource.get(key)},
        **_at(cell),
        "participant": [*people, *([{"actor": who, "status": "accepted"}] if who else [])] or [NOBODY],
    }
    return {**made, **({"description": terms.label} if terms.label else {}), **({"comment": note} if note else {})}


def cancelled(booking: BookingId, applied: Applied, system: str = BOOKING) -> dict[str, Any]:
    """Return an Appointment that only remembers: nothing stands, and a late booking finds it."""
    return {
        "resourceType": "Appointment",
        "identifier": booked(booking, system, applied=str(applied)),
        "status": "cancelled",
        "cancelationReason": reason(applied.outcome),
        "participant": [NOBODY],
    }


def moved(
    own: Record,
    applied: Applied,
    cell: Cell | None = None,
    people: list[dict[str, Any]] | None = None,
    status: str = "",
) -> dict[str, Any]:
    """Return our Appointment with what we last did, in another Slot when one is given."""
    changed = {**own.resource, "identifier": named(own.resource, applied=str(applied))}
    if cell is None:
        return changed
    others = [one for one in own.resource.get("participant") or () if not _is_person(one)]
    at_work = [*(people or []), *others] or [NOBODY]
    return {**changed, **_at(cell), "participant": at_work, "status": status}


def withdrawn(own: Record, applied: Applied) -> dict[str, Any]:
    """Return our Appointment cancelled, with why."""
    return {**moved(own, applied), "status": "cancelled", "cancelationReason": reason(applied.outcome)}


def reason(outcome: Outcome) -> dict[str, Any]:
    """Return why it was cancelled, in words the desk reads."""
    words = {Outcome.CANCELLED: "Annulé en ligne", Outcome.CONFLICT: "Plage déjà prise"}
    return {"coding": [{"system": OUTCOME, "code": outcome.value}], "text": words.get(outcome, outcome.value)}


def _at(cell: Cell) -> dict[str, Any]:
    slot = cell.resource
    return {"start": slot["start"], "end": slot["end"], "slot": [{"reference": f"Slot/{slot['id']}"}]}


def _is_person(participant: dict[str, Any]) -> bool:
    return relative(str(participant.get("actor", {}).get("reference", ""))).startswith(PEOPLE)
