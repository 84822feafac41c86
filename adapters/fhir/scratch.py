"""An empty schedule to try things on: slots and appointments that nobody has, all taken away afterwards.

Rule: whatever was made is remembered the moment it is made.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.fhir.answer import Answer
from adapters.fhir.draft import NOBODY
from adapters.fhir.line import Line
from adapters.fhir.record import Applied, named, read
from adapters.fhir.search import wholly
from adapters.fhir.terms import BOOKING
from agent.core.booking import Outcome
from agent.core.errors import CreneauError, Refused
from agent.core.message import say
from agent.core.model import BookingId
from agent.ports import Tools

log = logging.getLogger("creneau.adapters.fhir")

AWAY = timedelta(days=400)
"""Trial slots lie this far ahead, beyond every horizon."""


@dataclass
class Scratch:
    """What a trial works with. `made`: "Type/id" of all it made, to be taken away."""

    line: Line
    schedule: str
    actor: str
    start: datetime
    token: Callable[[], str]
    made: set[str] = field(default_factory=set)
    seen: dict[str, str] = field(default_factory=dict)
    _nth: int = 0

    def booking(self) -> BookingId:
        """Return a booking nobody has."""
        return BookingId(f"trial-{self.token()}")

    def slot(self) -> tuple[dict[str, Any], str]:
        """Make a free Slot; return it with its version. Raises Refused."""
        start = self.start + timedelta(minutes=15 * self._nth)
        self._nth += 1
        body = {
            "resourceType": "Slot",
            "schedule": {"reference": self.schedule},
            "status": "free",
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{start + timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}",
        }
        made = self.done(self.line.write("POST", "Slot", body))
        return made.json(), made.etag

    def appointment(self, booking: BookingId, status: str = "booked") -> dict[str, Any]:
        """Return an Appointment for a booking, not sent."""
        start = self.start + timedelta(days=1)
        return {
            "resourceType": "Appointment",
            "identifier": named({}, booking=booking, applied=str(Applied(1, Outcome.BOOKED))),
            "status": status,
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{start + timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}",
            "participant": [{"actor": {"reference": self.actor}, "status": "accepted"} if self.actor else NOBODY],
        }

    def post(self, booking: BookingId) -> Answer:
        """Create conditionally on the booking's name."""
        name = {"If-None-Exist": f"identifier={BOOKING}|{booking}"}
        return self.line.write("POST", "Appointment", self.appointment(booking), name)

    def found(self, booking: BookingId) -> list[dict[str, Any]]:
        """Return the Appointments a search finds."""
        rows = wholly(self.line, "Appointment", [("identifier", f"{BOOKING}|{booking}")])
        mine = [row for row in rows if (one := read(row)) is not None and one.booking == booking]
        self.made |= {f"Appointment/{row['id']}" for row in mine}
        return mine

    def done(self, answer: Answer) -> Answer:
        """Remember what was made. Raises Refused when it was not."""
        if not answer.is_good:
            what = say("the FHIR server refuses a trial (HTTP {code} {issue})", code=answer.status, issue=answer.issue)
            raise Refused(say("try the FHIR server"), what, reason="trial")
        one = answer.json()
        if one.get("id"):
            self.made.add(f"{one['resourceType']}/{one['id']}")
        return answer

    def clear(self) -> None:
        """Take away what was made; what cannot be deleted is marked as entered in error."""
        for name in sorted(self.made):
            try:
                answer = self.line.write("DELETE", name, None)
                if not answer.is_good and not answer.is_gone:
                    now = self.line.read(name)
                    if now.is_good:
                        wrong = {**now.json(), "status": "entered-in-error"}
                        self.line.write("PUT", name, wrong, {"If-Match": now.etag})
            except CreneauError:
                log.warning("trial.left resource=%s", name)


def scratch_of(line: Line, scratch: str, tools: Tools) -> Scratch:
    """Return the schedule to try on. Raises Refused when it is not there, or has slots."""
    doing, name = say("try the FHIR server"), f"Schedule/{scratch.removeprefix('Schedule/')}"
    answer = line.read(name)
    if not answer.is_good or answer.json().get("resourceType") != "Schedule":
        raise Refused(doing, say("there is no {schedule} on this server", schedule=name), reason="scratch")
    for row in wholly(line, "Slot", [("schedule", name)]):
        if row.get("schedule", {}).get("reference", "").endswith(name):
            what = say("{schedule} has slots: a trial needs an empty one", schedule=name)
            raise Refused(doing, what, say("ask the vendor for an empty trial schedule"), reason="scratch")
    actors = [ref.get("reference", "") for ref in answer.json().get("actor") or ()]
    far = (tools.clock.now().utc + AWAY).astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return Scratch(line, name, next(iter(actors), ""), far, tools.dice.token)
