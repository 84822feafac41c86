"""`emr try` and `emr prove`: reads that show, a proof that is kept, and bookings that wait for it."""

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agent.answers import Answers
from agent.core.errors import Misconfigured, Refused
from agent.core.message import say
from agent.core.model import Finding, Instant, Severity
from agent.core.sheet import Fault, Faults
from agent.ports import Emr, Proved
from agent.wiring.proofs import honest
from tests.agent.answers.conftest import NOW


def proving(place: Any, *tried: Proved, wanted: str = "f1") -> list[str]:
    """Let the place's EMR ask for a proof that ends so; return what scratch copies were named."""
    opened, named = place._open, []

    def prove(scratch: str, shared: Collection[str]) -> Iterable[Proved]:
        assert shared == {"101", "102"}
        named.append(scratch)
        return iter(tried)

    def open_(name: Any) -> Emr:
        emr = opened(name)
        emr.prove, emr.unproven = prove, lambda: wanted
        return emr  # type: ignore[no-any-return]

    place._open = open_
    return named


def codes(place: Any) -> dict[str, str]:
    return {one["code"]: one["severity"] for one in place.ask("check", part="emr")["findings"]}


def test_try_shows_samples_beside_counts(place: Any) -> None:
    """Free and taken, by type and person; slots from the whole window; nothing changes."""
    before = place.ledger()
    told = place.ask("emr-try", days=30)
    assert (told["free"], told["taken"], told["types"], told["people"]) == (
        5,
        0,
        {"s": 4, "z": 1},
        {"101": 2, "102": 2, "999": 1},
    )
    assert len(told["samples"]) == 5
    assert set(told["samples"][0]) == {"start", "end", "practitioner", "label", "type", "site", "after_cancel"}
    assert place.ledger() == before


def test_try_of_a_source_without_an_agenda_counts_no_appointments(place: Any) -> None:
    """What cannot be counted is not told as zero."""
    place.bare = True
    assert place.ask("emr-try")["taken"] is None


def test_try_takes_another_file_and_tells_its_faults_whole(place: Any) -> None:
    """Every line to mend, as data: both languages read it."""
    given: list[Any] = []

    def opened(name: Any, options: Any) -> Emr:
        given.append(options)
        raise Faults(
            (
                Fault("m.toml", "open.sql", "x", 7, say("bad {word}", word="x"), say("good")),
                Fault("m.toml", "see", "", 0, say("gone")),
            )
        )

    house = replace(place.house(), open_with=opened)
    told = Answers(house).ask("emr-try", {"file": "/x/m.toml"}, place.WHO)
    assert given == [{"mapping": "/x/m.toml"}]
    assert [(one["line"], one["key"], one["hint"]) for one in told["faults"]] == [
        (0, "see", None),
        (7, "open.sql", {"id": "good", "args": {}}),
    ]


def test_a_proof_is_kept_with_its_day_and_lifts_the_warning(place: Any) -> None:
    """Passed: a fact, a ledger line with who, the plan read again, and `check` shows it."""
    named = proving(place, Proved("a", kept=True), Proved("b", kept=None), Proved("race", kept=True, runs=32))
    assert codes(place)["emr.unproven"] == "warn"
    told = place.ask("emr-prove", on="copie")
    assert (told["passed"], [one["kept"] for one in told["tried"]], named) == (True, [True, None, True], ["copie"])
    assert place.reloads == 1
    assert place.ledger()[-1][:2] == ("proof", place.WHO)
    assert json.loads(place.journal.records().facts()["proof:dme"])["runs"] == 33
    assert codes(place)["emr.proved"] == "ok"


def test_an_old_proof_is_worth_repeating(place: Any) -> None:
    """`check` tells its age in days; after half a year it says so, and bookings go on."""
    proving(place, Proved("a", kept=True))
    place.ask("emr-prove", on="copie")
    for days, old in ((179, False), (180, True)):
        place.now = Instant(NOW.utc + timedelta(days=days), NOW.age + timedelta(days=days))
        found = {one["code"]: one for one in place.ask("check", part="emr")["findings"]}
        assert found["emr.proved"]["says"]["args"]["days"] == days
        assert ("emr.proof-old" in found) is old


