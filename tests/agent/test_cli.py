"""The `creneau` command: its words, its screens in both languages, its exits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.cli import front, main, speaking
from agent.cli.app import build
from agent.cli.session import Places
from agent.cli.table import COMMANDS, GROUPS
from agent.config.faults import Fault, Faults
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.language import Speech

TABLE = """
status|etat|One screen: is it working, since when, what to do next.|Un écran : est-ce que ça marche, depuis quand, que faire.
demo|demo|Show the whole job on a made-up clinic, with no server.|Montrer tout le travail sur une clinique fictive.
version|version|Print version, build and supported systems.|Afficher la version et les systèmes acceptés.
preview|apercu|Agenda on the left, what would leave on the right.|À gauche l'agenda, à droite ce qui sortirait.
sharing show|partage voir|Print the sharing rules in plain words.|Dire les règles de partage en mots simples.
sharing diff|partage comparer|Slots that would appear or vanish with the edited file.|Plages qui apparaîtraient ou disparaîtraient.
sharing apply|partage appliquer|Put the edited rules into force, after asking.|Mettre les règles en vigueur, après confirmation.
sharing pause|partage pause|No new slot appears; removals and bookings go on.|Rien de nouveau ne paraît; retraits et rendez-vous suivent.
sharing withdraw|partage retirer|Take every slot offline; kept appointments stay.|Tout retirer du Web; les rendez-vous pris restent.
sharing resume|partage reprendre|End a pause, a withdrawal or a freeze.|Mettre fin à une pause, un retrait ou un gel.
freeze|gel|Kill switch: not one write into the EMR until resume.|Arrêt d'urgence : aucune écriture au DMÉ jusqu'à reprise.
tasks list|taches liste|What needs a person: to enter, to check, to call.|Ce qui attend une personne : saisir, vérifier, appeler.
tasks show|taches voir|Show one task with the patient's details; logged.|Montrer une tâche et les données du patient; consigné.
tasks done|taches faire|Answer a task: it is in the agenda, or it is not.|Répondre : c'est à l'agenda, ou ça n'y est pas.
unsold|invendus|Published slots nobody can book now; fill by phone.|Plages publiées non réservables; à combler par téléphone.
bookings|rendez-vous|Online bookings and where each one stands.|Les rendez-vous pris en ligne et où chacun en est.
init|installer|Write a commented configuration from a few questions.|Écrire une configuration commentée, par questions.
check|verifier|Touch everything, change nothing, as the service would.|Tout essayer sans rien changer, comme le service.
emr list|dme liste|Types, sites and people found in the EMR, with counts.|Types, lieux et personnes du DMÉ, avec leurs nombres.
secret set|secret poser|Store a password or key in the vault; asked, not typed.|Ranger un mot de passe au coffre; saisie masquée.
secret list|secret liste|Names of stored secrets, never their values.|Noms des secrets rangés, jamais leurs valeurs.
enrol|inscrire|Join a hub with a one-time code; compare fingerprints.|Joindre un carrefour par code unique; comparer l'empreinte.
run|executer|Run the agent here, in the foreground.|Faire tourner l'agent ici, au premier plan.
hub init|carrefour creer|Create a hub: keys, store, settings.|Créer un carrefour : clés, base, réglages.
hub serve|carrefour servir|Run the reference hub.|Faire tourner le carrefour de référence.
hub code|carrefour code|Issue a one-time enrolment code.|Émettre un code d'inscription à usage unique.
hub portal|carrefour portail|Issue or end a portal's token.|Émettre le jeton d'un portail, ou y mettre fin.
hub clinics|carrefour cliniques|Count clinics by state; list those that need someone.|Compter par état; lister celles à rappeler.
hub clinic|carrefour clinique|One clinic: state, since when, whom to call.|Une clinique : état, depuis quand, qui appeler.
hub booking|carrefour rendez-vous|Follow one booking through its versions.|Suivre un rendez-vous à travers ses versions.
hub offers|carrefour offres|Stop or restart offering slots: one clinic or all.|Suspendre ou rouvrir l'offre : une clinique ou toutes.
hub revoke|carrefour revoquer|Shut out a clinic's key now.|Exclure sur-le-champ la clé d'une clinique.
hub takeover|carrefour reprise|Approve a replacement agent, after a phone call.|Approuver un agent de remplacement, après appel.
hub backup|carrefour sauvegarder|Save the hub's store; patients stay sealed.|Sauvegarder la base; les patients restent scellés.
"""
ROWS = [tuple(row.split("|")) for row in TABLE.strip().splitlines()]


def plain(text: str) -> str:
    """Without the hard spaces French typography puts in."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


