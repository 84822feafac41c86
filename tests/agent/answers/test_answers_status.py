"""One screen: what works, since when, what to do next."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from agent.ports import Identity


def test_status_of_a_clinic_at_work(place: Any) -> None:
    """All parts work, sharing is in force, nothing is left to do."""
    place.run()
    place.applied = place.RULES
    place.vault.who = Identity("fjord", "https://hub.example.org", "i-1", "1a2b")
    place.publish()
    answer = place.ask("status")
    assert (answer["working"], answer["next"]) == ("yes", [])
    assert answer["counts"] == {"online": 3, "unsold": 0, "tasks": 0, "bookings": 0}
    assert {line["part"] for line in answer["lines"]} == {"publish", "deliver", "receive", "apply", "beat", "sharing"}


def test_status_names_what_does_not_work_and_what_to_do(place: Any, booked: Callable[..., None]) -> None:
    """One leg down is "partly", and the next steps are commands."""
    place.run(beat="transient", apply="misconfigured")
    booked()
    place.later(3)
    answer = place.ask("status")
    assert answer["working"] == "partly"
    says = {line["part"]: (line["says"]["id"], line["for_s"]) for line in answer["lines"]}
    assert says["beat"] == ("does not answer; trying again", 180)
    assert says["apply"] == ("stopped: something must be mended", 180)
    assert [step["id"].rpartition(": ")[2] for step in answer["next"]] == [
        "creneau enrol CODE",
        "creneau preview",
        "creneau sharing apply",
        "creneau check",
        "creneau tasks list",
        "creneau unsold",
    ]


def test_status_of_a_stopped_agent(place: Any) -> None:
    """Nothing runs: it says so and how to start it."""
    answer = place.ask("status")
    assert (answer["working"], answer["since"]) == ("stopped", None)
    assert "creneau run, or its service" in str(answer["next"])


def test_status_names_a_clock_that_was_set(place: Any) -> None:
    """Until the hub has told the time again bookings wait, and the clinic reads why."""
    place.run()
    place.board.heard(place.now.utc, place.now, timedelta(0))
    for jump, lines in ((timedelta(0), []), (timedelta(hours=3), ["machine"])):
        place.now = replace(place.now, utc=place.now.utc + jump)
        found = [line for line in place.ask("status")["lines"] if "was set" in line["says"]["id"]]
        assert [line["part"] for line in found] == lines


def test_status_when_every_leg_is_down(place: Any) -> None:
    """Running and useless is told from partly working."""
    place.run(beat="transient", deliver="transient", receive="transient", apply="transient", publish="transient")
    assert place.ask("status")["working"] == "no"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"expires": date(2026, 11, 22)}, "expired on {day}: nothing leaves"),
        ({"expires": date(2026, 12, 23)}, "in force; days left: {n}"),
        ({"enabled": False}, "rehearsal: nothing leaves"),
        ({}, "in force until {day}"),
    ],
)
def test_status_says_how_sharing_stands(place: Any, change: dict[str, Any], says: str) -> None:
    """Rehearsal, in force, soon over, over."""
    place.applied = replace(place.RULES, **change)
    (line,) = [line for line in place.ask("status")["lines"] if line["part"] == "sharing"]
    assert line["says"]["id"] == says


def test_status_says_when_the_clinic_ordered_a_freeze(place: Any) -> None:
    """A posture stands before the rules, with the way out."""
    place.ask("freeze")
    answer = place.ask("status")
    assert answer["lines"][-1]["says"]["id"] == "frozen: nothing is written into the EMR"
    assert answer["next"][-1]["id"] == "End the pause or the freeze: creneau sharing resume"
    place.ask("sharing-withdraw")
    assert place.ask("status")["next"][-1]["id"] == "Put the slots back online: creneau sharing resume"


def test_rules_never_applied_are_no_rehearsal(place: Any) -> None:
    """A file that says `enabled = true` and waits for `sharing apply` is told from a rehearsal."""
    (line,) = [line for line in place.ask("status")["lines"] if line["part"] == "sharing"]
    assert line["says"]["id"] == "no rules are in force: nothing leaves"
