"""The bookings of one source: what is due, what is kept, saving over the right row.

Rule: rows are made by hand; which moves are right is proved beside the core.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.booking import Booking, Code, Firmness, Op, Outcome, State
from agent.core.errors import Transient
from agent.core.model import Window
from agent.journal import Journal
from agent.journal.codec import moment
from agent.journal.rows import booking_of, columns_of


def _row(make: SimpleNamespace, name: str = "booking-1", **other: object) -> Booking:
    row = Booking(
        name, "dme", State.QUEUED, 1, b"hash", "id", make.slot(0), b"[]", Firmness.FIRM, None, make.at(hours=1).utc
    )
    return replace(row, **other)


def _save(journal: Journal, make: SimpleNamespace, row: Booking, *tasks: str, **other: object) -> Booking:
    wanted = {"tell": False, "erase": False, "now": make.at()} | other
    return journal.bookings("dme").save(row, tasks=tasks, **wanted)


def test_a_row_is_saved_only_over_the_row_it_was_decided_from(journal: Journal, make: SimpleNamespace) -> None:
    """Compare and swap: the second of two saves from one reading is refused, and nothing of it is written."""
    first = _save(journal, make, _row(make))
    assert first.row == 1
    _save(journal, make, replace(first, attempt=1))
    with pytest.raises(Transient, match="meanwhile"):
        _save(journal, make, replace(first, attempt=9), "checking", tell=True)
    with pytest.raises(Transient):
        _save(journal, make, _row(make))
    with pytest.raises(Transient):
        _save(journal, make, _row(make, "booking-2", row=3))
    row = journal.bookings("dme").row("booking-1")
    assert (row.attempt, row.row) == (1, 2)
    assert list(journal.records().tasks()) == []
    assert journal.bookings("dme").row("booking-2") is None


def test_a_whole_row_comes_back_as_it_was(reopen: Callable[..., Journal], make: SimpleNamespace) -> None:
    """Every field survives the disk, the doubtful ones too."""
    row = _row(
        make, state=State.UNSURE, seen_ver=4, until=make.at(minutes=5).utc, done_ver=2, cur_slot=make.slot(1),
        emr_ref="ref-9", intent_ver=3, intent_op=Op.MOVE, intent_at=make.at().utc, intent_slot=make.slot(2),
        fault=Code.UNTIL, attempt=2, turn=7, outcome=Outcome.CHECKING, code=Code.MOVE, kept=True, outcome_rev=3,
        reported_rev=2,
    )  # fmt: skip
    stored = _save(reopen(), make, row)
    assert stored == replace(row, row=1)
    assert reopen().bookings("dme").row("booking-1") == stored


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_row_equals_itself_after_its_columns(data: st.DataObject) -> None:
    """Columns lose nothing, whichever fields are empty."""
    when = st.none() | st.datetimes(timezones=st.just(UTC))
    fields = {
        "state": data.draw(st.sampled_from(State)),
        "goal": data.draw(st.none() | st.text(max_size=22)),
        "slot_line": data.draw(st.none() | st.binary(max_size=20)),
        "until": data.draw(when),
        "outcome": data.draw(st.none() | st.sampled_from(Outcome)),
        "fault": data.draw(st.none() | st.sampled_from(Code)),
        "kept": data.draw(st.booleans()),
    }
    base = Booking(
        "b", None, State.QUEUED, 1, b"h", None, None, None, Firmness.HOLD, None, moment(1_795_000_000_000_000)
    )
    row = replace(base, **fields)
    assert booking_of(columns_of(row)) == row


def test_due_is_what_waits_for_apply_oldest_first(journal: Journal, make: SimpleNamespace) -> None:
    """Queued, intent and holds that are over; not what is settled, not what is another source's."""
    over, live = make.at(minutes=-1).utc, make.at(minutes=1).utc
    hold = {"state": State.REPORTED, "done_ver": 1, "outcome": Outcome.HELD, "outcome_rev": 1, "reported_rev": 1}
    rows = [
        _row(make, "intent-1", state=State.INTENT, intent_ver=1, intent_op=Op.BOOK),
        _row(make, "queued-1"),
        _row(make, "nobodys", emr=None),
        _row(make, "hold-over", until=over, **hold),
        _row(make, "hold-live", until=live, **hold),
        _row(make, "settled-1", state=State.RESOLVED, done_ver=1),
        _row(make, "unsure-1", state=State.UNSURE),
        _row(make, "elsewhere", emr="other"),
    ]
    for n, row in enumerate(rows):
        _save(journal, make, row, now=make.at(seconds=-n))
    bookings = journal.bookings("dme")
    assert [row.booking for row in bookings.due(make.at())] == ["hold-over", "nobodys", "queued-1", "intent-1"]
    speaking = {row.booking for row in bookings.undecided(make.at())}
    assert speaking == {"intent-1", "queued-1", "hold-over", "hold-live", "unsure-1"}


