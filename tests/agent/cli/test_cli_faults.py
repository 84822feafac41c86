"""What `creneau` says when something is wrong, and how it runs as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli.app import build
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.core.sheet import Fault, Faults

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
    run: Callable[..., Any], door: Any, error: CreneauError, exits: int
) -> None:
    """What we were at, what happened, what to do; no traceback."""
    door.answers["status"] = error
    code, out, err = run("status")
    assert (code, out) == (exits, "")
    assert err.startswith("error: could not read slots\n  cause: login timed out")
    assert ("try:   creneau check emr" in err) == (error.hint is not None)
    assert ("(c.toml:3, poll)" in err) == isinstance(error, Misconfigured)
    assert "Traceback" not in err


def test_an_error_in_french(run: Callable[..., Any], door: Any) -> None:
    """The frame and the sentences are said in the language of the run."""
    door.answers["status"] = Transient(
        say("talk to the agent on this machine"), say("the agent did not answer"), say("creneau status")
    )
    err = run("status --lang fr")[2]
    assert "erreur à l'étape « parler à l'agent de ce poste »" in err
    assert "cause : l'agent n'a pas répondu" in err
    assert "essayer : creneau status" in err


def test_every_fault_of_the_file_is_shown(run: Callable[..., Any], door: Any) -> None:
    """Each with its line, key and value."""
    faults = (Fault("c.toml", "poll", "soon", 7, say("bad"), say("60s")), Fault("c.toml", "id", "", 9, say("missing")))
    door.answers["status"] = Faults(faults)
    code, _, err = run("status")
    assert code == 1
    assert "(c.toml:7, poll = soon)" in err
    assert "(c.toml:9, id)" in err


def test_a_fault_of_ours_shows_no_traceback(
    run: Callable[..., Any], door: Any, monkeypatch: pytest.MonkeyPatch
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


def test_an_interrupted_command_is_exit_130(run: Callable[..., Any], door: Any) -> None:
    """Ctrl+C ends quietly, as shells expect."""
    door.answers["status"] = KeyboardInterrupt()
    door.ask = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt())  # type: ignore[method-assign]
    assert run("status")[0] == 130


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("statu", "there is no command statu"),
        ("version now then", "this is one word too many: now then"),
        ("preview --days", "--days needs a value"),
        ("preview --dayz 3", "there is no option --dayz"),
        ("tasks show", "N is missing"),
        ("tasks done 3", "--in-agenda / --not-in-agenda is missing"),
        ("preview --days 900", "--days must be at most 90"),
        ("tasks show 0", "N must be at least 1"),
        ("tasks show three", "N must be a whole number"),
        ("hub offers go", "one of these words is needed: stop|start"),
    ],
)
def test_a_wrong_command_line_names_the_help(run: Callable[..., Any], line: str, cause: str) -> None:
    """Exit 2, the cause, and which help to read."""
    code, _, err = run(line)
    assert code == 2
    assert cause in err
    assert "--help" in err


def test_a_wrong_command_line_is_told_in_french(run: Callable[..., Any]) -> None:
    """What typer says in English only never reaches the person."""
    for line in ("statu", "version de trop", "preview --days", "tasks show 0", "tasks show trois", "hub offers go"):
        err = run(f"{line} --lang fr")[2]
        for english in ("such", "unexpected", "requires", "should", "Input", "Invalid"):
            assert english not in err, err


def test_a_group_alone_prints_its_help(run: Callable[..., Any]) -> None:
    """`creneau tasks` is a question, not a fault."""
    code, out, _ = run("tasks")
    assert code == 0
    assert "done" in out


def test_a_console_without_accents_does_not_crash(door: Any, tmp_path: Path) -> None:
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


def test_the_built_command_has_no_shell_completion_surprise() -> None:
    """Only our own options stand on the first help: no --install-completion."""
    options = {name for param in build(str).params for name in param.opts}
    assert options == {"--lang", "--config", "--json"}


# ---- a faulty file beside a running agent


@pytest.fixture
def beside(places: Any, door: Any) -> Any:
    """Make the file faulty while an agent runs by its last good one."""
    faults = Faults((Fault("c.toml", "poll", "soon", 7, say("bad")), Fault("c.toml", "id", "", 9, say("missing"))))

    def read(_file: Path) -> Any:
        raise faults

    object.__setattr__(places, "read", read)
    object.__setattr__(places, "running", lambda _file: door)
    return faults


def test_the_kill_switch_works_while_the_file_has_faults(run: Callable[..., Any], door: Any, beside: Any) -> None:
    """A missing quote never keeps a clinic from stopping the agent that runs by the last good file."""
    assert beside.faults
    door.answers["freeze"] = {"posture": "frozen", "was": "open", "says": {"id": "frozen", "args": {}}}
    code, out, err = run("freeze --json")
    assert code == 0
    assert json.loads(out)["posture"] == "frozen"
    assert err == "note: the file has faults; the running agent keeps its last good one (creneau check config)\n"


def test_what_needs_the_faulty_file_shows_every_fault(run: Callable[..., Any], door: Any, beside: Any) -> None:
    """The door carries one fault; the command knows them all. Another misconfiguration is shown as it came."""
    door.answers["sharing-diff"] = Misconfigured(say("read"), say("bad"), file=beside.file)
    code, _, err = run("sharing diff")
    assert code == 1
    assert "(c.toml:9, id)" in err
    door.answers["sharing-diff"] = Misconfigured(say("open the vault"), say("damaged"), file="vault.json")
    assert "(vault.json)" in run("sharing diff")[2]


def test_without_a_running_agent_a_faulty_file_is_an_error(run: Callable[..., Any], places: Any, beside: Any) -> None:
    """Nobody to ask: the faults are shown."""
    assert beside.faults
    object.__setattr__(places, "running", lambda _file: None)
    code, out, err = run("freeze")
    assert (code, out) == (1, "")
    assert "(c.toml:7, poll = soon)" in err


def test_bytes_that_are_no_letters_are_refused(run: Callable[..., Any], door: Any) -> None:
    """A Latin-1 terminal under UTF-8 gives half letters: three lines, not a fault of ours."""
    code, _, err = run("check \udce9\udcff")
    assert code == 1
    assert "part holds bytes that are no letters" in err
    assert door.asked == []
