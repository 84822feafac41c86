"""The mirror against a file of all appointments."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.conformance.bench import NOW
from agent.core.errors import Transient
from tests.adapters.hl7v2.night import Night


def siu(number: int, hour: int, who: str = "101", status: str = "S12") -> str:
    return (
        f"MSH|^~\\&|DME|CLINIQUE|||20261120080000||SIU^{status}|E{number}|P|2.5\r"
        f"SCH||RV{number}|||||||||^^60^20261123{hour:02}0000\rAIP|1|A|{who}\r"
    )


def drop(folder: Path, text: str, written: datetime, name: str = "tout.hl7") -> None:
    part = folder / f"{name}.part"
    part.write_text(text, encoding="utf-8")
    os.utime(part, (written.timestamp(), written.timestamp()))
    part.replace(folder / name)


def batch(*messages: str) -> str:
    return "FHS|^~\\&\rBHS|^~\\&\r" + "".join(messages) + f"BTS|{len(messages)}\rFTS|1\r"


@pytest.fixture
def dropped(night: Callable[..., Night], tmp_path: Path) -> tuple[Night, Path]:
    folder = tmp_path / "depot"
    folder.mkdir()
    return night(**{"reconcile.by": "file", "reconcile.folder": folder}), folder


def test_a_file_of_all_appointments_is_compared_once(dropped: tuple[Night, Path]) -> None:
    """Added and left out, twice for what is gone; the same file is not read again."""
    here, folder = dropped
    here.put(8)
    here.later(hours=1)
    assert here.compare() is None
    drop(folder, batch(siu(7, 9), siu(8, 10), siu(8, 11)), NOW + timedelta(minutes=30))
    assert [here.compare(), here.compare()] == [2, None]
    assert here.free() == [10]
    here.later(days=1)
    drop(folder, batch(siu(7, 9), siu(8, 11)), NOW + timedelta(days=1))
    assert here.compare() == 1
    assert here.free() == [8, 10]


def test_a_file_knows_nothing_of_what_came_after_it(dropped: tuple[Night, Path]) -> None:
    """A booking told since, or a few minutes before by another clock, is not in it and stays."""
    here, folder = dropped
    drop(folder, batch(siu(7, 9)), NOW - timedelta(seconds=30))
    here.put(8)
    for day in (0, 1):
        assert here.compare() == (1, None)[day]
    assert here.free() == [10, 11]


@pytest.mark.parametrize(
    "text",
    [
        "",
        batch(siu(7, 9))[:-10],  # the envelope is open
        batch(siu(7, 9), siu(8, 10).replace("20261123100000", "demain")),
        batch(siu(7, 9), siu(8, 10).replace("SIU^S12", "ADT^A08")),
        batch(siu(7, 9), siu(8, 10, status="S26").replace("^^60^20261123100000", "")),
    ],
)
def test_a_file_that_is_not_whole_changes_nothing(text: str, dropped: tuple[Night, Path]) -> None:
    """Still being written, or a message of it cannot be read: the next one counts."""
    here, folder = dropped
    here.put(8)
    here.later(hours=1)
    before = here.notes()
    drop(folder, text, NOW)
    with pytest.raises(Transient):
        here.compare()
    assert here.notes() == before
    drop(folder, batch(siu(7, 9)), NOW + timedelta(minutes=30))
    assert here.compare() == 1


def test_a_file_just_written_waits(dropped: tuple[Night, Path]) -> None:
    """Ten seconds; an empty agenda is one too when its envelope says so."""
    here, folder = dropped
    drop(folder, batch(), NOW)
    assert here.compare() is None
    here.later(minutes=1)
    assert here.compare() == 0
