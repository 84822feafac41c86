"""The service under systemd, as far as a machine without one can tell; `make package-test` boots a real one."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.cli import service as command
from agent.core.errors import Misconfigured, Transient
from agent.service import State, Status, manager

if sys.platform == "win32":
    pytest.skip("only on systems with systemd", allow_module_level=True)

from agent.service.systemd import Systemd


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program of the name systemctl first: it says what `answer` holds and writes down what it was told."""
    (tmp_path / "systemctl").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/told\n[ "$2" != show ] || cat {tmp_path}/answer\nexit $(cat {tmp_path}/code)\n',
        encoding="utf-8",
    )
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "answer").touch()
    (tmp_path / "code").write_text("0", encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("agent.service.systemd.BOOTED", tmp_path)
    return tmp_path


def told(tool: Path) -> list[str]:
    """Return what systemctl was told, but for questions."""
    words = (tool / "told").read_text(encoding="utf-8").splitlines()
    return [word.removeprefix("--no-ask-password ") for word in words if " show " not in word]


def test_a_machine_without_systemd_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy is to run it by hand."""
    monkeypatch.setattr("agent.service.systemd.BOOTED", tmp_path / "absent")
    with pytest.raises(Misconfigured, match="does not run systemd"):
        manager(tmp_path / "creneau.toml").status()


def test_states_are_read_from_fixed_words(tool: Path) -> None:
    """Whatever the language of the machine."""
    service = manager(tool / "creneau.toml")
    assert service.status() == Status(State.ABSENT, automatic=False)
    (tool / "answer").write_text(
        "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=2\nUser=creneau\n", encoding="utf-8"
    )
    assert service.status() == Status(State.RUNNING, automatic=True, restarts=2, account="creneau")
    (tool / "answer").write_text("LoadState=loaded\nActiveState=failed\n", encoding="utf-8")
    assert service.status().state is State.FAILED
    service.stop()
    service.uninstall()
    assert told(tool) == ["stop creneau.service", "disable --quiet --now creneau.service"]


def test_nothing_starts_without_a_file(tool: Path) -> None:
    """The hint is `creneau init`; with a file it starts, and a refusal of systemd is said."""
    file = tool / "creneau.toml"
    with pytest.raises(Misconfigured, match="does not exist"):
        manager(file).start()
    file.touch()
    manager(file).start()
    (tool / "code").write_text("1", encoding="utf-8")
    with pytest.raises((Transient, Misconfigured)):
        manager(file).start()
    assert told(tool) == ["start creneau.service"] * 2


def test_without_a_package_a_unit_is_written_for_this_environment(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This interpreter, this file, no sealed key; with the package's unit there nothing is written."""
    ours = tool / "creneau.service"
    service = Systemd(tool / "clinic.toml", ours)

    def nobody(_name: str) -> Any:
        raise KeyError

    monkeypatch.setattr("pwd.getpwnam", nobody)
    with pytest.raises(Misconfigured, match="no account"):
        service.install()
    monkeypatch.setattr("pwd.getpwnam", lambda _name: None)
    service.install()
    text = ours.read_text(encoding="utf-8")
    assert f"ExecStart={sys.executable} -m agent --config {tool / 'clinic.toml'} run" in text
    assert "LoadCredentialEncrypted" not in text
    assert told(tool) == ["daemon-reload", "enable --quiet creneau.service"]
    (tool / "answer").write_text("LoadState=loaded\nActiveState=active\n", encoding="utf-8")
    service.uninstall()
    assert not ours.exists()
    with pytest.raises(Misconfigured, match="cannot be written"):
        Systemd(tool / "clinic.toml", tool / "absent" / "unit")._write(command.SAYS[State.ABSENT])


def test_the_command_acts_then_says_how_it_is(tool: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """`creneau service status` exits 1 while it does not run; every act goes through."""
    from agent.cli import main
    from agent.cli.session import Places

    (tool / "creneau.toml").touch()
    monkeypatch.setenv("CRENEAU_CONFIG", str(tool / "creneau.toml"))
    monkeypatch.setenv("LC_ALL", "en_CA.UTF-8")
    places = Places(lambda _file: SimpleNamespace(), lambda _plan: None, lambda _plan: None)  # type: ignore[arg-type, return-value]
    assert main(["service", "status"], places) == 1
    assert "not installed" in capsys.readouterr().out
    (tool / "answer").write_text(
        "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=3\nUser=creneau\n", encoding="utf-8"
    )
    for action in ("install", "start", "restart", "stop", "uninstall", "status"):
        assert main(["service", action], places) == 0
    assert "Restarted by the system: 3" in capsys.readouterr().out
    assert main(["service", "status", "--json"], places) == 0


def test_a_command_without_a_console_acts_all_the_same(tool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Windows installer stops the service by pythonw.exe, which has neither output nor input."""
    from agent.cli import main
    from agent.cli.session import Places

    monkeypatch.setenv("CRENEAU_CONFIG", str(tool / "creneau.toml"))
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", None)
    places = Places(lambda _file: SimpleNamespace(), lambda _plan: None, lambda _plan: None)  # type: ignore[arg-type, return-value]
    assert main(["service", "stop"], places) == 0
    assert "stop creneau.service" in told(tool)
