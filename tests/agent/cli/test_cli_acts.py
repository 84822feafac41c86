"""Commands that write files, run the agent, or keep a hub."""

import json
import signal
import sys
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.cli import main
from agent.cli.account import account
from agent.cli.places import REAL
from agent.cli.run import wait
from agent.cli.session import Places, session
from agent.cli.waiting import _Bar, waiting
from agent.config import Plan


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in English over the real places; return exit, output, errors."""
    monkeypatch.setenv("CRENEAU_CONFIG", str(tmp_path / "etc" / "creneau.toml"))
    monkeypatch.setenv("CRENEAU_HUB", str(tmp_path / "hub"))
    monkeypatch.setenv("LC_ALL", "en_CA.UTF-8")
    monkeypatch.setattr(sys, "stdin", StringIO())

    def run(*args: str, places: Places = REAL) -> tuple[int, str, str]:
        code = main(list(args), places)
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return run


# ---- init


def test_init_writes_a_file_that_reads_back_and_a_vault(run: Callable[..., Any], tmp_path: Path) -> None:
    """Flags become values of the commented file; the data folder has its root key; nothing is overwritten."""
    data = tmp_path / "data"
    flags = ("--name", "Clinique du Lac", "--hub", "https://hub.example.org", "--data-dir", str(data))
    code, out, err = run("init", *flags, "--json")
    assert code == 0, err
    told = json.loads(out)
    plan: Plan = REAL.read(Path(told["file"]))
    assert (plan.clinic.name, plan.sites[0].name, plan.service.data_dir) == (
        "Clinique du Lac", "Clinique du Lac", data,
    )  # fmt: skip
    assert list(data.iterdir())
    code, _, err = run("init", *flags)
    assert code == 1
    assert "exists already" in err


def test_init_asks_on_a_terminal(run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no flag gave is asked; an empty answer keeps the example's value."""
    monkeypatch.setattr(sys, "stdin", Terminal("Clinique du Lac\n" + "\n" * 7))
    code, out, err = run("init", "--data-dir", str(tmp_path / "data"))
    assert code == 0, err
    assert "Name of the clinic ?" in err
    assert "Next:" in out
    plan: Plan = REAL.read(tmp_path / "etc" / "creneau.toml")
    assert (plan.clinic.name, plan.sites[0].name) == ("Clinique du Lac", "Clinique du Lac")
    assert plan.hub.url == "https://carrefour.example.org"


@pytest.mark.parametrize(
    ("way", "answer"), [("fhir", "https://dme.example.org/r4"), ("hl7", "127.0.0.1:4001"), ("files", "/srv/depot")]
)
def test_init_asks_only_about_the_way_into_the_emr(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, answer: str
) -> None:
    """The way is asked first, then what it cannot do without; nothing of SQL is left in the file."""
    monkeypatch.setattr(sys, "stdin", Terminal(f"\n\n\n{way}\n{answer}\n\n\n"))
    code, _, err = run("init", "--data-dir", str(tmp_path / "data"))
    assert code == 0, err
    assert "EMR database account" not in err
    text = (tmp_path / "etc" / "creneau.toml").read_text("utf-8")
    assert answer in text
    assert "ODBC" not in text.partition("[[site]]")[0].partition("[[emr]]")[2].replace("DRIVER", "")
    assert f'adapter    = "{way}"' in text


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--adapter", "odbc"), "no such way into the EMR"),
        (("--server", "https://dme.example.org/r4"), "another way into the EMR"),
        (("--adapter", "fhir", "--user", "creneau"), "another way into the EMR"),
    ],
)
def test_an_answer_about_another_way_is_refused(
    run: Callable[..., Any], tmp_path: Path, flags: tuple[str, ...], sentence: str
) -> None:
    """An answer never vanishes: what does not belong to the way that was said is named, and nothing is written."""
    code, _, err = run("init", *flags, "--data-dir", str(tmp_path / "data"))
    assert code == 1
    assert sentence in err
    assert not (tmp_path / "etc" / "creneau.toml").exists()


def test_a_wrong_answer_leaves_no_file(run: Callable[..., Any], tmp_path: Path) -> None:
    """A password or an address typed wrong is nowhere on the disk, and init may be run again."""
    file, data = tmp_path / "etc" / "creneau.toml", ("--data-dir", str(tmp_path / "data"))
    for wrong in (("--connection", "DRIVER=x;PWD=CANARY"), ("--hub", "hub.example.org"), ("--name", "a\nb")):
        code, _, err = run("init", *wrong, *data)
        assert code == 1
        assert "CANARY" not in err
        assert str(file) not in err
        assert not file.exists()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert run("init", "--data-dir", str(tmp_path / "file"))[0] == 1
    assert not file.exists()
    assert run("init", "--name", "\udce9", *data)[0] == 1
    assert run("init", *data)[0] == 0


