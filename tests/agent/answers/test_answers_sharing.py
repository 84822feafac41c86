"""What the clinic orders beyond editing its file."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.errors import Refused
from agent.core.sharing import Deny, Match, PublishAs


def test_show_says_what_the_file_says(place: Any) -> None:
    """Rules with the clinic's own words; a null means any."""
    match = Match(
        frozenset({(place.DME, "s"), (place.DME, "?")}),
        frozenset({(place.DME, "101"), (place.DME, "7")}),
        None,
        frozenset({0, 4}),
        (480, 720),
    )
    everything = Deny("tout", 20, Match(sites=frozenset({place.SITE})))
    place.rules = replace(place.RULES, allow=(replace(place.RULES.allow[0], match=match),), deny=(everything,))
    answer = place.ask("sharing-show")
    (allow,), (deny,) = answer["allow"], answer["deny"]
    assert (allow["types"], allow["people"]) == (["?", "sans-rendez-vous"], ["7", "Dre A"])
    assert ([day["id"] for day in allow["days"]], allow["between"]) == (["Mon", "Fri"], ["08:00", "12:00"])
    assert [word["id"] for word in allow["to"]] == ["anyone", "urgent", "on site"]
    assert deny == {
        "name": "tout", "line": 20, "types": None, "people": None, "sites": ["principal"], "days": None,
        "between": None, "to": [],
    }  # fmt: skip
    assert not answer["applied"]


@pytest.mark.parametrize(
    "change",
    [{"identity": "named"}, {"times": "half-day"}, {"cancelled_frees": False}],
)
def test_show_says_what_holds_for_all_rules(place: Any, change: dict[str, Any]) -> None:
    """Each setting has its own sentence."""
    before = place.ask("sharing-show")["says"]
    place.rules = replace(place.RULES, **change)
    assert sum(one != two for one, two in zip(before, place.ask("sharing-show")["says"], strict=True)) == 1


def test_the_first_difference_is_every_slot_that_would_appear(place: Any) -> None:
    """Before any apply, all that the file shares is new."""
    answer = place.ask("sharing-diff")
    assert (len(answer["appear"]), answer["vanish"], answer["same"]) == (3, [], False)


def test_the_difference_shows_vanishing_and_changing_slots(place: Any) -> None:
    """A file that names fewer people and other words shows both."""
    place.applied = replace(place.RULES, team_min=1)
    allow = replace(
        place.RULES.allow[0],
        match=Match(practitioners=frozenset({(place.DME, "101")})),
        publish_as=PublishAs("anyone", "regular", "on-site"),
    )
    place.rules = replace(place.RULES, digest="two", team_min=1, allow=(allow,))
    answer = place.ask("sharing-diff")
    assert [slot["who"] for slot in answer["vanish"]] == ["102"]
    assert {slot["who"] for slot in answer["change"]} == {"101"}
    assert answer["appear"] == []


def test_apply_stores_the_text_whose_difference_was_shown(place: Any) -> None:
    """The text and its digest are kept with a ledger line, and the agent reads its rules again."""
    answer = place.ask("sharing-apply", digest="one")
    facts = place.journal.records().facts()
    assert (facts["rules"], facts["sharing_applied"]) == ("one", "[sharing]\n")
    assert answer["enabled"]
    assert place.ledger()[-1][:2] == ("sharing", place.WHO)
    assert (place.reloads, place.woken) == (1, ["publish"])


def test_apply_refuses_a_file_that_changed_meanwhile(place: Any) -> None:
    """What nobody saw is not put into force."""
    with pytest.raises(Refused) as caught:
        place.ask("sharing-apply", digest="zero")
    assert caught.value.reason == "changed"
    assert "rules" not in place.journal.records().facts()


@pytest.mark.parametrize(
    ("verb", "word"), [("sharing-pause", "paused"), ("sharing-withdraw", "withdrawn"), ("freeze", "frozen")]
)
def test_a_posture_is_kept_logged_and_ended(place: Any, verb: str, word: str) -> None:
    """Each order of the clinic is a fact, a ledger line with who, and wakes the legs; resume ends it."""
    assert place.ask(verb)["posture"] == word
    assert place.journal.records().facts()["posture"] == word
    assert place.ledger()[-1][:2] == ("posture", place.WHO)
    assert set(place.woken) == {"publish", "deliver", "apply"}
    assert place.ask("sharing-resume") == {"posture": "open", "was": word, "says": {"id": "open", "args": {}}}


@pytest.mark.parametrize(
    ("orders", "word"),
    [
        (("freeze", "sharing-pause"), "frozen"),
        (("freeze", "sharing-withdraw"), "closed"),
        (("sharing-withdraw", "freeze"), "closed"),
        (("sharing-withdraw", "sharing-pause"), "withdrawn"),
        (("sharing-pause", "sharing-withdraw"), "withdrawn"),
        (("freeze", "sharing-withdraw", "sharing-pause"), "closed"),
        (("freeze", "sharing-withdraw", "freeze"), "closed"),
        (("freeze", "sharing-withdraw", "sharing-resume"), "open"),
    ],
)
def test_no_order_but_resume_loosens_another(place: Any, orders: tuple[str, ...], word: str) -> None:
    """A manager who withdraws after IT froze does not start the writing again; a freeze keeps slots offline."""
    for order in orders:
        reply = place.ask(order)
    assert reply["posture"] == word
    assert place.journal.records().facts()["posture"] == word


def test_a_posture_of_another_version_counts_as_frozen(place: Any) -> None:
    """After a downgrade the strictest reading holds."""
    place.journal.records().put({"posture": "half-open"}, place.NOW)
    assert place.ask("sharing-resume")["was"] == "frozen"
