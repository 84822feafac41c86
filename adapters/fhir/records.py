"""Our Appointments on the server: found, made once, changed under their ETag.

Rule: one booking has one Appointment. Servers let two who create at the same moment both through, so whoever created
looks again; whoever finds two keeps the one that knows more (the higher version, then the verified, then the lower id,
so that all choose alike) and strikes the other.
"""

import hashlib
from typing import Any

from adapters.fhir.answer import WRITING, Answer
from adapters.fhir.line import Line, Params
from adapters.fhir.profile import Profile
from adapters.fhir.record import Record, read
from adapters.fhir.resources import relative
from adapters.fhir.search import wholly
from adapters.fhir.slots import Cell, Slots
from adapters.fhir.terms import Terms
from agent.core.errors import Ambiguous, CreneauError, Refused
from agent.core.message import say
from agent.core.model import BookingId


class Records:
    """The Appointments we made on one server. `wrote`: one was written since whoever asks set it to False."""

    def __init__(self, line: Line, terms: Terms) -> None:
        """Take the collaborators."""
        self._line = line
        self._terms = terms
        self.wrote = False

    def find(self, booking: BookingId, profile: Profile | None = None) -> Record | None:
        """Return a booking's Appointment, None when there is none; strikes doubles where a profile allows writing."""
        found = [one for one in self._searched(booking, []) if one.booking == booking]
        if profile is not None and profile.create in ("client-id", "if-none-match") and not (found and profile.fresh):
            answer = self._line.read(f"Appointment/{our_id(booking)}")  # no search index, which may lag, in between
            one = self._read(answer.json(), answer.etag) if answer.is_good else None
            found = [one, *(each for each in found if each.ref != one.ref)] if one is not None else found
        kept = [one for one in found if one.status != "entered-in-error"] or found
        kept.sort(key=lambda one: (-one.applied.version, not one.applied.sure, one.ref))
        for double in kept[1:] if profile is not None else ():
            self.put(double, {**double.resource, "status": "entered-in-error"})
        return kept[0] if kept else None

    def ours(self, params: Params) -> list[Record]:
        """Return every Appointment of ours that a search finds."""
        return self._searched("", params)

    def _searched(self, value: str, params: Params) -> list[Record]:
        """Return ours, each once, whichever system named them: what was booked before the file gave another stays ours."""
        found = dict[str, Record]()
        for system in self._terms.systems:
            rows = wholly(self._line, "Appointment", [("identifier", f"{system}|{value}"), *params])
            found |= {one.ref: one for row in rows if (one := self._read(row)) is not None}
        return list(found.values())

    def make(self, booking: BookingId, resource: dict[str, Any], profile: Profile) -> Record | None:
        """Make a booking's Appointment; None when there is one already. Raises Ambiguous, Refused."""
        path, method, headers = "Appointment", "POST", {}
        if profile.create == "if-none-exist":
            headers = {"If-None-Exist": self.name_of(booking)}
        elif profile.create in ("client-id", "if-none-match"):
            path, method = f"Appointment/{our_id(booking)}", "PUT"
            resource = {**resource, "id": our_id(booking)}
            headers = {"If-None-Match": "*"} if profile.create == "if-none-match" else {}
        return self._made(self._line.write(method, path, resource, headers), booking, resource, profile)

    def make_with(
        self, booking: BookingId, resource: dict[str, Any], slots: Slots, cell: Cell, slot: dict[str, Any]
    ) -> bool:
        """Make the Appointment and write its Slot in one transaction; False = somebody was faster, nothing is left.

        For servers seen to undo a failed transaction whole. Every entry is checked all the same: a server that keeps
        half of one answers 200 too, and then what it kept is found, and undone, by whoever looks next.
        """
        entries = [
            {"resource": slot, "request": {"method": "PUT", "url": f"Slot/{slot['id']}", "ifMatch": cell.etag}},
            {
                "resource": resource,
                "request": {"method": "POST", "url": "Appointment", "ifNoneExist": self.name_of(booking)},
            },
        ]
        answer = self._line.write("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        if answer.is_stale:
            return False
        _refuse(answer)
        self.wrote = True
        states = [str(entry.get("response", {}).get("status", "")) for entry in answer.json().get("entry") or ()]
        if len(states) == len(entries) and all(state[:1] == "2" for state in states):
            return True
        if states[:1] and states[0][:1] == "2":  # only the Slot was written
            kept = slots.get(cell.place.slot) if cell.place is not None else None
            if kept is not None:
                slots.release(kept, booking)
        return False

    def put(self, own: Record, resource: dict[str, Any]) -> Record | None:
        """Change an Appointment under its ETag; None when somebody was faster. Raises Ambiguous, Refused."""
        path, headers, params = f"Appointment/{own.ref}", {"If-Match": own.etag}, list[tuple[str, str]]()
        if self._terms.guide.by_name:
            path, headers, params = "Appointment", {}, [("identifier", f"{own.system}|{own.booking}")]
        answer = self._line.write("PUT", path, resource, headers, params)
        if answer.is_stale or answer.is_gone:
            return None
        _refuse(answer)
        self.wrote = True
        return self._read(answer.json() if answer.body else resource, answer.etag)

    def name_of(self, booking: BookingId) -> str:
        """Return the search that a conditional create stands on."""
        return f"identifier={self._terms.booking_system}|{booking}"

    def _read(self, resource: dict[str, Any], etag: str = "") -> Record | None:
        return read(resource, etag, self._terms.systems)

    def _made(self, answer: Answer, booking: BookingId, resource: dict[str, Any], profile: Profile) -> Record | None:
        if answer.is_stale:
            return None
        _refuse(answer)
        self.wrote = True
        if profile.create == "client-id":
            return self._read(answer.json() or resource, answer.etag)
        own = self.find(booking, profile)  # a create that raced another is seen only by looking again
        sent = self._read(resource)
        same = own is not None and sent is not None and str(own.applied) == str(sent.applied)
        location = relative(answer.headers.get("location", "")) or f"Appointment/{answer.json().get('id', '')}"
        if own is not None and same and location in ("Appointment/", f"Appointment/{own.ref}", "/"):
            return own
        if own is None or not profile.fresh:  # where a search lags, what it shows instead says nothing of what we made
            raise not_found()
        return None


def our_id(booking: BookingId) -> str:
    """Return the id we give an Appointment where a server lets us: booking ids hold characters that FHIR's do not."""
    return f"creneau-{hashlib.sha256(booking.encode()).hexdigest()[:40]}"


def not_found() -> CreneauError:
    """Return what it means that a search does not show what was just written: it may stand, it may have been another."""
    return Ambiguous(WRITING, say("the FHIR server does not find what was just written"))


def _refuse(answer: Answer) -> None:
    if not answer.is_good:
        raise refused(answer)


def refused(answer: Answer) -> CreneauError:
    """Return what a client error means for a write: it was surely not done, and would not be another time."""
    what = say(
        "the FHIR server refuses the appointment (HTTP {code} {issue})", code=answer.status, issue=answer.issue[:40]
    )
    return Refused(WRITING, what, say("creneau check emr"))
