"""A clinic on a FHIR server: its file, its data folder, its command line.

Rule: the file is the example's, with another [[emr]]; every command goes the way clinic IT's own goes.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from adapters.fhir.bench import Screen
from agent.cli import main
from agent.clock import SystemClock
from agent.config import example_text
from agent.keys import make_root
from agent.wiring.sample import Sample
from tests.adapters.fhir.servers import Server

Printed = tuple[int, str]
"""A command's exit code, and what it wrote, errors included."""


class Clinic:
    """One clinic's folder. `options`: of the FHIR section; `run`: a command line in this process."""

    def __init__(self, folder: Path, options: Mapping[str, object], run: Callable[[list[str], str], Printed]) -> None:
        self.file, self.data, self._run = folder / "creneau.toml", folder / "etat", run
        answers: dict[str, object] = {
            "sharing.expires": (SystemClock().now().utc + timedelta(days=200)).date(),
            "service.data_dir": str(self.data),
            "emr.bookings": "automatic",
        }
        self.file.write_text(on_fhir(example_text(answers), options), encoding="utf-8")
        make_root(self.data)

    def creneau(self, line: str, *, lang: str = "en", typed: str = "") -> Printed:
        """Run one command."""
        return self._run([*self.words(lang), *line.split()], typed)

    def words(self, lang: str = "en") -> list[str]:
        """Return the beginning of every command line."""
        return ["--lang", lang, "--config", str(self.file)]

    def started(self, line: str) -> "subprocess.Popen[bytes]":
        """Start one command as a process of its own, to be killed."""
        words = [sys.executable, "-m", "agent", *self.words(), *line.split()]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def on_fhir(text: str, options: Mapping[str, object]) -> str:
    """Put a FHIR server into the place of the example's database."""
    section = "\n".join(f'{key} = "{value}"' for key, value in {"adapter": "fhir", **options}.items())
    text = re.sub(r"^(mapping|connection|user) .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^adapter .*$", lambda _: section, text, count=1, flags=re.MULTILINE)


def agendas(screen: Screen, now: datetime, cells: int) -> None:
    """Make three people's free slots, a quarter of an hour each, on a working day soon; nothing else stands."""
    screen.clear("Slot", "Appointment")
    days = ((now + timedelta(days=ahead)).replace(hour=14, minute=0, second=0, microsecond=0) for ahead in (3, 4, 5))
    day = next(day for day in days if day.weekday() < 5)  # the sample's rules share Monday to Friday
    kind = [{"coding": [{"code": "s"}]}]
    for who in ("101", "102", "103"):
        schedule = {"reference": f"Schedule/{screen.schedule(who)}"}
        for n in range(cells):
            start = day + timedelta(minutes=15 * n)
            times = {"start": start.isoformat(), "end": (start + timedelta(minutes=15)).isoformat()}
            screen.post({"resourceType": "Slot", "schedule": schedule, "status": "free", **times, "serviceType": kind})


def joined(sample: Sample, server: Server) -> None:
    """Put the server in the place of the sample's database, its key into the vault, and the clinic on its hub."""
    sample.file.write_text(on_fhir(sample.file.read_text(encoding="utf-8"), server.options), encoding="utf-8")
    if "kit" in server.secrets:
        sample.ask("secret-set", name="dme", value=server.secrets["kit"])
    sample.enrol()


def until(sample: Sample, ready: Callable[[], object]) -> None:
    """Wait until `ready` is true, at most two minutes."""
    ends = sample.time() + timedelta(seconds=120)
    while not ready():
        assert sample.time() < ends
        threading.Event().wait(0.05)


def runner(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str], str], Printed]:
    """Return a way to run command lines in this process, against the real agent's answers."""

    def run(words: list[str], typed: str) -> Printed:
        monkeypatch.setattr(sys, "stdin", StringIO(f"{typed}\n"))
        code = main(words)
        seen: Any = capsys.readouterr()
        return code, (seen.out + seen.err).replace("\N{NO-BREAK SPACE}", " ")

    return run
