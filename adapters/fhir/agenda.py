"""Judge which slots of a server are free.

Rule: pure; a slot is free when its status says so, nobody's appointment touches it, and every time is certain.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.fhir import resources as fhir
from adapters.fhir.terms import APPLIED, BOOKING, CLAIM, CLAIMED, UNSURE, Terms
from agent.core.message import say
from agent.core.model import AgendaRow, Cell, Finding, Practitioner, Severity, Slot, SlotKey, Window
from agent.ports import SitePart

GONE = frozenset({"cancelled", "entered-in-error"})
"""Appointment statuses that take no time. Whatever else a server says, known to R4 or not, is busy."""
ABANDONED = timedelta(minutes=5)
"""A Slot we made busy and that has no appointment after this long was left behind by a write that was cut off."""
PEOPLE = ("Practitioner/", "PractitionerRole/")
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Whose:
    """A Schedule as it matters: who is at work, and where.

    `actors`: "Practitioner/101"; `names`: the same people by business name alone, as a logical reference has them.
    """

    who: Practitioner
    actors: frozenset[str]
    places: frozenset[str]
    names: frozenset[str] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        """Return all by which an appointment may mean these people."""
        return self.actors | self.names


@dataclass(slots=True)
class Taken:
    """What appointments take: slots by name, and time by person. `freed`: slots and starts that were given back."""

    slots: set[str] = field(default_factory=set)
    shut: set[str] = field(default_factory=set)
    freed: set[str] = field(default_factory=set)
    freed_starts: set[tuple[str, float]] = field(default_factory=set)
    spans: dict[tuple[str, int], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    odd: int = 0

    def add(self, actors: Collection[str], start: float, end: float) -> None:
        """Take [start, end) of these people's time; an empty span takes its first second."""
        end = max(end, start + 1)
        for day in range(int(start // _DAY_S), int((end - 1) // _DAY_S) + 1):
            for actor in actors:
                self.spans[actor, day].append((start, end))

    def covers(self, actors: Collection[str], start: float, end: float) -> bool:
        """Say whether anything of these people's takes a part of [start, end)."""
        days = range(int(start // _DAY_S), int((end - 1) // _DAY_S) + 1)
        return any(
            first < end and last > start
            for day in days
            for actor in actors
            for first, last in self.spans.get((actor, day), ())
        )


@dataclass(frozen=True, slots=True)
class Pulled:
    """All that a window's slots are made of. `now`: the server's time, by which a left claim is judged."""

    slots: tuple[fhir.Slot, ...]
    appointments: tuple[fhir.Appointment, ...]
    schedules: Mapping[str, Whose]
    now: datetime
    doubtful: tuple[fhir.Doubtful, ...] = ()
    bad: int = 0
    whole: bool = True


def taken(pulled: Pulled) -> Taken:
    """Lay out what appointments take. One that cannot be read takes all it may concern."""
    found = Taken(odd=pulled.bad + len(pulled.doubtful))
    for each in pulled.appointments:
        slots = [fhir.relative(ref.reference) for ref in each.slot if ref.reference]
        actors = _actors(each.participant)
        if each.status in GONE:
            if each.start is not None or slots:
                found.freed.update(slots)
                found.freed_starts.update((actor, each.start.timestamp()) for actor in actors if each.start)
            continue
        found.slots.update(slots)
        if each.start is not None and each.end is not None:
            found.add(actors, each.start.timestamp(), each.end.timestamp())
        elif each.start is not None:
            found.add(actors, each.start.timestamp(), each.start.timestamp())
    for one in pulled.doubtful:
        slots = [fhir.relative(ref.reference) for ref in one.slot if ref.reference]
        found.slots.update(slots)
        if not slots:
            found.shut.update(_actors(one.participant) or {"*"})
    return found


def slots(pulled: Pulled, terms: Terms, window: Window) -> tuple[tuple[Slot, ...], tuple[Finding, ...]]:
    """Return the free slots that start in the window, and what a person should know."""
    held, lost, bad, unsure = taken(pulled), 0, 0, _unsure(pulled.appointments)
    found = []
    for each in pulled.slots:
        if not within(window, each.start) or not is_open(each, pulled.now, unsure):
            continue
        whose = pulled.schedules.get(each.schedule.key)
        site = terms.site(whose.places) if whose is not None else None
        if whose is None or site is None:
            lost += 1
        elif each.end <= each.start:
            bad += 1
        elif not is_taken(each, whose, held):
            found.append(_slot(each, whose, site, terms, held))
    return tuple(found), tuple(_findings(lost, bad + held.odd, whole=pulled.whole))


def rows(pulled: Pulled, terms: Terms, window: Window) -> Iterator[AgendaRow]:
    """Yield free slots and appointments for the clinic's own screen; never a patient."""
    for slot in slots(pulled, terms, window)[0]:
        yield AgendaRow(slot.practitioner, slot.site, slot.start, slot.end, Cell.FREE, slot.type)
    by_actor = {actor: whose for whose in pulled.schedules.values() for actor in whose.keys}
    for each in pulled.appointments:
        whose = next((by_actor[actor] for actor in _actors(each.participant) if actor in by_actor), None)
        if each.status in GONE or each.start is None or whose is None or not within(window, each.start):
            continue
        site = terms.site(whose.places)
        ours = any(name.system == BOOKING for name in each.identifier)
        if site is not None:
            zone = ZoneInfo(site.zone)
            start, end = each.start.astimezone(zone), (each.end or each.start).astimezone(zone)
            yield AgendaRow(whose.who, site.id, start, end, Cell.OURS if ours else Cell.BUSY)


def whose(schedule: fhir.Schedule, names: Mapping[str, str], system: str = "") -> Whose | None:
    """Return whose a Schedule is: the practitioner, else whoever or whatever it names first; None when nobody.

    `names`: business names of `system` by "Practitioner/101"; where given, people without one are nobody. Some servers
    leave the system out of a logical reference (France's SAS).
    """
    actors = [ref for ref in schedule.actor if ref.key]
    people = [ref for ref in actors if ref.key.startswith(PEOPLE)] or actors[:1]
    if not people:
        return None
    first = people[0]
    key = names.get(first.key) if names else first.key.removeprefix("Practitioner/")
    if not key:
        return None
    keys = frozenset(ref.key for ref in people)
    places = frozenset(ref.key.rpartition("/")[2] for ref in actors if ref.key not in keys)
    logical = frozenset(f"{of}|{names[one]}" for one in keys if one in names for of in ("", system))
    return Whose(Practitioner(key, None, first.display), keys, places, logical)


def is_open(slot: fhir.Slot, now: datetime, unsure: Collection[str] = ()) -> bool:
    """Say whether the status lets it be booked: free, or made busy by a write or hold of ours that was left behind.

    `unsure`: bookings whose write is not verified; what they claim is theirs however old.
    """
    if slot.status == "free":
        return True
    claims = [name.value for name in slot.identifier if name.system == CLAIM]
    if slot.status not in ("busy", "busy-tentative") or not claims or claims[0] in unsure:
        return False
    word = next((name.value for name in slot.identifier if name.system == CLAIMED), "")
    since = hold_until(word) or slot.meta.last_updated
    return since is not None and since + ABANDONED < now


def hold_until(word: str) -> datetime | None:
    """Return until when a claim is a hold; None when it is a booking's."""
    kind, _, until = word.partition(" ")
    try:
        return datetime.fromisoformat(until).astimezone(UTC) if kind == "hold" else None
    except ValueError:
        return None


def is_taken(slot: fhir.Slot, whose: Whose, held: Taken) -> bool:
    """Say whether an appointment names the slot or takes a part of its time."""
    if f"Slot/{slot.id}" in held.slots or held.shut & {"*", *whose.keys}:
        return True
    return held.covers(whose.keys, slot.start.timestamp(), slot.end.timestamp())


def within(window: Window, start: datetime) -> bool:
    """Say whether a start lies in [start, end)."""
    return window.start.astimezone(UTC) <= start.astimezone(UTC) < window.end.astimezone(UTC)


def _slot(each: fhir.Slot, whose: Whose, site: SitePart, terms: Terms, held: Taken) -> Slot:
    zone, at = ZoneInfo(site.zone), each.start.timestamp()
    freed = f"Slot/{each.id}" in held.freed or any((actor, at) in held.freed_starts for actor in whose.keys)
    start, end = each.start.astimezone(zone), each.end.astimezone(zone)
    return Slot(terms.name, SlotKey(each.id), site.id, whose.who, start, end, word(each, terms), freed)


def word(slot: fhir.Slot, terms: Terms) -> str:
    """Return the EMR's own word for a slot, from the element the clinic chose."""
    elements: dict[str, list[fhir.Concept]] = {
        "service-type": slot.service_type,
        "service-category": slot.service_category,
        "specialty": slot.specialty,
        "appointment-type": [slot.appointment_type] if slot.appointment_type else [],
    }
    return next((concept.word for concept in elements[terms.type_from] if concept.word), "")


def _unsure(appointments: Iterable[fhir.Appointment]) -> frozenset[str]:
    """Return the bookings of ours that are not verified yet."""
    pairs = [{name.system: name.value for name in each.identifier} for each in appointments]
    return frozenset(names.get(BOOKING, "") for names in pairs if f" {UNSURE} " in names.get(APPLIED, ""))


def _actors(participants: Iterable[fhir.Participant]) -> set[str]:
    """Return everybody who takes part but patients."""
    keys = {each.actor.key for each in participants if each.actor is not None}
    return {key for key in keys if key and not key.startswith(("Patient/", "RelatedPerson/"))}


def _findings(lost: int, odd: int, *, whole: bool) -> Iterator[Finding]:
    if lost:
        says = say("{n} free slots belong to no practitioner or site that is known: not offered", n=lost)
        yield Finding("fhir.schedule", Severity.NOTE, says, say("name the sites' emr_code; creneau emr list"))
    if odd:
        says = say("{n} entries of the FHIR server cannot be read: what they may concern is not offered", n=odd)
        yield Finding("fhir.unreadable", Severity.WARN, says, say("show them to the vendor: creneau check emr"))
    if not whole:
        says = say("the FHIR server does not say whether a full page is all there is: nothing is taken away")
        yield Finding("fhir.incomplete", Severity.WARN, says, say("raise `page` above the entries of one day"))