def test_what_follows_from_a_row_is_told_with_it(place: Any) -> None:
    """Title and consequences leave as sentences, so that whoever reads them chooses the language."""
    means = Finding("fhir.mark", Severity.WARN, say("two think they have it"))
    proving(place, Proved("mark", kept=None, says="HTTP 200", title=say("a slot keeps our mark"), means=(means,)))
    (line,) = place.ask("emr-prove", on="essai")["tried"]
    assert line["title"] == {"id": "a slot keeps our mark", "args": {}}
    assert [(one["severity"], one["says"]["id"]) for one in line["means"]] == [("warn", "two think they have it")]


def test_a_broken_promise_is_kept_too_and_lifts_nothing(place: Any) -> None:
    """The report names it, and so does `check`."""
    proving(place, Proved("a_human_wins", kept=False, says="two stand"), Proved("b", kept=True))
    assert place.ask("emr-prove", on="copie")["passed"] is False
    found = next(one for one in place.ask("check", part="emr")["findings"] if one["code"] == "emr.unproven")
    assert found["says"]["args"]["names"] == "a_human_wins"


def test_a_proof_without_a_single_try_is_none(place: Any) -> None:
    """An adapter that tried nothing has proved nothing."""
    proving(place, Proved("b", kept=None))
    assert place.ask("emr-prove", on="copie")["passed"] is False


def test_another_text_asks_for_another_proof(place: Any) -> None:
    """The fingerprint is of the mapping as it is now."""
    proving(place, Proved("a", kept=True))
    place.ask("emr-prove", on="copie")
    proving(place, wanted="f2")
    found = next(one for one in place.ask("check", part="emr")["findings"] if one["code"] == "emr.unproven")
    assert "is not what was proved" in found["says"]["id"]


def test_an_adapter_run_by_its_makers_asks_for_no_proof(place: Any) -> None:
    """Nothing is tried, and the answer says why."""
    with pytest.raises(Refused) as told:
        place.ask("emr-prove", on="copie")
    assert told.value.reason == "no-proof"
    assert not {"emr.proved", "emr.unproven"} & codes(place).keys()


def test_the_source_is_named_or_the_only_one(place: Any) -> None:
    """An unknown name is refused, and with several sources none is guessed."""
    with pytest.raises(Refused):
        place.ask("emr-try", emr="autre")
    assert place.ask("emr-try", emr="dme")["emr"] == "dme"
    house = place.house()
    plan = house.plan()
    two = replace(plan, emrs=(*plan.emrs, replace(plan.emrs[0], id="deux")))
    with pytest.raises(Refused) as told:
        Answers(replace(house, plan=lambda: two)).ask("emr-try", {}, place.WHO)
    assert "dme | deux" in str(told.value.hint)


def test_check_shows_every_fault_of_a_mapping(place: Any) -> None:
    """Line and key of each, under the source's name; a faulty configuration beside it changes nothing."""
    place.down = Faults((Fault("m.toml", "see", "", 3, say("gone")), Fault("m.toml", "row", "", 9, say("gone"))))
    place.faults = Misconfigured(say("read"), say("bad"))
    found = place.ask("check", part="emr")["findings"]
    assert [(one["emr"], one["line"], one["key"]) for one in found] == [("dme", 3, "see"), ("dme", 9, "row")]


def test_automatic_becomes_tasks_until_the_proof(place: Any) -> None:
    """The plan lived by: tasks without a proof or with another's; automatic with it; unchanged where none is asked for."""
    plan = place.house().plan()

    def mode(wanted: str, facts: dict[str, str]) -> str:
        emr = SimpleNamespace(close=lambda: None, unproven=lambda: wanted, prove=lambda _: ())
        return honest(plan, facts, lambda _: emr).emrs[0].bookings  # type: ignore[arg-type, return-value]

    kept = {"fingerprint": "f1", "at": "2026-11-22T00:00:00+00:00", "on": "copie", "runs": 9, "broken": []}
    facts = {"proof:dme": json.dumps(kept)}
    assert (mode("f1", {}), mode("f2", facts), mode("f1", facts), mode("", {})) == (
        "tasks",
        "tasks",
        "automatic",
        "automatic",
    )
    assert honest(plan, {}, lambda _: SimpleNamespace(close=lambda: None)) is plan  # type: ignore[arg-type, return-value]


def test_a_source_that_cannot_be_opened_keeps_its_word(place: Any) -> None:
    """Whoever opens it next says what ails it; a source of tasks is not even opened."""
    plan = place.house().plan()

    def broken(_: Any) -> Emr:
        raise Misconfigured(say("open"), say("no"))

    assert honest(plan, {}, broken) is plan
    calm = replace(plan, emrs=(replace(plan.emrs[0], bookings="tasks"),))
    assert honest(calm, {}, broken) is calm
