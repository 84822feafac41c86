"""What the command line looks up and does; the ledger's chain.

Rule: whatever a person does is in the ledger with their name.
"""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.booking import Outcome, State
from agent.core.chain import FIRST, chained, first_bad
from agent.core.errors import Refused
from agent.journal import Journal
from agent.journal.ledger import append
from agent.ports import Outgoing, Sizes, Standing


@pytest.fixture
def waiting(journal: Journal, make: SimpleNamespace) -> Journal:
    """Return a journal where the front desk is asked to enter one booking."""
    a = make.slot(0)
    journal.views("dme").now(make.view(a), make.offered(a), make.at())
    journal.inbox().take([(make.order(goal=a), "jws", "sealed")], [], {"log": "a", "n": 1}, make.at())
    bookings = journal.bookings("dme")
    asked = replace(
        bookings.row("booking-1"), state=State.RESOLVED, done_ver=1, outcome=Outcome.REQUESTED, outcome_rev=1,
        intent_slot=a,
    )  # fmt: skip
    bookings.save(asked, tasks=("enter",), tell=True, erase=True, now=make.at())
    return journal


def test_facts_are_put_read_and_forgotten(journal: Journal, make: SimpleNamespace) -> None:
    """With a kind the change is one ledger line that says who."""
    records = journal.records()
    records.put({"instance": "i", "boots": "1"}, make.at())
    assert records.head() is None
    records.put({"posture": "paused", "boots": None}, make.at(), kind="sharing", who="manon")
    assert records.facts() == {"instance": "i", "posture": "paused"}
    line = records.head()
    assert (line.n, line.kind, line.who, line.body) == (1, "sharing", "manon", b'{"posture":"paused","boots":null}')


def test_an_answer_settles_the_booking_in_one_commit(waiting: Journal, make: SimpleNamespace) -> None:
    """The desk says it is in the agenda: booked, told, patient details erased, the task closed, the ledger says who."""
    records = waiting.records()
    task = records.answer(1, in_agenda=True, who="accueil", now=make.at(minutes=3))
    assert (task.answer, task.who, task.answered) == (True, "accueil", make.at(minutes=3).utc)
    row = waiting.bookings("dme").row("booking-1")
    assert (row.outcome, row.cur_slot, row.outcome_rev) == (Outcome.BOOKED, make.slot(0), 2)
    assert [o["outcome"] for o in waiting.outbox().outcomes(9).body["outcomes"]] == ["requested", "booked"]
    assert waiting.bookings("dme").sealed("booking-1", 1) is None
    assert (records.head().kind, records.head().who) == ("task", "accueil")
    assert waiting.scrub()


def test_a_task_is_answered_once(waiting: Journal, make: SimpleNamespace) -> None:
    """A second answer is refused and changes nothing; an unknown task is refused too."""
    records = waiting.records()
    records.answer(1, in_agenda=False, who="accueil", now=make.at())
    assert records.task(1).answer is False
    with pytest.raises(Refused) as caught:
        records.answer(1, in_agenda=True, who="autre", now=make.at())
    assert caught.value.reason == "answered"
    with pytest.raises(Refused) as caught:
        records.task(7)
    assert caught.value.reason == "no-task"
    assert waiting.bookings("dme").row("booking-1").outcome is Outcome.CONFLICT


def test_an_answer_that_changes_nothing_closes_the_task(waiting: Journal, make: SimpleNamespace) -> None:
    """A task that is only to be read leaves the row as it is."""
    bookings = waiting.bookings("dme")
    bookings.save(bookings.row("booking-1"), tasks=("unmatched",), tell=False, erase=False, now=make.at())
    before = bookings.row("booking-1")
    waiting.records().answer(2, in_agenda=True, who="accueil", now=make.at())
    assert bookings.row("booking-1") == before


def test_looking_at_patient_details_is_a_ledger_line(waiting: Journal, make: SimpleNamespace) -> None:
    """Who looked is written even when there is nothing left to see."""
    records = waiting.records()
    assert records.sealed(1, who="accueil", now=make.at()) == ("booking-1", 1, "sealed")
    records.answer(1, in_agenda=True, who="accueil", now=make.at())
    assert records.sealed(1, who="curieux", now=make.at()) is None
    assert [(line.kind, line.who) for line in records.ledger()][-3:] == [
        ("task", "accueil"), ("task", "accueil"), ("task", "curieux"),
    ]  # fmt: skip


