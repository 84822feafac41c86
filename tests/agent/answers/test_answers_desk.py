"""What the front desk asks: bookings, tasks, unsold slots."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.core.booking import Outcome, State
from agent.core.errors import Refused
from agent.core.model import Instant


def test_bookings_say_where_each_one_stands(place: Any, booked: Callable[..., None]) -> None:
    """An order just received is in line, with its slot and without its patient."""
    booked()
    (row,) = place.ask("bookings")["bookings"]
    assert (row["stands"], row["says"]["id"], row["when"][:16]) == ("queued", "in line", "2026-11-30T09:00")
    assert "Tremblay" not in str(row)


def test_bookings_that_are_over_are_listed_on_demand(place: Any, booked: Callable[..., None]) -> None:
    """Past appointments are left out unless asked for."""
    booked()
    place.now = Instant(place.NOW.utc + timedelta(days=20), place.NOW.age + timedelta(days=20))
    assert place.ask("bookings")["bookings"] == []
    assert len(place.ask("bookings", past=True)["bookings"]) == 1


def test_an_outcome_is_said_once_nothing_is_under_way(place: Any, booked: Callable[..., None]) -> None:
    """A reported conflict reads as not booked."""
    booked()
    bookings = place.journal.bookings(place.DME)
    row = bookings.row("booking-1")
    assert row is not None
    resolved = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.CONFLICT, outcome_rev=1)
    bookings.save(resolved, tasks=[], tell=False, erase=False, now=place.NOW)
    assert place.ask("bookings")["bookings"][0]["says"]["id"] == "not booked: no longer free"


def test_a_task_is_listed_shown_and_answered(place: Any, booked: Callable[..., None]) -> None:
    """The list has no patient; the details are shown and logged; the answer wakes the legs."""
    booked("checking")
    (task,) = place.ask("tasks-list")["tasks"]
    assert (task["kind"], task["answer"]) == ("checking", None)
    shown = place.ask("tasks-show", n=task["n"])
    assert shown["patient"]["family"] == "Tremblay"
    assert shown["patient"]["born"] == "1980-05-01"
    assert place.ledger()[-1][1] == place.WHO
    bookings = place.journal.bookings(place.DME)
    row = bookings.row("booking-1")
    assert row is not None
    bookings.save(replace(row, state=State.UNSURE), tasks=[], tell=False, erase=False, now=place.NOW)
    done = place.ask("tasks-done", n=task["n"], in_agenda=True)["task"]
    assert (done["answer"], done["who"]) == (True, place.WHO)
    assert place.woken == ["apply", "deliver"]
    assert place.ask("tasks-list")["tasks"] == []
    assert len(place.ask("tasks-list", answered=True)["tasks"]) == 1


def test_a_task_without_kept_details_shows_none(place: Any, booked: Callable[..., None]) -> None:
    """After erasing, the task stands without its patient."""
    booked()
    (task,) = place.ask("tasks-list")["tasks"]
    bookings = place.journal.bookings(place.DME)
    row = bookings.row("booking-1")
    assert row is not None
    ended = replace(row, state=State.RESOLVED, done_ver=1, outcome=Outcome.CONFLICT, outcome_rev=1)
    bookings.save(ended, tasks=[], tell=False, erase=True, now=place.NOW)
    assert place.ask("tasks-show", n=task["n"])["patient"] is None


@pytest.mark.parametrize("args", [{"n": 1}, {"n": 1, "in_agenda": "yes"}, {"in_agenda": True}])
def test_an_answer_without_its_answer_is_refused(place: Any, args: dict[str, Any]) -> None:
    """There is no default to the question whether it is in the agenda."""
    with pytest.raises(Refused):
        place.ask("tasks-done", **args)


def test_everything_can_be_booked_when_all_is_well(place: Any) -> None:
    """No slot is listed while hub and EMR answer."""
    place.run()
    place.publish()
    assert place.ask("unsold") == {"unsold": [], "published": 3}


def test_slots_are_unsold_when_the_hub_is_away(place: Any) -> None:
    """Every published slot is listed with why and since when."""
    place.run(beat="transient")
    place.publish()
    place.later(5)
    rows = place.ask("unsold")["unsold"]
    assert len(rows) == 3
    assert rows[0]["why"]["id"] == "the hub does not answer"
    assert rows[0]["since"] == "2026-11-23T13:00:00+00:00"


def test_slots_are_unsold_when_the_emr_was_not_read(place: Any) -> None:
    """Slots lapse ten minutes after the last complete reading."""
    place.run()
    place.publish()
    place.later(9)
    assert place.ask("unsold")["unsold"] == []
    place.later(11)
    assert {row["why"]["id"] for row in place.ask("unsold")["unsold"]} == {"the EMR does not answer"}


def test_slots_are_unsold_when_the_agent_is_stopped_or_withdrawn(place: Any) -> None:
    """Without a running agent, or by the clinic's order, nothing can be booked."""
    place.publish()
    assert place.ask("unsold")["unsold"][0]["why"]["id"] == "the agent is stopped"
    place.run()
    place.ask("sharing-withdraw")
    assert place.ask("unsold")["unsold"][0]["why"]["id"] == "the clinic took its slots offline"
    place.ask("sharing-resume")
    place.ask("freeze")
    assert place.ask("unsold")["unsold"][0]["why"]["id"] == "the clinic lets nothing be written into the EMR"
