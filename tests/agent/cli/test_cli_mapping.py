"""`emr try` and `emr prove` on the screen."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TRIED = {
    "emr": "dme",
    "days": 14,
    "free": 12,
    "taken": 3,
    "types": {"s": 12},
    "people": {"101": 12},
    "samples": [
        {
            "start": "2026-11-23T09:00:00-05:00",
            "end": "2026-11-23T09:15:00-05:00",
            "practitioner": "101",
            "label": "Anne Gagnon",
            "type": "s",
            "site": "principal",
            "after_cancel": False,
        }
    ],
    "findings": [
        {"part": "emr", "code": "hours.double", "severity": "warn", "says": {"id": "{n} times", "args": {"n": 2}}}
    ],
}
FAULTS = {
    "emr": "dme",
    "faults": [
        {
            "file": "m.toml",
            "line": 11,
            "key": "mapping.clock",
            "value": "moon",
            "says": {"id": "this word is not known", "args": {}},
            "hint": {"id": "choose one of: {words}", "args": {"words": "local, utc"}},
        },
        {"file": "m.toml", "line": 0, "key": "see", "value": "", "says": {"id": "gone", "args": {}}, "hint": None},
    ],
}
PROVED = {
    "emr": "dme",
    "on": "copie",
    "at": "2026-11-22T00:00:00+00:00",
    "tried": [
        {"name": "a_human_wins", "title": None, "kept": True, "says": "", "runs": 1, "means": []},
        {"name": "names_count", "title": None, "kept": None, "says": "", "runs": 1, "means": []},
    ],
    "passed": True,
}


def test_try_shows_slots_beside_counts(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """Numbers, codes, people and a few slots; a file is asked for by its whole path."""
    door.answers["emr-try"] = TRIED
    code, out, _ = run("emr try mon-dme.toml --emr dme --days 7")
    assert code == 0
    for part in (
        "12 free slots in the next 14 days",
        "3 appointments",
        "Anne Gagnon",
        "2026-11-23 09:00",
        "09:15",
        "2 times",
    ):
        assert part in out
    (_, args) = door.asked[0]
    assert (args["emr"], args["days"], Path(args["file"]).is_absolute()) == ("dme", 7, True)


def test_try_without_a_file_asks_for_the_configured_one(run: Callable[..., Any], door: Any) -> None:
    """And a shipped mapping is asked for by its name."""
    door.answers["emr-try"] = {**TRIED, "taken": None}
    assert "appointments and" not in run("emr try")[1]
    run("emr try gnuhealth")
    assert [args["file"] for _, args in door.asked] == ["", "gnuhealth"]


def test_try_tells_every_fault_of_the_file(run: Callable[..., Any], door: Any) -> None:
    """Line, key, value and hint of each; exit 1; as JSON the same."""
    door.answers["emr-try"] = FAULTS
    code, out, _ = run("emr try m.toml")
    assert code == 1
    assert "this word is not known  (m.toml:11, mapping.clock = moon)" in out
    assert "try:   choose one of: local, utc" in out
    assert "gone  (m.toml:0, see)" in out
    code, out, _ = run("emr try m.toml --json")
    assert (code, json.loads(out)) == (1, FAULTS)


def test_prove_asks_before_it_erases(run: Callable[..., Any], door: Any) -> None:
    """No answer counts as no, and nothing is asked of the agent."""
    door.answers["emr-prove"] = PROVED
    assert run("emr prove --on copie")[0] == 2
    assert door.asked == []
    code, out, _ = run("emr prove --on copie", typed="y\n")
    assert (code, "Automatic bookings may begin" in out, "a_human_wins" in out) == (0, True, True)


def test_prove_says_what_follows(run: Callable[..., Any], door: Any) -> None:
    """In the reader's language: what was tried and is not there, what was not asked, and each consequence."""
    says = {"id": "a slot cannot be reserved here: two who book at once both think they have it", "args": {}}
    means = [{"part": "emr", "code": "fhir.mark", "severity": "warn", "says": says}]
    row = {"name": "mark", "title": {"id": "a slot keeps our mark", "args": {}}, "says": "HTTP 200", "runs": 1}
    door.answers["emr-prove"] = {**PROVED, "tried": [{**row, "kept": None, "means": means}, PROVED["tried"][1]]}
    _, out, _ = run("emr prove --on essai --yes")
    assert re.search(r"not here +1 +a slot keeps our mark +HTTP 200\nnot asked +1 +names_count\n! a slot cannot", out)
    _, out, _ = run("--lang fr emr prove --on essai --yes")
    assert "! une plage ne se réserve pas ici" in out


@pytest.mark.parametrize("as_json", [True, False])
def test_a_broken_promise_is_exit_1(run: Callable[..., Any], door: Any, as_json: bool) -> None:
    """The promise, and what was seen instead."""
    broken = {**PROVED["tried"][0], "kept": False, "says": "two stand"}
    door.answers["emr-prove"] = {**PROVED, "tried": [broken], "passed": False}
    code, out, _ = run("emr prove --on copie --yes" + " --json" * as_json)
    assert code == 1
    assert "two stand" in out
