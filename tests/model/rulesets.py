"""Every rule set an adapter may promise, its model, and whether it claims that nothing is lost and nothing is twice.

Rule: docs/preuve.md lists the same sets in both languages; a test holds it to this file.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.model.emrs import Drop, Fhir, FhirBare, Hl7, Model, Sidecar, Token


@dataclass(frozen=True, slots=True)
class RuleSet:
    """`key`: its word in the docs and on the command line. `safe`: claims safety, with no person's help."""

    key: str
    make: Callable[[], Model]
    safe: bool
    agents: tuple[int, ...] = (1, 2)


def _hl7(*, memory: bool, enquiry: bool) -> Callable[[], Model]:
    return lambda: Hl7(memory=memory, enquiry=enquiry)


RULE_SETS = (
    RuleSet("sql-sidecar", Sidecar, safe=True),
    RuleSet("sql-token", Token, safe=True),
    RuleSet("fhir-if-match", Fhir, safe=True),
    RuleSet("fhir-bare", FhirBare, safe=True),
    RuleSet("hl7-memory-enquiry", _hl7(memory=True, enquiry=True), safe=True),
    RuleSet("hl7-enquiry", _hl7(memory=False, enquiry=True), safe=True),
    RuleSet("hl7-memory", _hl7(memory=True, enquiry=False), safe=False),
    RuleSet("hl7-blind", _hl7(memory=False, enquiry=False), safe=False),
    RuleSet("drop", Drop, safe=False, agents=(1,)),
)
BY_KEY = {each.key: each for each in RULE_SETS}
