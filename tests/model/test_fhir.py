"""Exhaustive: the FHIR adapter as it ships, by every way a profile may choose, on the weakest server of that profile."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.fhir.book import Writer
from adapters.fhir.lastlook import LastLook
from agent.core.booking import Outcome, Write
from agent.core.errors import Ambiguous, Transient
from agent.legs.apply.writing import Writing
from tests.model.checker import Checker
from tests.model.emrs import Driven, Server, profile_of
from tests.model.rulesets import BY_KEY, WAYS, profiles, way

FENCED = [key for key, each in WAYS.items() if each.safe]
SEEN = [key for key in WAYS if key.startswith("fhir-seen") and key.endswith(("-unmarked", "search-forgets"))]
LAGGING = ["fhir-blurred-new-id", "fhir-blurred-name-unmarked", "fhir-blurred-whole-forgets"]
"""A search that lags has many more states; `make prove` takes the others."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence leg and adapter: thousands of lives of them would only slow the search."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_profile_has_its_model() -> None:
    """Whatever a trial finds, the way it chooses is modelled, with the promises it makes, by a server no stronger."""
    for profile in profiles():
        model = WAYS[way(profile)].make()
        assert isinstance(model, Driven)
        weak = model.adapter.profile
        assert (weak.rules, weak.create, weak.claims) == (profile.rules, profile.create, profile.claims)
        assert model.server.guards <= profile.guards
        assert model.server.alone <= profile.alone or profile.is_fenced


@pytest.mark.parametrize("key", FENCED)
def test_two_agents_with_turns_keep_every_promise(key: str) -> None:
    """The hub's turn goes from one to the other at any moment between two writes."""
    report = Checker(BY_KEY[key].make(), "book", agents=2, faults=0).run()
    assert report.violation is None, str(report)
    assert report.settled


@pytest.mark.parametrize(
    ("key", "scenario", "faults"),
    [
        *((key, scenario, 1) for key in FENCED for scenario in ("book", "book+cancel")),
        ("fhir-fenced-whole", "book+move", 1),
        *((key, "book", 0) for key in SEEN + LAGGING),
        ("fhir-seen-own-id-unmarked-forgets", "book+move", 0),  # our own id is read past a search that lags (I1b)
    ],
)
def test_no_order_of_requests_breaks_an_invariant(key: str, scenario: str, faults: int) -> None:
    """I1 to I13 hold whatever happens between any two requests, and some order of events ends with a booking."""
    checker = Checker(BY_KEY[key].make(), scenario, faults=faults)
    report = checker.run()
    print(report)
    assert report.violation is None, str(report)
    assert report.settled
    assert Outcome.BOOKED in {row.outcome for row in checker.case.rows.items}


# ---- counterexamples found, each by taking away what was mended


def found(key: str, scenario: str, faults: int, ticks: int | None = None) -> str:
    """Return the invariant that breaks."""
    report = Checker(BY_KEY[key].make(), scenario, faults=faults, ticks=ticks).run()
    assert report.violation is not None, str(report)
    return report.violation.name


def test_a_read_lost_after_the_write_is_not_surely_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The appointment stood, its first reading was lost, the order was queued again, and the patient told conflict."""
    write = Writer.write

    def hopeful(self: Writer, *args: Any) -> Any:
        try:
            return write(self, *args)
        except Ambiguous as lost:
            raise lost.__cause__ or lost from None

    monkeypatch.setattr(Writer, "write", hopeful)
    assert found("fhir-fenced-whole", "book+move", 1) == "I4"


def test_the_loser_of_a_move_leaves_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests of one move: the second gave up the old slot, then the first had to yield, and nothing was left."""

    def all_of_them(self: Writer, write: Write) -> None:
        own = self._records.find(write.booking)
        for cell in self._slots.claimed(write.booking):
            if own is None or own.applied.place != cell.place:
                self._slots.release(cell, write.booking)

    monkeypatch.setattr(Writer, "_loser", all_of_them)
    assert found("fhir-fenced-whole", "book+move", 1) == "I1b"


def test_an_intent_is_not_given_up_because_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same write was lost twice, a look found nothing, conflict was told, and then the first one landed."""
    rerun = Writing._rerun

    def given_up(self: Writing, *args: Any) -> bool:
        return bool(rerun(self, *args))

    monkeypatch.setattr(Writing, "_rerun", given_up)
    assert found("fhir-fenced-name", "book", 2, ticks=1) == "I4"


def test_a_server_that_looks_first_and_creates_later_is_not_fenced() -> None:
    """The creation landed after its booking had been told conflict: such a server needs the turn."""
    seen = {"create": "if-none-exist", "guards": True, "claims": True, "fresh": True, "tombstones": True}
    believed = profile_of(**seen, atomic=False, alone=True)
    report = Checker(Driven(believed, Server(alone=False)), "book", faults=1).run()
    assert report.violation is not None
    assert report.violation.name == "I4"
    assert not profile_of(**seen, atomic=False, alone=False).is_fenced


def test_slots_without_our_mark_are_looked_at_by_their_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every booking was undone again, as if a slot that bears no mark had been lost to somebody else."""
    monkeypatch.setattr(LastLook, "_unmarked", lambda *_: None)
    checker = Checker(BY_KEY["fhir-seen-search-unmarked"].make(), "book", faults=0)
    assert checker.run().violation is None
    assert Outcome.BOOKED not in {row.outcome for row in checker.case.rows.items}


def test_what_the_line_makes_of_a_mishap() -> None:
    """A read that is lost was surely not done, a write that is lost may have been, what cannot be sent was not."""
    from tests.model.emrs.adapter import error

    assert isinstance(error("lost", writes=True), Ambiguous)
    assert isinstance(error("lost", writes=False), Transient)
    assert isinstance(error("away", writes=True), Transient)
