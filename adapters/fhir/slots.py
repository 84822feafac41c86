"""Slots as they are written: made busy for a booking, given back, held.

Rule: a Slot is changed under its own ETag, in place; a mark of ours says who made it busy, and only a Slot that bears
it, or that no mark stands on, is ever given back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.fhir import agenda
from adapters.fhir import resources as fhir
from adapters.fhir.agenda import ABANDONED, Pulled, Taken, Whose
from adapters.fhir.answer import WRITING, Answer
from adapters.fhir.line import Line
from adapters.fhir.record import Place, moment, named
from adapters.fhir.search import wholly
from adapters.fhir.terms import BOOKING, CLAIM, CLAIMED
from agent.core.errors import Refused, Transient
from agent.core.message import say
from agent.core.model import BookingId, SlotKey


@dataclass(frozen=True, slots=True, repr=False)
class Cell:
    """A Slot as the server has it now. `at`: the server's time when it was read."""

    resource: dict[str, Any]
    etag: str
    at: datetime

    @property
    def place(self) -> Place | None:
        """Return its name and start; None when its start is no certain time."""
        start = moment(self.resource.get("start"))
        return Place(SlotKey(str(self.resource.get("id", ""))), start) if start is not None else None

    @property
    def end(self) -> datetime | None:
        """Return its end, if certain."""
        return moment(self.resource.get("end"))

    @property
    def schedule(self) -> str:
        """Return "Schedule/ID"."""
        return fhir.relative(str(self.resource.get("schedule", {}).get("reference", "")))

    @property
    def claim(self) -> str:
        """Return the booking that made it busy, "" = none of ours."""
        return self._name(CLAIM)

    @property
    def word(self) -> str:
        """Return the claim's version or `hold` and until when."""
        return self._name(CLAIMED)

    @property
    def version(self) -> int:
        """Return the order's version that claimed it; 0 for a hold."""
        return int(self.word) if self.word.isdecimal() else 0

    @property
    def status(self) -> str:
        """Return the code."""
        return str(self.resource.get("status", ""))

    def is_open(self, booking: BookingId) -> bool:
        """Say whether this booking may have it: free, its own already, or left behind by another."""
        if self.status == "free" or (self.claim == booking and self.status in ("busy", "busy-tentative")):
            return True
        since = agenda.hold_until(self.word) or moment(self.resource.get("meta", {}).get("lastUpdated"))
        left = since is not None and since + ABANDONED < self.at
        return bool(self.claim) and self.status in ("busy", "busy-tentative") and left

    def _name(self, system: str) -> str:
        names = self.resource.get("identifier") or ()
        return next((str(one.get("value", "")) for one in names if one.get("system") == system), "")


class Slots:
    """The Slots of one server; `whose` tells whose a schedule is, `taken` what appointments take of a time."""

    def __init__(
        self,
        line: Line,
        whose: Callable[[str], Whose | None],
        taken: Callable[[datetime, datetime], Sequence[fhir.Appointment | fhir.Doubtful]],
        now: Callable[[], datetime],
    ) -> None:
        """Take the collaborators."""
        self._line = line
        self._whose = whose
        self._taken = taken
        self._now = now

    def get(self, key: SlotKey) -> Cell | None:
        """Read a Slot; None when there is none."""
        answer = self._line.read(f"Slot/{key}")
        return self._cell(answer) if answer.is_good else None

    def claimed(self, booking: BookingId) -> list[Cell]:
        """Return the Slots that bear this booking's mark."""
        rows = wholly(self._line, "Slot", [("identifier", f"{CLAIM}|{booking}")])
        cells = [Cell(row, _etag(row), self._now()) for row in rows]
        return [cell for cell in cells if cell.claim == booking]

    def marked(self, cell: Cell, booking: BookingId, word: str, status: str = "busy") -> dict[str, Any]:
        """Return the Slot made busy for a booking."""
        return {**cell.resource, "status": status, "identifier": named(cell.resource, claim=booking, claimed=word)}

    def put(self, cell: Cell, resource: Mapping[str, Any]) -> Cell | None:
        """Write a Slot under its ETag; None when somebody was faster. Raises Transient when the answer was lost."""
        answer = self._line.write("PUT", f"Slot/{resource['id']}", resource, {"If-Match": cell.etag})
        if answer.is_stale or answer.is_gone:
            return None
        if not answer.is_good:
            what = say("the FHIR server refuses to change a Slot (HTTP {code})", code=answer.status)
            raise Refused(WRITING, what)
        return self._cell(answer) if answer.body else Cell(dict(resource), answer.etag, self._now())

    def release(self, cell: Cell, booking: BookingId, *, untouched: bool = False) -> None:
        """Give a Slot back, once more when somebody was faster; what cannot be is free 5 minutes later by itself.

        `untouched`: nobody wrote the Slot since we claimed it, so that it is put back as it was.
        """
        last: Cell | None = cell
        for _ in range(2):
            if last is None or last.status not in ("busy", "busy-tentative") or last.claim not in ("", booking):
                return
            taken = self.others(last, booking)
            status = last.status if taken and not untouched else "free"
            clean = {**last.resource, "status": status, "identifier": named(last.resource, claim="", claimed="")}
            if not clean["identifier"]:
                del clean["identifier"]  # FHIR knows no empty lists
            if self.put(last, clean) is not None:
                return
            place = last.place
            last, untouched = self.get(place.slot) if place is not None else None, False

    def others(self, cell: Cell, booking: BookingId) -> bool:
        """Say whether an appointment that is not this booking's takes a part of the Slot's time."""
        place, end, whose = cell.place, cell.end, self._whose(cell.schedule)
        if place is None or end is None or whose is None:
            return True
        found = self._taken(place.start, end)
        good = tuple(one for one in found if isinstance(one, fhir.Appointment) and not _is_of(one, booking))
        odd = tuple(one for one in found if isinstance(one, fhir.Doubtful))
        held: Taken = agenda.taken(Pulled((), good, {}, place.start, odd))
        named_ = f"Slot/{place.slot}" in held.slots or bool(held.shut & {"*", *whose.keys})
        return named_ or held.covers(whose.keys, place.start.timestamp(), end.timestamp())

    def people(self, cell: Cell) -> list[dict[str, Any]]:
        """Return a Slot's practitioners as an Appointment's participants."""
        whose = self._whose(cell.schedule)
        keys = sorted(whose.actors) if whose is not None else []
        return [{"actor": {"reference": key}, "required": "required", "status": "accepted"} for key in keys]

    def _cell(self, answer: Answer) -> Cell:
        resource = answer.json()
        if resource.get("resourceType") != "Slot":
            raise Transient(WRITING, say("the FHIR server's answer is cut short or is no FHIR"))
        return Cell(resource, answer.etag, self._now())


def _is_of(one: fhir.Appointment, booking: BookingId) -> bool:
    return any(name.system == BOOKING and name.value == booking for name in one.identifier)


def _etag(resource: Mapping[str, Any]) -> str:
    version = resource.get("meta", {}).get("versionId")
    return f'W/"{version}"' if version else ""


def hold_word(until: datetime) -> str:
    """Return what stands beside a hold's mark."""
    return f"hold {until.astimezone(UTC).isoformat()}"
