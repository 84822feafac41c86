"""`exposure`: the sentence first, on the clinic's own agenda or the built-in one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory import Opening


def current(answer: Any) -> Any:
    (row,) = [row for row in answer["rows"] if row["current"]]
    return row


def test_the_sentence_of_a_team_speaks_of_odds(place: Any) -> None:
    """No person on the wire: no hours to recover, one absence to guess."""
    answer = place.ask("exposure", sample=True)
    assert (answer["clinic"], answer["doctors"], answer["days"]) == ("built-in", 12, 180)
    assert answer["says"]["args"]["size"] == 2
    assert 70 <= answer["says"]["args"]["n"] <= 85
    assert (current(answer)["key"], current(answer)["day_h"]) == ("team", None)
    assert {one["size"] for one in answer["team"]} == {2, 3, 5, 12}


@pytest.mark.parametrize(("times", "key", "least"), [("exact", "kinds", 0), ("half-day", "half-day", 90)])
def test_named_slots_give_hours_away_and_half_days_take_them_back(place: Any, times: str, key: str, least: int) -> None:
    """Three minutes of error with exact times; more than an hour with half-days."""
    place.rules = replace(place.RULES, identity="named", times=times)
    answer = place.ask("exposure", sample=True)
    assert current(answer)["key"] == key
    assert answer["says"]["args"]["n"] >= least
    assert answer["says"]["args"]["n"] < (30 if not least else 200)
    assert answer["thin"] == []


def test_the_clinics_own_agenda_is_attacked_under_its_own_rules(place: Any) -> None:
    """What is shared gives the hours of who shares most; what is taken is truth, never seen."""
    place.rules = replace(place.RULES, identity="named")
    cells = [
        Opening(
            place.SITE,
            "101",
            place.MONDAY + timedelta(minutes=20 * n),
            place.MONDAY + timedelta(minutes=20 * n + 20),
            "s",
        )
        for n in range(2, 9)
    ]
    place.clinic.open(cells)
    place.clinic.receptionist().book(cells[-1].key)
    answer = place.ask("exposure", days=14)
    assert (answer["clinic"], answer["doctors"], answer["days"]) == ("own", 3, 1)
    assert answer["says"]["args"] == {"who": "101", "n": 20}
    assert [row["key"] for row in answer["rows"]] == ["mirror", "all", "kinds", "cap", "half-day", "team"]


def test_thin_days_are_listed(place: Any) -> None:
    """A day on which fewer of the team work than the rule promises."""
    place.rules = replace(place.RULES, team_min=3)
    assert place.ask("exposure")["thin"] == []  # nothing is shared at all
    place.rules = replace(place.RULES, team_min=2)
    assert place.ask("exposure")["thin"] == []
    tuesday = place.MONDAY + timedelta(days=1)
    place.clinic.open([Opening(place.SITE, "101", tuesday, tuesday + timedelta(minutes=20), "s")])
    assert place.ask("exposure")["thin"] == [{"day": "2026-12-01", "people": 1}]


def test_a_source_without_an_agenda_falls_back_to_the_built_in_clinic(place: Any) -> None:
    """What is true must be known to say how far off an observer is."""
    place.bare = True
    assert place.ask("exposure")["clinic"] == "built-in"
