"""Why a slot is or is not shared: every reason, in order, with its line."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from agent.answers.explain import read_when
from agent.core.errors import Misconfigured, Refused
from agent.core.message import say
from agent.core.sharing import Deny, Match, Posture

MONDAY = "2026-11-30"
NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)


def at(place: Any, when: str = f"{MONDAY} 09:00", who: str = "101") -> Any:
    (row,) = place.ask("explain", when=when, who=who)["rows"]
    return row


def test_a_shared_slot_names_the_rule_that_shares_it(place: Any) -> None:
    """No reason holds it; the rule and its line are named, and whether it stands in the view."""
    place.applied = place.RULES
    row = at(place)
    assert (row["leaves"], row["reasons"], row["rule"]) == (True, [], {"name": "matin", "line": 12})
    assert (row["who"], row["type"], row["online"]) == ("101", "s", False)
    place.publish()
    assert at(place)["online"]


def test_every_reason_is_given_in_order(place: Any) -> None:
    """Vetoed, denied and paused at once: three reasons, the first is the one that counts."""
    never = Deny("jamais", 30, Match(days=frozenset({0})))
    place.rules = place.applied = replace(
        place.RULES, deny=(never,), vetoes=frozenset({(place.DME, "101")}), posture=Posture.PAUSED
    )
    row = at(place)
    assert [(one["why"], one["name"], one["line"]) for one in row["reasons"]] == [
        ("veto", "", 0),
        ("denied", "jamais", 30),
        ("paused", "", 0),
    ]
    assert not row["leaves"]


def test_a_taken_place_has_one_reason(place: Any) -> None:
    """What is not free never leaves; any time within it finds it."""
    place.applied = place.RULES
    place.clinic.receptionist().book(
        next(key for key in place.clinic.openings if key.startswith("101|") and "0900" in key)
    )
    row = at(place, f"{MONDAY} 9h10")
    assert row["cell"]["id"] == "taken"
    assert [one["says"]["id"] for one in row["reasons"]] == [
        "the agenda has something there: what is not free never leaves"
    ]


def test_a_whole_day_is_listed_by_time(place: Any) -> None:
    """Without a time every row of the day is told, shared or not."""
    place.applied = place.RULES
    answer = place.ask("explain", when="lundi")
    assert (answer["day"], answer["time"]) == ("2026-11-23", None)
    assert answer["rows"] == []
    rows = place.ask("explain", when=MONDAY)["rows"]
    assert [row["leaves"] for row in rows] == [True, True, False, True, False]
    assert [row["reasons"][0]["why"] for row in rows if row["reasons"]] == ["new-practitioner", "new-type"]


def test_looking_at_one_person_is_recorded(place: Any) -> None:
    """As in preview; a look at the whole day is not about anybody."""
    place.ask("explain", when=MONDAY)
    assert not place.ledger()
    at(place)
    assert place.ledger() == [("viewed", place.WHO, b"101")]


def test_it_speaks_of_the_rules_in_force(place: Any) -> None:
    """Never applied: nothing leaves. A file that differs is said to differ. A faulty one is passed over."""
    answer = place.ask("explain", when=f"{MONDAY} 09:00", who="101")
    assert [one["why"] for one in answer["rows"][0]["reasons"]] == ["disabled"]
    assert (answer["applied"], answer["same"]) == (False, False)
    place.applied = replace(place.RULES, digest="two")
    answer = place.ask("explain", when=f"{MONDAY} 09:00", who="101")
    assert (answer["applied"], answer["same"]) == (True, False)
    place.faults = Misconfigured(say("read"), say("wrong"))
    assert place.ask("explain", when=f"{MONDAY} 09:00", who="101")["rows"][0]["leaves"]
    place.applied = None
    assert not place.ask("explain", when=f"{MONDAY} 09:00", who="101")["rows"][0]["leaves"]


@pytest.mark.parametrize(
    ("text", "day", "hour"),
    [
        ("2026-11-30", date(2026, 11, 30), None),
        ("2026-11-30 09:00", date(2026, 11, 30), time(9)),
        ("2026-11-30T14h15", date(2026, 11, 30), time(14, 15)),
        ("2026-11-30 9h", date(2026, 11, 30), time(9)),
        ("2026-11-30T09:00:00", date(2026, 11, 30), time(9)),
        ("demain", date(2026, 11, 26), None),
        ("Today 8:30", date(2026, 11, 25), time(8, 30)),
        ("lun", date(2026, 11, 30), None),
        ("Wednesday", date(2026, 11, 25), None),
        ("10:00", date(2026, 11, 25), time(10)),
    ],
)
def test_days_and_times_as_people_write_them(text: str, day: date, hour: time | None) -> None:
    """Dates, near days and weekdays in both languages; a time alone is today's."""
    assert read_when(text, NOW) == (day, hour)


@pytest.mark.parametrize("text", ["soon", "2026-11-31", "2026-11-30 25:00", "2026-11-30 nine", "", "a b c"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """The hint shows how to write one."""
    if not text:
        assert read_when(text, NOW + timedelta(0)) == (date(2026, 11, 25), None)
        return
    with pytest.raises(Refused) as caught:
        read_when(text, NOW)
    assert caught.value.reason == "when"
