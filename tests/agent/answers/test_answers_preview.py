"""What `preview` shows, who may ask it, and the words for it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.answers import NEEDS, VERBS, answering, may, words
from agent.answers.columns import AGENDA, LEAVES
from agent.core.booking import Outcome, State
from agent.core.errors import Refused
from agent.core.model import Cell
from agent.core.sharing import Posture, SharedSlot, Why
from agent.door import Peer


def test_every_verb_has_its_function_and_its_right() -> None:
    """What a group may ask exists; what is named nowhere is for administrators."""
    assert set(NEEDS) <= set(VERBS)
    assert all(callable(answering(verb)) for verb in VERBS)
    assert answering("unheard-of") is None
    nobody, desk = (
        Peer("x", admin=False, groups=frozenset()),
        Peer("x", admin=False, groups=frozenset({"creneau-accueil"})),
    )
    assert {verb for verb in VERBS if may(verb, nobody)} == {"status", "veto-lift"}
    assert {verb for verb in VERBS if may(verb, desk)} == {
        "status", "bookings", "tasks-list", "tasks-show", "tasks-done", "unsold", "veto-lift", "hl7-doubts", "hl7-settle",
    }  # fmt: skip
    assert all(may(verb, Peer("root", admin=True, groups=frozenset())) for verb in [*VERBS, "unheard-of"])


def test_an_unknown_verb_is_refused(place: Any) -> None:
    """An older or newer command learns that versions differ."""
    with pytest.raises(Refused) as caught:
        place.ask("dance")
    assert caught.value.reason == "unknown-verb"


@pytest.mark.parametrize(
    ("table", "words_of"),
    [(words.CELL, Cell), (words.WHY, Why), (words.POSTURE, Posture), (words.OUTCOME, Outcome), (words.STATE, State)],
)
def test_every_machine_word_has_a_persons_word(table: Any, words_of: Any) -> None:
    """No enumeration grows without a sentence for people."""
    assert set(table) == set(words_of)


def test_preview_shows_the_agenda_and_what_would_leave(place: Any) -> None:
    """Free slots that are shared stand on the right with their wire words; others with why and the rule's line."""
    place.clinic.insert("101", place.MONDAY + timedelta(minutes=20), place.MONDAY + timedelta(minutes=40), "desk")
    answer = place.ask("preview", days=14)
    rows = {(row["when"], row["who"]): row for row in answer["rows"]}
    first = rows["2026-11-30 09:00", "101"]
    assert (first["start"], first["clientele"]["id"], first["practitioner"]["id"]) == (
        "2026-11-30 09:00", "anyone", "the team",
    )  # fmt: skip
    taken = rows["2026-11-30 09:20", "101"]
    assert (taken["cell"]["id"], taken["start"], taken["why"]) == ("taken", None, None)
    assert rows["2026-11-30 09:20", "102"]["why"]["id"] == "new type, not named in [types]"
    assert answer["counts"] == {"leaves": 2, "stays": 2}
    assert answer["new"] == [
        {"kind": "practitioner", "emr": "dme", "code": "999", "free": 1},
        {"kind": "type", "emr": "dme", "code": "z", "free": 1},
    ]


def test_the_right_side_holds_every_member_the_hub_will_read() -> None:
    """Each wire member of a slot has its column, so nothing leaves unseen."""
    assert set(SharedSlot.__dataclass_fields__) <= {column.key for column in LEAVES}


def test_every_column_reaches_the_answer(place: Any) -> None:
    """A column added to the list is in the headings and in every row, with no other change."""
    answer = place.ask("preview", days=14)
    keys = [column.key for column in AGENDA + LEAVES]
    assert [column["key"] for column in answer["columns"]] == keys
    assert all(list(row) == keys for row in answer["rows"])


def test_preview_of_one_person_is_logged(place: Any) -> None:
    """Looking at one doctor leaves a ledger line with who looked."""
    answer = place.ask("preview", days=14, who="101")
    assert {row["who"] for row in answer["rows"]} == {"101"}
    assert place.ledger()[-1] == ("viewed", place.WHO, b"101")


def test_a_rehearsal_shows_what_would_leave(place: Any) -> None:
    """With enabled = false the right side is what would leave, and the answer says it is a rehearsal."""
    place.rules = replace(place.RULES, enabled=False)
    answer = place.ask("preview", days=14)
    assert answer["rehearsal"]
    assert answer["counts"]["leaves"] == 3


def test_preview_says_whether_these_rules_are_applied(place: Any) -> None:
    """A file edited after the last apply is told from one in force."""
    assert not place.ask("preview")["applied"]
    place.applied = place.RULES
    assert place.ask("preview")["applied"]


def test_a_source_without_an_agenda_shows_its_free_slots(place: Any) -> None:
    """An adapter that lists free slots only still has a preview, and is closed afterwards."""
    place.bare = True
    assert len(place.ask("preview", days=14)["rows"]) == 5
    assert place.closed == 1


@pytest.mark.parametrize("args", [{"days": 0}, {"days": 91}, {"days": "3"}, {"days": True}, {"who": 3}])
def test_arguments_out_of_bounds_are_refused(place: Any, args: dict[str, Any]) -> None:
    """Whoever speaks to the socket directly gets no further than the command line would."""
    with pytest.raises(Refused) as caught:
        place.ask("preview", **args)
    assert caught.value.reason == "schema"
