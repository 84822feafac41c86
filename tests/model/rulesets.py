"""Every rule set an adapter may promise, its model, and whether it claims that nothing is lost and nothing is twice.

Rule: docs/preuve.md lists the same sets in both languages; a test holds it to this file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from adapters.fhir.profile import Create, Profile
from agent.core.booking import Recovery
from tests.model.emrs import Driven, Drop, Fhir, FhirBare, Hl7, Model, Server, Sidecar, Token, profile_of
from tests.model.values import SCENARIOS


@dataclass(frozen=True, slots=True)
class RuleSet:
    """`key`: its word in the docs and on the command line. `safe`: claims safety, with no person's help.

    `depth`: the faults up to which one agent, and two, are known to be searched to the end in the memory of one
    machine; `make prove` goes no further unless it is told to. `scenarios`: those it is searched in. `less`: those
    where two agents are searched to fewer faults.
    """

    key: str
    make: Callable[[], Model]
    safe: bool
    agents: tuple[int, ...] = (1, 2)
    depth: tuple[int, int] = (4, 0)
    scenarios: tuple[str, ...] = tuple(SCENARIOS)
    less: tuple[tuple[str, int], ...] = ()

    def faults(self, scenario: str, agents: int) -> int:
        """Return how many faults a search of this scenario is known to get to."""
        return dict(self.less).get(scenario, self.depth[1]) if agents > 1 else self.depth[0]


CREATES: tuple[Create, ...] = ("if-none-exist", "if-none-match", "client-id", "search")
LAGGING = ("book",)
"""Searched where a search of the server lags: every state of its index multiplies the others."""
_WORDS = {"if-none-exist": "name", "if-none-match": "new-id", "client-id": "own-id", "search": "search"}
_PROMISES = {Recovery.RERUN: "fenced", Recovery.ENQUIRE: "seen", Recovery.ABSENT_UNSURE: "blurred"}


def way(profile: Profile) -> str:
    """Return the key of the way a FHIR server of this profile is written to."""
    word = "whole" if profile.is_at_once else _WORDS[profile.create]
    marks = "" if profile.claims else "-unmarked"
    forgets = "" if profile.tombstones else "-forgets"
    return f"fhir-{_PROMISES[profile.rules.recovery]}-{word}{marks}{forgets}"


def profiles() -> Iterator[Profile]:
    """Yield every profile a trial may find that allows writing, the weakest first."""
    for create in CREATES:
        for guards, claims, fresh, atomic, tombstones, alone in product((False, True), repeat=6):
            yield profile_of(
                create=create,
                guards=guards,
                claims=claims,
                fresh=fresh,
                atomic=atomic,
                tombstones=tombstones,
                alone=alone,
            )


def _driven(profile: Profile) -> Callable[[], Model]:
    """Make the adapter on a server that has no ability the profile did not see."""
    server = Server(
        once=profile.create == "if-none-exist",
        ids=profile.create == "if-none-match",
        alone=profile.alone,
        guards=profile.guards,
        marks=profile.claims,
        fresh=profile.fresh,
    )
    return lambda: Driven(profile, server)


def _ways() -> dict[str, RuleSet]:
    found: dict[str, RuleSet] = {}
    for profile in profiles():
        key, make = way(profile), _driven(profile)
        if key in found:
            continue
        if profile.is_fenced:
            found[key] = RuleSet(key, make, safe=True, agents=(1,), depth=(4, 0))
        else:
            scenarios = tuple(SCENARIOS) if profile.rules.recovery is Recovery.ENQUIRE else LAGGING
            found[key] = RuleSet(key, make, safe=False, agents=(1,), depth=(0, 0), scenarios=scenarios)
    return found


WAYS = _ways()
"""How a FHIR server is written to, by its profile; the model is that of the weakest server with this profile."""


def _hl7(*, memory: bool, enquiry: bool) -> Callable[[], Model]:
    return lambda: Hl7(memory=memory, enquiry=enquiry)


RULE_SETS = (
    RuleSet("sql-sidecar", Sidecar, safe=True, depth=(4, 4)),
    RuleSet("sql-token", Token, safe=True, depth=(4, 4)),
    RuleSet("fhir-if-match", Fhir, safe=True, depth=(4, 4)),
    RuleSet("fhir-bare", FhirBare, safe=True, depth=(4, 4)),
    replace(
        WAYS["fhir-fenced-name"],
        key="fhir-fenced",
        agents=(1, 2),
        depth=(4, 4),
        less=(("book+cancel", 3), ("book+move", 2)),
    ),
    replace(WAYS["fhir-seen-search-unmarked"], key="fhir-seen"),
    replace(WAYS["fhir-blurred-search-unmarked"], key="fhir-blurred"),
    RuleSet("hl7-memory-enquiry", _hl7(memory=True, enquiry=True), safe=True, depth=(4, 4)),
    RuleSet("hl7-enquiry", _hl7(memory=False, enquiry=True), safe=True, depth=(4, 4)),
    RuleSet("hl7-memory", _hl7(memory=True, enquiry=False), safe=False, agents=(1,)),
    RuleSet("hl7-blind", _hl7(memory=False, enquiry=False), safe=False, agents=(1,)),
    RuleSet("drop", Drop, safe=False, agents=(1,)),
)
EVERY = (*RULE_SETS, *WAYS.values())
BY_KEY = {each.key: each for each in EVERY}
