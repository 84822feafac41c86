"""Orders: once each, decided in the transaction that acknowledges them.

Rule: what the core decides is proved beside the core; here it is stored, told and erased.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from agent.core.booking import Outcome, State
from agent.core.errors import Transient
from agent.journal import Journal

CURSOR = {"log": "log-a", "n": 1}


def _take(
    journal: Journal, make: SimpleNamespace, *orders: object, jwe: str | None = "sealed", **cursor: object
) -> int:
    arrivals = [(order, f"jws-{order.version}", jwe) for order in orders]
    return journal.inbox().take(arrivals, [], CURSOR | cursor, make.at())


@pytest.fixture
def published(journal: Journal, make: SimpleNamespace) -> Journal:
    """Return a journal that publishes three slots."""
    slots = [make.slot(n) for n in range(3)]
    journal.views("dme").now(make.view(*slots), make.offered(*slots), make.at())
    return journal


def test_an_order_is_stored_before_the_cursor_acknowledges_it(
    published: Journal, make: SimpleNamespace, reopen: Callable[..., Journal]
) -> None:
    """Order, JWE, row, ledger line and cursor are there together after a restart."""
    assert _take(published, make, make.order(goal=make.slot(1))) == 1
    journal = reopen()
    assert journal.inbox().cursor() == CURSOR
    bookings = journal.bookings("dme")
    (row,) = bookings.due(make.at())
    assert (row.state, row.seen_ver, row.goal_slot, row.emr, row.row) == (State.QUEUED, 1, make.slot(1), "dme", 1)
    assert bookings.sealed("booking-1", 1) == "sealed"
    assert [(line.kind, line.body) for line in journal.records().ledger()] == [("received", b"jws-1")]
    assert journal.bookings("other").due(make.at()) == []


def test_a_redelivered_order_changes_nothing(published: Journal, make: SimpleNamespace) -> None:
    """The same version and body again is not new, and the row keeps its number."""
    order = make.order(goal=make.slot(1))
    _take(published, make, order)
    assert _take(published, make, order, n=2) == 0
    assert published.bookings("dme").row("booking-1").row == 1
    assert len(published.records().ledger()) == 1


def test_an_equal_poll_writes_nothing(published: Journal, make: SimpleNamespace) -> None:
    """No order and the same cursor make no commit."""
    _take(published, make)
    before = published._store._group.hold(lambda conn: conn.total_changes())
    assert _take(published, make) == 0
    assert published._store._group.hold(lambda conn: conn.total_changes()) == before


def test_a_newer_version_takes_the_older_ones_patient_away(published: Journal, make: SimpleNamespace) -> None:
    """Patient details of a superseded version are erased at once; an overtaken version never keeps any."""
    _take(published, make, make.order(2, goal=make.slot(1)), jwe="two")
    _take(published, make, make.order(1, goal=make.slot(0)), jwe="one")
    bookings = published.bookings("dme")
    assert (bookings.sealed("booking-1", 1), bookings.sealed("booking-1", 2)) == (None, "two")
    _take(published, make, make.order(3), jwe=None)
    assert bookings.sealed("booking-1", 2) is None
    row = bookings.row("booking-1")
    assert (row.seen_ver, row.goal) == (3, None)


def test_a_cancel_of_something_never_seen_is_an_order_too(published: Journal, make: SimpleNamespace) -> None:
    """It waits for a source: the only one, or any when there are several."""
    published.inbox("dme").take([(make.order(), "j", None)], [], CURSOR, make.at())
    assert published.bookings("dme").due(make.at())[0].emr == "dme"
    other = replace(make.order(), booking="booking-2")
    published.inbox().take([(other, "j", None)], [], CURSOR | {"n": 2}, make.at())
    assert [row.booking for row in published.bookings("elsewhere").due(make.at())] == ["booking-2"]


def test_another_body_of_the_same_version_is_set_apart(published: Journal, make: SimpleNamespace) -> None:
    """Both bodies are stored, a person is told once, and the second one's patient is not kept."""
    order = make.order(goal=make.slot(1))
    _take(published, make, order)
    clash = replace(order, goal="id:dme:101/2", body_hash=b"another")
    assert _take(published, make, clash, jwe="other", n=2) == 1
    assert _take(published, make, clash, jwe="other", n=3) == 0
    assert published.bookings("dme").row("booking-1").state is State.QUARANTINE
    assert [task.kind for task in published.records().tasks()] == ["quarantine"]
    assert published.read(lambda db: db.rows("SELECT bad, patient IS NULL FROM orders ORDER BY at, bad")) == [
        (None, 0), ("clash", 1),
    ]  # fmt: skip
    assert published.bookings("dme").sealed("booking-1", 1) == "sealed"


def test_a_bad_entry_is_stored_once_and_passed_over(published: Journal, make: SimpleNamespace) -> None:
    """Entries nobody can read are kept as they came, with one task, and the cursor goes on."""
    for n in (1, 2):
        published.inbox().take([], ["not.a.jws"], CURSOR | {"n": n}, make.at())
    (task,) = published.records().tasks()
    assert (task.kind, task.booking) == ("quarantine", None)
    assert published.inbox().cursor()["n"] == 2
    assert published.read(lambda db: db.rows("SELECT jws, bad FROM orders")) == [("not.a.jws", "unreadable")]
    published.records().answer(task.id, in_agenda=False, who="info", now=make.at())
    assert list(published.records().tasks()) == []