def test_kept_are_appointments_still_to_come(journal: Journal, make: SimpleNamespace) -> None:
    """Certain ones by cur_slot, doubtful ones by intent_slot; not what is past."""
    doubt = {"state": State.UNSURE, "outcome": Outcome.CHECKING, "outcome_rev": 1, "intent_slot": make.slot(3)}
    _save(journal, make, _row(make, "certain-1", cur_slot=make.slot(0)))
    _save(journal, make, _row(make, "doubtful-1", intent_ver=1, intent_op=Op.BOOK, **doubt))
    _save(journal, make, _row(make, "none-yet-1"))
    bookings = journal.bookings("dme")
    assert [row.booking for row in bookings.kept(make.at())] == ["certain-1", "doubtful-1"]
    assert [row.booking for row in bookings.kept(make.at(days=6, hours=21, minutes=20))] == ["doubtful-1"]
    assert list(bookings.kept(make.at(days=8))) == []


def test_what_staff_moved_to_a_time_we_do_not_know_is_still_kept(journal: Journal, make: SimpleNamespace) -> None:
    """Only its reference is left: it is compared on, so that a later cancellation by the clinic is told too."""
    moved = {"state": State.REPORTED, "done_ver": 1, "outcome": Outcome.CHANGED, "cur_slot": None, "emr_ref": "ref-9"}
    bookings = journal.bookings("dme")
    _save(journal, make, _row(make, "moved-1", **moved, goal_slot=make.slot(1), outcome_rev=1, reported_rev=1))
    assert [row.booking for row in bookings.kept(make.at())] == ["moved-1"]
    assert list(bookings.kept(make.at(days=30))) == []


def test_busy_counts_by_half_day_and_by_hour(journal: Journal, make: SimpleNamespace) -> None:
    """Live holds of rule, site and half-day; holds and bookings of the source in the last hour."""
    a = make.slot(0)
    journal.views("dme").now(make.view(a), make.offered(a), make.at())
    journal.inbox().take([(make.order(goal=a, firmness="hold"), "j", None)], [], {"log": "a", "n": 1}, make.at())
    row = journal.bookings("dme").row("booking-1")
    held = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.HELD, outcome_rev=1)
    _save(journal, make, held, tell=True, now=make.at(minutes=-70))
    _save(
        journal, make, _row(make, state=State.RESOLVED, outcome=Outcome.BOOKED, outcome_rev=1, booking="b-2"), tell=True
    )
    morning = Window(a.start - timedelta(hours=1), a.start + timedelta(hours=3))
    evening = Window(morning.end, morning.end + timedelta(hours=5))
    bookings = journal.bookings("dme")
    assert bookings.busy("matin", "principal", morning, make.at()) == {
        "holds": 1, "holds_hour": 0, "bookings_hour": 1,
    }  # fmt: skip
    assert bookings.busy("matin", "principal", evening, make.at())["holds"] == 0
    assert bookings.busy("soir", "principal", morning, make.at())["holds"] == 0
    assert bookings.busy("matin", "annexe", morning, make.at())["holds"] == 0
    assert bookings.busy("matin", "principal", morning, make.at(minutes=10))["holds"] == 0
    assert bookings.busy("matin", "principal", morning, make.at(minutes=-60))["holds_hour"] == 1


def test_a_task_takes_the_place_of_older_ones(journal: Journal, make: SimpleNamespace) -> None:
    """One open task a booking and kind; another kind closes the older ones without an answer."""
    row = _save(journal, make, _row(make), "enter")
    row = _save(journal, make, replace(row, seen_ver=2), "enter")
    records = journal.records()
    (task,) = records.tasks()
    assert (task.kind, task.facts["version"], task.facts["practitioner"]) == ("enter", "2", "Gagnon")
    row = _save(journal, make, row, "enter-cancel", "unmatched")
    assert [t.kind for t in records.tasks()] == ["enter-cancel", "unmatched"]
    closed = [t for t in records.tasks(answered=True) if t.answered is not None]
    assert [(t.kind, t.answer, t.who) for t in closed] == [("enter", None, "")]


def test_an_outcome_says_which_version_waits_behind_it(journal: Journal, make: SimpleNamespace) -> None:
    """A task in doubt names the version it is about, the newest one, and the outcome told."""
    row = _row(
        make, state=State.UNSURE, seen_ver=3, intent_ver=2, intent_op=Op.BOOK, intent_slot=make.slot(4),
        outcome=Outcome.CHECKING, outcome_rev=1,
    )  # fmt: skip
    _save(journal, make, row, "checking")
    (task,) = journal.records().tasks()
    assert (task.facts["version"], task.facts["newest"], task.facts["outcome"]) == ("2", "3", "checking")
    assert task.facts["start"] == "2026-11-30T10:00:00-05:00"
    _save(journal, make, _row(make, "booking-2", emr=None, goal_slot=None), "checking")
    facts = journal.records().task(2).facts
    assert (facts.keys(), facts["version"]) == ({"version", "expires"}, "1")


def test_nothing_is_told_without_an_outcome(journal: Journal, make: SimpleNamespace) -> None:
    """A row without an outcome has nothing for the outbox."""
    _save(journal, make, _row(make), tell=True)
    assert journal.outbox().outcomes(1) is None
