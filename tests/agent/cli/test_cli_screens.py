"""What each command of `creneau` prints, in both languages, and how it exits."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

import pytest

from agent.cli import main
from agent.cli.session import Places


def sentence(text: str, **args: Any) -> Mapping[str, Any]:
    return {"id": text, "args": args}


STATUS = {
    "working": "partly",
    "since": "2026-11-23T08:00:00-05:00",
    "says": sentence("Créneau is working in part."),
    "lines": [
        {"part": "publish", "name": sentence("Reading the agenda"), "source": "dme", "severity": "ok",
         "says": sentence("works"), "for_s": 12},
        {"part": "beat", "name": sentence("Contact with the hub"), "source": "", "severity": "fault",
         "says": sentence("does not answer; trying again"), "for_s": 7300},
        {"part": "sharing", "name": sentence("Sharing"), "source": "", "severity": "ok",
         "says": sentence("in force until {day}", day="2027-06-30"), "for_s": None},
    ],
    "next": [sentence("Slots to fill by phone ({n}): creneau unsold", n=3)],
    "counts": {"online": 12, "unsold": 3, "tasks": 0, "bookings": 2},
}  # fmt: skip


# ---- screens


def test_status_is_one_screen(run: Callable[..., Any], door: Any) -> None:
    """What works, since when, what to do next; partly working is a finding."""
    door.answers["status"] = STATUS
    code, out, _ = run("status")
    assert code == 1
    assert "Créneau is working in part.  (since 2026-11-23 08:00)" in out
    assert "x Contact with the hub" in out
    assert "does not answer; trying again  (2 h)" in out
    assert "Sharing" in out
    assert out.rstrip().endswith("- Slots to fill by phone (3): creneau unsold")


def test_status_in_french(run: Callable[..., Any], door: Any) -> None:
    """The same screen, every word of it."""
    door.answers["status"] = STATUS
    _, out, _ = run("etat --lang fr")
    assert "Créneau fonctionne en partie.  (depuis 2026-11-23 08:00)" in out
    assert "Lecture de l'agenda (dme)" in out
    assert "fonctionne  (12 s)" in out
    assert "Plages à combler par téléphone (3) : creneau unsold" in out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot change the zone of a process")
def test_the_agents_own_times_are_shown_in_ours(
    run: Callable[..., Any], door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UTC is for machines; a slot keeps the zone of its site."""
    monkeypatch.setenv("TZ", "America/Toronto")
    time.tzset()
    try:
        door.answers["status"] = {**STATUS, "since": "2026-11-23T13:00:00+00:00"}
        assert "(since 2026-11-23 08:00)" in run("status")[1]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_json_is_what_the_agent_answered(run: Callable[..., Any], door: Any) -> None:
    """--json prints the answer whole and nothing else; the exit is the same."""
    door.answers["status"] = STATUS
    code, out, _ = run("status --json")
    assert (code, json.loads(out)) == (1, STATUS)


def test_a_status_that_is_well_is_exit_0(run: Callable[..., Any], door: Any) -> None:
    """Nothing to do, nothing since."""
    door.answers["status"] = {**STATUS, "working": "yes", "since": None, "next": []}
    code, out, _ = run("status")
    assert code == 0
    assert "What to do next" not in out


PREVIEW = {
    "columns": [
        {"key": "when", "side": "agenda", "title": sentence("when"), "wide": False},
        {"key": "where", "side": "agenda", "title": sentence("where"), "wide": True},
        {"key": "start", "side": "leaves", "title": sentence("start"), "wide": False},
        {"key": "why", "side": "leaves", "title": sentence("stays because"), "wide": False},
    ],
    "rows": [
        {"when": "2026-11-30 09:00", "where": "principal", "start": "2026-11-30 09:00", "why": None},
        {"when": "2026-11-30 09:20", "where": "principal", "start": None, "why": sentence("too soon")},
    ],
    "new": [
        {"kind": "type", "emr": "dme", "code": "z", "free": 4},
        {"kind": "practitioner", "emr": "dme", "code": "999", "free": 1},
    ],
    "counts": {"leaves": 1, "stays": 1},
    "rehearsal": True,
    "applied": False,
    "posture": {"word": "paused", "says": sentence("paused: nothing new appears")},
    "complete": False,
}


