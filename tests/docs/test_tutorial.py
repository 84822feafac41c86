"""The tutorial is a transcript: every command in it is run here, in French, and prints what the page shows.

Rule of the page: in a `console` block a line with `$` is typed, what follows is printed, `…` stands for anything; in a
`diff` block a line of the clinic's file is replaced by another.
"""

import re
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from adapters.sql import sample
from agent.cli import main
from agent.clock import SystemClock
from agent.config import read_plan
from agent.wiring import start
from agent.wiring.catalog import entries
from hub import desk
from hub.serve import start_in_thread

PAGE = Path(__file__).parents[2] / "docs" / "tutoriel.md"
BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
URL, CODE, CA, EMR = (
    "https://carrefour.example.org",
    "K7QD-8M2XP-…",
    "/etc/creneau/carrefour-ca.pem",
    "/srv/dme/clinique.db",
)


def steps(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield ("$", command, what it prints) and ("-", old line, [new line])."""
    for kind, body in BLOCK.findall(text):
        if kind == "diff":
            old, new = (line[2:] for line in body.splitlines())
            yield "-", old, [new]
            continue
        for piece in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, *printed = piece.rstrip("\n").split("\n")
            yield "$", command, printed


class Clinic:
    """Where the transcript plays."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        now = SystemClock().now().utc
        self.file, self.ending = folder / "creneau.toml", ending
        emr = folder / "clinique.db"
        sample.make(emr, (now - timedelta(days=1)).date())
        hub = start_in_thread(folder / "hub")
        ending.callback(hub.stop)
        code = desk.code(folder / "hub", "fjord", "Clinique du Fjord")
        expires = str((now + timedelta(days=200)).date())
        self.real = {URL: hub.url, CODE: code, CA: str(hub.ca_file), EMR: str(emr), "2027-06-30": expires,
                     "/var/lib/creneau": str(folder / "etat"), "agreed = 2026-11-16": "agreed = 2026-01-16"}  # fmt: skip

    def mine(self, text: str) -> str:
        """Return a text of the page with this run's own values."""
        for page, real in self.real.items():
            text = text.replace(page, real)
        return text

    def edit(self, old: str, new: str) -> None:
        """Change one line of the file, as a person would."""
        text = self.file.read_text(encoding="utf-8")
        found = [line for line in text.splitlines() if line.startswith(self.mine(old))]
        assert len(found) == 1, (old, found)
        self.file.write_text(text.replace(found[0], self.mine(new)), encoding="utf-8")

    def live(self) -> None:
        """Let the agent run beside, as in another terminal."""
        agent = start(read_plan(self.file, entries()))
        self.ending.callback(agent.stop)


def printed(command: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a command and return the lines a terminal would show, without hard blanks."""
    with redirect_stderr(sys.stdout):
        main([*shlex.split(command)[1:], "--lang", "fr"])
    text = capsys.readouterr().out.replace("[o/N] ", "[o/N] o\n")  # a terminal shows what is typed
    lines = text.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    return [line.rstrip() for line in lines if line.strip()]


def fits(shown: list[str], found: list[str]) -> bool:
    """Say whether the lines of the page are those printed; a line of `…` alone stands for any number of lines."""
    if not shown:
        return not found
    first, *rest = shown
    if first.strip() == "…":
        return any(fits(rest, found[at:]) for at in range(len(found) + 1))
    return bool(found) and _same(first, found[0]) and fits(rest, found[1:])


def _same(shown: str, found: str) -> bool:
    pattern = r".*".join(re.escape(part.strip()) for part in re.split(r"…|\s{2,}", shown))
    return re.fullmatch(pattern, found.strip()) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="the page is written for a Linux machine")
def test_the_tutorial_is_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From `creneau init` to the first approved message, with nothing but what the page says."""
    if not PAGE.exists():
        pytest.skip("only on a checkout: a copy beside a wheel has no documents")
    with ExitStack() as ending:
        clinic = Clinic(tmp_path, ending)
        monkeypatch.setenv("CRENEAU_CONFIG", str(clinic.file))
        for kind, what, lines in steps(PAGE.read_text(encoding="utf-8")):
            if kind == "-":
                clinic.edit(what, lines[0])
            elif what == "creneau run":
                clinic.live()
            else:
                shown = [clinic.mine(line) for line in lines if line.strip()]
                typed = "o\n" if any("[o/N]" in line for line in shown) else ""
                found = _until(clinic.mine(what), shown, typed, capsys, monkeypatch)
                assert fits(shown, found), f"$ {what}\n" + "\n".join(found)


def _until(command: str, shown: list[str], typed: str, capsys: Any, monkeypatch: Any) -> list[str]:
    """Run the command until it prints what the page shows, at most 120 s: the agent works beside it."""
    clock = SystemClock()
    ends = clock.now().age + timedelta(seconds=120)
    while True:
        monkeypatch.setattr(sys, "stdin", StringIO(typed))
        found = printed(command, capsys)
        late = clock.now().age > ends or command.split()[1:2] not in (["status"], ["ledger"])
        if fits(shown, found) or late:
            return found
        threading.Event().wait(0.2)
