"""Backup, restore, bundle, update, replacement: what the commands ask, show and write."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.answers.shape import sentence
from agent.cli import backup as command
from agent.cli import main
from agent.core.errors import Refused
from agent.core.message import say


def test_a_backup_is_fetched_and_belongs_to_whoever_asked(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """The passphrase is read, not an argument; an existing file is never written over."""
    kept = tmp_path / "backup-1.creneau"
    kept.write_bytes(b"sealed")
    door.answers["backup"] = {"file": str(kept)}
    code, out, _ = run(f"backup {tmp_path / 'mine'}", typed="une longue phrase\n")
    assert code == 0
    assert "Saved in" in out
    assert door.asked == [("backup", {"passphrase": "une longue phrase"})]
    assert (tmp_path / "mine").read_bytes() == b"sealed"
    assert not kept.exists()
    code, _, err = run(f"backup {tmp_path / 'mine'}", typed="x\n")
    assert code == 1
    assert "exists already" in err
    code, _, err = run(f"backup {tmp_path / 'no' / 'where'}", typed="x\n")
    assert code == 1
    assert "the copy lies here" in err


def test_a_restore_asks_first_and_says_what_came_back(
    places: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What stood there is named; without a yes nothing happens."""
    from io import StringIO

    done: list[Any] = []

    def restore(*args: Any) -> Any:
        done.append(args)
        return SimpleNamespace(made="2026-11-23T13:00:00+00:00", version="0.1.0", aside="/etat/journal-x.before")

    monkeypatch.setenv("LC_ALL", "en_CA.UTF-8")
    mine = replace(places, restore=restore)
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    assert main(["restore", "f"], mine) == 2
    assert done == []
    monkeypatch.setattr("sys.stdin", StringIO("phrase\n"))
    assert main(["restore", "f", "--yes"], mine) == 0
    out = capsys.readouterr().out
    assert "by version 0.1.0" in out
    assert "/etat/journal-x.before" in out
    assert done[0][:2] == (Path("f"), "phrase")
    monkeypatch.setattr("sys.stdin", StringIO("phrase\n"))
    assert main(["restore", "f", "--yes", "--json"], mine) == 0


def test_a_new_passphrase_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, hidden; two that differ are refused."""
    said = iter(["une longue phrase", "une autre phrase", "une longue phrase", "une longue phrase"])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(said))
    here: Any = SimpleNamespace(speech=str)
    with pytest.raises(Refused, match="not the same"):
        command._passphrase(here, twice=True)
    assert command._passphrase(here, twice=True) == "une longue phrase"


def test_the_support_archive_is_shown_before_it_is_written(run: Callable[..., Any], door: Any, tmp_path: Path) -> None:
    """What was shown is what is written; no answer writes nothing."""
    door.answers["bundle"] = {"files": {"agent.json": '{"version": "0.1.0"}\n', "log.txt": "nothing\n"}}
    file = tmp_path / "aide.zip"
    assert run(f"bundle {file}", typed="n\n")[0] == 2
    assert not file.exists()
    code, out, _ = run(f"bundle {file} --yes")
    assert code == 0
    assert '{"version": "0.1.0"}' in out
    with zipfile.ZipFile(file) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == door.answers["bundle"]["files"]
    assert run(f"bundle {file} --yes")[0] == 1
    assert run(f"bundle {tmp_path / 'other.zip'} --yes --json")[0] == 0


@pytest.mark.parametrize(
    ("state", "code"), [("current", 0), ("unknown", 0), ("newer", 1), ("too-old", 1), ("silent", 1)]
)
def test_update_check_says_what_to_do(run: Callable[..., Any], door: Any, state: str, code: int) -> None:
    """Exit 1 when something is to be done; digests are shown to be compared."""
    door.answers["update"] = {
        "state": state, "installed": "0.1.0", "version": "0.2", "minimum": "0.1", "heard": None,
        "files": {"creneau.deb": "ab" * 32},
        "says": sentence(say("version {version} can be installed", version="0.2")),
        "hint": sentence(say("creneau check hub")) if code else None,
    }  # fmt: skip
    found, out, _ = run("update check")
    assert found == code
    assert "version 0.2 can be installed" in out
    assert "ab" * 32 in out
    assert ("try:" in out) == bool(code)
    assert run("update check --json")[0] == code


def test_a_replacement_is_asked_for_twice(run: Callable[..., Any], door: Any) -> None:
    """The other agent is shut out for good: a yes is needed, and the answer carries it."""
    door.answers["enrol"] = {"clinic": "fjord", "hub": "https://h", "fingerprint": "1a2b", "instance": "i"}
    assert run("enrol --replace K7QD-1", typed="n\n")[0] == 2
    assert door.asked == []
    assert run("enrol --replace --yes K7QD-1")[0] == 0
    assert door.asked == [("enrol", {"code": "K7QD-1", "replace": True})]


def test_a_hub_tells_of_a_version(run: Callable[..., Any], tmp_path: Path) -> None:
    """Digests are those of the files; a version that goes back is refused."""
    folder = tmp_path / "hub"
    package = tmp_path / "creneau.deb"
    package.write_bytes(b"package")
    assert run(f"hub init https://h.example.org --folder {folder}")[0] == 0
    code, out, _ = run(f"hub release 0.2.0 --folder {folder} --minimum 0.1.0 --file {package}")
    assert code == 0
    assert "0.2.0" in out
    assert run(f"hub release 0.1.0 --folder {folder} --json")[0] == 1
    assert run(f"hub release 0.3.0 --folder {folder} --json")[0] == 0
    assert run(f"hub release 0.4.0 --folder {folder} --file {tmp_path / 'absent'}")[0] == 1