class FakeDoor:
    """Answers what the test laid out, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Mapping[str, Any]:
        assert who
        self.asked.append((verb, dict(args)))
        answer = self.answers[verb]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


@pytest.fixture
def places(door: FakeDoor, tmp_path: Path) -> Places:
    @contextmanager
    def open_door(plan: Any) -> Iterator[FakeDoor]:
        yield door

    plan = SimpleNamespace(service=SimpleNamespace(data_dir=tmp_path / "data", log_level="info"))
    return Places(lambda _file: plan, open_door, lambda _plan: None)


@pytest.fixture
def run(
    places: Places, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in English, from a file that is not there; return exit, output, errors."""
    monkeypatch.setenv("CRENEAU_CONFIG", str(tmp_path / "creneau.toml"))
    monkeypatch.setenv("LC_ALL", "en_CA.UTF-8")

    def run(line: str, *, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", StringIO(typed))
        code = main(line.split(), places)
        seen = capsys.readouterr()
        return code, plain(seen.out), plain(seen.err)

    return run


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


# ---- words


def test_commands_aliases_and_help_lines_are_the_table() -> None:
    """What is implemented has the very words of the design, in both languages."""
    french = Speech("fr")
    told = [(one.words, one.alias, str(one.help), plain(french.say(one.help))) for one in COMMANDS]
    assert told == ROWS


def test_help_lines_have_at_most_60_characters() -> None:
    """Groups and commands, English and French."""
    french = Speech("fr")
    for one in (*COMMANDS, *GROUPS):
        assert len(str(one.help)) <= 60, one
        assert len(french.say(one.help)) <= 60, one


@pytest.mark.parametrize("column", [0, 1])
def test_every_command_answers_to_both_its_names(run: Callable[..., Any], column: int) -> None:
    """The French alias is the same command: its help has the same line."""
    for row in ROWS:
        code, out, _ = run(f"{row[column]} --help")
        assert code == 0
        assert row[2] in out


def test_the_first_help_shows_no_alias_and_no_hub(run: Callable[..., Any]) -> None:
    """A manager sees about twenty lines; integrators' groups are behind `more`."""
    code, out, _ = run("--help")
    shown = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.startswith("  ")]
    assert code == 0
    assert "status" in shown
    assert not {"etat", "partage", "carrefour", "hub"} & set(shown)
    assert len(shown) <= 20


def test_french_help_is_french_to_the_last_word(run: Callable[..., Any]) -> None:
    """Headings, options and the help of help are said in French too."""
    code, out, _ = run("apercu --help --lang fr")
    assert code == 0
    assert "À gauche l'agenda" in out
    assert "Options :" in out
    assert "Nombre de jours" in out
    assert "Afficher cette aide." in out
    assert "Usage :" in out


def test_options_for_everything_may_stand_anywhere() -> None:
    """--lang, --config and --json are taken out wherever they are, but not after `--`."""
    taken, rest = front(["tasks", "--json", "show", "--lang=fr", "12", "--config", "c.toml", "--", "--json"])
    assert taken == {"--json": "", "--lang": "fr", "--config": "c.toml"}
    assert rest == ["tasks", "show", "12", "--", "--json"]


