"""Each guard of a booking is taken away in turn; the model checker must see it, or it sees nothing.

Rule: a guard that has a twin is taken away together with it.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import agent.core.booking.arrival
import agent.core.booking.evidence
import agent.core.booking.start
import agent.legs.apply
import agent.legs.apply.writing
import tests.model.invariants
from adapters.memory import MemoryEmr
from agent.core.booking import Action, Booking, Effect, Outcome, State, Tell
from agent.legs.apply import Apply
from agent.legs.apply.saving import Saving
from agent.legs.apply.writing import Writing
from tests.model.agents import Agents
from tests.model.checker import Checker
from tests.model.emrs import UNFENCED, Fhir, Hl7, Model, Sidecar, Token
from tests.model.handing import Handing

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the leg's log: thousands of lives of it would only slow the search."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def no_intent_row(patch: Patch) -> Model:
    """Write first, keep the intent in memory only."""
    store = Saving.store

    def forget(self: Saving, row: Booking, *rest: Any) -> Booking | None:
        return row if row.state is State.INTENT else store(self, row, *rest)

    patch.setattr(Saving, "store", forget)
    return Sidecar()


def blind_retry(patch: Patch) -> Model:
    """Send again after a lost answer without asking what became of it."""
    model = Token()
    model.lookup, model.rules = False, replace(UNFENCED, enquire_first=False)
    return model


def no_tombstone(patch: Patch) -> Model:
    """Leave no mark when something absent is cancelled; its twin, the turn, is off too."""
    model = Fhir()
    model.tombstone, model.rules = False, replace(Fhir.rules, exclusive=False)
    return model


class InsertOnly(MemoryEmr):
    """Never gives up the appointment a move leaves."""

    def _give_up(self, row: object) -> None: ...


def insert_only_move(patch: Patch) -> Model:
    return Sidecar(InsertOnly)


def no_turn_check(patch: Patch) -> Model:
    """Neither the leg nor the adapter looks whether the turn is over."""
    patch.setattr(agent.core.booking.start, "_has_turn", lambda *_: True)
    patch.setattr(Agents, "turn_over", lambda *_: False)
    return Token()


def no_enquiry(patch: Patch) -> Model:
    """Believe the own journal alone, on an EMR that does not remember."""
    return Hl7(memory=False, rules=replace(UNFENCED, enquire_first=False, quiet=-UNFENCED.longest_write))


class Stubborn(MemoryEmr):
    """Never yields to a person."""

    def _lost(self, *_: object) -> bool:
        return False


def yield_removed(patch: Patch) -> Model:
    return Sidecar(Stubborn)


def hold_not_subtracted(patch: Patch) -> Model:
    """Let publish know nothing of live holds."""
    patch.setattr(tests.model.invariants, "spoken_for", lambda *_: ())
    return Sidecar()


def unverified_is_believed(patch: Patch) -> Model:
    """Take a write that was cut off before its verify for done."""
    find = MemoryEmr.find

    def bold(self: MemoryEmr, booking: Any) -> Effect | None:
        effect = find(self, booking)
        return effect and replace(effect, pending=False)

    patch.setattr(MemoryEmr, "find", bold)
    return Sidecar()


def quiet_from_the_clock_of_the_step(patch: Patch) -> Model:
    """Quiet time counts from before the agenda was read."""
    patch.setattr(Writing, "_quiet", lambda _self, _row, _effect, now: now.age - now.age)
    return Hl7()


def conflict_with_oneself(patch: Patch) -> Model:
    """Believe that a slot which is not free is taken by somebody else."""
    must = Apply._must_look

    def careless(self: Apply, row: Booking, after: Booking, rules: Any, *, writes: bool) -> bool:
        return after.outcome is not Outcome.CONFLICT and must(self, row, after, rules, writes=writes)

    patch.setattr(Apply, "_must_look", careless)
    return Sidecar()


def turn_before_the_orders(patch: Patch) -> Model:
    """Take a new turn from a beat: what another agent applied before it is not known yet."""
    patch.setattr(Handing, "_listed", lambda _self, _scene, each, *_: each)
    return Hl7(memory=False)


def outcome_without_a_line(patch: Patch) -> Model:
    """Save that somebody else was faster, and write neither the line of the ledger nor the report."""
    store = Saving.store

    def silent(self: Saving, row: Booking, actions: Iterable[Action], *rest: Any) -> Booking | None:
        lost = row.outcome is Outcome.CONFLICT
        return store(self, row, [one for one in actions if not (lost and isinstance(one, Tell))], *rest)

    patch.setattr(Saving, "store", silent)
    return Sidecar()


MUTANTS: list[tuple[Callable[[Patch], Model], str, int, int, frozenset[str]]] = [
    (no_intent_row, "book", 1, 0, frozenset({"I9"})),
    (blind_retry, "book", 1, 1, frozenset({"I3", "I4"})),
    (no_tombstone, "book+cancel", 2, 0, frozenset({"I4", "I5"})),
    (insert_only_move, "book+move", 1, 0, frozenset({"I1", "I4"})),
    (no_turn_check, "book", 2, 0, frozenset({"I10"})),
    (no_enquiry, "book+cancel", 1, 2, frozenset({"I1", "I3", "I4", "I5"})),
    (yield_removed, "book", 1, 0, frozenset({"I2"})),
    (hold_not_subtracted, "hold+expire", 1, 0, frozenset({"I13"})),
    (unverified_is_believed, "book+move", 1, 2, frozenset({"I1", "I2", "I4"})),
    (quiet_from_the_clock_of_the_step, "book+cancel", 1, 1, frozenset({"I5", "I4"})),
    (outcome_without_a_line, "book", 1, 0, frozenset({"I12"})),
    (turn_before_the_orders, "book+cancel", 2, 0, frozenset({"I5"})),
    (conflict_with_oneself, "book", 2, 0, frozenset({"I4"})),
]


@pytest.mark.parametrize(
    ("mutant", "scenario", "agents", "faults", "names"), MUTANTS, ids=lambda case: getattr(case, "__name__", "")
)
def test_a_guard_that_is_gone_is_missed(
    monkeypatch: Patch,
    mutant: Callable[[Patch], Model],
    scenario: str,
    agents: int,
    faults: int,
    names: frozenset[str],
) -> None:
    """The search finds a counterexample, of the kind the guard is there for."""
    report = Checker(mutant(monkeypatch), scenario, agents=agents, faults=faults).run()
    assert report.violation is not None, str(report)
    assert report.violation.name in names, str(report)
