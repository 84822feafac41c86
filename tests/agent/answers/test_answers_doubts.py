"""What a source keeps back because a message was not understood, and a person's word that it is settled."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.ports import Doubt

AT = datetime(2026, 11, 23, 13, tzinfo=UTC)
OPEN = Doubt(7, AT, "S12", ("101", "SALLE2"), AT, None, "102 SCH-11.4")
DAY = Doubt(9, AT, "", (), AT, AT + timedelta(days=1), "100 SCH")


def test_doubts_are_listed_without_a_patient(place: Any) -> None:
    """Whom, from when to when, and why; a source that has no such ability has none."""
    assert place.ask("hl7-doubts") == {"doubts": []}
    place.doubts = [OPEN, DAY]
    first, second = place.ask("hl7-doubts")["doubts"]
    assert first == {
        "emr": "dme", "n": 7, "since": "2026-11-23T13:00:00+00:00", "event": "S12", "whom": ["101", "SALLE2"],
        "start": "2026-11-23T13:00:00+00:00", "end": None, "why": "102 SCH-11.4",
    }  # fmt: skip
    assert (second["whom"], second["end"]) == ([], "2026-11-24T13:00:00+00:00")


def test_a_settled_doubt_is_a_ledger_line_and_wakes_the_reader(place: Any) -> None:
    """With who said so; its times are back at once, not at the next poll."""
    place.doubts = [OPEN]
    assert place.ask("hl7-settle", n=7)["doubt"]["n"] == 7
    kind, who, body = place.ledger()[-1]
    assert (kind, who, json.loads(body)["whom"]) == ("doubt", place.WHO, ["101", "SALLE2"])
    assert place.woken == ["publish"]
    assert place.ask("hl7-doubts") == {"doubts": []}


def test_what_is_no_doubt_cannot_be_settled(place: Any) -> None:
    """A number nobody knows, a source without such an ability: refused, and no ledger line says otherwise."""
    before = place.ledger()
    with pytest.raises(Refused):
        place.ask("hl7-settle", n=7)
    place.doubts = [OPEN]
    with pytest.raises(Refused):
        place.ask("hl7-settle", n=8)
    assert (place.ledger(), place.woken) == (before, [])


def test_status_says_that_times_are_kept_back(place: Any) -> None:
    """A fault of the agenda's content is "partly", with what to do; a note or a warning is not shown there."""
    place.run()
    says, hint = (
        say("messages not understood: {n}; the times they may speak of are kept back", n=2),
        say("creneau hl7 doubts"),
    )
    quiet = Finding(
        "hl7.dead-letters", Severity.WARN, say("{n} messages could not be read, the last one within a week", n=2)
    )
    place.board.findings(place.DME, (Finding("hl7.doubt", Severity.FAULT, says, hint), quiet))
    answer = place.ask("status")
    assert answer["working"] == "partly"
    (line,) = [line for line in answer["lines"] if line["part"] == "agenda"]
    assert (line["severity"], line["says"]["args"]) == ("fault", {"n": 2})
    assert "creneau hl7 doubts" in {step["id"] for step in answer["next"]}
    place.board.findings(place.DME, ())
    assert place.ask("status")["working"] == "yes"
