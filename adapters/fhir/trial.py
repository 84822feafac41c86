"""Try a server on an empty schedule, row by row, and say what its writes can carry.

Rule: nothing is believed from the server's own statement; what was made is taken away again, whatever happened.
"""

from collections.abc import Generator

from adapters.fhir.behaviour import DOUBLES, NAMES, RACE, ROWS
from adapters.fhir.line import Line
from adapters.fhir.profile import Create, Profile
from adapters.fhir.scratch import scratch_of
from adapters.fhir.terms import Terms
from agent.core.errors import Misconfigured, Refused
from agent.ports import Proved, Tools

UNFENCED = "this server is written to only while the hub's turn lasts"


def trial(line: Line, terms: Terms, scratch: str, covers: str, tools: Tools) -> Generator[Proved, None, Profile]:
    """Yield a line a row and return the profile. Raises Refused when `scratch` is no empty schedule.

    A row that does not hold is an ability this server has not: the way of writing is chosen without it. Only a server
    that does not keep our names breaks a promise, because then nothing can be written at all.
    """
    made = scratch_of(line, scratch, tools)
    kept: dict[str, bool] = {}
    try:
        for name, row in ROWS:
            try:
                good, says = row(made)
            except (Refused, Misconfigured, KeyError) as wrong:
                good, says = False, str(wrong)
            kept[name] = good
            made.seen[name] = says or ("yes" if good else "no")
            yield Proved(name, True if good else False if name == NAMES else None, "" if good else says)
    finally:
        made.clear()
    profile = Profile(
        fingerprint=covers,
        software=software(line),
        create=_create(kept),
        keeps=kept[NAMES],
        guards=kept["a stale change of an appointment is refused"] and not terms.guide.by_name,
        claims=kept["a slot keeps our mark"] and kept["a stale change of a slot is refused"] and kept[RACE],
        fresh=kept["a search finds at once what was written"],
        atomic=kept["a failed transaction is undone whole"],
        tombstones=kept["a cancellation of nothing is remembered"],
        seen=made.seen,
        alone=kept[DOUBLES],
    )
    yield Proved("writes are right without a turn", profile.is_fenced or None, "" if profile.is_fenced else UNFENCED)
    return profile


def software(line: Line) -> str:
    """Return name and version as the server states them, "" when it states none."""
    answer = line.read("metadata")
    stated = answer.json() if answer.is_good else {}
    if stated.get("resourceType") != "CapabilityStatement":
        return ""
    product = stated.get("software") or {}
    return f"{product.get('name', '')} {product.get('version', '')} R{stated.get('fhirVersion', '')}".strip()


def _create(kept: dict[str, bool]) -> Create:
    if kept["our id is taken only once"]:
        return "if-none-match"
    if kept["a second creation of one booking finds the first"]:
        return "if-none-exist"
    return "client-id" if kept["an appointment may bear our id"] else "search"
