"""The ledger in years: linked heads, retention that keeps the chain, whose slots a message spoke of."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from agent.core.chain import FIRST
from agent.core.model import Instant
from agent.journal import Journal, ledger
from agent.journal.ledger import append
from agent.journal.whose import read
from agent.ports import Outgoing, Standing


def new_year(year: int, month: int = 1, day: int = 1) -> Instant:
    """Return noon of a day."""
    return Instant(datetime(year, month, day, 12, tzinfo=UTC), SimpleNamespace())  # type: ignore[arg-type]


def fill(journal: Journal, years: range, lines: int = 3) -> None:
    """Write lines into each year."""
    for year in years:
        at = new_year(year).utc
        journal.write(lambda tx, at=at: [append(tx, "start", b"%d" % n, at) for n in range(lines)])


def test_a_new_year_opens_with_the_head_of_the_last(journal: Journal, make: SimpleNamespace) -> None:
    """The first line of a year repeats the head it follows; the chain runs on."""
    fill(journal, range(2026, 2029))
    records = journal.records()
    lines = records.ledger()
    assert [line.n for line in lines] == list(range(1, 12))
    assert [line.kind for line in lines] == ["start"] * 3 + (["year"] + ["start"] * 3) * 2
    assert json.loads(lines[3].body) == {"year": 2027, "last": 3, "head": lines[2].hash.hex()}
    assert records.verify() is None
    assert records.anchor() == (0, FIRST)


def test_a_clock_that_goes_back_opens_no_year_twice(journal: Journal) -> None:
    """Lines of an earlier clock stand in the open year; the chain holds."""
    for year in (2026, 2035, 2026, 2027):
        fill(journal, range(year, year + 1), 1)
    assert [line.kind for line in journal.records().ledger()] == ["start", "year", "start", "start", "start"]
    assert journal.records().verify() is None


def test_a_year_is_let_go_when_its_youngest_line_is_old_enough(journal: Journal) -> None:
    """36 months after its end, not a day before; what is left proves itself from the head of the year that went."""
    fill(journal, range(2026, 2030))
    records = journal.records()
    head_2026 = records.ledger()[2]
    journal.tidy(new_year(2029, 12, 31), 36)
    assert records.ledger()[0].n == 1
    journal.tidy(new_year(2030), 36)
    kept = records.ledger()
    assert (kept[0].n, kept[0].kind) == (4, "year")
    assert records.anchor() == (3, head_2026.hash)
    assert records.verify() is None
    assert (kept[-1].kind, json.loads(kept[-1].body)) == (
        "pruned", {"year": 2026, "first": 1, "last": 3, "head": head_2026.hash.hex()},
    )  # fmt: skip
    assert journal.read(lambda db: db.value("SELECT count(*) FROM ledger WHERE n <= 3")) == 0


def test_the_open_year_stays_and_one_year_goes_a_night(journal: Journal) -> None:
    """Whatever the clock says."""
    fill(journal, range(2026, 2029))
    for _ in range(5):
        journal.tidy(new_year(2099), 1)
    assert journal.records().ledger()[0].kind == "year"
    assert [json.loads(line.body)["year"] for line in journal.records().ledger() if line.kind == "pruned"][:2] != []
    assert journal.records().verify() is None


def test_a_cut_prune_is_finished_by_the_next(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines whose year was let go are gone for every reader at once, and from the disk in pieces."""
    monkeypatch.setattr(ledger, "PIECE", 7)
    fill(journal, range(2026, 2031), 4)
    journal.write(lambda tx: tx.run("UPDATE segment SET pruned = 1 WHERE year <= 2028"))
    records = journal.records()
    assert records.ledger(0, 1)[0].kind == "year"
    assert records.verify() is None
    journal.tidy(new_year(2030), 36)
    assert journal.read(lambda db: db.value("SELECT min(n) FROM ledger")) == records.anchor()[0] + 1


def test_a_changed_line_after_a_prune_is_found(journal: Journal) -> None:
    """Letting a year go hides nothing that was changed since."""
    fill(journal, range(2026, 2031))
    journal.tidy(new_year(2030), 36)
    journal.write(lambda tx: tx.run("UPDATE ledger SET body = x'00' WHERE n = 6"))
    assert journal.records().verify() == 6
    journal.write(lambda tx: tx.run("DELETE FROM ledger WHERE n = 4"))
    assert journal.records().verify() == 5


def test_a_journal_of_the_first_shape_gets_its_segment(reopen: Callable[..., Journal], make: SimpleNamespace) -> None:
    """The year of its first line; nothing of the chain changes."""
    journal = reopen()
    first = journal.records().line("start", b"", make.at())
    later = ("DROP TABLE segment", "DROP INDEX slot_ordered", "ALTER TABLE slot DROP COLUMN ordered")
    journal.write(lambda tx: [tx.run(sql) for sql in (*later, "PRAGMA user_version = 1")])
    journal = reopen()
    assert journal.read(lambda db: db.rows("SELECT * FROM segment")) == [(2026, 1, FIRST, None)]
    assert journal.records().verify() is None
    assert journal.records().head() == first


def test_a_message_leaves_a_note_of_whose_slots_it_spoke(journal: Journal, make: SimpleNamespace) -> None:
    """Put and gone ids with their people; salted, so that the countersigned head tells nothing."""
    views, outbox = journal.views("dme"), journal.outbox()
    a, b = make.slot(0), make.slot(1)
    views.now(make.view(a, b), make.offered(a, b), make.at())
    out = Outgoing("offer", {"seq": 1}, 1, dict(outbox.view()))
    outbox.attempt(out, make.envelope("offer", 1), make.at())
    outbox.receipted(out, "receipt", Standing(1, 1), make.at())
    views.now(make.view(b), make.offered(b), make.at())
    again = Outgoing("offer", {"seq": 2}, 2, dict(outbox.view()))
    outbox.attempt(again, make.envelope("offer", 2), make.at())
    first, second = (read(line.body) for line in journal.records().ledger() if line.kind == "whose")
    assert first["slots"] == {f"id:dme:{one.key}": ["dme", "101", "matin"] for one in (a, b)}
    assert (first["re"], first["gone"]) == (make.envelope("offer", 1).jti, [])
    assert (second["slots"], second["gone"]) == ({f"id:dme:{a.key}": ["dme", "101", "matin"]}, [f"id:dme:{a.key}"])
    assert first["salt"] != second["salt"]
    assert journal.records().verify() is None


def test_outcomes_leave_a_note_of_whose_bookings(journal: Journal, make: SimpleNamespace) -> None:
    """A booking nobody knows the slot of is nobody's; a message about nobody leaves no note."""
    a = make.slot(0)
    journal.views("dme").now(make.view(a), make.offered(a), make.at())
    journal.inbox().take([(make.order(goal=a), "jws", None)], [], {"log": "a", "n": 1}, make.at())
    for n, named in enumerate((["booking-1", "unknown"], ["unknown"])):
        body = {"outcomes": [{"booking": one, "rev": 1} for one in named]}
        journal.outbox().attempt(Outgoing("outcomes", body, 1), make.envelope("outcomes", n), make.at())
    (note,) = [read(line.body) for line in journal.records().ledger() if line.kind == "whose"]
    assert note["bookings"] == {"booking-1": ["dme", "101", "matin"]}
