"""Look at a FHIR server and say in plain words what is safe there and what is not.

Rule: reads only; what a trial saw is told from the stored profile, never tried here.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from adapters.fhir.answer import READING
from adapters.fhir.line import Line
from adapters.fhir.profile import Profile, load
from adapters.fhir.scratch import left_behind
from adapters.fhir.strategy import dangers, strategy
from adapters.fhir.terms import Terms
from adapters.fhir.trial import software
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import Finding, Reading, Severity, Window
from agent.ports import SourceStore

AHEAD = timedelta(days=14)
TRY = say("creneau emr prove --on SCHEDULE")


def findings(
    line: Line, terms: Terms, store: SourceStore, covers: str, slots: Callable[[Window], Reading]
) -> list[Finding]:
    """Return facts of the server, what the trial saw, then a trial read of two weeks. Raises what the port allows."""
    found = [_server(line, terms), *_writes(load(store), covers, software(line), len(left_behind(store)))]
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


def _writes(profile: Profile | None, covers: str, now: str, left: int) -> Iterator[Finding]:
    """Say what the writes can carry, one sentence a danger."""
    if left:
        says = say("a trial left {n} things behind on the server", n=left)
        yield Finding("fhir.leftovers", Severity.WARN, says, TRY)
    if profile is None or profile.fingerprint != covers:
        says = say("this FHIR server was never tried: nothing is written")
        yield Finding("fhir.untried", Severity.NOTE, says, TRY)
        return
    if profile.software != now:
        says = say("the FHIR server is another version than the one that was tried")
        yield Finding("fhir.version", Severity.WARN, says, TRY)
    yield from dangers(profile)
    if profile.keeps:
        yield from strategy(profile)
