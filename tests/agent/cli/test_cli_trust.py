"""`explain`, `veto` and the page of `preview --html`."""

import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from agent.core.errors import Refused
from agent.core.message import say


def sentence(text: str, **args: Any) -> Mapping[str, Any]:
    return {"id": text, "args": args}


ROW = {
    "when": "2026-11-30T09:00:00-05:00", "until": "2026-11-30T09:15:00-05:00", "who": "Gagnon", "key": "101",
    "site": "principal", "type": "s", "cell": sentence("free"), "leaves": False, "online": True,
    "rule": {"name": "matin", "line": 40},
    "reasons": [
        {"says": sentence("a [[sharing.deny]] rule says no, and no always wins"), "why": "denied", "name": "jamais",
         "line": 52},
        {"says": sentence("it begins sooner than min_notice allows"), "why": "min-notice", "name": "", "line": 0},
    ],
}  # fmt: skip
SHARED = {**ROW, "leaves": True, "reasons": []}
REPLY = {"day": "2026-11-30", "time": "09:00", "rows": [ROW], "applied": True, "same": True, "complete": True}


def test_explain_numbers_every_reason(run: Callable[..., Any], door: Any) -> None:
    """One slot: each reason with its rule and line, then the rule that would share it."""
    door.answers["explain"] = REPLY
    code, out, _ = run("explain 2026-11-30 09:00 Dre Gagnon")
    assert code == 0
    assert door.asked == [("explain", {"when": "2026-11-30 09:00", "who": "Dre Gagnon"})]
    assert out.splitlines() == [
        "2026-11-30 09:00-09:15  Gagnon  principal  s",
        "  free: not shared any more, leaves the hub with the next message",
        "  1. a [[sharing.deny]] rule says no, and no always wins (« jamais », line 52)",
        "  2. it begins sooner than min_notice allows",
        "  allowed by “matin”, line 40",
    ]


def test_explain_a_day_has_a_line_a_slot(run: Callable[..., Any], door: Any) -> None:
    """The first reason is enough for a day; French under its French name."""
    rows = [ROW, SHARED, {**SHARED, "online": False}, {**ROW, "online": False, "rule": None}]
    door.answers["explain"] = {**REPLY, "time": None, "rows": rows, "applied": False}
    _, out, _ = run("pourquoi lundi --lang fr")
    assert door.asked == [("explain", {"when": "lundi", "who": ""})]
    lines = out.splitlines()
    assert lines[0] == "2026-11-30"
    assert "une règle [[sharing.deny]] dit non" in lines[2]
    assert "partagée " in lines[3]
    assert "permise par" in lines[3]
    assert "part au prochain envoi" in lines[4]
    assert "Aucune règle n'a encore été mise en vigueur" in lines[-1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rows": []}, "Nothing in the agenda then"),
        ({"same": False}, "The file says something else"),
        ({"complete": False}, "in part only"),
    ],
)
def test_explain_says_what_may_mislead(run: Callable[..., Any], door: Any, change: Any, says: str) -> None:
    """Nothing there, another file, half a reading."""
    door.answers["explain"] = {**REPLY, **change}
    assert says in run("explain 2026-11-30")[1]


def test_json_of_explain_and_vetoes(run: Callable[..., Any], door: Any) -> None:
    """--json is the answer as it came."""
    door.answers |= {
        "explain": REPLY,
        "veto-add": {"code": "x"},
        "veto-list": {"vetoes": []},
        "veto-lift": {"who": "A"},
    }
    for line, verb in (
        ("explain 2026-11-30", "explain"), ("veto add A", "veto-add"), ("veto list", "veto-list"),
        ("veto lift A", "veto-lift"),
    ):  # fmt: skip
        assert json.loads(run(f"{line} --json", typed="code\n")[1]) == door.answers[verb]


def test_a_veto_prints_its_code_once(run: Callable[..., Any], door: Any) -> None:
    """The code stands alone on its line, with how to lift it."""
    door.answers["veto-add"] = {"who": "Dre A", "code": "AB12C-DE34F-GH56J", "codes": ["101"]}
    code, out, _ = run("veto add Gagnon")
    assert code == 0
    assert "Code for the doctor alone: AB12C-DE34F-GH56J" in out
    assert "creneau veto lift 101" in out


def test_a_veto_is_lifted_with_the_code_read_from_the_input(run: Callable[..., Any], door: Any) -> None:
    """Never on the command line, where others could read it."""
    door.answers["veto-lift"] = {"who": "Dre A"}
    code, out, _ = run("veto lift 101", typed="AB12C-DE34F-GH56J\n")
    assert (code, door.asked) == (0, [("veto-lift", {"who": "101", "code": "AB12C-DE34F-GH56J"})])
    assert "is lifted" in out
    door.answers["veto-lift"] = Refused(say("lift the veto"), say("this is not the doctor's code"), reason="code")
    code, _, err = run("veto lever 101 --lang fr", typed="no\n")
    assert code == 1
    assert "ce n'est pas le code du médecin" in err


def test_vetoes_are_listed(run: Callable[..., Any], door: Any) -> None:
    """Who, since when, kept by whom; none is said too."""
    door.answers["veto-list"] = {"vetoes": []}
    assert run("veto list")[1] == "No veto.\n"
    row = {"who": "Dre A", "emr": "dme", "code": "101", "since": "2026-11-23T13:00:00-05:00", "by": "manon"}
    door.answers["veto-list"] = {"vetoes": [row]}
    assert run("veto liste")[1].splitlines()[1].split() == ["Dre", "A", "dme", "101", "2026-11-23", "13:00", "manon"]


