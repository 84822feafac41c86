"""A part of the mutation gate in every run: the table is up to date, and the gate tells a live mutant from a dead one.

`make mutants` runs all of it.
"""

from pathlib import Path

import pytest

from tests.mutants.gate import ALL, ROOT, copied, group_of, killed_by, taken_away
from tests.mutants.mutant import Mutant, mutant

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="only on a checkout: a copy beside a wheel has no source to change"
)
FEW = ("R1: same version, other body", "answer re_sha256", "lapse")


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_a_guard_that_can_be_taken_away_is_there(each: Mutant) -> None:
    """Every text a mutant takes away stands in the program exactly once, and some layer is asked."""
    assert [(ROOT / edit.file).read_text("utf-8").count(edit.old) for edit in each.edits] == [1] * len(each.edits)
    assert each.layers


def test_no_two_mutants_have_one_name() -> None:
    """`--only` names one."""
    assert len({each.name for each in ALL}) == len(ALL)
    assert {group_of(each) for each in ALL} == {"bookings", "envelope", "slot sync"}


@pytest.mark.parametrize("name", FEW)
def test_a_layer_misses_a_guard_that_is_gone(name: str) -> None:
    """One of each group, on a copy of the program."""
    each = next(each for each in ALL if each.name == name)
    assert killed_by(each) == each.layers[0][0]


def test_a_change_that_changes_nothing_lives() -> None:
    """The gate does not call everything dead."""
    same = mutant("same", "agent/core/booking/limits.py", '"""', '"""', ("unit", "tests/core/test_message.py"))
    with pytest.raises(LookupError, match="times"):
        taken_away(same, ROOT)
    line = "MOST_ATTEMPTS = 5\n"
    idle = mutant("idle", "agent/core/booking/evidence.py", line, f"{line}IDLE = 1\n", ("model", "drop book 1 0"))
    assert killed_by(idle) == ""


def test_the_copy_is_whole(tmp_path: Path) -> None:
    """What a layer runs is in the copy, and nothing that was compiled before."""
    copied(tmp_path)
    assert (tmp_path / "tests" / "mutants" / "look.py").exists()
    assert not list(tmp_path.rglob("__pycache__"))
