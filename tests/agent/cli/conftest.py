"""A fake door and a way to run command lines against it."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.cli import main
from agent.cli.session import Places


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


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Undo what `creneau run` sets up for the whole process: levels and handlers of the log."""
    root, ours = logging.getLogger(), logging.getLogger("creneau")
    levels, handlers = (root.level, ours.level), root.handlers[:]
    yield
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    root.handlers[:] = handlers


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
