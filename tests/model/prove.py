"""Run by `make prove`: every rule set, every scenario, four faults, one agent and two; prints what was explored.

`python -m tests.model.prove [faults] [most states a search]`
"""

import logging
import sys
from collections.abc import Callable

from tests.model.checker import Checker
from tests.model.emrs import Drop, Fhir, Hl7, Model, Sidecar, Token
from tests.model.values import SCENARIOS


def _hl7(*, memory: bool, enquiry: bool) -> Callable[[], Model]:
    return lambda: Hl7(memory=memory, enquiry=enquiry)


RULE_SETS: tuple[Callable[[], Model], ...] = (
    Sidecar,
    Fhir,
    Token,
    _hl7(memory=True, enquiry=True),
    _hl7(memory=False, enquiry=True),
    _hl7(memory=True, enquiry=False),
    _hl7(memory=False, enquiry=False),
    Drop,
)


def main(faults: int = 4, most: int = 3_000_000) -> int:
    """Search everything; return how many searches found a violation."""
    logging.disable(logging.CRITICAL)
    broken = total = 0
    for make in RULE_SETS:
        for scenario in SCENARIOS:
            for agents in (1, 2) if make is not Drop else (1,):
                report = Checker(make(), scenario, agents=agents, faults=faults, most=most).run()
                total += report.states
                broken += report.violation is not None
                whole = "" if report.states < most else " (not all: stopped there)"
                print(f"{make().name}, {scenario}, {agents} agent(s), {faults} faults: {report}{whole}", flush=True)
    print(f"{total:,} states, {broken} searches with a violation")
    return broken


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