def test_preview_shows_the_columns_the_agent_sent(run: Callable[..., Any], door: Any) -> None:
    """Left and right are parted by a bar; wide columns wait for --wide; the notes stand below."""
    door.answers["preview"] = PREVIEW
    code, out, _ = run("preview --days 3 --who Gagnon")
    assert code == 0
    assert door.asked == [("preview", {"days": 3, "who": "Gagnon"})]
    lines = out.splitlines()
    assert [part.strip() for part in lines[0].split("|")] == ["when", "start             stays because"]
    assert lines[2].endswith("too soon")
    assert "principal" not in out
    assert "Slots that leave: 1; that stay: 1." in out
    assert "new type z, not shared; free slots: 4" in out
    assert "new person 999, not shared; free slots: 1" in out
    assert "Rehearsal: nothing leaves" in out
    assert "The EMR answered in part only" in out
    assert "Now: paused" in out
    assert "principal" in run("preview --wide")[1]


def test_preview_of_rules_not_applied_says_so(run: Callable[..., Any], door: Any) -> None:
    """Outside a rehearsal the hint names the two next commands; a whole, open clinic has no note."""
    posture = {"word": "open", "says": sentence("open")}
    door.answers["preview"] = {**PREVIEW, "rehearsal": False, "complete": True, "posture": posture, "new": []}
    assert "creneau sharing apply" in run("preview")[1]
    door.answers["preview"] = {**PREVIEW, "rehearsal": False, "applied": True, "complete": True, "posture": posture}
    assert "creneau sharing apply" not in run("preview")[1]


SLOT = {"when": "2026-11-30T09:00:00-05:00", "until": "2026-11-30T09:20:00-05:00", "who": "Gagnon",
        "site": "principal", "type": "s"}  # fmt: skip
DIFF = {"digest": "d1", "same": False, "rehearsal": True, "appear": [SLOT] * 42, "vanish": [], "change": []}


def test_diff_lists_the_slots_that_move(run: Callable[..., Any], door: Any) -> None:
    """A difference is a finding; long lists are cut with their rest counted."""
    door.answers["sharing-diff"] = DIFF
    code, out, _ = run("sharing diff")
    assert code == 1
    assert "Slots that appear: 42" in out
    assert "2026-11-30 09:00-09:20  Gagnon  principal  s" in out
    assert "… and 2 more" in out
    assert "Rehearsal" in out
    door.answers["sharing-diff"] = {**DIFF, "appear": [], "rehearsal": False}
    assert run("partage comparer")[0] == 0


def test_apply_asks_first_and_sends_what_was_shown(run: Callable[..., Any], door: Any) -> None:
    """`o` or `y` puts the shown text into force; anything else does nothing, exit 2."""
    door.answers["sharing-diff"] = DIFF
    door.answers["sharing-apply"] = {"digest": "d1", "enabled": True, "expires": "2027-06-30"}
    code, _, err = run("sharing apply", typed="\n")
    assert (code, [verb for verb, _ in door.asked]) == (2, ["sharing-diff"])
    assert "Nothing was done." in err
    code, out, err = run("sharing apply", typed="o\n")
    assert code == 0
    assert door.asked[-1] == ("sharing-apply", {"digest": "d1"})
    assert "[y/N]" in err
    assert "In force until 2027-06-30." in out


def test_apply_with_yes_asks_nobody(run: Callable[..., Any], door: Any) -> None:
    """Scripts say --yes; a rehearsal is said to be one."""
    door.answers["sharing-diff"] = DIFF
    door.answers["sharing-apply"] = {"digest": "d1", "enabled": False, "expires": "2027-06-30"}
    code, out, _ = run("partage appliquer --yes")
    assert code == 0
    assert "Applied. Rehearsal" in out
    assert json.loads(run("sharing apply --yes --json")[1])["expires"] == "2027-06-30"


def test_apply_of_rules_in_force_does_nothing(run: Callable[..., Any], door: Any) -> None:
    """No question is asked when there is no difference to apply."""
    door.answers["sharing-diff"] = {**DIFF, "same": True}
    code, out, _ = run("sharing apply")
    assert (code, len(door.asked)) == (0, 1)
    assert "in force already" in out
    assert json.loads(run("sharing apply --json")[1])["same"]


