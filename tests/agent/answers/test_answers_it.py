"""What clinic IT asks: names, secrets, enrolment, checks."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from agent.answers import Answers
from agent.core.errors import Refused, Transient
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.core.sheet import Fault, Faults
from agent.ports import Identity


def test_emr_list_counts_codes_and_says_which_are_named(place: Any) -> None:
    """Types, people and sites, with the file's word or none."""
    named = {(row["kind"], row["code"]): row for row in place.ask("emr-list")["names"]}
    assert (named["type", "s"]["free"], named["type", "s"]["named"]) == (4, "sans-rendez-vous")
    assert named["type", "z"]["named"] is None
    assert named["practitioner", "101"]["named"] == "Dre A"
    assert named["practitioner", "999"]["named"] is None


def test_emr_list_counts_the_slots_of_a_source_that_cannot_list(place: Any) -> None:
    """Without the ability, the free slots themselves are counted; a lone site counts as named."""
    place.bare = True
    named = {(row["kind"], row["code"]): row for row in place.ask("emr-list")["names"]}
    assert named["practitioner", "102"]["free"] == 2
    assert named["site", "principal"]["named"] == "principal"


def test_emr_grants_gives_each_sources_statements_or_none(place: Any) -> None:
    """A source that needs rights of its own says them; another says there are none."""
    place.granted = "GRANT SELECT ON x TO y;\n"
    assert place.ask("emr-grants") == {"grants": [{"emr": "dme", "sql": "GRANT SELECT ON x TO y;\n"}]}
    place.granted = None
    assert place.ask("emr-grants") == {"grants": [{"emr": "dme", "sql": None}]}


def test_a_secret_goes_in_and_never_comes_out(place: Any) -> None:
    """The value is stored; the ledger and the list have the name only."""
    place.ask("secret-set", name="dme", value="hunter2")
    assert place.vault.kept == {"dme": "hunter2"}
    assert place.ledger()[-1] == ("secret", place.WHO, b"dme")
    assert place.ask("secret-list") == {"secrets": [{"name": "dme", "stored": True, "used": True}]}


def test_a_source_without_a_secret_is_listed_as_missing(place: Any) -> None:
    """Names of sources are there before their secrets are."""
    assert place.ask("secret-list")["secrets"] == [{"name": "dme", "stored": False, "used": True}]


@pytest.mark.parametrize("args", [{"name": "Dme!", "value": "x"}, {"name": "dme", "value": ""}, {"name": "dme"}])
def test_a_secret_without_name_or_value_is_refused(place: Any, args: dict[str, str]) -> None:
    """Nothing is stored under a strange name, nor an empty password."""
    with pytest.raises(Refused):
        place.ask("secret-set", **args)
    assert place.vault.kept == {}


def test_enrolment_prints_the_fingerprint_and_keeps_no_code(place: Any) -> None:
    """The ledger has clinic, hub and fingerprint, never the one-time code."""
    answer = place.ask("enrol", code="K7QD-SECRET")
    assert answer["fingerprint"] == "1a2b-3c4d"
    kind, who, body = place.ledger()[-1]
    assert (kind, who) == ("enrol", place.WHO)
    assert b"SECRET" not in body
    assert place.reloads == 1


def test_check_looks_at_every_part(place: Any) -> None:
    """Each part has its finding, the worst one is named, nothing is changed."""
    place.vault.who = Identity("fjord", "https://hub.example.org", "i-1", "1a2b")
    place.found = [Finding("x.note", Severity.NOTE, say("well"), say("go on"))]
    before = place.ledger()
    answer = place.ask("check")
    assert {found["part"] for found in answer["findings"]} == {"config", "emr", "hub", "machine"}
    assert answer["worst"] == "note"
    assert place.ledger() == before


def test_check_shows_every_fault_of_the_file_with_its_line(place: Any) -> None:
    """All faults at once, with key, value, line and hint."""
    place.faults = Faults(
        (
            Fault("c.toml", "poll", "soon", 7, say("no duration"), say("60s")),
            Fault("c.toml", "id", "", 9, say("missing")),
        )
    )
    found = place.ask("check", part="config")["findings"]
    assert [(one["line"], one["key"], one["value"]) for one in found] == [(7, "poll", "soon"), (9, "id", "")]


def test_check_goes_on_when_a_part_is_down(place: Any) -> None:
    """What cannot be reached is a finding of its part; the other parts are still looked at."""
    place.down = Transient(say("connect"), say("timed out"), say("try again"))
    place.faults = Transient(say("read"), say("busy"))
    answer = place.ask("check")
    codes = {found["code"] for found in answer["findings"]}
    assert {"config.unreachable", "emr.unreachable", "hub.fault", "machine.unreachable"} <= codes
    assert answer["worst"] == "fault"


def test_check_of_a_source_that_says_nothing_is_a_line(place: Any) -> None:
    """An adapter without findings still shows that it answered."""
    place.bare = True
    assert place.ask("check", part="emr")["findings"][0]["code"] == "emr.read"


def test_check_says_when_the_file_is_applied(place: Any) -> None:
    """The note about unapplied rules goes away with the apply."""
    place.applied = place.RULES
    assert [found["code"] for found in place.ask("check", part="config")["findings"]] == ["config.read"]


def test_check_of_an_unknown_part_is_refused(place: Any) -> None:
    """There are four parts."""
    with pytest.raises(Refused):
        place.ask("check", part="kitchen")


def test_check_finds_a_full_disk_and_a_changed_ledger(place: Any) -> None:
    """A low disk and a broken chain are faults of the machine."""
    records = place.journal.records()
    sick = SimpleNamespace(sizes=lambda: SimpleNamespace(used=0, low=True), verify=lambda: 4, facts=records.facts)
    house = replace(place.house(), records=sick)
    found = Answers(house).ask("check", {"part": "machine"}, place.WHO)["findings"]
    assert {one["code"] for one in found} == {"machine.disk", "machine.ledger"}
