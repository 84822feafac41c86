"""The search over arrays finds what the plain one finds: the same states, the same ends, the same counterexamples."""

import logging
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.model.checker import Checker
from tests.model.emrs import Model
from tests.model.mass import MassSearch
from tests.model.mass import book as book_
from tests.model.mass import expand as expand_
from tests.model.mass import known as known_
from tests.model.mass import search as search_
from tests.model.mass import state as state_
from tests.model.mass import steps as steps_
from tests.model.mass import tables as tables_
from tests.model.mass.known import Known, distinct
from tests.model.mass.layout import Layout, Wider
from tests.model.rulesets import BY_KEY
from tests.model.test_mutants import MUTANTS

SAME: list[tuple[str, str, int, int, int]] = [
    # rule set, scenario, agents, faults, what staff may do
    ("sql-sidecar", "book+move", 1, 2, 0),
    ("sql-sidecar", "book+cancel", 1, 1, 1),
    ("sql-sidecar", "book", 2, 2, 0),
    ("sql-token", "book", 2, 0, 0),
    ("sql-token", "hold+confirm", 1, 1, 0),
    ("fhir-if-match", "book", 2, 0, 0),
    ("fhir-bare", "hold+expire", 2, 1, 0),
    ("hl7-enquiry", "book", 2, 0, 0),
    ("hl7-blind", "book", 1, 2, 0),
    ("fhir-fenced", "book", 1, 1, 0),
    ("drop", "book+move", 1, 2, 0),
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the leg's log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("rules", "scenario", "agents", "faults", "staff"), SAME)
def test_both_searches_see_the_same(rules: str, scenario: str, agents: int, faults: int, staff: int) -> None:
    """States, ends, and ends where a person has to look: each number is the same.

    One checker for both: which of two agents that both stand alone is looked at first goes by their numbers.
    """
    checker = Checker(BY_KEY[rules].make(), scenario, agents=agents, faults=faults, staff=staff)
    plain = checker.run()
    mass = MassSearch(checker, faults, 10**9).run()
    assert (mass.states, mass.settled, mass.unsure) == (plain.states, plain.settled, plain.unsure)
    assert mass.whole
    assert mass.violation is None


def test_how_many_states_are_taken_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, little room, short arrays, small tables and columns that grow all the while: the same states."""
    monkeypatch.setattr(search_, "_CHUNK", 30)
    monkeypatch.setattr(search_, "_ROOM", 100)
    monkeypatch.setattr(known_, "_MOST", 60)
    monkeypatch.setattr(tables_, "_CELLS", 60)
    found = MassSearch(Checker(BY_KEY["sql-token"].make(), "book", agents=1), 1, 10**9).run()
    plain = Checker(BY_KEY["sql-token"].make(), "book", agents=1, faults=1).run()
    assert (found.states, found.settled) == (plain.states, plain.settled)


BROKEN = ("no_intent_row", "blind_retry", "insert_only_move", "no_turn_check", "yield_removed", "hold_not_subtracted")


@pytest.mark.parametrize(
    ("mutant", "scenario", "agents", "faults"),
    [case[:4] for case in MUTANTS if case[0].__name__ in BROKEN],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_both_searches_see_a_guard_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[pytest.MonkeyPatch], Model],
    scenario: str,
    agents: int,
    faults: int,
) -> None:
    """The same invariant breaks, and the way there is told step by step."""
    model = mutant(monkeypatch)
    plain = Checker(model, scenario, agents=agents, faults=faults).run()
    mass = MassSearch(Checker(model, scenario, agents=agents), faults, 10**9).run()
    assert plain.violation is not None
    assert mass.violation is not None
    assert mass.violation.name == plain.violation.name
    assert mass.steps[-1] == plain.steps[-1]
    assert any("receives" in step for step in mass.steps)


def test_a_search_without_room_says_so() -> None:
    """What was not looked at is never taken for proved."""
    assert not MassSearch(Checker(BY_KEY["sql-sidecar"].make(), "book"), 2, 50).run().whole


def test_a_state_too_wide_is_never_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that has no room in its column ends the search."""
    monkeypatch.setattr(state_, "REST", Layout([4, 22, 10, 6, 4, 4]))
    monkeypatch.setattr(steps_, "REST", state_.REST)
    monkeypatch.setattr(book_, "REST", state_.REST)
    monkeypatch.setattr(expand_, "REST", state_.REST)
    assert not MassSearch(Checker(BY_KEY["fhir-if-match"].make(), "book"), 1, 10**9).run().whole


def test_a_set_of_states_knows_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against Python's own set, with ranges that split."""
    monkeypatch.setattr(known_, "_MOST", 16)
    numbers, mine, theirs = np.random.default_rng(1), Known(), set[int]()
    for _ in range(60):
        codes = distinct(numbers.integers(0, 500, 20).astype(np.uint64))
        fresh = mine.without(codes)
        assert set(fresh.tolist()) == set(codes.tolist()) - theirs
        mine.add(fresh)
        theirs |= set(fresh.tolist())
        assert len(mine) == len(theirs)
    assert [code for part in mine.all() for code in part.tolist()] == sorted(theirs)


def test_a_column_grows_and_the_order_stays() -> None:
    """A number too large for its column asks for a wider layout, in which every state is what it was."""
    old = Layout([2, 3])
    with pytest.raises(Wider) as wider:
        old.fit([4, 9])
    new = wider.value.layout
    codes = np.array([old.pack([a, b]) for a in range(4) for b in range(8)], np.uint64)
    moved = new.repacked(codes, old)
    assert [new.unpack(code) for code in moved.tolist()] == [old.unpack(code) for code in codes.tolist()]
    assert (np.diff(moved.astype(np.int64)) > 0).all()
    with pytest.raises(OverflowError, match="64 bits"):
        old.fit([1 << 40, 1 << 30])
