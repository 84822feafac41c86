"""Inbound messages and notes of one source.

Rule: no clear body stands on any page.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.journal import Journal
from agent.ports import Kept, RawMessage, Taken


@pytest.fixture
def message(make: SimpleNamespace) -> RawMessage:
    """Return a message as received."""
    return RawMessage("EMR^CLINIC", "MSG001", b"MSH|^~\\&|canary", "utf-8", make.at().utc)


def test_a_message_is_kept_once(reopen: Callable[..., Journal], message: RawMessage) -> None:
    """A repeat gets the first answer, also after a restart; other bytes under the same id are a clash."""
    assert reopen().raw("dme").keep(message, b"ack-1") == Taken(Kept.NEW, 1, b"ack-1")
    raw = reopen().raw("dme")
    assert raw.keep(message, b"ack-2") == Taken(Kept.REPEAT, 1, b"ack-1")
    assert raw.keep(replace(message, body=b"MSH|other"), b"ack-3") == Taken(Kept.CLASH, 1, b"")
    assert reopen().raw("other").keep(message, b"ack-4").kept is Kept.NEW


def test_unread_messages_come_oldest_first_until_settled(journal: Journal, message: RawMessage) -> None:
    """Done ones lose their body, dead ones keep it with the reason; notes change in the same transaction."""
    raw = journal.raw("dme")
    for n in range(4):
        raw.keep(replace(message, control_id=f"M{n}"), b"ack")
    assert raw.unread(2) == [(1, replace(message, control_id="M0")), (2, replace(message, control_id="M1"))]
    raw.settle([1, 2], {3: "no SCH"}, {"mirror/1": b"row"})
    assert [number for number, _ in raw.unread(9)] == [4]
    rows = journal.read(lambda db: db.rows("SELECT state, why, body IS NULL FROM raw ORDER BY id"))
    assert rows == [("done", None, 1), ("done", None, 1), ("dead", "no SCH", 0), ("new", None, 0)]
    assert journal.store("dme").notes("mirror/") == {"mirror/1": b"row"}
    journal.raw("other").settle([4], {}, {})
    assert [number for number, _ in raw.unread(9)] == [4]


def test_what_is_dead_can_be_read_again(journal: Journal, message: RawMessage) -> None:
    """With another answer when one is given; what was done, or another source's, stays as it is."""
    raw = journal.raw("dme")
    for n in range(3):
        raw.keep(replace(message, control_id=f"M{n}"), b"AE")
    raw.settle([1], {2: "102", 3: "102"}, {})
    assert (journal.raw("other").revive([2]), raw.revive([])) == (0, 0)
    assert raw.revive([1, 2, 9], b"AA") == 1
    assert [number for number, _ in raw.unread(9)] == [2]
    assert raw.keep(replace(message, control_id="M1"), b"") == Taken(Kept.REPEAT, 2, b"AA")
    assert raw.revive([3]) == 1
    assert raw.keep(replace(message, control_id="M2"), b"") == Taken(Kept.REPEAT, 3, b"AE")


def test_what_was_never_understood_goes_after_a_month_too(
    journal: Journal, message: RawMessage, make: SimpleNamespace
) -> None:
    """Read or dead, a message may name a patient; one still to be read stays."""
    raw = journal.raw("dme")
    for number in ("read", "dead", "unread"):
        raw.keep(replace(message, control_id=number), b"ack")
    raw.settle([1], {2: "100 SCH"}, {})
    journal.tidy(make.at(days=29))
    assert journal.read(lambda db: db.value("SELECT count(*) FROM raw")) == 3
    journal.tidy(make.at(days=40))
    assert [one.control_id for _, one in raw.unread(9)] == ["unread"]
    assert journal.read(lambda db: db.value("SELECT count(*) FROM raw")) == 1


def test_notes_belong_to_one_source(reopen: Callable[..., Journal]) -> None:
    """Set, replaced, deleted, listed by prefix; a prefix is no pattern."""
    store = reopen().store("dme")
    store.note({"a/1": b"one", "a/2": b"two", "a%": b"three", "b": b"four"})
    store.note({"a/1": b"uno", "a/2": None})
    store.note({})
    store = reopen().store("dme")
    assert store.notes("a/") == {"a/1": b"uno"}
    assert set(store.notes("a%")) == {"a%"}
    assert set(store.notes("")) == {"a/1", "a%", "b"}
    assert reopen().store("other").notes("") == {}


def test_nothing_readable_reaches_the_disk(journal: Journal, message: RawMessage, tmp_path: Path) -> None:
    """Bodies and notes are boxed before SQLite sees them."""
    journal.raw("dme").keep(message, b"ack")
    journal.store("dme").note({"k": b"canary"})
    journal.inbox().cursor()
    data = b"".join(path.read_bytes() for path in (tmp_path / "state").glob("journal.db*"))
    assert b"EMR^CLINIC" in data
    assert b"canary" not in data