def test_the_end_of_the_input_ends_init(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+D at any question writes nothing."""
    monkeypatch.setattr(sys, "stdin", Terminal("Clinique du Lac\n"))
    assert run("init", "--data-dir", str(tmp_path / "data"))[0] == 130
    assert not (tmp_path / "etc" / "creneau.toml").exists()


def test_init_gives_a_file_that_exists_its_missing_root_key(run: Callable[..., Any], tmp_path: Path) -> None:
    """As the hint of every command without a root key says; the file stays, and a vault keeps its own key."""
    data = tmp_path / "data"
    run("init", "--data-dir", str(data))
    file = tmp_path / "etc" / "creneau.toml"
    before = file.read_bytes()
    (data / "vault-key").unlink()
    code, _, err = run("status")
    assert (code, "creneau init makes one" in err) == (1, True)
    code, out, err = run("init", "--name", "Another")
    assert code == 0, err
    assert "is kept as it is" in out
    assert file.read_bytes() == before
    assert (data / "vault-key").stat().st_size == 32
    run("status")
    (data / "vault-key").unlink()
    for command in ("init", "status"):
        code, _, err = run(command)
        assert code == 1
        assert "move the data folder away" in err
    assert not (data / "vault-key").exists()


def test_a_folder_that_cannot_be_made_is_said_plainly(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the configuration's folder should be."""
    (tmp_path / "etc").write_text("x", encoding="utf-8")
    code, _, err = run("init")
    assert code == 1
    assert "folder cannot be made" in err


# ---- run


class Running:
    """An agent that remembers what it was told; reloading is the signal to stop here."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.stop_event = threading.Event()

    def reload(self) -> None:
        self.told.append("reload")
        self.stop_event.set()

    def stop(self) -> None:
        self.told.append("stop")


def test_run_starts_and_stops_in_order_at_a_signal(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends the wait; the agent is stopped before the command returns."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    running = Running()

    def start(_plan: Any) -> Running:
        signal.raise_signal(signal.SIGTERM)
        return running

    plan = SimpleNamespace(service=SimpleNamespace(log_level="info"))
    try:
        code, out, _ = run("run", places=Places(lambda _file: plan, REAL.open_door, start))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (code, running.told) == (0, ["stop"])
    assert "Créneau runs." in out


def test_a_hang_up_reads_the_configuration_again() -> None:
    """`again` is answered by a reload, once."""
    running, again = Running(), threading.Event()
    again.set()
    wait(running, running.stop_event, again)
    assert running.told == ["reload"]
    assert not again.is_set()


# ---- hub


def test_a_hub_is_created_and_kept_by_commands(run: Callable[..., Any], tmp_path: Path) -> None:
    """init, code, portal, clinics, clinic, booking, offers, revoke, takeover, backup: each does its one thing."""
    code, out, err = run("hub", "init", "https://hub.example.org/")
    assert code == 0, err
    assert "Hub created in" in out
    code, out, _ = run("hub", "code", "fjord", "--name", "Clinique du Fjord")
    assert code == 0
    assert len(out.strip().replace("-", "")) == 30
    token = json.loads(run("hub", "portal", "web", "--json")[1])["token"]
    assert len(token) > 40
    assert run("hub", "portal", "web")[1].strip() != token
    assert run("hub", "portal", "web", "--revoke")[0] == 0
    assert run("hub", "portal", "web", "--revoke")[0] == 1
    code, out, _ = run("hub", "clinics")
    assert code == 0
    assert out.split() == [
        "Clinics:",
        "0",
        "clinic",
        "name",
        "state",
        "heard",
        "slots",
        "undecided",
        "version",
        "whom",
        "to",
        "call",
    ]
    code, _, err = run("hub", "clinic", "fjord")
    assert code == 1
    assert "fjord" in err
    code, out, _ = run("hub", "booking", "b-1")
    assert (code, out) == (1, "No clinic has a booking b-1.\n")
    assert "Clinics changed: 0" in run("hub", "offers", "stop")[1]
    assert run("hub", "offers", "perhaps")[0] == 2
    for words in (("revoke", "fjordd"), ("takeover", "fjordd"), ("offers", "stop", "--clinic", "fjordd")):
        code, out, err = run("hub", *words)
        assert (code, out) == (1, "")
        assert "no clinic fjordd" in err
    assert "Saved in" in run("hub", "backup", str(tmp_path / "saved.db"))[1]
    assert (tmp_path / "saved.db").stat().st_size > 0


DESK = SimpleNamespace(
    clinics=lambda _folder: [
        {"clinic": "fjord", "name": "Fjord", "state": state, "heard": None, "offered": 3, "undecided": 0,
         "version": "0.1.0", "contact": "Manon, 418 555-0142"}
        for state in ("ok", "silent", "ok")
    ],
    STATES=("torn", "silent", "degraded", "new", "stopped", "ok"),
    NEEDY=3,
    clinic=lambda _folder, name: {
        "clinic": name, "name": "Fjord", "state": "ok", "heard": "2026", "offered": 3, "undecided": 0, "contact": "Manon", "version": "0.1.0",
        "agents": [
            {"fingerprint": "1a2b", "current": True, "software": "creneau 0.1.0", "since": "2026", "retired": None}
        ],
    },
    booking=lambda _folder, name: [
        {"clinic": "fjord", "booking": name, "portal": "web", "word": "booked",
         "versions": [{"version": 1}], "outcomes": [{"rev": 1, "outcome": "booked"}]}
    ],
)  # fmt: skip


def test_a_hub_with_a_clinic_is_shown(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by state, a silent one first and whom to call; one clinic and one booking are shown whole."""
    monkeypatch.setattr("agent.cli.hub._desk", lambda: DESK)
    code, out, _ = run("hub", "clinics")
    assert code == 1
    first, _, _, row, *_ = out.splitlines()
    assert first == "Clinics: silent 1, works 2"
    assert ("silent" in row, "Manon, 418 555-0142" in row) == (True, True)
    assert "muette 1, fonctionne 2" in run("--lang", "fr", "hub", "clinics")[1].replace("\N{NO-BREAK SPACE}", " ")
    assert json.loads(run("hub", "clinics", "--json")[1])["states"] == dict.fromkeys(DESK.STATES, 0) | {
        "silent": 1,
        "ok": 2,
    }
    assert "Versions: 0.1.0 (3)" in out
    code, out, _ = run("hub", "clinic", "fjord")
    assert code == 0
    assert "1a2b" in out
    assert json.loads(run("hub", "clinic", "fjord", "--json")[1])["state"] == "ok"
    code, out, _ = run("hub", "booking", "b-1")
    assert code == 0
    assert "rev=1  outcome=booked" in out


def test_without_the_hubs_extra_the_hint_names_it(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A clinic's installation has no hub; the error says what to install."""
    monkeypatch.setitem(sys.modules, "hub", None)
    monkeypatch.delitem(sys.modules, "hub.desk", raising=False)
    code, _, err = run("hub", "clinics")
    assert code == 1
    assert "creneau[hub]" in err


def test_serve_hands_its_settings_to_the_hub(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it listens is said once it does, and not before."""
    import hub.serve

    seen: list[Any] = []
    monkeypatch.setattr(hub.serve, "serve", lambda *args: seen.append(args))
    code, out, _ = run("hub", "serve", "--port", "9443")
    assert (code, out) == (0, "")
    assert seen[0][1:5] == ("127.0.0.1", 9443, None, None)
    monkeypatch.setattr(hub.serve, "serve", lambda *args: args[5]())
    assert "127.0.0.1:9443" in run("hub", "serve", "--port", "9443")[1]


# ---- small parts


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no uid")
def test_the_account_is_the_systems_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment cannot change who acted; an account without a name has its number."""
    name = account()
    monkeypatch.setenv("LOGNAME", "somebody")
    assert account() == name
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert account() == "uid:4000000"


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long work shows a bar and takes it away; short work, pipes and logs see nothing."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with waiting("asking…", after_s=60):
        pass
    assert screen.getvalue() == ""
    bar = _Bar("asking…")
    bar.show()
    bar.hide()
    assert "asking…" in screen.getvalue()
    late, clean = _Bar("late"), screen.getvalue()
    late.hide()
    late.show()
    assert screen.getvalue() == clean


def test_a_command_without_a_session_is_a_programming_error() -> None:
    """Commands run under `main` only."""
    with pytest.raises(TypeError):
        session(SimpleNamespace(obj=None))


def test_the_demo_is_given_the_session(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`creneau demo` loads its file only when asked for."""
    seen: list[Any] = []
    told = SimpleNamespace(run=lambda here, *, serve: seen.append((here.as_json, serve)))
    monkeypatch.setitem(sys.modules, "agent.cli.demo", told)
    assert run("demo")[0] == 0
    assert run("demo", "--serve")[0] == 0
    assert seen == [(False, False), (False, True)]
