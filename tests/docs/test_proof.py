"""The page on the proof holds: its rule sets are those of the models, and do what it says."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.core.booking import Outcome
from tests.model.checker import Checker
from tests.model.people import CALM
from tests.model.rulesets import BY_KEY, RULE_SETS, RuleSet

PAGE = Path(__file__).parents[2] / "docs" / "preuve.md"
MAKEFILE = Path(__file__).parents[2] / "Makefile"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="only on a checkout: a copy beside a wheel has no documents")
YES = {"oui": True, "non": False, "yes": True, "no": False}
KEYS = [each.key for each in RULE_SETS]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the leg's log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def tables() -> list[dict[str, list[str]]]:
    """Return the rows of the French and of the English table, by rule set."""
    halves = PAGE.read_text("utf-8").split("\n---\n")
    rows = [[line.strip("|").split("|") for line in half.splitlines() if line.startswith("| `")] for half in halves]
    return [{row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in half if len(row) == 6} for half in rows]


def depths() -> list[dict[str, list[str]]]:
    """Return the rows of the French and of the English table of faults, by rule set."""
    halves = PAGE.read_text("utf-8").split("\n---\n")
    rows = [[line.strip("|").split("|") for line in half.splitlines() if line.startswith("| `")] for half in halves]
    return [{row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in half if len(row) == 3} for half in rows]


def asks_a_person(rules: RuleSet) -> bool:
    """Say whether a booking whose answer is lost ends with a person in some order of events."""
    return any(Checker(rules.make(), "book", faults=faults).run().unsure for faults in (0, 1))


def test_both_languages_list_every_rule_set() -> None:
    """No model without its row, no row without its model, in the same order."""
    french, english = tables()
    assert [*french] == [*english] == [each.key for each in RULE_SETS]


@pytest.mark.parametrize("key", KEYS)
def test_the_page_says_which_rule_sets_are_safe(key: str) -> None:
    """Safe means that the model claims it; with the turn means that the adapter has no fence of its own."""
    rules = BY_KEY[key].make().rules
    for table in tables():
        said, _, turn = table[key][1].partition(",")
        assert YES[said] is BY_KEY[key].safe
        assert bool(turn) is (BY_KEY[key].safe and rules is not None and rules.by_turn)


@pytest.mark.parametrize("key", KEYS)
def test_a_person_is_asked_where_the_page_says_so(key: str) -> None:
    """By the real leg, on the model: some order of events with one fault ends with a person, or none does."""
    asks = asks_a_person(BY_KEY[key])
    for table in tables():
        assert YES[table[key][2]] is asks
        assert ("`checking`" in table[key][4]) is asks


def test_the_page_says_how_far_each_search_goes() -> None:
    """What `make prove` searches by default is what the page says, one agent and two."""
    for table, less in zip(depths(), (" ; {} dans `{}`", "; {} in `{}`"), strict=True):
        for each in RULE_SETS:
            one, two = (str(each.depth[count - 1]) if count in each.agents else "—" for count in (1, 2))
            two += "".join(less.format(faults, scenario) for scenario, faults in each.less)
            assert table[each.key] == [one, two], each.key


def test_a_source_that_cannot_write_asks_for_each_booking() -> None:
    """`requested`, as the page says, and nothing is ever written."""
    checker = Checker(BY_KEY["drop"].make(), "book", faults=0)
    checker.run()
    told = {row.outcome for row in checker.case.rows.items if row.state in CALM}
    assert Outcome.REQUESTED in told
    assert checker.case.writes.items == []
    assert all("`requested`" in table["drop"][4] for table in tables())


def test_the_commands_of_the_proof_exist() -> None:
    """Every `make` the page names is a target."""
    named = set(re.findall(r"`make (\w+)`", PAGE.read_text("utf-8")))
    targets = set(re.findall(r"^(\w+):", MAKEFILE.read_text("utf-8"), re.MULTILINE))
    assert named >= {"test", "prove", "mutants"}
    assert named <= targets
