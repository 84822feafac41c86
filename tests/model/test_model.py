"""Exhaustive: no order of events, with two faults anywhere, breaks an invariant of a booking.

`make prove` runs four faults; this file is what fits into every run.
"""

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.model.checker import Checker
from tests.model.emrs import Drop, Fhir, Hl7, Model, Sidecar, Token


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the leg's log: a hundred thousand lives of it would only slow the search."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def no_memory() -> Hl7:
    return Hl7(memory=False)


def no_enquiry() -> Hl7:
    return Hl7(enquiry=False)


CASES: list[tuple[Callable[[], Model], str, int, int, int]] = [
    *((model, scenario, 1, 2, 0) for model in (Sidecar, Fhir) for scenario in ("book", "book+cancel", "book+move")),
    *((model, scenario, 1, 2, 0) for model in (Sidecar, Fhir) for scenario in ("hold+confirm", "hold+expire")),
    (Sidecar, "hold+rival", 1, 2, 0),
    *((Sidecar, scenario, 1, 1, 1) for scenario in ("book", "book+cancel", "book+move")),
    (Sidecar, "book", 2, 2, 0),
    (Sidecar, "book+cancel", 2, 0, 0),
    (Fhir, "book", 2, 1, 0),
    *((model, "book", 1, 2, 0) for model in (Token, Hl7, no_memory, no_enquiry)),
    *((model, "book+cancel", 1, 1, 0) for model in (Token, Hl7, no_memory, no_enquiry)),
    *((model, "book+move", 1, 1, 0) for model in (Token, Hl7)),
    *((Drop, scenario, 1, 2, 0) for scenario in ("book", "book+cancel", "book+move")),
]


def name_of(case: object) -> str:
    """Name a case after its parts."""
    return getattr(case, "__name__", str(case)).lower()


@pytest.mark.parametrize(("model", "scenario", "agents", "faults", "staff"), CASES, ids=name_of)
def test_no_order_of_events_breaks_an_invariant(
    model: Callable[[], Model], scenario: str, agents: int, faults: int, staff: int
) -> None:
    """I1 to I11 and I13 hold in every state; where nothing more happens, the hub's view is the EMR's."""
    report = Checker(model(), scenario, agents=agents, faults=faults, staff=staff).run()
    print(report)
    assert report.violation is None, str(report)
    assert report.settled