def test_what_the_hub_holds_is_listed_by_start(journal: Journal, make: SimpleNamespace) -> None:
    """With the EMR's slot, first publication, and when it left; without the slot when it is unknown."""
    a, b = make.slot(0), make.slot(1)
    journal.views("dme").now(make.view(b, a), make.offered(b, a), make.at())
    told = journal.outbox().view() | {"stranger": make.shared(make.slot(5))}
    journal.outbox().receipted(Outgoing("offer", {}, 1, told=told), "r", Standing(1, 1), make.at(minutes=1))
    rows = journal.records().told()
    assert [(row.id, row.slot, row.since, row.gone) for row in rows] == [
        ("id:dme:101/0", a, make.at().utc, None),
        ("id:dme:101/1", b, make.at().utc, None),
        ("stranger", None, make.at(minutes=1).utc, make.at(minutes=1).utc),
    ]


def test_sizes_are_bytes_of_the_quota(journal: Journal) -> None:
    """A new journal is small and not low."""
    sizes = journal.records().sizes()
    assert sizes == Sizes(sizes.used, 256 << 20, low=False)
    assert 0 < sizes.used < 1 << 20


def test_bookings_are_listed_by_id(waiting: Journal) -> None:
    """Those of every source."""
    assert [row.booking for row in waiting.records().bookings()] == ["booking-1"]


def test_the_chain_holds_and_names_its_first_bad_line(journal: Journal, make: SimpleNamespace) -> None:
    """A changed body, a removed line and a changed name are found at their place, across pieces."""
    records = journal.records()
    assert records.verify() is None
    journal.write(lambda tx: [append(tx, "sent", b"%d" % n, make.at().utc) for n in range(1204)])
    assert records.verify() is None
    journal.write(lambda tx: tx.run("UPDATE ledger SET who = 'x' WHERE n = 1100"))
    assert records.verify() == 1100
    journal.write(lambda tx: tx.run("DELETE FROM ledger WHERE n = 1003"))
    assert records.verify() == 1004
    journal.write(lambda tx: tx.run("UPDATE ledger SET body = x'00' WHERE n = 2"))
    assert records.verify() == 2
    assert [line.n for line in records.ledger(3, 2)] == [4, 5]


def test_a_cut_tail_shows_against_a_known_head(journal: Journal, make: SimpleNamespace) -> None:
    """A chain without its last line still holds: that is why the hub countersigns the head."""
    records = journal.records()
    lines = [records.line("start", b"", make.at()) for _ in range(3)]
    assert records.head() == lines[-1]
    journal.write(lambda tx: tx.run("DELETE FROM ledger WHERE n = 3"))
    assert records.verify() is None
    assert records.head() != lines[-1]


def test_the_hash_is_the_documented_one() -> None:
    """Length-prefixed fields: written out by hand for the first line."""
    parts = [bytes(32), (1).to_bytes(8, "big"), (-5).to_bytes(8, "big", signed=True), b"sent", b"", b"jws"]
    text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert chained(FIRST, 1, -5, "sent", "", b"jws") == hashlib.sha256(text).digest()


@given(st.text(max_size=6), st.text(max_size=6), st.binary(max_size=6), st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_moving_a_byte_between_fields_changes_the_hash(kind: str, who: str, body: bytes, cut: int) -> None:
    """No two different lines give the same bytes."""
    moved = (kind + who[:cut], who[cut:])
    same = moved == (kind, who)
    assert (chained(FIRST, 1, 0, kind, who, body) == chained(FIRST, 1, 0, *moved, body)) is same


def test_an_export_is_verified_without_a_journal(journal: Journal, make: SimpleNamespace) -> None:
    """Lines as they were exported are enough."""
    lines = [journal.records().line("start", b"%d" % n, make.at()) for n in range(3)]
    assert first_bad(lines) is None
    assert first_bad([lines[0], lines[2]]) == 3
