"""Look at a FHIR server and say in plain words what is safe there and what is not.

Rule: reads only; what a trial saw is told from the stored profile, never tried here.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from adapters.fhir.answer import READING
from adapters.fhir.line import Line
from adapters.fhir.profile import Profile
from adapters.fhir.terms import Terms
from adapters.fhir.trial import software
from agent.core.errors import Misconfigured
from agent.core.message import Message, say
from agent.core.model import Finding, Reading, Severity, Window

AHEAD = timedelta(days=14)
TRY = say("creneau emr prove --on SCHEDULE")


def findings(
    line: Line, terms: Terms, profile: Profile | None, covers: str, slots: Callable[[Window], Reading]
) -> list[Finding]:
    """Return facts of the server, what the trial saw, then a trial read of two weeks. Raises what the port allows."""
    found = [_server(line, terms), *_writes(profile, covers, software(line))]
    now = line.clock.now().utc
    reading = slots(Window(now, now + AHEAD))
    says = say("{n} free slots in the next {days} days", n=len(reading.slots), days=AHEAD.days)
    found.append(Finding("fhir.slots", Severity.OK if reading.slots else Severity.WARN, says))
    return [*found, *reading.findings]


def _server(line: Line, terms: Terms) -> Finding:
    answer = line.read("metadata")
    stated = answer.json() if answer.is_good else {}
    version = str(stated.get("fhirVersion", ""))
    if stated.get("resourceType") != "CapabilityStatement":
        says = say("the FHIR server makes no statement of itself (GET metadata)")
        return Finding("fhir.metadata", Severity.NOTE, says)
    if not version.startswith("4."):
        raise Misconfigured(
            READING, say("the server speaks FHIR {version}, not R4", version=version[:10]), key="server"
        )
    says = say("FHIR {version}, guide {guide}", version=version, guide=terms.guide.name)
    return Finding("fhir.metadata", Severity.OK, says)


def _writes(profile: Profile | None, covers: str, now: str) -> Iterator[Finding]:
    """Say what the writes can carry, one sentence a danger."""
    if profile is None or profile.fingerprint != covers:
        says = say("this FHIR server was never tried: nothing is written")
        yield Finding("fhir.untried", Severity.WARN, says, TRY)
        return
    if profile.software != now:
        says = say("the FHIR server is another version than the one that was tried")
        yield Finding("fhir.version", Severity.WARN, says, TRY)
    if not profile.keeps:
        says = say("this FHIR server does not keep our mark on an appointment: nothing is written")
        yield Finding("fhir.keeps", Severity.FAULT, says, say('write bookings = "tasks"'))
        return
    dangers = list(_dangers(profile))
    for code, says in dangers:
        yield Finding(code, Severity.WARN, says)
    if profile.is_fenced:
        yield Finding("fhir.fenced", Severity.OK, say("bookings are safe here even with two agents and the hub away"))
    else:
        says = say("bookings are written here only during the hub's turn, one at a time")
        yield Finding("fhir.unfenced", Severity.NOTE, says)
    if not profile.atomic:
        says = say("a failed transaction is not undone here: slot and appointment are written one after the other")
        yield Finding("fhir.transaction", Severity.NOTE, says)


def _dangers(profile: Profile) -> Iterator[tuple[str, Message]]:
    if not profile.guards:
        yield "fhir.guards", say("this server lets an old change of an appointment overwrite a newer one")
    if not profile.claims:
        yield "fhir.claims", say("a slot cannot be reserved here: two who book at once both think they have it")
    if profile.create in ("client-id", "search"):
        yield "fhir.create", say("this server may make two appointments of one booking when two ask at once")
    if not profile.fresh:
        yield "fhir.fresh", say("what was just written is found only later: after a lost answer a person must look")
    if not profile.tombstones:
        yield "fhir.tombstones", say("a cancellation that overtakes its booking is not remembered here")
