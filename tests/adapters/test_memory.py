"""What only the made-up clinic can show."""

from datetime import timedelta

import pytest

from adapters.conformance import NAME, SITE, Still
from adapters.conformance.bench import DAY, MINE, MONDAY, at, book
from adapters.memory import Clinic, MemoryEmr, Opening
from agent.core.booking import Outcome
from agent.core.errors import Ambiguous


def two() -> tuple[Clinic, MemoryEmr, list[Opening]]:
    clinic = Clinic()
    cells = [
        Opening(SITE.id, "101", MONDAY + timedelta(hours=hour), MONDAY + timedelta(hours=hour, minutes=15), "s")
        for hour in (9, 10)
    ]
    clinic.open(cells)
    return clinic, MemoryEmr(NAME, clinic, Still(), "Réservé en ligne"), cells


def test_the_receptionist_looks_then_books() -> None:
    """She takes what seems free and leaves what is taken."""
    clinic, emr, cells = two()
    desk = clinic.receptionist()
    assert desk.book(cells[0].key) is not None
    assert desk.book(cells[0].key) is None
    assert desk.book(cells[0].key, look=False) is not None
    assert [slot.key for slot in emr.slots(DAY).slots] == [cells[1].key]


def test_a_verify_that_fails_after_the_commit_is_ambiguous() -> None:
    """What stands is committed: "surely not done" would let another write be made of it (simulated life 246)."""
    clinic, emr, _ = two()
    cut = MemoryEmr(NAME, clinic, Still())
    cut._pause = cut.close
    slot = at(emr, 9)
    with pytest.raises(Ambiguous):
        book(cut, slot)
    assert book(emr, slot).outcome is Outcome.BOOKED


def test_a_row_that_vanished_is_checking() -> None:
    """Somebody deleted our row: it is not made again, a person looks."""
    clinic, emr, _ = two()
    slot = at(emr, 9)
    book(emr, slot)
    clinic.rows.clear()
    assert [each and (each.outcome, each.theirs) for each in (emr.find(MINE), book(emr, slot))] == [
        (Outcome.CHECKING, False)
    ] * 2
    assert list(emr.ours(DAY)) == []
