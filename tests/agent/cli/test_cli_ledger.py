"""`ledger list/report/export/verify`: screens, files, and cells no spreadsheet runs."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.answers.ledgerfile import dump, header, written
from agent.cli.ledger import FORMULA, WRONG, plain, sheet
from agent.core.chain import FIRST, chained
from agent.ports import LedgerLine

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


def sentence(text: str, **args: Any) -> Mapping[str, Any]:
    return {"id": text, "args": args}


def row(n: int, **change: Any) -> Mapping[str, Any]:
    return {
        "n": n, "at": "2026-11-23T13:00:00-05:00", "kind": "sent", "what": sentence("free slots told to the hub"),
        "who": "", "detail": "+3 -1", "recipient": "https://hub.example.org", "nature": sentence("availability"),
        "purpose": sentence("let patients book"), "bytes": 900, **change,
    }  # fmt: skip


def read(file: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))


PROOF = {
    "whole": True, "wrong": None, "first": 1, "last": 40, "receipts": 12, "orders": 3, "countersigned": 1,
    "unproved": 2, "covered": 39, "signed": "2026-11-23T13:00:00-05:00", "hub": "https://hub", "fingerprint": "1a2b",
}  # fmt: skip


def test_the_last_lines_are_listed(run: Callable[..., Any], door: Any) -> None:
    """Number, time, what in plain words, who, detail, size."""
    door.answers["ledger-list"] = {"rows": [row(7), row(8, who="manon")], "next": None}
    code, out, _ = run("registre liste --last 2 --kind sent --lang fr")
    assert (code, door.asked) == (0, [("ledger-list", {"limit": 2, "kind": "sent"})])
    assert "plages libres dites au carrefour" in out
    assert out.splitlines()[2].split()[-4:] == ["manon", "+3", "-1", "900"]


def test_a_doctors_month_is_one_page(run: Callable[..., Any], door: Any) -> None:
    """Days, totals, who looked, what they ordered."""
    day = {"day": "2026-11-30", "published": 2, "hours": 0.67, "removed": 1, "booked": 1, "cancelled": 0}
    door.answers["ledger-report"] = {
        "who": "Dre A", "month": "2026-11", "days": [day], "totals": {**day}, "looks": [{"at": None, "who": "manon"}],
        "acts": [],
    }  # fmt: skip
    code, out, _ = run("ledger report Gagnon --month 2026-11")
    assert code == 0
    assert "Dre A, 2026-11" in out
    assert out.splitlines()[2].split() == ["2026-11-30", "2", "0.67", "1", "1", "0"]
    assert out.splitlines()[3].split()[0] == "total"
    assert "Who looked at these rows: 1" in out


def test_the_register_has_the_columns_the_law_asks_for(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """Only what was communicated, with nature, recipient and purpose, in the language of the run."""
    pages = iter([{"rows": [row(1), row(2, nature=None)], "next": 2}, {"rows": [row(3, detail="=1+1")], "next": None}])
    door.ask = lambda _verb, _args, _who: next(pages)
    file = tmp_path / "r.csv"
    code, _, _ = run(f"ledger export {file} --lang fr")
    rows = read(file)
    assert code == 0
    assert rows[0][2:5] == ["nature du renseignement", "destinataire", "fins et justification"]
    assert [one[1] for one in rows[1:]] == ["1", "3"]
    assert rows[2][5] == "'=1+1"


def test_the_regulated_fields_are_written_down(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """Nine columns for the six fields; days are passed on."""
    fields = {"bookable_from": "a", "start": "b", "end": "c", "clientele": "anyone", "reason": "urgent", "redirect": "",
              "mode": "on-site", "place": "Fjord", "contact": "@x"}  # fmt: skip
    door.answers["ledger-regulatory"] = {"rows": [fields]}
    file = tmp_path / "r.csv"
    run(f"ledger export {file} --regulatory --since 2026-11-01 --until 2026-11-30")
    assert door.asked == [("ledger-regulatory", {"since": "2026-11-01", "until": "2026-11-30"})]
    assert read(file)[1] == ["a", "b", "c", "anyone", "urgent", "", "on-site", "Fjord", "'@x"]


def ledger() -> list[LedgerLine]:
    """Return a small sound ledger."""
    lines, previous = [], FIRST
    for n in (1, 2, 3):
        at = int(NOON.timestamp() * 1_000_000)
        previous = chained(previous, n, at, "start", "", b"x")
        lines.append(LedgerLine(n, NOON, "start", "", b"x", previous))
    return lines


def test_the_whole_ledger_is_exported_and_proved_offline(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """In pieces into one file; verify needs neither agent nor configuration."""
    objects = [dict(written(line)) for line in ledger()]
    pages = iter(
        [
            {"header": header("Fjord", 0, FIRST), "lines": objects[:2], "next": 2},
            {"header": {}, "lines": objects[2:], "next": None},
        ]
    )
    door.ask = lambda _verb, _args, _who: next(pages)
    file = tmp_path / "r.jsonl"
    assert run(f"ledger export {file}")[0] == 0
    code, out, _ = run(f"ledger verify {file}")
    assert code == 0
    assert "The chain holds: lines 1 to 3." in out
    objects[1]["body"] = "y"
    file.write_text("".join(dump([header("Fjord", 0, FIRST), *objects])), encoding="utf-8")
    code, out, _ = run(f"registre verifier {file} --lang fr")
    assert code == 1
    assert "la ligne 2 ne suit pas de la précédente" in out
    assert json.loads(run(f"ledger verify {file} --json")[1])["wrong"] == {"n": 2, "why": "chain"}


def test_the_clinics_own_ledger_is_proved(run: Callable[..., Any], door: Any) -> None:
    """What holds, how much of it the hub signed, what could not be proved."""
    door.answers["ledger-verify"] = PROOF
    code, out, _ = run("ledger verify")
    assert code == 0
    assert "for the very bytes sent: 12" in out
    assert "up to line 39" in out
    assert "not proved: 2" in out
    assert "1a2b" in out
    door.answers["ledger-verify"] = {**PROOF, "signed": None, "unproved": 0, "fingerprint": ""}
    assert "Countersigned" not in run("ledger verify")[1]


@pytest.mark.parametrize("why", WRONG)
def test_each_kind_of_wrong_has_its_sentence(run: Callable[..., Any], door: Any, why: str) -> None:
    """The first bad line is named."""
    door.answers["ledger-verify"] = {**PROOF, "whole": False, "wrong": {"n": 17, "why": why}}
    code, out, _ = run("ledger verify")
    assert code == 1
    assert "ine 17" in out


def test_a_file_that_is_not_there_is_said(run: Callable[..., Any], tmp_path: Path) -> None:
    """Missing, or no text."""
    assert run(f"ledger verify {tmp_path / 'no.jsonl'}")[0] == 1
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe\x00")
    code, _, err = run(f"ledger verify {tmp_path / 'b.jsonl'}")
    assert code == 1
    assert "cannot be read" in err


def test_json_of_the_ledger(run: Callable[..., Any], door: Any) -> None:
    """The answer as it came."""
    door.answers |= {"ledger-list": {"rows": []}, "ledger-report": {"who": "x"}, "ledger-verify": PROOF}
    for line, verb in (
        ("ledger list", "ledger-list"),
        ("ledger report x", "ledger-report"),
        ("ledger verify", "ledger-verify"),
    ):
        assert json.loads(run(f"{line} --json")[1]) == door.answers[verb]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12))
def test_no_cell_is_a_formula(cell: str) -> None:
    """Whatever stands in it, a spreadsheet reads text; and the cell comes back whole but for the apostrophe."""
    written_ = plain(cell)
    assert not written_.startswith(FORMULA)
    assert not written_.lstrip(" ").startswith(FORMULA)
    assert written_.removeprefix("'") == cell.removeprefix("'")
    lone = any("\ud800" <= letter <= "\udfff" for letter in cell)
    if not lone:
        back = next(csv.reader(io.StringIO(sheet([cell], []).lstrip("\N{BYTE ORDER MARK}"), newline="")))
        assert back == [written_.lstrip("\N{BYTE ORDER MARK}")] or "\N{BYTE ORDER MARK}" in cell
