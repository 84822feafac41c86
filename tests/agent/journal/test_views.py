"""The view *now*: ids, first publication, holds, and no write without a change.

Rule: what a view is, is asked of a reopened journal too.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from agent.core.booking import Outcome, State
from agent.core.changes import line
from agent.core.model import Window
from agent.journal import Journal
from agent.journal.codec import slot_json


def _written(journal: Journal) -> tuple[int, int]:
    changes = journal._store._group.hold(lambda conn: conn.total_changes())
    return changes, journal.read(lambda db: db.value("PRAGMA data_version"))


def test_a_view_is_kept_across_a_restart(reopen: Callable[..., Journal], make: SimpleNamespace) -> None:
    """Slots, ids and wire members come back equal."""
    a, b = make.slot(0), make.slot(1)
    assert reopen().views("dme").now(make.view(a, b), make.offered(a, b), make.at()) == 2
    journal = reopen()
    assert journal.views("dme").known() == make.view(a, b)
    assert journal.outbox().view() == {"id:dme:101/0": make.shared(a), "id:dme:101/1": make.shared(b)}
    assert journal.views("other").known() == {}


def test_an_unchanged_view_writes_nothing(journal: Journal, make: SimpleNamespace) -> None:
    """The same view again changes no row and makes no commit."""
    slots = [make.slot(n) for n in range(50)]
    views = journal.views("dme")
    views.now(make.view(*slots), make.offered(*slots), make.at())
    before = _written(journal)
    assert views.now(make.view(*slots), make.offered(*slots), make.at(minutes=1)) == 0
    assert journal.views("dme").now(make.view(*slots), make.offered(*slots), make.at(minutes=2)) == 0
    assert _written(journal) == before


def test_first_publication_stays_while_the_slot_stays(journal: Journal, make: SimpleNamespace) -> None:
    """A new id for a changed slot keeps the time; a slot that left and came back begins anew."""
    a, b = make.slot(0), make.slot(1)
    views = journal.views("dme")
    views.now(make.view(a, b), make.offered(a, b), make.at())
    longer = replace(a, end=b.end)
    changed = {a.key: ("id-new", make.shared(longer))} | make.view(b)
    assert views.now(changed, make.offered(longer, b), make.at(minutes=5)) == 1
    assert views.since() == {a.key: make.at().utc, b.key: make.at().utc}
    views.now(make.view(b), make.offered(b), make.at(minutes=6))
    views.now(make.view(a, b), make.offered(a, b), make.at(minutes=7))
    assert views.since()[a.key] == make.at(minutes=7).utc


def test_an_incomplete_reading_keeps_what_was_there(journal: Journal, make: SimpleNamespace) -> None:
    """A slot of the view that is not offered now keeps its slot and rule; an unknown one is a programming error."""
    a = make.slot(0)
    views = journal.views("dme")
    views.now(make.view(a), make.offered(a), make.at())
    assert views.now(make.view(a), {}, make.at(minutes=1)) == 0
    assert journal.bookings("dme").rule_of(a) == "matin"
    with pytest.raises(KeyError):
        views.now(make.view(make.slot(1)), {}, make.at())


def test_a_rule_that_changed_is_remembered(journal: Journal, make: SimpleNamespace) -> None:
    """The same slot under another rule changes its row, not its id."""
    a = make.slot(0)
    journal.views("dme").now(make.view(a), make.offered(a), make.at())
    assert journal.views("dme").now(make.view(a), make.offered(a, rule="soir"), make.at()) == 1
    assert journal.bookings("dme").rule_of(a) == "soir"
    assert journal.bookings("dme").rule_of(make.slot(9)) == ""


def test_an_id_is_known_until_its_slot_ends(journal: Journal, make: SimpleNamespace) -> None:
    """A slot that left the view is still found by id, and forgotten by the first change after its end."""
    a, b = make.slot(0), make.slot(1)
    views, bookings = journal.views("dme"), journal.bookings("dme")
    views.now(make.view(a), make.offered(a), make.at())
    views.now({}, {}, make.at(minutes=1))
    assert bookings.slot("id:dme:101/0", None) == a
    assert bookings.slot(None, None) is None
    views.now(make.view(b), make.offered(b), make.at(days=8))
    assert bookings.slot("id:dme:101/0", None) is None


def test_an_unknown_id_is_served_by_todays_view(journal: Journal, make: SimpleNamespace) -> None:
    """After a loss of state a slot is found by its line, in the view only."""
    a = make.slot(0)
    views, bookings = journal.views("dme"), journal.bookings("dme")
    views.now(make.view(a), make.offered(a), make.at())
    wanted = line(make.shared(a), None)
    assert bookings.slot("forgotten", wanted) == a
    assert bookings.slot("forgotten", b"[]") is None
    views.now({}, {}, make.at(minutes=1))
    assert bookings.slot("forgotten", wanted) is None


def test_both_sides_of_a_clock_change_come_back_as_they_were(
    reopen: Callable[..., Journal], make: SimpleNamespace
) -> None:
    """01:30 in the repeated hour keeps its fold, and the view is still unchanged after a restart."""
    zone = ZoneInfo("America/Toronto")
    first = datetime(2026, 11, 1, 1, 30, tzinfo=zone)
    slots = [
        replace(make.slot(n), start=first.replace(fold=n), end=first.replace(minute=45, fold=n)) for n in (0, 1)
    ]  # fmt: skip
    reopen().views("dme").now(make.view(*slots), make.offered(*slots), make.at(days=-30))
    views = reopen().views("dme")
    assert [shared.start.utcoffset() for _, shared in views.known().values()] == [s.start.utcoffset() for s in slots]
    assert views.now(make.view(*slots), make.offered(*slots), make.at(days=-30)) == 0


def test_a_queued_order_and_a_live_hold_speak_for_their_slots(journal: Journal, make: SimpleNamespace) -> None:
    """A slot is held from the order's commit until the end of the hold was applied."""
    a = make.slot(0)
    views = journal.views("dme")
    views.now(make.view(a), make.offered(a), make.at())
    journal.inbox().take([(make.order(goal=a, firmness="hold"), "j.w.s", None)], [], {"log": "a", "n": 1}, make.at())
    assert views.held() == {a.key}
    assert journal.views("other").held() == frozenset()
    row = journal.bookings("dme").row("booking-1")
    held = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.HELD, outcome_rev=1)
    held = journal.bookings("dme").save(held, tasks=(), tell=True, erase=False, now=make.at())
    assert journal.views("dme").held() == {a.key}
    over = replace(held, outcome=Outcome.EXPIRED, outcome_rev=2)
    journal.bookings("dme").save(over, tasks=(), tell=True, erase=True, now=make.at())
    assert journal.views("dme").held() == frozenset()