def test_show_says_the_rules_in_plain_words(run: Callable[..., Any], door: Any) -> None:
    """What holds for all rules, then each rule; what a rule leaves open is not listed."""
    rule = {"name": "Matin", "line": 12, "types": ["suivi"], "people": ["Dre A", "Dr B"], "sites": None,
            "days": [sentence("Mon"), sentence("Fri")], "between": ["08:00", "12:00"], "to": [sentence("anyone")]}  # fmt: skip
    never = {**rule, "name": "Soir", "types": None, "people": None, "days": None, "to": []}
    door.answers["sharing-show"] = {
        "enabled": True, "expires": "2027-06-30", "applied": False,
        "says": [sentence("Furthest day ahead: {n}", n=14)], "allow": [rule], "deny": [never],
    }  # fmt: skip
    code, out, _ = run("partage voir --lang fr")
    assert code == 0
    assert "Partage activé jusqu'au 2027-06-30." in out
    assert "Partagé : Matin (ligne 12)\n    types : suivi\n    personnes : Dre A, Dr B\n    jours : lun, ven" in out
    assert "Jamais : Soir (ligne 12)\n    heures : 08:00 - 12:00\n" in out
    assert "creneau sharing apply" in out
    door.answers["sharing-show"] = {**door.answers["sharing-show"], "enabled": False, "applied": True}
    out = run("sharing show")[1]
    assert "Rehearsal" in out
    assert "sharing apply" not in out
    assert json.loads(run("sharing show --json")[1])["applied"]


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ("sharing pause", "sharing-pause"),
        ("sharing withdraw --yes", "sharing-withdraw"),
        ("freeze", "freeze"),
        ("gel", "freeze"),
    ],
)
def test_a_posture_is_ordered_and_its_end_named(run: Callable[..., Any], door: Any, line: str, verb: str) -> None:
    """Each order says how it stands now and how to end it."""
    door.answers[verb] = {"posture": "paused", "was": "open", "says": sentence("paused: nothing new appears")}
    code, out, _ = run(line)
    assert (code, door.asked) == (0, [(verb, {})])
    assert "creneau sharing resume" in out


def test_withdraw_asks_and_resume_does_not(run: Callable[..., Any], door: Any) -> None:
    """Taking all offline needs a yes; ending it needs none."""
    assert run("sharing withdraw", typed="n\n")[0] == 2
    assert door.asked == []
    door.answers["sharing-resume"] = {"posture": "open", "was": "paused", "says": sentence("open")}
    code, out, _ = run("sharing resume --json")
    assert (code, json.loads(out)["posture"]) == (0, "open")
    assert run("partage reprendre")[1].strip() == "Now: open"


def test_check_prints_one_line_a_finding(run: Callable[..., Any], door: Any) -> None:
    """Faults come with place and hint; the exit tells a finding from what could not be reached."""
    fault = {"part": "config", "code": "config.fault", "severity": "fault", "says": sentence("no duration"),
             "hint": sentence("try again"), "file": "c.toml", "line": 7, "key": "poll", "value": "x"}  # fmt: skip
    good = {"part": "emr", "code": "emr.read", "severity": "ok", "says": sentence("the EMR answers"), "emr": "dme"}
    door.answers["check"] = {"findings": [good, fault], "worst": "fault"}
    code, out, _ = run("check")
    assert code == 1
    assert "+ dme        the EMR answers" in out
    assert "x config     no duration  (c.toml:7, poll)" in out
    assert "try:   try again" in out
    assert "creneau.toml" in out


@pytest.mark.parametrize(
    ("findings", "worst", "exits"),
    [
        ([], "ok", 0),
        ([{"part": "hub", "code": "hub.unreachable", "severity": "fault", "says": sentence("no")}], "fault", 2),
        ([{"part": "hub", "code": "hub.old", "severity": "warn", "says": sentence("no")}], "warn", 1),
    ],
)
def test_the_exit_of_check(run: Callable[..., Any], door: Any, findings: list[Any], worst: str, exits: int) -> None:
    """0 well, 1 a finding, 2 what could not be told."""
    door.answers["check"] = {"findings": findings, "worst": worst}
    assert run("check hub --json")[0] == exits
    assert door.asked[-1] == ("check", {"part": "hub"})


def test_tasks_list_show_done(run: Callable[..., Any], door: Any) -> None:
    """The list has no patient, the task has; the answer has no default."""
    task = {"n": 12, "kind": "enter", "says": sentence("Enter this appointment in the agenda."), "booking": "b",
            "facts": {"start": "2026-11-30T09:00:00-05:00", "practitioner": "Gagnon", "site": "principal"},
            "deadline": None, "opened": "2026-11-23T08:00:00-05:00", "answer": None, "answered": None, "who": ""}  # fmt: skip
    door.answers["tasks-list"] = {"tasks": [task]}
    code, out, _ = run("tasks list")
    assert code == 1
    assert "Enter this appointment" in out
    patient = {"family": "Tremblay", "given": "Luc", "born": "1980-05-01", "nam": "", "phone": "418"}
    door.answers["tasks-show"] = {"task": task, "patient": patient}
    code, out, _ = run("taches voir 12 --lang fr")
    assert code == 0
    assert "Tremblay" in out
    assert "prénom" in out
    assert "assurance" not in out
    assert run("tasks done 12")[0] == 2
    door.answers["tasks-done"] = {"task": {**task, "answer": False}}
    code, out, _ = run("tasks done 12 --not-in-agenda")
    assert (code, door.asked[-1]) == (0, ("tasks-done", {"n": 12, "in_agenda": False}))
    assert "Task 12 is answered." in out


