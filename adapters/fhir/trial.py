"""Try a server on an empty schedule, row by row, and say what its writes can carry.

Rule: nothing is believed from the server's own statement; what was made is taken away again, whatever happened.
"""

from collections.abc import Callable, Collection, Generator

from adapters.fhir.agenda import Whose
from adapters.fhir.line import Line
from adapters.fhir.profile import Create, Profile
from adapters.fhir.rows import NEEDED, ROWS, Row
from adapters.fhir.scratch import REMARK, Scratch
from adapters.fhir.strategy import strategy
from adapters.fhir.terms import Terms
from adapters.fhir.vetting import scratch_of
from agent.core.errors import Ambiguous, Misconfigured, Refused
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.ports import Proved, Tools


def trial(
    line: Line,
    terms: Terms,
    scratch: str,
    covers: str,
    tools: Tools,
    whose: Callable[[str], Whose | None],
    shared: Collection[str],
) -> Generator[Proved, None, Profile]:
    """Yield a line a row and return the profile. Raises Refused when `scratch` is no empty schedule of nobody's.

    A row that does not hold is an ability this server has not: the way of writing is chosen without it. Only what
    nothing can be written without breaks a promise.
    """
    made = scratch_of(line, scratch, tools, whose, shared)
    if made.made:
        yield _cleared(made, "leftovers")
    seen, lacks = dict[str, str](), list[str]()
    try:
        for row in ROWS:
            good, seen[row.key] = _tried(row, made)
            if not good:
                lacks.append(row.key)
            yield _proved(row, seen[row.key], good=good)
    finally:
        last = _cleared(made, "clean")
    yield last
    profile = _profile(terms, covers, software(line), tuple(lacks), seen)
    means = tuple(strategy(profile)) if profile.keeps else ()
    yield Proved("strategy", profile.keeps or None, runs=0, title=say("a way of writing is chosen"), means=means)
    return profile


def software(line: Line) -> str:
    """Return name and version as the server states them, "" when it states none."""
    answer = line.read("metadata")
    stated = answer.json() if answer.is_good else {}
    if stated.get("resourceType") != "CapabilityStatement":
        return ""
    product = stated.get("software") or {}
    return f"{product.get('name', '')} {product.get('version', '')} R{stated.get('fhirVersion', '')}".strip()


def _tried(row: Row, scratch: Scratch) -> tuple[bool, str]:
    """Return how a row ended; a server that refuses, or fails at it, has not that ability."""
    try:
        return row.act(scratch)
    except (Refused, Misconfigured, Ambiguous) as wrong:
        told = dict(wrong.what.args)
        return False, f"HTTP {told['code']} {told.get('issue', '')}".rstrip() if "code" in told else str(wrong)
    except KeyError as missing:
        return False, f"- {missing}"


def _proved(row: Row, says: str, *, good: bool) -> Proved:
    kept = True if good else False if row.weight is NEEDED else None
    return Proved(row.key, kept, "" if good else says or "-", title=row.name, means=() if good else (row.finding,))


def _cleared(scratch: Scratch, name: str) -> Proved:
    """Take away what was made: by this trial ("clean"), or by one that was cut off ("leftovers")."""
    made = len(scratch.made)
    left = scratch.clear()
    title = say("all that was made is taken away again")
    if name == "leftovers":
        title = say("what an earlier trial left behind is taken away")
    says = say(
        "{n} things of a trial cannot be deleted here: they stay, more than a year ahead, as «{remark}»",
        n=left,
        remark=REMARK,
    )
    means = (Finding("fhir.left", Severity.NOTE, says),) if left else ()
    return Proved(name, None if left else True, f"{made - left} / {made}", 0, title, means)


def _profile(terms: Terms, covers: str, stated: str, lacks: tuple[str, ...], seen: dict[str, str]) -> Profile:
    def holds(*keys: str) -> bool:
        return not set(keys) & set(lacks)

    return Profile(
        fingerprint=covers,
        software=stated,
        create=_create(lacks),
        keeps=holds(*(row.key for row in ROWS if row.weight is NEEDED)),
        guards=holds("stale-appointment") and not terms.guide.by_name,
        claims=holds("mark", "stale-slot", "race"),
        fresh=holds("fresh"),
        atomic=holds("transaction"),
        tombstones=holds("tombstone"),
        seen=seen,
        lacks=lacks,
        alone=holds("create-race"),
    )


def _create(lacks: Collection[str]) -> Create:
    if "own-id-once" not in lacks:
        return "if-none-match"
    if "create-twice" not in lacks:
        return "if-none-exist"
    return "search" if "own-id" in lacks else "client-id"