def test_a_request_called_back_still_speaks_for_its_slot(journal: Journal, make: SimpleNamespace) -> None:
    """Until the desk answers, the slot it was asked to fill, or to empty, stays out of the view."""
    a = make.slot(0)
    journal.views("dme").now(make.view(a), make.offered(a), make.at())
    journal.inbox().take([(make.order(goal=a), "j", None)], [], {"log": "a", "n": 1}, make.at())
    row = journal.bookings("dme").row("booking-1")
    back = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.CONFLICT, outcome_rev=2, intent_slot=a)
    journal.bookings("dme").save(back, tasks=("enter-cancel",), tell=True, erase=False, now=make.at())
    assert journal.views("dme").held() == {a.key}
    assert [r.booking for r in journal.bookings("dme").undecided(make.at())] == ["booking-1"]


def test_a_slot_said_to_be_entered_is_held_until_the_agenda_shows_it_taken(
    journal: Journal, make: SimpleNamespace
) -> None:
    """Held while a complete reading of its time still shows it free; a reading of another day says nothing of it."""
    a, b = make.slot(0), make.slot(1)
    facts = {"entered:booking-1": slot_json(a), "entered:booking-2": slot_json(b)}
    journal.records().put(facts, make.at())
    views = journal.views("dme")
    assert views.held() == {a.key, b.key}
    assert journal.views("other").held() == frozenset()
    day, later = Window(a.start, b.end), Window(b.end + timedelta(days=1), b.end + timedelta(days=2))
    assert views.met(day, frozenset({a.key, b.key}), make.at()) == 0
    assert views.met(later, frozenset(), make.at()) == 0
    assert journal.views("other").met(day, frozenset(), make.at()) == 0
    assert views.met(day, frozenset({a.key}), make.at()) == 1
    assert views.held() == {a.key}
    assert views.met(later, frozenset(), make.at(days=30)) == 1
    assert views.held() == frozenset()
