"""A doctor's veto: kept apart from the manager's file, lifted by its code alone."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from agent.answers import veto
from agent.core.errors import Refused, Transient
from agent.core.message import say
from agent.core.sharing import Accord


def refusal(place: Any, verb: str, **args: str) -> str:
    with pytest.raises(Refused) as caught:
        place.ask(verb, **args)
    return str(caught.value.reason)


def test_a_veto_is_kept_logged_and_in_force_at_once(place: Any) -> None:
    """The journal holds it, the ledger says who kept it, the agent reads its rules again."""
    answer = place.ask("veto-add", who="dre a")
    assert (answer["who"], answer["codes"]) == ("Dre A", ["101"])
    assert veto.vetoes_of(place.journal.records().facts()) == {(place.DME, "101")}
    assert place.ledger()[-1][:2] == ("veto", place.WHO)
    assert (place.reloads, set(place.woken)) == (1, {"publish", "deliver", "apply"})
    (row,) = place.ask("veto-list")["vetoes"]
    assert (row["who"], row["emr"], row["code"], row["by"]) == ("Dre A", "dme", "101", place.WHO)
    assert row["since"].startswith("2026-11-23T13:00:00")


def test_the_code_is_written_nowhere(place: Any) -> None:
    """Neither facts nor ledger hold the code, in any spelling."""
    code = place.ask("veto-add", who="101")["code"]
    kept = str(place.journal.records().facts()) + str(place.ledger())
    assert code not in kept
    assert code.replace("-", "") not in kept


def test_only_the_code_lifts_it(place: Any) -> None:
    """A wrong code is refused and recorded; the right one, however it is spelled, lifts it."""
    code = place.ask("veto-add", who="101")["code"]
    assert refusal(place, "veto-lift", who="101", code="AAAAA-AAAAA-AAAAA") == "code"
    assert json.loads(place.ledger()[-1][2]) == {"refused": "Dre A"}
    assert veto.vetoes_of(place.journal.records().facts())
    assert place.ask("veto-lift", who="Dre A", code=code.lower().replace("-", " ")) == {"who": "Dre A"}
    assert not veto.vetoes_of(place.journal.records().facts())
    assert place.ask("veto-list") == {"vetoes": []}


def test_a_zero_read_as_the_letter_o_is_forgiven() -> None:
    """Codes hold no letter that a digit can be taken for; what was read so is taken for the digit."""
    assert veto.fresh_code("A" * 22) == "00000-00000-00000"
    assert veto._hash("ooooo-lllll-iiiii", "s") == veto._hash("00000-11111-11111", "s")


def test_one_person_in_two_sources_is_one_veto(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file gives them one name; one code holds and lifts both."""
    from agent.config.plan import Plan

    roster = {**place.RULES.roster, (place.DME, "201"): Accord("Dre A", date(2026, 11, 1))}
    plan: Plan = place.house().plan()
    monkeypatch.setattr(
        type(place), "house", _with_plan(type(place).house, replace(plan, sharing=replace(plan.sharing, roster=roster)))
    )
    answer = place.ask("veto-add", who="201")
    assert sorted(answer["codes"]) == ["101", "201"]
    assert refusal(place, "veto-add", who="101") == "vetoed"
    place.ask("veto-lift", who="201", code=answer["code"])
    assert not veto.vetoes_of(place.journal.records().facts())


def _with_plan(house: Any, plan: Any) -> Any:
    return lambda self: replace(house(self), plan=lambda: plan)


@pytest.mark.parametrize("who", ["zzz", "Dr", ""])
def test_nobody_is_guessed(place: Any, who: str) -> None:
    """No name, an unknown name and one that fits two people are refused."""
    assert refusal(place, "veto-add", who=who) == "who"
    assert not place.ledger()


def test_somebody_the_file_does_not_name_can_say_no_too(place: Any) -> None:
    """A veto before the roster: the EMR's own code is enough."""
    assert place.ask("veto-add", who="999")["codes"] == ["999"]
    place.down = Transient(say("read slots"), say("down"))
    assert refusal(place, "veto-add", who="998") == "who"


def test_lifting_what_is_not_there_is_refused(place: Any) -> None:
    """There is nothing to lift; nothing is recorded."""
    assert refusal(place, "veto-lift", who="101", code="x") == "none"


def test_an_entry_nobody_can_read_is_a_veto_without_a_code(place: Any) -> None:
    """A damaged entry narrows all the same, and no code opens it."""
    place.journal.records().put({"veto:dme:101": "[]", "veto:dme:102": "{"}, place.NOW)
    assert veto.vetoes_of(place.journal.records().facts()) == {(place.DME, "101"), (place.DME, "102")}
    assert [row["who"] for row in place.ask("veto-list")["vetoes"]] == ["101", "102"]
    assert refusal(place, "veto-lift", who="101", code="") == "code"


@pytest.mark.parametrize(
    ("expires", "reminder"),
    [
        (date(2027, 1, 23), None),
        (date(2027, 1, 22), 60),
        (date(2026, 12, 23), 30),
        (date(2026, 11, 30), 7),
        (date(2026, 11, 24), 1),
        (date(2026, 11, 22), 1),
    ],
)
def test_reminders_come_before_the_sharing_expires(place: Any, expires: date, reminder: int | None) -> None:
    """At 60, 30, 7 and 1 days; status gives the last that is due."""
    place.applied = replace(place.RULES, expires=expires)
    answer = place.ask("status")["expiry"]
    assert (answer["expires"], answer["reminder"]) == (str(expires), reminder)
    assert answer["days"] == (expires - date(2026, 11, 23)).days


def test_what_was_never_applied_does_not_expire(place: Any) -> None:
    """No reminder in a rehearsal."""
    assert place.ask("status")["expiry"] is None
    place.applied = replace(place.RULES, enabled=False)
    assert place.ask("status")["expiry"] is None