def test_the_language_is_the_option_the_environment_the_clinic_french(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that order; a file that cannot be read is no obstacle."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "c.toml"
    file.write_text('[clinic]\nlanguage = "en"\n')
    yes = say("yes")
    assert speaking(None, str(file), quick=False)(yes) == "yes"
    assert speaking("fr", str(file), quick=False)(yes) == "oui"
    assert speaking(None, str(file), quick=True)(yes) == "oui"
    file.write_text("[clinic")
    assert speaking(None, str(file), quick=False)(yes) == "oui"
    monkeypatch.setenv("LANG", "en_CA.UTF-8")
    assert speaking(None, None, quick=True)(yes) == "yes"


def test_without_a_catalogue_the_command_speaks_english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broken installation still says what is wrong."""
    import agent.language

    monkeypatch.setattr(agent.language, "_FOLDER", tmp_path)
    agent.language._catalogue.cache_clear()
    try:
        assert speaking("fr", None, quick=True)(say("yes")) == "yes"
    finally:
        agent.language._catalogue.cache_clear()


# ---- screens


def test_status_is_one_screen(run: Callable[..., Any], door: FakeDoor) -> None:
    """What works, since when, what to do next; partly working is a finding."""
    door.answers["status"] = STATUS
    code, out, _ = run("status")
    assert code == 1
    assert "Créneau is working in part.  (since 2026-11-23 08:00)" in out
    assert "x Contact with the hub" in out
    assert "does not answer; trying again  (2 h)" in out
    assert "Sharing" in out
    assert out.rstrip().endswith("- Slots to fill by phone (3): creneau unsold")


def test_status_in_french(run: Callable[..., Any], door: FakeDoor) -> None:
    """The same screen, every word of it."""
    door.answers["status"] = STATUS
    _, out, _ = run("etat --lang fr")
    assert "Créneau fonctionne en partie.  (depuis 2026-11-23 08:00)" in out
    assert "Lecture de l'agenda (dme)" in out
    assert "fonctionne  (12 s)" in out
    assert "Plages à combler par téléphone (3) : creneau unsold" in out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot change the zone of a process")
def test_the_agents_own_times_are_shown_in_ours(
    run: Callable[..., Any], door: FakeDoor, monkeypatch: pytest.MonkeyPatch
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


def test_json_is_what_the_agent_answered(run: Callable[..., Any], door: FakeDoor) -> None:
    """--json prints the answer whole and nothing else; the exit is the same."""
    door.answers["status"] = STATUS
    code, out, _ = run("status --json")
    assert (code, json.loads(out)) == (1, STATUS)


def test_a_status_that_is_well_is_exit_0(run: Callable[..., Any], door: FakeDoor) -> None:
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


def test_preview_shows_the_columns_the_agent_sent(run: Callable[..., Any], door: FakeDoor) -> None:
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


def test_preview_of_rules_not_applied_says_so(run: Callable[..., Any], door: FakeDoor) -> None:
    """Outside a rehearsal the hint names the two next commands; a whole, open clinic has no note."""
    posture = {"word": "open", "says": sentence("open")}
    door.answers["preview"] = {**PREVIEW, "rehearsal": False, "complete": True, "posture": posture, "new": []}
    assert "creneau sharing apply" in run("preview")[1]
    door.answers["preview"] = {**PREVIEW, "rehearsal": False, "applied": True, "complete": True, "posture": posture}
    assert "creneau sharing apply" not in run("preview")[1]


SLOT = {"when": "2026-11-30T09:00:00-05:00", "until": "2026-11-30T09:20:00-05:00", "who": "Gagnon",
        "site": "principal", "type": "s"}  # fmt: skip
DIFF = {"digest": "d1", "same": False, "rehearsal": True, "appear": [SLOT] * 42, "vanish": [], "change": []}


def test_diff_lists_the_slots_that_move(run: Callable[..., Any], door: FakeDoor) -> None:
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


def test_apply_asks_first_and_sends_what_was_shown(run: Callable[..., Any], door: FakeDoor) -> None:
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


def test_apply_with_yes_asks_nobody(run: Callable[..., Any], door: FakeDoor) -> None:
    """Scripts say --yes; a rehearsal is said to be one."""
    door.answers["sharing-diff"] = DIFF
    door.answers["sharing-apply"] = {"digest": "d1", "enabled": False, "expires": "2027-06-30"}
    code, out, _ = run("partage appliquer --yes")
    assert code == 0
    assert "Applied. Rehearsal" in out
    assert json.loads(run("sharing apply --yes --json")[1])["expires"] == "2027-06-30"


def test_apply_of_rules_in_force_does_nothing(run: Callable[..., Any], door: FakeDoor) -> None:
    """No question is asked when there is no difference to apply."""
    door.answers["sharing-diff"] = {**DIFF, "same": True}
    code, out, _ = run("sharing apply")
    assert (code, len(door.asked)) == (0, 1)
    assert "in force already" in out
    assert json.loads(run("sharing apply --json")[1])["same"]


def test_show_says_the_rules_in_plain_words(run: Callable[..., Any], door: FakeDoor) -> None:
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
def test_a_posture_is_ordered_and_its_end_named(run: Callable[..., Any], door: FakeDoor, line: str, verb: str) -> None:
    """Each order says how it stands now and how to end it."""
    door.answers[verb] = {"posture": "paused", "was": "open", "says": sentence("paused: nothing new appears")}
    code, out, _ = run(line)
    assert (code, door.asked) == (0, [(verb, {})])
    assert "creneau sharing resume" in out


def test_withdraw_asks_and_resume_does_not(run: Callable[..., Any], door: FakeDoor) -> None:
    """Taking all offline needs a yes; ending it needs none."""
    assert run("sharing withdraw", typed="n\n")[0] == 2
    assert door.asked == []
    door.answers["sharing-resume"] = {"posture": "open", "was": "paused", "says": sentence("open")}
    code, out, _ = run("sharing resume --json")
    assert (code, json.loads(out)["posture"]) == (0, "open")
    assert run("partage reprendre")[1].strip() == "Now: open"


def test_check_prints_one_line_a_finding(run: Callable[..., Any], door: FakeDoor) -> None:
    """Faults come with place and hint; the exit tells a finding from what could not be reached."""
    fault = {"part": "config", "code": "config.fault", "severity": "fault", "says": sentence("no duration"),
             "hint": sentence("try again"), "file": "c.toml", "line": 7, "key": "poll", "value": "x"}  # fmt: skip
    good = {"part": "emr", "code": "emr.read", "severity": "ok", "says": sentence("the EMR answers"), "emr": "dme"}
    door.answers["check"] = {"findings": [good, fault], "worst": "fault"}
    code, out, _ = run("check")
    assert code == 1
    assert "+ dme        the EMR answers" in out
    assert "x config     no duration  (c.toml:7 poll)" in out
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
def test_the_exit_of_check(
    run: Callable[..., Any], door: FakeDoor, findings: list[Any], worst: str, exits: int
) -> None:
    """0 well, 1 a finding, 2 what could not be told."""
    door.answers["check"] = {"findings": findings, "worst": worst}
    assert run("check hub --json")[0] == exits
    assert door.asked[-1] == ("check", {"part": "hub"})


def test_tasks_list_show_done(run: Callable[..., Any], door: FakeDoor) -> None:
    """The list has no patient, the task has; the answer has no default."""
    task = {"n": 12, "kind": "enter", "says": sentence("Enter this appointment in the agenda."), "booking": "b",
            "facts": {"start": "2026-11-30T09:00:00-05:00", "practitioner": "Gagnon", "site": "principal"},
            "opened": "2026-11-23T08:00:00-05:00", "answer": None, "answered": None, "who": ""}  # fmt: skip
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


def test_a_task_without_details_and_no_task_at_all(run: Callable[..., Any], door: FakeDoor) -> None:
    """Erased details are said to be gone; an empty list is exit 0."""
    task = {"n": 1, "says": sentence("to check"), "facts": {}, "answer": True, "opened": None}
    door.answers["tasks-show"] = {"task": task, "patient": None}
    out = run("tasks show 1")[1]
    assert "no longer kept" in out
    assert "Then:" not in out
    door.answers["tasks-list"] = {"tasks": []}
    code, out, _ = run("tasks list --all")
    assert (code, door.asked[-1][1]) == (0, {"answered": True})
    assert "Nothing needs a person." in out


def test_bookings_and_unsold(run: Callable[..., Any], door: FakeDoor) -> None:
    """Tables of what was booked and of what nobody can book; unsold slots are a finding."""
    row = {**SLOT, "booking": "b-1", "says": sentence("not confirmed yet")}
    door.answers["bookings"] = {"bookings": [row]}
    assert "pas encore confirmé" in run("rendez-vous --lang fr")[1]
    door.answers["bookings"] = {"bookings": []}
    assert "No online booking." in run("bookings --past")[1]
    door.answers["unsold"] = {"unsold": [{**SLOT, "why": sentence("the hub does not answer"), "since": None}]}
    code, out, _ = run("unsold")
    assert code == 1
    assert "the hub does not answer" in out
    door.answers["unsold"] = {"unsold": [], "published": 7}
    code, out, _ = run("invendus")
    assert code == 0
    assert "(7)" in out


def test_emr_list_shows_what_is_new(run: Callable[..., Any], door: FakeDoor) -> None:
    """A code the file does not name is said to be new and not shared."""
    door.answers["emr-list"] = {"names": [
        {"emr": "dme", "kind": "type", "code": "z", "label": "Zona", "free": 4, "named": None},
        {"emr": "dme", "kind": "practitioner", "code": "101", "label": "Gagnon", "free": 9, "named": "Dre Gagnon"},
    ]}  # fmt: skip
    out = run("dme liste --days 7")[1]
    assert "new, not shared" in out
    assert "Dre Gagnon" in out
    assert door.asked == [("emr-list", {"days": 7})]


def test_a_secret_is_read_from_the_input_and_never_printed(run: Callable[..., Any], door: FakeDoor) -> None:
    """The value comes from a pipe or a hidden question, never from the command line."""
    door.answers["secret-set"] = {"name": "dme"}
    code, out, err = run("secret set dme", typed="hunter2\r\n")
    assert (code, door.asked) == (0, [("secret-set", {"name": "dme", "value": "hunter2"})])
    assert "hunter2" not in out + err
    door.answers["secret-list"] = {"secrets": [{"name": "dme", "stored": False, "used": True}]}
    code, out, _ = run("secret liste")
    assert code == 1
    assert "yes" in out


def test_a_secret_typed_on_a_terminal_is_hidden(
    door: FakeDoor, places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal the question does not echo."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda question: f"typed at {question}")
    door.answers["secret-set"] = {"name": "dme"}
    assert main(["secret", "set", "dme", "--lang", "en"], places) == 0
    assert door.asked[0][1]["value"] == "typed at Secret for dme: "


def test_enrol_shows_the_fingerprint(run: Callable[..., Any], door: FakeDoor) -> None:
    """Two people compare it by phone."""
    door.answers["enrol"] = {"clinic": "fjord", "hub": "https://h", "fingerprint": "1a2b-3c4d", "instance": "i"}
    assert "Fingerprint: 1a2b-3c4d" in run("enrol K7QD-1")[1]
    assert door.asked == [("enrol", {"code": "K7QD-1"})]


# ---- faults


@pytest.mark.parametrize(
    ("error", "exits"),
    [
        (Transient(say("read slots"), say("login timed out"), say("creneau check emr")), 2),
        (Ambiguous(say("read slots"), say("login timed out")), 2),
        (Refused(say("read slots"), say("login timed out")), 1),
        (Misconfigured(say("read slots"), say("login timed out"), file="c.toml", key="poll", line=3), 1),
    ],
)
def test_an_error_is_three_lines_and_an_exit(
    run: Callable[..., Any], door: FakeDoor, error: CreneauError, exits: int
) -> None:
    """What we were at, what happened, what to do; no traceback."""
    door.answers["status"] = error
    code, out, err = run("status")
    assert (code, out) == (exits, "")
    assert err.startswith("error: could not read slots\n  cause: login timed out")
    assert ("try:   creneau check emr" in err) == (error.hint is not None)
    assert ("(c.toml:3, poll)" in err) == isinstance(error, Misconfigured)
    assert "Traceback" not in err


def test_an_error_in_french(run: Callable[..., Any], door: FakeDoor) -> None:
    """The frame and the sentences are said in the language of the run."""
    door.answers["status"] = Transient(
        say("talk to the agent on this machine"), say("the agent did not answer"), say("creneau status")
    )
    err = run("status --lang fr")[2]
    assert "erreur à l'étape « parler à l'agent de ce poste »" in err
    assert "cause : l'agent n'a pas répondu" in err
    assert "essayer : creneau status" in err


def test_every_fault_of_the_file_is_shown(run: Callable[..., Any], door: FakeDoor) -> None:
    """Each with its line, key and value."""
    faults = (Fault("c.toml", "poll", "soon", 7, say("bad"), say("60s")), Fault("c.toml", "id", "", 9, say("missing")))
    door.answers["status"] = Faults(faults)
    code, _, err = run("status")
    assert code == 1
    assert "(c.toml:7, poll = soon)" in err
    assert "(c.toml:9, id)" in err


def test_a_fault_of_ours_shows_no_traceback(
    run: Callable[..., Any], door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person reads what to do; CRENEAU_DEBUG=1 raises it."""
    door.answers["status"] = RuntimeError("Tremblay")
    code, _, err = run("status")
    assert code == 2
    assert "CRENEAU_DEBUG=1" in err
    assert "Tremblay" not in err
    monkeypatch.setenv("CRENEAU_DEBUG", "1")
    with pytest.raises(RuntimeError):
        run("status")


def test_an_interrupted_command_is_exit_130(run: Callable[..., Any], door: FakeDoor) -> None:
    """Ctrl+C ends quietly, as shells expect."""
    door.answers["status"] = KeyboardInterrupt()
    door.ask = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt())  # type: ignore[method-assign]
    assert run("status")[0] == 130


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("statu", "No such command 'statu'"),
        ("preview --dayz 3", "there is no option --dayz"),
        ("tasks show", "N is missing"),
        ("tasks done 3", "--in-agenda / --not-in-agenda is missing"),
        ("preview --days 900", "--days is not right"),
    ],
)
def test_a_wrong_command_line_names_the_help(run: Callable[..., Any], line: str, cause: str) -> None:
    """Exit 2, the cause, and which help to read."""
    code, _, err = run(line)
    assert code == 2
    assert cause in err
    assert "--help" in err


