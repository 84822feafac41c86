"""Exhaustive: no order of events, with two faults anywhere, breaks an invariant of a booking.

`make prove` runs four faults; this file is what fits into every run. Two agents are searched over arrays, as there.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.core.booking import Effect, Outcome, Write
from tests.model.checker import Checker
from tests.model.emrs import plain
from tests.model.mass import MassSearch
from tests.model.rulesets import BY_KEY
from tests.model.values import SCENARIOS

WAITING = ("sql-token", "fhir-bare", "hl7-memory-enquiry", "hl7-enquiry")
"""Rule sets that need a turn and enquire: a lost answer makes them wait."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the leg's log: a hundred thousand lives of it would only slow the search."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


SMALL = ("book", "book+cancel", "hold+confirm", "hold+expire")
CASES: list[tuple[str, str, int, int, int]] = [
    # rule set, scenario, agents, faults, what staff may do
    *((rules, scenario, 1, 2, 0) for rules in ("sql-sidecar", "drop") for scenario in SCENARIOS),
    *(("fhir-if-match", scenario, 1, 1, 0) for scenario in SCENARIOS),  # the adapter itself: test_fhir.py
    *(("sql-sidecar", scenario, 1, 1, 1) for scenario in ("book", "book+cancel", "book+move")),
    *(("sql-sidecar", scenario, 2, 4, 0) for scenario in ("book", "hold+expire")),
    *(("sql-sidecar", scenario, 2, 2, 0) for scenario in ("book+cancel", "book+move")),
    ("fhir-if-match", "book", 2, 3, 0),
    ("fhir-fenced", "book", 2, 0, 0),
    *((rules, scenario, 1, 1, 0) for rules in ("hl7-memory", "hl7-blind") for scenario in SMALL),
    *((rules, "book", 1, 2, 0) for rules in ("hl7-memory", "hl7-blind")),
    *((rules, "book", 1, 2, 0) for rules in WAITING),
    *((rules, "book+cancel", 1, 1, 0) for rules in ("sql-token", "hl7-enquiry")),
    *((rules, scenario, 1, 1, 0) for rules in WAITING for scenario in ("hold+confirm", "hold+expire")),
    *((rules, "book+move", 1, 0, 0) for rules in (*WAITING, "hl7-memory", "hl7-blind")),
    *((rules, "book", 2, 2, 0) for rules in WAITING),
    *((rules, "hold+expire", 2, 4, 0) for rules in WAITING),
    *((rules, "hold+confirm", 2, 2, 0) for rules in (*WAITING, "fhir-if-match")),
    *((rules, "hold+rival", 2, 2, 0) for rules in ("sql-token", "hl7-enquiry")),
    ("sql-token", "book+cancel", 2, 2, 0),
]


@pytest.mark.parametrize(("rules", "scenario", "agents", "faults", "staff"), CASES)
def test_no_order_of_events_breaks_an_invariant(
    rules: str, scenario: str, agents: int, faults: int, staff: int
) -> None:
    """I1 to I11 and I13 hold in every state; where nothing more happens, the hub's view is the EMR's."""
    checker = Checker(BY_KEY[rules].make(), scenario, agents=agents, faults=faults, staff=staff)
    report = checker.run() if agents == 1 else MassSearch(checker, faults, 10_000_000).run()
    print(report)
    assert report.violation is None, str(report)
    assert report.whole
    assert report.settled


def test_two_agents_on_fhir_need_the_turn() -> None:
    """Without one, each agent's claim of a slot makes the agenda of the other show it taken.

    The other tells conflict of the very version that the first then books: no precondition of FHIR prevents that.
    """
    model = BY_KEY["fhir-if-match"].make()
    assert model.rules is not None
    assert model.rules.by_turn
    model.rules = replace(model.rules, exclusive=False)
    report = Checker(model, "book+move", agents=2, faults=0).run()
    assert report.violation is not None
    assert report.violation.name == "I4"


def test_a_conflict_has_to_name_what_the_booking_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that takes over may never have heard of what the former one wrote, and told nobody.

    It told the patient "no, and nothing else" with an appointment standing; `adapters.conformance` holds each adapter to it.
    """
    named = plain.effect_of

    def unnamed(write: Write, outcome: Outcome, apt: plain.Apt | None = None) -> Effect:
        return named(write, outcome, None if outcome is Outcome.CONFLICT else apt)

    monkeypatch.setattr(plain, "effect_of", unnamed)
    checker = Checker(BY_KEY["sql-token"].make(), "book+move", agents=2)
    report = MassSearch(checker, 1, 10_000_000).run()
    assert report.violation is not None
    assert report.violation.name == "I4"
