"""How a server is written to, told in plain words: what its profile carries, and what is not safe there.

Rule: pure; every sentence follows from what was seen.
"""

from collections.abc import Iterator

from adapters.fhir.profile import Create, Profile
from adapters.fhir.rows import FACT, ROWS
from agent.core.message import Message, say
from agent.core.model import Finding, Severity

CREATES: dict[Create, tuple[Severity, Message]] = {
    "if-none-match": (Severity.OK, say("one booking makes one appointment: under our own id, only where it is absent")),
    "if-none-exist": (
        Severity.OK,
        say("one booking makes one appointment: the server looks for its name before it creates"),
    ),
    "client-id": (
        Severity.WARN,
        say("one booking may make two appointments when two ask at once, under our own id: run one agent only"),
    ),
    "search": (
        Severity.WARN,
        say("one booking may make two appointments when two ask at once, found by search: run one agent only"),
    ),
}


def strategy(profile: Profile) -> Iterator[Finding]:
    """Yield how bookings are made, in how many steps, and what becomes of a lost answer."""
    weight, says = CREATES[profile.create]
    yield Finding("fhir.create", weight, says)
    if profile.is_at_once:
        yield Finding("fhir.steps", Severity.OK, say("slot and appointment are written in one transaction"))
    else:
        says = say("the slot is written first, the appointment second; what is cut off in between mends itself")
        yield Finding("fhir.steps", Severity.OK, says)
    yield Finding("fhir.turn", Severity.OK, say("bookings are written here only during the hub's turn, one at a time"))
    if profile.is_fenced:
        yield Finding(
            "fhir.fenced", Severity.OK, say("a write whose answer is lost is made again here until it is answered")
        )
    else:
        says = say(
            "a write whose answer is lost is not made again here: it is looked for, and a person may have to look"
        )
        yield Finding("fhir.unfenced", Severity.NOTE, says)


def dangers(profile: Profile) -> Iterator[Finding]:
    """Yield what is not safe there; facts from which nothing follows are told at the trial only."""
    for row in ROWS:
        if row.key in profile.lacks and row.weight is not FACT:
            yield row.finding
