"""What a trial makes on a server: slots and appointments that nobody has, all taken away afterwards.

Rule: whatever was made bears our mark and is noted on the disk the moment it is known, so that a trial that was cut
off is cleared away by the next one.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adapters.fhir.answer import Answer
from adapters.fhir.draft import NOBODY
from adapters.fhir.line import Line
from adapters.fhir.record import Applied, named, read
from adapters.fhir.resources import relative
from adapters.fhir.search import wholly
from adapters.fhir.terms import BOOKING, TRIAL
from agent.core.booking import Outcome
from agent.core.errors import CreneauError, Refused
from agent.core.message import say
from agent.core.model import BookingId
from agent.ports import SourceStore

log = logging.getLogger("creneau.adapters.fhir")

NOTE = "trial:"
"""Beginning of the keys under which the store remembers what a trial made: "trial:Slot/12"."""
MADE = re.compile(r"(Slot|Appointment)/[A-Za-z0-9.-]{1,64}")
REMARK = "Créneau : essai"
"""What a person reads on a trial's slots and appointments; it also marks them where a server drops our names."""


@dataclass
class Scratch:
    """What a trial works with. `schedule`: "Schedule/ID"; `made`: "Type/id" of all it made, to be taken away."""

    line: Line
    store: SourceStore
    schedule: str
    actor: str
    start: datetime
    token: Callable[[], str]
    made: set[str] = field(default_factory=set)
    _nth: int = 0

    def booking(self) -> BookingId:
        """Return a booking nobody has."""
        return BookingId(f"trial-{self.token()}")

    def slot(self, minutes: int = 15) -> tuple[dict[str, Any], str]:
        """Make a free Slot of that length; return it with its version. Raises Refused."""
        start = self.start + timedelta(minutes=15 * self._nth)
        self._nth += 1
        body = {
            "resourceType": "Slot",
            "identifier": named({}, trial=self.schedule),
            "schedule": {"reference": self.schedule},
            "status": "free",
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{start + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}",
            "comment": REMARK,
        }
        made = self.write("POST", "Slot", body)
        return made.json(), made.etag

    def appointment(self, booking: BookingId, status: str = "booked") -> dict[str, Any]:
        """Return an Appointment for a booking, not sent."""
        start = self.start + timedelta(days=1)
        return {
            "resourceType": "Appointment",
            "identifier": named({}, booking=booking, applied=str(Applied(1, Outcome.BOOKED)), trial=self.schedule),
            "status": status,
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{start + timedelta(minutes=15):%Y-%m-%dT%H:%M:%SZ}",
            "comment": REMARK,
            "participant": [{"actor": {"reference": self.actor}, "status": "accepted"} if self.actor else NOBODY],
        }

    def post(self, booking: BookingId) -> Answer:
        """Create conditionally on the booking's name; whoever calls remembers what was made."""
        name = {"If-None-Exist": f"identifier={BOOKING}|{booking}"}
        return self.line.write("POST", "Appointment", self.appointment(booking), name)

    def write(
        self, method: str, path: str, resource: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Write, remember and return what stands then, read again where the answer was empty. Raises Refused."""
        answer = self.line.write(method, path, resource, headers)
        if not answer.is_good:
            what = say("the FHIR server refuses a trial (HTTP {code} {issue})", code=answer.status, issue=answer.issue)
            raise Refused(say("try the FHIR server"), what, reason="trial")
        name = self.remember(answer, path)
        return answer if answer.body and answer.etag else self.line.read(name)

    def remember(self, answer: Answer, path: str = "") -> str:
        """Note what an answer says was made; return its "Type/id", "" when nothing was."""
        if not answer.is_good:
            return ""
        one = answer.json() if answer.body else {}
        name = f"{one.get('resourceType', '')}/{one.get('id', '')}"
        if not MADE.fullmatch(name):
            name = relative(answer.headers.get("location", "")) or path
        self.note({name})
        return name

    def note(self, names: set[str]) -> None:
        """Remember names, on the disk too; what is no name of one slot or appointment is none that may be deleted."""
        fresh = {name for name in names - self.made if MADE.fullmatch(name)}
        self.made |= fresh
        if fresh:
            self.store.note({f"{NOTE}{name}": b"" for name in fresh})

    def found(self, booking: BookingId) -> list[dict[str, Any]]:
        """Return the Appointments a search finds."""
        rows = wholly(self.line, "Appointment", [("identifier", f"{BOOKING}|{booking}")])
        mine = [row for row in rows if (one := read(row)) is not None and one.booking == booking]
        self.note({f"Appointment/{row['id']}" for row in mine})
        return mine

    def clear(self) -> int:
        """Take away what was made; what cannot be deleted is marked as entered in error. Return how many stay so."""
        left = 0
        for name in sorted(self.made):
            try:
                kept = self._kept(name)
            except CreneauError:  # it stays in mind, and is told
                left += 1
                continue
            left += kept
            self.made.discard(name)
            self.store.note({f"{NOTE}{name}": None})
        if left:
            log.warning("trial.left n=%d", left)
        return left

    def _kept(self, name: str) -> bool:
        """Take one thing away; say whether the server keeps it, marked. Raises Refused when it cannot be marked."""
        answer = self.line.write("DELETE", name, None)
        if answer.is_good or answer.is_gone:
            return False
        now = self.line.read(name)
        if not now.is_good:
            return False
        wrong = {**now.json(), "status": "entered-in-error"}
        if not self.line.write("PUT", name, wrong, {"If-Match": now.etag}).is_good:
            raise Refused(say("try the FHIR server"), say("the FHIR server keeps what a trial made"), reason="trial")
        return True


def left_behind(store: SourceStore) -> set[str]:
    """Return "Type/id" of what a trial that was cut off is known to have made."""
    return {key.removeprefix(NOTE) for key in store.notes(NOTE)}


def is_trial(resource: Mapping[str, Any]) -> bool:
    """Say whether a Slot or Appointment is a trial's, by our mark or by what a person reads on it."""
    names = resource.get("identifier") or ()
    marked = any(isinstance(one, Mapping) and one.get("system") == TRIAL for one in names)
    return marked or str(resource.get("comment", "")).startswith(REMARK)
