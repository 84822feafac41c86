"""Pull a window's slots, schedules and appointments, a day at a time.

Rule: every page or none; the server's filters save work and are never believed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.fhir import agenda
from adapters.fhir import resources as fhir
from adapters.fhir.agenda import Pulled, Whose
from adapters.fhir.line import Line, Params
from adapters.fhir.search import search
from adapters.fhir.terms import Terms
from adapters.fhir.validate import Sample
from agent.core.model import Window

DAY = timedelta(days=1)
LONGEST_VISIT = timedelta(days=1)
"""Appointments that began this long before a window are read too: they may reach into it."""


class Reader:
    """Reads one server; remembers whose each schedule was, as of the last read that met it."""

    def __init__(self, line: Line, terms: Terms, sample: Sample) -> None:
        """Take the collaborators."""
        self._line = line
        self._terms = terms
        self._sample = sample
        self._schedules: dict[str, fhir.Schedule] = {}
        self._names: dict[str, str] = {}

    def pull(self, window: Window) -> Pulled:
        """Read the window. Raises Transient when any page is missing, Misconfigured when a search is refused."""
        slots: dict[str, fhir.Slot] = {}
        appointments: dict[str, fhir.Appointment] = {}
        doubtful: list[fhir.Doubtful] = []
        bad, whole = 0, True
        for start, end in _days(window):
            found = search(self._line, "Slot", self._slots(start, end), self._terms.page)
            whole = whole and found.whole
            for one in found.resources:
                if isinstance(one, fhir.Slot):
                    slots[one.id] = one
                elif isinstance(one, fhir.Schedule):
                    self._schedules[f"Schedule/{one.id}"] = one
                elif isinstance(one, fhir.Practitioner):
                    self._name(one)
                elif isinstance(one, fhir.Bad) and one.kind != "Appointment":
                    bad += 1
        for start, end in _days(Window(window.start - LONGEST_VISIT, window.end)):
            good, odd, all_ = self._appointments(start, end)
            appointments.update({one.id: one for one in good})
            doubtful += odd
            whole = whole and all_
        schedules = self._whose({one.schedule.key for one in slots.values()})
        every = tuple(slots.values())
        self._sample.look(self._line, every)
        return Pulled(every, tuple(appointments.values()), schedules, self._line.at, tuple(doubtful), bad, whole)

    def appointments(self, start: datetime, end: datetime) -> list[fhir.Appointment | fhir.Doubtful]:
        """Return every appointment that may touch [start, end)."""
        good, odd, _ = self._appointments(start - LONGEST_VISIT, end)
        return [*good, *odd]

    def whose(self, schedule: str) -> Whose | None:
        """Return whose a schedule is."""
        return self._whose({schedule}).get(schedule)

    def changed(self, since: datetime) -> bool:
        """Say whether the server knows of any Slot or Appointment newer than this."""
        later = [("_lastUpdated", f"gt{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")]
        for kind in ("Slot", "Appointment"):
            answer = self._line.read(kind, [*later, ("_count", "1")])
            if not answer.is_good or answer.json().get("entry"):
                return True
        return False

    def _slots(self, start: datetime, end: datetime) -> Params:
        after, before = self._terms.guide.windows
        bounds = [("start", f"{after}{_instant(start)}"), ("start", f"{before}{_instant(end)}")]
        named = self._terms.practitioners
        extra = [(key, text.replace("{practitioners}", named)) for key, text in self._terms.guide.search]
        return [*bounds, *((key, text) for key, text in extra if text)]

    def _appointments(self, start: datetime, end: datetime) -> tuple[list[fhir.Appointment], list[fhir.Doubtful], bool]:
        params = [("date", f"ge{_instant(start)}"), ("date", f"lt{_instant(end)}")]
        found = search(self._line, "Appointment", params, self._terms.page)
        good = [one for one in found.resources if isinstance(one, fhir.Appointment)]
        odd = [one.doubtful for one in found.resources if isinstance(one, fhir.Bad) and one.doubtful is not None]
        return good, odd, found.whole

    def _whose(self, wanted: set[str]) -> dict[str, Whose]:
        """Return whose these schedules are; those that no page brought along are asked for one by one."""
        found = {}
        for key in sorted(wanted):
            schedule = self._schedules.get(key) or self._schedule(key)
            whose = None
            if schedule is not None:
                whose = agenda.whose(schedule, self._known(schedule), self._terms.practitioner_system)
            if whose is not None:
                found[key] = whose
        return found

    def _schedule(self, key: str) -> fhir.Schedule | None:
        one = self._get(key, "Schedule/")
        if isinstance(one, fhir.Schedule):
            self._schedules[key] = one
            return one
        return None

    def _known(self, schedule: fhir.Schedule) -> dict[str, str]:
        """Return the business names of a schedule's people; {} when the clinic names them by the server's ids."""
        if not self._terms.practitioner_system:
            return {}
        for ref in schedule.actor:
            if ref.key.startswith("Practitioner/") and ref.key not in self._names:
                one = self._get(ref.key, "Practitioner/")
                if isinstance(one, fhir.Practitioner):
                    self._name(one)
        return self._names or {"": ""}

    def _name(self, one: fhir.Practitioner) -> None:
        wanted = self._terms.practitioner_system
        name = next((name.value for name in one.identifier if name.system == wanted), "")
        if name:
            self._names[f"Practitioner/{one.id}"] = name

    def _get(self, key: str, kind: str) -> object:
        if not key.startswith(kind):
            return None
        answer = self._line.read(key)
        if not answer.is_good:
            return None
        try:
            return fhir.KNOWN.decode(answer.body)
        except msgspec.ValidationError:
            return None


def _days(window: Window) -> Iterator[tuple[datetime, datetime]]:
    """Cut a window into days: pages are cut by position, and rows move under a long reading."""
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    while start < end:
        yield start, min(start + DAY, end)
        start += DAY


def _instant(at: datetime) -> str:
    """Write a time for an address, without the plus sign that some servers read as a space; whole seconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
