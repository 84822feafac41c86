"""The store of files behind `creneau hl7 listen`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.hl7v2.foldered import Foldered
from agent.core.errors import Transient
from agent.ports import Kept, RawMessage

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def message(body: bytes) -> RawMessage:
    return RawMessage("EMR^CL", "M/1", body, "", NOW)


def test_one_number_is_one_file(tmp_path: Path) -> None:
    """New, again, and with other bytes; after a restart too."""
    for store, body, due in (
        (Foldered(tmp_path / "x"), b"a", (Kept.NEW, b"ok")),
        (Foldered(tmp_path / "x"), b"a", (Kept.REPEAT, b"ok")),
        (Foldered(tmp_path / "x"), b"b", (Kept.CLASH, b"")),
    ):
        taken = store.keep(message(body), b"ok")
        assert (taken.kept, taken.answer) == due
    assert [path.read_bytes() for path in (tmp_path / "x").glob("*.hl7")] == [b"a"]
    assert store.unread(1) == ()
    store.settle([0], {}, {})


def test_a_folder_that_is_gone_stores_nothing(tmp_path: Path) -> None:
    """Transient: the sender comes again."""
    store = Foldered(tmp_path / "x")
    (tmp_path / "x").rmdir()
    with pytest.raises(Transient):
        store.keep(message(b"a"), b"ok")