PREVIEW = {
    "columns": [
        {"key": "when", "side": "agenda", "title": sentence("when"), "wide": False},
        {"key": "who", "side": "agenda", "title": sentence("who"), "wide": False},
        {"key": "start", "side": "leaves", "title": sentence("start"), "wide": False},
        {"key": "why", "side": "leaves", "title": sentence("stays because"), "wide": True},
    ],
    "rows": [
        {"when": "2026-11-30 09:00", "who": "<b>Gagnon</b>", "start": "2026-11-30 09:00", "why": None},
        {"when": "2026-11-30 09:20", "who": "Simard", "start": None, "why": sentence("too soon")},
        {"when": "2026-11-30 09:40", "who": "Simard", "start": None, "why": None},
    ],
    "new": [], "counts": {"leaves": 1, "stays": 1}, "rehearsal": True, "applied": False,
    "posture": {"word": "paused", "says": sentence("paused: nothing new appears")}, "complete": False,
}  # fmt: skip


class Page(HTMLParser):
    """Counts what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[dict[str, str | None]]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.setdefault(tag, []).append(dict(attrs))


def test_the_page_is_self_contained_and_accessible(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """No script, nothing from outside, a language, one heading, headed rows and columns, words beside colours."""
    door.answers["preview"] = PREVIEW
    file = tmp_path / "apercu.html"
    code, out, _ = run(f"apercu --lang fr --html {file}")
    assert (code, "apercu.html" in out) == (0, True)
    text = file.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert not {"script", "img", "link", "iframe", "b"} & page.seen.keys()
    assert not re.search(r"(?i)\bsrc=|\bhref=|https?:|url\(|\son[a-z]+=", text)
    assert page.seen["html"] == [{"lang": "fr-CA"}]
    assert (len(page.seen["h1"]), len(page.seen["caption"])) == (1, 1)
    assert [one.get("scope") for one in page.seen["th"]] == ["col"] * 5 + ["row"] * 3
    assert "&lt;b&gt;Gagnon" in text
    assert "<td>sort</td>" in text
    assert "<td>reste</td>" in text
    assert "Répétition" in text
    assert "en partie" in text


def test_the_page_speaks_english_too_and_says_what_is_not_applied(
    run: Callable[..., Any], door: Any, tmp_path: Path
) -> None:
    """The other notes."""
    posture = {"word": "open", "says": sentence("open")}
    door.answers["preview"] = {**PREVIEW, "rehearsal": False, "complete": True, "posture": posture}
    file = tmp_path / "p.html"
    run(f"preview --html {file}")
    assert "These rules are not applied yet" in file.read_text(encoding="utf-8")
    assert 'lang="en-CA"' in file.read_text(encoding="utf-8")
    door.answers["preview"] = {**door.answers["preview"], "applied": True}
    run(f"preview --html {file}")
    assert "not applied" not in file.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_said(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """Three lines and exit 1."""
    door.answers["preview"] = PREVIEW
    code, _, err = run(f"preview --html {tmp_path / 'no' / 'p.html'}")
    assert code == 1
    assert "the file cannot be written" in err


EXPOSURE = {
    "says": sentence("An observer recovers the weekly hours of {who} to {n} minutes.", who="Dre A", n=3),
    "clinic": "own", "doctors": 4, "days": 20, "current": "kinds",
    "rows": [
        {"key": "kinds", "policy": sentence("free places of the shared types, with the person"), "day_h": 1.61,
         "template_h": 0.05, "useful": 1.0, "current": True},
        {"key": "half-day", "policy": sentence("the same, half-days instead of times"), "day_h": 1.4, "template_h": 1.6,
         "useful": 1.0, "current": False},
        {"key": "team", "policy": sentence("the same, the team instead of the person"), "day_h": None,
         "template_h": None, "useful": 0.5, "current": False},
    ],
    "team": [{"size": 3, "auc": 0.74}], "thin": [{"day": "2026-12-01", "people": 1}],
}  # fmt: skip


def test_exposure_begins_with_the_sentence(run: Callable[..., Any], door: Any) -> None:
    """Then the table, the chart, the odds of teams, thin days, and what no setting changes."""
    door.answers["exposure"] = EXPOSURE
    code, out, _ = run("exposition --lang fr --days 14")
    lines = out.splitlines()
    assert (code, door.asked) == (0, [("exposure", {"days": 14, "sample": False})])
    assert lines[0] == "Un observateur retrouve les heures hebdomadaires de Dre A à 3 minutes près."
    assert any(line.startswith("→") and "1.61" in line and "100 %" in line for line in lines)
    assert any(line.endswith("#" * 30) for line in lines)
    assert any("74 fois sur 100" in line for line in lines)
    assert "seulement 1 de l'équipe" in out
    assert "facturation" in lines[-1]
    door.answers["exposure"] = {**EXPOSURE, "clinic": "built-in", "rows": [EXPOSURE["rows"][2]]}
    assert "A made-up clinic" in run("exposure --sample")[1]
    assert json.loads(run("exposure --json")[1])["clinic"] == "built-in"


def test_exposure_as_a_page(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """The same for a meeting."""
    door.answers["exposure"] = EXPOSURE
    file = tmp_path / "e.html"
    assert run(f"exposure --html {file}")[0] == 0
    page = Page()
    page.feed(file.read_text(encoding="utf-8"))
    assert not {"script", "img", "link"} & page.seen.keys()
    assert 'class="out"' in file.read_text(encoding="utf-8")
