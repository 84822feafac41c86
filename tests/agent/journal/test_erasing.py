"""Erased means gone from the disk.

Rule: these journals use a box that hides nothing, so that a leftover byte can be found.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from agent.core.booking import Outcome, State
from agent.journal import Journal

CANARY = "canary-" * 900
"""Longer than a page, so that overflow pages are proved too."""


def _bytes(tmp_path: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (tmp_path / "state").glob("journal.db*"))


def _booked(journal: Journal, make: SimpleNamespace, *, at: object = None) -> None:
    a = make.slot(0)
    journal.views("dme").now(make.view(a), make.offered(a), make.at())
    journal.inbox().take([(make.order(goal=a), "jws", CANARY)], [], {"log": "a", "n": 1}, make.at())


def _settle(journal: Journal, make: SimpleNamespace) -> None:
    bookings = journal.bookings("dme")
    done = replace(
        bookings.row("booking-1"), state=State.RESOLVED, done_ver=1, outcome=Outcome.BOOKED, outcome_rev=1,
        cur_slot=make.slot(0),
    )  # fmt: skip
    bookings.save(done, tasks=(), tell=True, erase=True, now=make.at())


def test_no_page_and_no_log_frame_keeps_what_was_erased(
    reopen: Callable[..., Journal], make: SimpleNamespace, tmp_path: Path
) -> None:
    """After the scrub neither the file nor its log holds a byte of it."""
    journal = reopen(box=make.glass)
    _booked(journal, make)
    assert b"canary" in _bytes(tmp_path)
    _settle(journal, make)
    assert b"canary" in _bytes(tmp_path)
    assert journal.scrub()
    assert b"canary" not in _bytes(tmp_path)


def test_a_reader_in_the_way_only_delays_it(
    reopen: Callable[..., Journal], make: SimpleNamespace, tmp_path: Path
) -> None:
    """While a reader holds an old picture the scrub says no, and succeeds after it."""
    journal = reopen(box=make.glass)
    _booked(journal, make)

    def look(db: object) -> bool:
        db.rows("SELECT 1 FROM orders")
        _settle(journal, make)
        return journal.scrub()

    assert not journal.read(look)
    assert b"canary" in _bytes(tmp_path)
    assert journal.scrub()
    assert b"canary" not in _bytes(tmp_path)


def test_a_crash_before_the_scrub_is_made_good_at_the_next_open(
    reopen: Callable[..., Journal], make: SimpleNamespace, tmp_path: Path
) -> None:
    """Opening empties the log over what was erased before."""
    journal = reopen(box=make.glass)
    _booked(journal, make)
    _settle(journal, make)
    copy = tmp_path / "crashed"
    copy.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        (copy / name).write_bytes((tmp_path / "state" / name).read_bytes())
    again = Journal.open(copy, make.glass, now=make.at())
    assert again.records().bookings()[0].outcome is Outcome.BOOKED
    assert not [path for path in copy.glob("journal.db*") if b"canary" in path.read_bytes()]
    again.close()


def test_scrub_without_anything_erased_touches_nothing(journal: Journal, make: SimpleNamespace, tmp_path: Path) -> None:
    """The log is left alone while nothing is owed."""
    _booked(journal, make)
    before = (tmp_path / "state" / "journal.db-wal").read_bytes()
    assert journal.scrub()
    assert (tmp_path / "state" / "journal.db-wal").read_bytes() == before


def test_retention_lets_go_in_time(reopen: Callable[..., Journal], make: SimpleNamespace) -> None:
    """Patient details go 7 days after the end though a task is open, settled bookings after 30 days, the ledger never."""
    journal = reopen(box=make.glass)
    _booked(journal, make)
    journal.tidy(make.at(days=13))
    assert journal.bookings("dme").sealed("booking-1", 1) == CANARY
    journal.tidy(make.at(days=15))
    assert journal.bookings("dme").sealed("booking-1", 1) is None
    assert journal.scrub()
    _settle(journal, make)
    journal.tidy(make.at(days=60))
    assert len(journal.records().bookings()) == 1
    journal.outbox().receipted(journal.outbox().outcomes(9), "r", None, make.at())
    journal.tidy(make.at(days=60))
    assert list(journal.records().bookings()) == []
    assert [line.kind for line in journal.records().ledger()] == ["received", "receipt"]
    assert journal.read(lambda db: db.rows("SELECT 1 FROM orders UNION ALL SELECT 1 FROM outbox")) == []
