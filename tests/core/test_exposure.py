"""The estimator reproduces the published table on its built-in clinic, within sampling error."""

import random

import pytest

from agent.core import toy
from agent.core.exposure import HALF_DAY, Calendar, Cell, Policy, area, attack

TABLE = [
    # policy, error on a day, on the week, useful: design figures of the toy model
    (Policy(busy=True), 0.06, 0.05, 1.00),
    (Policy(every_kind=True), 0.07, 0.05, 1.00),
    (Policy(), 1.61, 0.05, 1.00),
    (Policy(lead=72), 1.73, 0.05, 0.93),
    (Policy(lead=72, cap=3), 2.57, 0.06, 0.50),
    (Policy(cap=3), 2.54, 0.06, 0.50),
    (Policy(coarse=HALF_DAY), 1.40, 1.60, 1.00),
]


@pytest.fixture(scope="module")
def clinic() -> Calendar:
    return toy.clinic(random.Random(7))


def test_seed_7_names_the_clinic(clinic: Calendar) -> None:
    """Its counts are fixed: another order of draws would be another clinic."""
    assert (len(clinic.hours), len(clinic.cells), len(clinic.template)) == (1543, 30_678, 47)
    assert sum(cell.shareable for cell in clinic.cells) == 8349
    assert round(sum(clinic.hours.values()) / len(clinic.hours), 2) == 5.41
    assert clinic.template[0, 0] == 6.0


@pytest.mark.parametrize(("policy", "day", "week", "useful"), TABLE)
def test_the_table_is_reproduced(clinic: Calendar, policy: Policy, day: float, week: float, useful: float) -> None:
    """Each row to its last printed digit."""
    leak = attack(clinic, policy, random.Random(1))
    assert leak.day == pytest.approx(day, abs=0.006)
    assert leak.template == pytest.approx(week, abs=0.006)
    assert leak.useful == pytest.approx(useful, abs=0.006)


def test_without_a_person_there_is_nothing_to_recover(clinic: Calendar) -> None:
    """Team instead of practitioner: no error, because no estimate."""
    leak = attack(clinic, Policy(named=False), random.Random(1))
    assert (leak.day, leak.template, leak.useful) == (None, None, 1.0)


@pytest.mark.parametrize(("size", "auc"), [(1, 0.94), (3, 0.74), (5, 0.68), (12, 0.63)])
def test_one_absence_in_a_team(size: int, auc: float) -> None:
    """The larger the team, the less it shows; within the error of 40 rounds."""
    assert toy.absence(size, random.Random(7)) == pytest.approx(auc, abs=0.045)


def test_the_area_is_that_of_every_pair() -> None:
    """Ties count half, nothing to compare is 0."""
    assert area([3, 4], [1, 2]) == 1
    assert area([1, 2], [3, 4]) == 0
    assert area([1, 2], [1, 2]) == 0.5
    assert area([], [1]) == 0


def test_nothing_shown_is_all_the_error() -> None:
    """An empty calendar, and one of which nothing is seen."""
    assert attack(Calendar([], {}, {}), Policy(), random.Random(1)).day == 0
    cell = Cell(0, 0, 480, 15, shareable=False, gone=0)
    leak = attack(Calendar([cell], {(0, 0): 4.0}, {(0, 0): 4.0}), Policy(), random.Random(1))
    assert (leak.day, leak.template, leak.useful) == (4.0, 4.0, 0.0)