def test_a_group_alone_prints_its_help(run: Callable[..., Any]) -> None:
    """`creneau tasks` is a question, not a fault."""
    code, out, _ = run("tasks")
    assert code == 0
    assert "done" in out


def test_a_console_without_accents_does_not_crash(door: FakeDoor, tmp_path: Path) -> None:
    """ASCII and cp1252 consoles get a replacement character, never an exception."""
    for encoding in ("ascii", "cp1252"):
        env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "fr_CA"}
        done = subprocess.run([sys.executable, "-m", "agent", "--help"], capture_output=True, env=env, check=False)
        assert done.returncode == 0, done.stderr
        assert b"status" in done.stdout


# ---- real processes


def test_version_runs_as_a_process() -> None:
    """`python -m agent version` prints the version, with or without JSON."""
    from agent import __version__

    done = subprocess.run([sys.executable, "-m", "agent", "version", "--json"], capture_output=True, check=True)
    assert json.loads(done.stdout)["version"] == __version__


def test_help_loads_no_driver() -> None:
    """Start time and memory are promises: nothing heavy is imported before a command needs it."""
    code = (
        "import sys\nfrom agent.cli import main\nmain(['--help'])\n"
        "heavy = {'httpx','apsw','sqlalchemy','fastapi','pyodbc','keyring','apscheduler','joserfc','cryptography','rich'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_built_command_has_no_shell_completion_surprise() -> None:
    """Only our own options stand on the first help: no --install-completion."""
    options = {name for param in build(str).params for name in param.opts}
    assert options == {"--lang", "--config", "--json"}
