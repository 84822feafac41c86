"""A disk that was full and has room again: the journal finds out by itself."""

from types import SimpleNamespace

import pytest

from agent.journal import Journal
from agent.journal.disk import FLOOR


def test_orders_are_taken_again_as_soon_as_there_is_room(
    journal: Journal, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spent ballast is laid again when the disk is asked about, not only when something was erased."""
    disk = journal._store.disk
    monkeypatch.setattr(disk, "free", lambda: 0)
    assert disk.spend()
    assert journal.records().sizes().low
    monkeypatch.setattr(disk, "free", lambda: 4 * FLOOR)
    assert not journal.records().sizes().low
    inbox = journal.inbox("dme")
    assert inbox.take([(make.order(1, goal=None), "jws", None)], [], {"log": "a", "n": 1}, make.at()) == 1