def test_a_task_without_details_and_no_task_at_all(run: Callable[..., Any], door: Any) -> None:
    """Erased details are said to be gone; an empty list is exit 0."""
    task = {
        "n": 1,
        "says": sentence("to check"),
        "facts": {},
        "answer": True,
        "opened": None,
        "deadline": "2026-11-23T16:00:00-05:00",
    }
    door.answers["tasks-show"] = {"task": task, "patient": None}
    out = run("tasks show 1")[1]
    assert "no longer kept" in out
    assert "Then:" not in out
    door.answers["tasks-list"] = {"tasks": []}
    code, out, _ = run("tasks list --all")
    assert (code, door.asked[-1][1]) == (0, {"answered": True})
    assert "Nothing needs a person." in out


def test_bookings_and_unsold(run: Callable[..., Any], door: Any) -> None:
    """Tables of what was booked and of what nobody can book; unsold slots are a finding."""
    row = {**SLOT, "booking": "b-1", "says": sentence("not confirmed yet")}
    door.answers["bookings"] = {"bookings": [row]}
    assert "pas encore confirmé" in run("rendez-vous --lang fr")[1]
    door.answers["bookings"] = {"bookings": []}
    assert "No online booking." in run("bookings --past")[1]
    door.answers["unsold"] = {
        "unsold": [{**SLOT, "why": sentence("the hub does not answer"), "since": None}],
        "published": 3,
    }
    code, out, _ = run("unsold")
    assert code == 1
    assert "the hub does not answer" in out
    door.answers["unsold"] = {"unsold": [], "published": 7}
    code, out, _ = run("invendus")
    assert code == 0
    assert "(7)" in out
    door.answers["unsold"] = {"unsold": [], "published": 0}
    assert run("unsold")[:2] == (0, "No slot is published.\n")


def test_emr_list_shows_what_is_new(run: Callable[..., Any], door: Any) -> None:
    """A code the file does not name is said to be new and not shared."""
    door.answers["emr-list"] = {"names": [
        {"emr": "dme", "kind": "type", "code": "z", "label": "Zona", "free": 4, "named": None},
        {"emr": "dme", "kind": "practitioner", "code": "101", "label": "Gagnon", "free": 9, "named": "Dre Gagnon"},
    ]}  # fmt: skip
    out = run("dme liste --days 7")[1]
    assert "new, not shared" in out
    assert "Dre Gagnon" in out
    assert door.asked == [("emr-list", {"days": 7})]


def test_emr_grants_prints_statements_ready_to_run(run: Callable[..., Any], door: Any) -> None:
    """Comments and SQL, nothing else; a source without rights says so."""
    door.answers["emr-grants"] = {"grants": [{"emr": "dme", "sql": "GRANT SELECT ON x TO y;\n"}]}
    assert run("dme droits")[1] == "-- [[emr]] dme\nGRANT SELECT ON x TO y;\n"
    door.answers["emr-grants"] = {"grants": [{"emr": "dme", "sql": None}]}
    assert "dme: no rights to ask for" in run("emr grants")[1]
    assert '"sql": null' in run("emr grants --json")[1]


def test_a_secret_is_read_from_the_input_and_never_printed(run: Callable[..., Any], door: Any) -> None:
    """The value comes from a pipe or a hidden question, never from the command line."""
    door.answers["secret-set"] = {"name": "dme", "used": True}
    code, out, err = run("secret set dme", typed="hunter2\r\n")
    assert (code, door.asked) == (0, [("secret-set", {"name": "dme", "value": "hunter2"})])
    assert "hunter2" not in out + err
    door.answers["secret-list"] = {"secrets": [{"name": "dme", "stored": False, "used": True}]}
    code, out, _ = run("secret liste")
    assert code == 1
    assert "yes" in out


def test_a_secret_typed_on_a_terminal_is_hidden(
    door: Any, places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal the question does not echo."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda question: f"typed at {question}")
    door.answers["secret-set"] = {"name": "dme", "used": True}
    assert main(["secret", "set", "dme", "--lang", "en"], places) == 0
    assert door.asked[0][1]["value"] == "typed at Secret for dme: "


def test_enrol_shows_the_fingerprint(run: Callable[..., Any], door: Any) -> None:
    """Two people compare it by phone."""
    door.answers["enrol"] = {"clinic": "fjord", "hub": "https://h", "fingerprint": "1a2b-3c4d", "instance": "i"}
    assert "Fingerprint: 1a2b-3c4d" in run("enrol K7QD-1")[1]
    assert door.asked == [("enrol", {"code": "K7QD-1"})]
