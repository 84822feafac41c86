"""A town in a folder: hub, agent and their command lines as real processes, the EMR as a real file."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.sql import private, sample
from agent.clock import SystemClock
from agent.config import write_example
from agent.keys import make_root
from hub import desk, tls
from hub.client import PortalClient

T = TypeVar("T")
SOON = timedelta(hours=4)
"""Twice the sample's `min_notice`: what starts sooner may go offline while a test looks at it."""
CLINIC = "fjord"
PATIENT = {
    "family": "Tremblay",
    "given": "Zoé-Canari",
    "born": "1991-04-12",
    "nam": "TREZ91541218",
    "phone": "418 555-0187",
}


@dataclass
class Clinic:
    """Where the agenda is, as a judge opens it and as the agent's file says it; `secret`: the account's password."""

    base: sample.Base
    connection: str
    user: str = ""
    secret: str = ""


def lasting(slots: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Return those that no notice takes offline while a test that began `now` looks at them."""
    return [slot for slot in slots if datetime.fromisoformat(slot["start"]) > now + SOON]


class Town:
    """One clinic, one hub, one booking site; every act goes through a process of its own.

    `front`: the port where the agent finds the hub, when something stands between; `under`: the program, Python's own
    arguments, under which a process of that name runs.
    """

    def __init__(
        self, folder: Path, bookings: str, clinic: Clinic | None = None, *, front: int = 0, **more: object
    ) -> None:
        self.folder = folder
        self.hub_folder = folder / "hub"
        self.file = folder / "clinique é" / "creneau.toml"  # a space and an accent, as clinics have
        self.data = folder / "etat"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.begun: dict[str, int] = {}
        self.under: dict[str, tuple[str, ...]] = {}
        self.now = SystemClock().now().utc
        clinic = clinic or _file(folder / "clinique.db", self.now)
        self.emr = clinic.base
        self.desk = sample.receptionist(self.emr)
        self.port = private.free_port()
        self.url = f"https://127.0.0.1:{front or self.port}"
        self.creneau("hub", "init", self.url, "--folder", str(self.hub_folder))
        ca = tls.private_files(self.hub_folder / "tls", "127.0.0.1", self.now).ca
        self.file.parent.mkdir()
        answers: dict[str, object] = {
            "hub.url": self.url,
            "hub.ca_file": str(ca),
            "emr.connection": clinic.connection,
            "emr.user": clinic.user,
            "emr.bookings": bookings,
            "emr.poll": timedelta(seconds=1),
            "sharing.enabled": True,
            "sharing.expires": (self.now + timedelta(days=200)).date(),
            "service.data_dir": str(self.data),
            **more,
        }
        write_example(self.file, answers)
        make_root(self.data)
        if clinic.secret:
            self.creneau("secret", "set", "dme", typed=clinic.secret)
        self.portal = PortalClient(f"https://127.0.0.1:{self.port}", desk.portal(self.hub_folder, "site-web"), ca)

    # ---- processes

    def creneau(self, *words: str, code: int | None = 0, typed: str = "") -> Any:
        """Run one command to its end; return what it printed as JSON, or the text when it is none. `code` None: any."""
        done = subprocess.run(
            [sys.executable, "-m", "agent", "--lang", "en", "--json", "--config", str(self.file), *words],
            input=f"{typed}\n".encode(),
            capture_output=True,
            timeout=120,
            check=False,
            env=self._environ(),
        )
        assert code in (None, done.returncode), (words, done.returncode, done.stdout.decode(), done.stderr.decode())
        text = done.stdout.decode()
        try:
            return json.loads(text)
        except ValueError:
            return text

    def start(self, name: str) -> None:
        """Start "hub" or "agent" in the background and wait until it answers."""
        words = {
            "hub": ("hub", "serve", "--folder", str(self.hub_folder), "--port", str(self.port)),
            "agent": ("run",),
        }[name]
        self.start_program(name, "-m", "agent", "--lang", "en", "--config", str(self.file), *words)

    def start_program(self, name: str, *words: str) -> None:
        """Start what stands for "hub" or "agent", Python's own arguments given, and wait until it answers."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.begun[name] = log.tell()
            self.running[name] = subprocess.Popen(
                [sys.executable, *self.under.get(name, ()), *words],
                stdout=log,
                stderr=log,
                env=self._environ(),
            )
        self.until(name, self._hub_answers if name == "hub" else self._agent_answers)

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End one of our processes, gently or not, and wait until it is gone."""
        process = self.running.pop(name)
        process.send_signal(how)
        code = process.wait(120)
        assert how == signal.SIGKILL or code in (0, -how), self.log(name)

    def end(self) -> None:
        """End whatever still runs."""
        for name in list(self.running):
            self.running[name].kill()
            self.running.pop(name).wait(120)
        self.portal.close()

    def log(self, name: str) -> str:
        """Return what a process said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    # ---- looking

    def until(self, what: str, ready: Callable[[], T | None], seconds: float = 120) -> T:
        """Return the first true answer; fail with the logs when it does not come."""
        clock = SystemClock()
        ends = clock.now().age + timedelta(seconds=seconds)
        while not (found := ready()):
            for name, process in self.running.items():
                assert process.poll() is None, f"{name} ended: {self.log(name)}"
            assert clock.now().age < ends, f"{what}: {self.log('agent') if 'agent' in self.running else ''}"
            threading.Event().wait(0.05)
        return found

    def join(self) -> None:
        """Enrol, apply the rules, start both sides, and wait for the first slots at the hub."""
        self.start("hub")
        words = ("--folder", str(self.hub_folder), "--name", "Clinique du Fjord")
        self.creneau("enrol", self.creneau("hub", "code", CLINIC, *words)["code"])
        self.creneau("sharing", "apply", "--yes")
        self.start("agent")
        self.offered()

    def outcome(self, booking: str, version: int, *words: str) -> str:
        """Wait for the outcome of a version, one of `words` when given."""

        def ready() -> str:
            told, word = self.portal.outcome(CLINIC, booking)
            return word if told == version and word in (words or (word,)) else ""

        return self.until(f"outcome of {booking} v{version} {words}", ready)

    def offered(self) -> list[dict[str, Any]]:
        """Return what anyone may book for the whole test, waiting until there is something."""
        return self.until("slots at the hub", self.lasting)

    def lasting(self) -> list[dict[str, Any]]:
        """Return what is on offer and, left alone, stays so for the whole test."""
        return lasting(self.portal.slots(), self.now)

    def ours(self) -> list[sample.Row]:
        """Return our live appointments, read past the agent."""
        return [row for row in sample.rows(self.emr) if row.creator == "creneau" and row.is_active]

    def lines(self) -> set[str]:
        """Return what `preview` says would leave, by start, one entry a slot."""
        shown = self.creneau("preview", "--days", "14")
        found = sorted(row["start"] for row in shown["rows"] if row["start"])
        return {f"{start} #{found[:n].count(start)}" for n, start in enumerate(found)}

    def at_hub(self) -> set[str]:
        """Return what the hub offers, in the same form."""
        found = sorted(slot["start"][:16].replace("T", " ") for slot in self.portal.slots())
        return {f"{start} #{found[:n].count(start)}" for n, start in enumerate(found)}

    @staticmethod
    def time() -> datetime:
        return SystemClock().now().utc.astimezone(UTC)

    def _hub_answers(self) -> bool:
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0

    def _agent_answers(self) -> bool:
        said = (self.folder / "agent.log").read_bytes()[self.begun["agent"] :]
        return "Créneau runs" in said.decode("utf-8", "replace")

    def _environ(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CRENEAU_")}
        return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _file(path: Path, now: datetime) -> Clinic:
    """Make the sample clinic in a file."""
    sample.make(path, (now - timedelta(days=1)).date())
    return Clinic(path, f"sqlite:///{path}")


@pytest.fixture
def town(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Town]:
    """Make a town whose clinic takes bookings as the test's `bookings` parameter says."""
    made = Town(tmp_path, getattr(request, "param", "automatic"))
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def town_of(tmp_path: Path) -> Callable[..., AbstractContextManager[Town]]:
    """Return what lends a town whose clinic keeps its agenda on a server."""

    @contextmanager
    def lend(server: private.Server, more: Mapping[str, object]) -> Iterator[Town]:
        clinic = Clinic(server.desk(), server.connection, private.USER, private.PASSWORD)
        made = Town(tmp_path, "automatic", clinic, **more)
        try:
            yield made
        finally:
            made.end()

    return lend


@pytest.fixture
def oscar(
    tmp_path: Path, town_of: Callable[..., AbstractContextManager[Town]]
) -> Iterator[tuple[Town, private.Server]]:
    """Make a town whose clinic keeps its agenda in OSCAR on a MariaDB server of its own, and lend both."""
    if why := private.missing():
        pytest.skip(why)
    with private.serving(durable=True) as server:
        path = tmp_path / "modele.db"
        sample.make(path, (SystemClock().now().utc - timedelta(days=1)).date())
        server.load(sample.tables(path))
        with town_of(server, {"booking.max_per_hour": 500}) as made:
            yield made, server
