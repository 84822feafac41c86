"""What an Appointment of ours remembers of its booking, and what that means beside how it stands now.

Rule: pure; an effect is read off the resource, never assumed. What we last did stands in one business name,
`version outcome slot start sure previous`, because servers keep identifiers where they drop extensions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from adapters.fhir.resources import relative
from adapters.fhir.terms import APPLIED, BOOKING, OURS, UNSURE
from agent.core.booking import Effect, Outcome
from agent.core.model import BookingId, EmrRef, SlotKey

OPEN = frozenset({"proposed", "pending", "booked"})
"""Statuses in which nobody has touched an appointment of ours."""
GONE = frozenset({"cancelled"})


@dataclass(frozen=True, slots=True)
class Place:
    """A Slot's id and start."""

    slot: SlotKey
    start: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """What we last did. `place`: where we put it, None when nothing of it stands. `sure`: verified.

    `previous`: the Slot a move leaves, still claimed until the new one is sure.
    """

    version: int
    outcome: Outcome
    place: Place | None = None
    sure: bool = True
    previous: SlotKey | None = None

    def __str__(self) -> str:
        """Write it as the business name."""
        at = self.place
        slot, start = (at.slot, f"{at.start.astimezone(UTC):%Y%m%dT%H%M%SZ}") if at else ("-", "-")
        sure = "sure" if self.sure else UNSURE
        return f"{self.version} {self.outcome.value} {slot} {start} {sure} {self.previous or '-'}"


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """One Appointment of ours: the server's text, to be changed in place, and what it says. No repr.

    `system`: of the business name by which it is ours; it stays what it was when it was made.
    """

    booking: BookingId
    resource: dict[str, Any]
    etag: str
    applied: Applied
    status: str
    now: Place | None
    matched: bool
    system: str = BOOKING

    @property
    def ref(self) -> EmrRef:
        """Return the server's id."""
        return EmrRef(str(self.resource.get("id", "")))

    @property
    def is_ours(self) -> bool:
        """Say whether it stands where we put it and nobody received, moved or cancelled it."""
        return self.status in OPEN and self.applied.place is not None and self.now == self.applied.place

    @property
    def is_standing(self) -> bool:
        """Say whether a patient's cancel may still reach it."""
        return self.status in OPEN

    @property
    def is_closed(self) -> bool:
        """Say whether nothing of it stands, and that by our own doing."""
        return self.applied.version > 0 and self.applied.place is None and self.status in GONE

    @property
    def is_pending(self) -> bool:
        """Say whether a write of ours was cut off before its verify."""
        return not self.applied.sure and self.is_ours


def read(resource: dict[str, Any], etag: str = "", systems: Collection[str] = (BOOKING,)) -> Record | None:
    """Read an Appointment; None when it is not ours, by none of the `systems`."""
    names = _names(resource)
    system = next((one for one in systems if one in names), None)
    if system is None:
        return None
    slots = [relative(str(ref.get("reference", ""))) for ref in resource.get("slot") or () if isinstance(ref, Mapping)]
    start = moment(resource.get("start"))
    slot = next((ref.removeprefix("Slot/") for ref in slots if ref.startswith("Slot/")), "")
    version = resource.get("meta", {}).get("versionId")
    people = [one.get("actor", {}).get("reference", "") for one in resource.get("participant") or ()]
    return Record(
        booking=BookingId(names[system]),
        resource=resource,
        etag=etag or (f'W/"{version}"' if version else ""),
        applied=_applied(names.get(APPLIED, "")),
        status=str(resource.get("status", "")),
        now=Place(SlotKey(slot), start) if start is not None else None,
        matched=any(relative(ref).startswith("Patient/") for ref in people),
        system=system,
    )


def answer(own: Record) -> Effect:
    """Return the effect of a booking: the stored outcome where it is final, else how its appointment stands."""
    known = own.applied
    if own.is_closed:
        return Effect(own.booking, known.version, known.outcome)
    if own.status == "entered-in-error":
        place = own.applied.place
        return Effect(own.booking, known.version, Outcome.CHECKING, own.ref, place.slot if place else None)
    effect = stands(own)
    return replace(effect, outcome=Outcome.CONFLICT) if known.outcome is Outcome.CONFLICT else effect


def stands(own: Record) -> Effect:
    """Return how an appointment of ours stands now."""
    outcome = Outcome.BOOKED if own.is_ours else Outcome.CHANGED
    if own.status in GONE:
        outcome = Outcome.CANCELLED_BY_CLINIC
    here = own.now.slot if own.now is not None and own.now.slot else None
    theirs = outcome is not Outcome.BOOKED
    return Effect(own.booking, own.applied.version, outcome, own.ref, here, theirs, own.matched, own.is_pending)


def moment(text: object) -> datetime | None:
    """Read a FHIR instant; None when it is none or has no offset."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else None


def named(resource: Mapping[str, Any], **names: str) -> list[dict[str, Any]]:
    """Return a resource's business names with ours set (`names`: system without `urn:creneau:`), "" taken away."""
    systems = {f"{OURS}{word}": value for word, value in names.items()}
    kept = [one for one in resource.get("identifier") or () if one.get("system") not in systems]
    return [*kept, *({"system": system, "value": value} for system, value in systems.items() if value)]


def booked(booking: BookingId, system: str, **names: str) -> list[dict[str, Any]]:
    """Return the business names of an Appointment we make: the booking's in its `system`, then ours."""
    return [{"system": system, "value": booking}, *named({}, **names)]


def _names(resource: Mapping[str, Any]) -> dict[str, str]:
    names = resource.get("identifier") or ()
    return {str(one.get("system", "")): str(one.get("value", "")) for one in names if isinstance(one, Mapping)}


def _applied(text: str) -> Applied:
    """Read what we wrote; a name that staff or server lost is version 0 and nowhere: theirs from now on."""
    try:
        version, outcome, slot, start, sure, previous = text.split(" ")
        place = None if slot == "-" else Place(SlotKey(slot), datetime.strptime(start, "%Y%m%dT%H%M%S%z"))
        left = None if previous == "-" else SlotKey(previous)
        return Applied(int(version), Outcome(outcome), place, sure != UNSURE, left)
    except ValueError:
        return Applied(0, Outcome.CHANGED)
