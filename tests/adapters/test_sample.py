"""The made-up clinic is the same every time, and looks like one."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from adapters.conformance import SITE, Still
from adapters.sql import sample
from adapters.sql.emr import SqlEmr
from adapters.sql.oscar import Oscar, Terms
from adapters.sql.sqlite import SCHEME, Sqlite
from agent.core.model import Cell, EmrName, Severity, Window

START = date(2026, 11, 23)
MONTH = Window(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 12, 23, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a fresh sample."""
    sample.make(tmp_path / "clinique.db", START)
    return tmp_path / "clinique.db"


@pytest.fixture
def emr(path: Path) -> SqlEmr:
    """Open the adapter on it, as demo does."""
    return SqlEmr(Oscar(Terms(EmrName("dme"), (SITE,))), Sqlite(f"{SCHEME}{path}"), Still())


def test_the_same_seed_makes_the_same_clinic(tmp_path: Path, path: Path) -> None:
    """Equal rows for equal seeds, others for another; an old file is replaced."""
    other = tmp_path / "autre.db"
    sample.make(other, START, seed=8)
    different = sample.rows(other)
    sample.make(other, START, seed=7)
    assert sample.rows(other) == sample.rows(path) != different


def test_about_sixty_percent_is_booked(path: Path, emr: SqlEmr) -> None:
    """Of all cells of the schedule between half and two thirds are taken, for five doctors."""
    free = len(emr.slots(MONTH).slots)
    busy = sum(row.is_active for row in sample.rows(path))
    assert 0.5 < busy / (busy + free) < 0.66
    assert {slot.practitioner.key for slot in emr.slots(MONTH).slots} == {"101", "102", "103", "104", "105"}
    emr.close()


def test_the_sample_is_sound(emr: SqlEmr) -> None:
    """`check` finds nothing to complain of, and the codes of the example file are free somewhere."""
    assert {each.severity for each in emr.check()} == {Severity.OK}
    counts = {(each.kind, each.code): each.free for each in emr.names(MONTH)}
    assert all(counts["type", code] > 0 for code in "sW1X")
    assert counts["site", "Clinique du Fjord"] == len(emr.slots(MONTH).slots)
    assert not emr.slots(MONTH).findings
    emr.close()


def test_nobody_in_it_exists(path: Path) -> None:
    """Cards begin with letters no card begins with."""
    with sample._open(path) as base:
        cards = [hin for (hin,) in base.execute("SELECT hin FROM demographic")]
    assert all(card.startswith("ZZZZ ") for card in cards)
    assert len(cards) == 120


def test_the_receptionist_looks_then_writes(path: Path, emr: SqlEmr) -> None:
    """She books what seems free, not what is taken; cancels, moves, receives and deletes anything."""
    desk = sample.receptionist(path)
    first, second = (slot.start.replace(tzinfo=None) for slot in emr.slots(MONTH).slots[:2])
    who = emr.slots(MONTH).slots[0].practitioner.key
    number = desk.book(who, first)
    assert number is not None
    assert desk.book(who, first) is None
    desk.move(number, who, second)
    desk.receive(number)
    assert [(row.start, row.status) for row in sample.rows(path) if row.number == number] == [(second, "H")]
    assert desk.looks(who, first)
    desk.cancel(number)
    assert not next(row for row in sample.rows(path) if row.number == number).is_active
    desk.delete(number)
    assert number not in {row.number for row in sample.rows(path)}
    emr.close()


def test_the_agenda_shows_the_day_without_patients(emr: SqlEmr) -> None:
    """Preview sees free and busy cells with the doctors' names for the clinic's own screen."""
    day = Window(MONTH.start, MONTH.start + timedelta(days=1))
    rows = list(emr.rows(day))
    assert {row.cell for row in rows} == {Cell.FREE, Cell.BUSY}
    assert {row.practitioner.label for row in rows} <= {
        "Andrée Gagnon",
        "Benoît Simard",
        "Chloé Côté",
        "Édith Bouchard",
    }
    assert all((row.end - row.start) == timedelta(minutes=15) for row in rows)
    emr.close()