def test_a_line_that_is_not_ours_is_refused_in_the_same_commit(published: Journal, make: SimpleNamespace) -> None:
    """What the core decides at once is in the outbox before the order is acknowledged."""
    order = replace(make.order(goal=make.slot(1)), slot_line=b"[]")
    _take(published, make, order)
    (told,) = published.outbox().outcomes(10).body["outcomes"]
    assert told["outcome"] == "refused: slot-line-mismatch"
    assert "slot" not in told
    assert published.bookings("dme").sealed("booking-1", 1) is None


def test_a_redelivery_after_the_outcome_tells_it_again(published: Journal, make: SimpleNamespace) -> None:
    """The hub asks again: the same rev leaves again, byte for byte."""
    order = replace(make.order(goal=make.slot(1)), slot_line=b"[]")
    _take(published, make, order)
    first = published.outbox().outcomes(10)
    published.outbox().receipted(first, "r", None, make.at())
    assert published.outbox().outcomes(10) is None
    published.inbox().take([(order, "j", None)], [], CURSOR | {"n": 2}, make.at(minutes=9))
    assert published.outbox().outcomes(10).body == first.body


def test_a_hub_that_lost_its_data_hears_every_outcome_again(published: Journal, make: SimpleNamespace) -> None:
    """Another log makes the last outcome of each booking to come leave once more."""
    _take(published, make, replace(make.order(goal=make.slot(1)), slot_line=b"[]"))
    published.outbox().receipted(published.outbox().outcomes(10), "r", None, make.at())
    _take(published, make, log="log-a", n=2)
    assert published.outbox().outcomes(10) is None
    _take(published, make, log="log-b", n=0)
    assert len(published.outbox().outcomes(10).body["outcomes"]) == 1
    assert published.records().facts()["log"] == "log-b"


def test_on_a_low_disk_no_order_is_taken(
    published: Journal, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the ballast spent an order is not acknowledged; a poll without orders still is."""
    monkeypatch.setattr(published._store.disk, "free", lambda: 0)
    published._store.disk.spend()
    with pytest.raises(Transient):
        _take(published, make, make.order(goal=make.slot(1)))
    assert published.inbox().cursor() is None
    assert _take(published, make) == 0
    assert published.inbox().cursor() == CURSOR


def test_a_lost_patient_is_taken_when_brought_again(published: Journal, make: SimpleNamespace) -> None:
    """An order first delivered without its JWE keeps the one that comes with the redelivery."""
    order = make.order(goal=make.slot(1))
    _take(published, make, order, jwe=None)
    _take(published, make, order, jwe="late", n=2)
    assert published.bookings("dme").sealed("booking-1", 1) == "late"


def test_an_order_for_a_decided_booking_keeps_what_was_told(published: Journal, make: SimpleNamespace) -> None:
    """A later version queues the row again without touching its revs."""
    _take(published, make, make.order(goal=make.slot(1)))
    bookings = published.bookings("dme")
    row = bookings.row("booking-1")
    done = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.CONFLICT, outcome_rev=1)
    bookings.save(done, tasks=(), tell=True, erase=True, now=make.at())
    _take(published, make, make.order(2, goal=make.slot(2)), n=2)
    row = bookings.row("booking-1")
    assert (row.state, row.seen_ver, row.done_ver, row.outcome_rev, row.row) == (State.QUEUED, 2, 1, 1, 3)


def test_two_orders_with_one_line_get_two_slots_of_the_team(journal: Journal, make: SimpleNamespace) -> None:
    """After a loss of state equal lines are told apart by who already speaks for them; a third order shares."""
    a = make.slot(0)
    b = replace(a, key="102/0")
    journal.views("dme").now(make.view(a, b), make.offered(a, b), make.at())
    orders = [replace(make.order(goal=a, ids="forgotten"), booking=f"booking-{n}") for n in range(3)]
    _take(journal, make, *orders)
    goals = [row.goal_slot.key for row in journal.records().bookings()]
    assert goals == ["101/0", "102/0", "101/0"]
    assert journal.views("dme").held() == {"101/0", "102/0"}
    _take(journal, make, replace(orders[0], version=2), n=2)
    assert journal.bookings("dme").row("booking-0").goal_slot is not None


def test_a_move_to_another_source_holds_the_slot_there(journal: Journal, make: SimpleNamespace) -> None:
    """The goal's slot is out of its own source's view, although the booking still belongs to the first."""
    here, there = make.slot(0), make.slot(1, emr="other")
    for slot in (here, there):
        journal.views(slot.emr).now(make.view(slot), make.offered(slot), make.at())
    _take(journal, make, make.order(goal=here))
    bookings = journal.bookings("dme")
    row = bookings.row("booking-1")
    booked = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.BOOKED, outcome_rev=1, cur_slot=here)
    bookings.save(booked, tasks=(), tell=True, erase=True, now=make.at())
    _take(journal, make, make.order(2, goal=there), n=2)
    assert bookings.row("booking-1").emr == "dme"
    assert journal.views("other").held() == {there.key}


def test_an_ordered_slot_is_never_offered_again_under_its_id(published: Journal, make: SimpleNamespace) -> None:
    """The hub hides what it ordered until it is offered anew: an id an order named is spent, also at once."""
    views, slot = published.views("dme"), make.slot(1)
    spent, _ = views.known()[slot.key]
    _take(published, make, make.order(goal=slot))
    assert slot.key not in views.known()
    assert len(views.known()) == 2
    assert published.bookings("dme").slot(spent, None) == slot, "the id still names it"
