"""A clinic and its hub on a bad day: the sample in one process, what is done to it, and who looks for the canary."""

import logging
import os
import re
import runpy
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.core.message import Message
from agent.language import Speech
from agent.wiring.sample import CLINIC, Sample
from hub import desk
from tests.story.conftest import lasting

T = TypeVar("T")
STATES = runpy.run_path(str(Path(__file__).with_name("states.py")))["STATES"]
_PLACES = re.compile(r"{(\w+)}")
PATIENT = {
    "family": "Canari-Tremblay",
    "given": "Zoé",
    "born": "1991-04-12",
    "nam": "TREZ91541218",
    "phone": "418 555-0187",
}


class Day:
    """The sample on a bad day. Nothing here waits longer than 120 s."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.etat = sample.folder / "etat"
        self.hub = sample.folder / "hub"
        self.portal = sample.portal

    def open(self) -> list[dict[str, Any]]:
        """Enrol, start, and return what the hub offers."""
        self.sample.enrol()
        self.sample.start()
        return self.offered()

    def until(self, what: str, ready: Callable[[], T | None]) -> T:
        """Return the first true answer, with what was waited for when it does not come."""
        ends = self.sample.time() + timedelta(seconds=120)
        while not (found := ready()):
            assert self.sample.time() < ends, (what, self.status())
            threading.Event().wait(0.05)
        return found

    def offered(self) -> list[dict[str, Any]]:
        """Return what anyone may book for the whole test, waiting until there is something."""
        if self.sample.agent is not None:  # a portal seals to the key that came with the first beat
            self.until("a beat at the hub", lambda: self.sample.look()["heard"] or self.sample.beat())
        return self.until("slots at the hub", self.lasting)

    def lasting(self) -> list[dict[str, Any]]:
        """Return what is on offer and, left alone, stays so for the whole test."""
        return lasting(self.portal.slots(), self.sample.now)

    def hold(self, booking: str, version: int, slot: str) -> None:
        """Hold a slot for ten minutes."""
        now = self.sample.time()
        self.portal.hold(CLINIC, booking, version, slot, now=now, until=now + timedelta(minutes=10))

    def book(self, booking: str, version: int, slot: str, **patient: str) -> None:
        """Book a slot for the canary patient."""
        self.portal.book(CLINIC, booking, version, slot, PATIENT | patient, now=self.sample.time())

    def cancel(self, booking: str, version: int) -> None:
        """Cancel."""
        self.portal.cancel(CLINIC, booking, version)

    def outcome(self, booking: str, version: int, *words: str) -> str:
        """Wait for the outcome of this version, one of `words` when given."""

        def ready() -> str:
            told, word = self.portal.outcome(CLINIC, booking)
            return word if told == version and word in (words or (word,)) else ""

        return self.until(f"outcome of {booking} v{version} {words}", ready)

    def word(self, booking: str) -> str:
        """Return what the patient reads."""
        return str(self.portal.booking(CLINIC, booking)["word"])

    def ours(self) -> list[Any]:
        """Return our live appointments, read past the agent."""
        return [row for row in self.sample.rows() if row.creator == "creneau" and row.is_active]

    def stop(self) -> None:
        """Stop the agent and forget it."""
        if self.sample.agent is not None:
            self.sample.agent.stop()
            self.sample.agent = None

    def again(self) -> None:
        """Start the agent from its folder."""
        self.stop()
        self.sample.start()

    # ---- the hub

    def save_hub(self) -> Path:
        """Save the hub's store, as its operator does every night."""
        file = self.sample.folder / "hub.backup"
        desk.backup(self.hub, file)
        return file

    def bring_back(self, file: Path) -> None:
        """Stop the hub, put the saved store in place of its own, start it."""
        self.sample.cut()
        for old in self.hub.glob("hub.db*"):
            old.unlink()
        shutil.copy(file, self.hub / "hub.db")
        self.sample.restore()

    def log(self) -> str:
        """Return the id of the hub's log."""
        assert self.sample.hub is not None
        return str(self.sample.hub.hub.log)

    # ---- looking

    def status(self, lang: str = "en") -> str:
        """Return the sentences of `creneau status` as the manager reads them."""
        reply = self.sample.ask("status")
        speech = Speech(lang)

        def words(said: dict[str, Any]) -> str:
            return speech.say(Message(said["id"], tuple(sorted(said["args"].items()))))

        lines = [f"{words(line['name'])}: {words(line['says'])}" for line in reply["lines"]]
        return "\n".join([words(reply["says"]), *lines, *map(words, reply["next"])])

    def shows(self, name: str) -> None:
        """Wait until `status` says the sentence of this state and what to do, in both languages."""
        _, *texts = STATES[name]
        for lang in ("en", "fr"):
            speech = Speech(lang)
            for text in texts:
                said = speech.say(Message(text, tuple((place, "\0") for place in _PLACES.findall(text))))
                parts = [part for part in said.split("\0") if part]

                def seen(parts: list[str] = parts, lang: str = lang) -> bool:
                    if self.sample.agent is not None:
                        self.sample.agent.wake("receive", "publish", "beat")
                    shown = self.status(lang)
                    return all(part in shown for part in parts)

                self.until(f"{name}: {said}", seen)

    def canaries(self) -> list[Path]:
        """Return every file that holds a word of the patient in clear, the EMR's own aside."""
        needles = [word.encode(code) for word in PATIENT.values() for code in ("utf-8", "utf-16-le")]
        found = []
        for path in [*self.etat.rglob("*"), *self.hub.rglob("*")]:
            if path.is_file() and not path.is_socket():
                data = path.read_bytes()
                found += [path for needle in needles[:1] + needles[2:] if needle in data]
        return found


def sql(path: Path, text: str, *values: object) -> list[Any]:
    """Run one statement on a SQLite file, past everybody."""
    with closing(sqlite3.connect(path, timeout=10)) as base, base:
        return base.execute(text, values).fetchall()


@pytest.fixture
def day(tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Day]:
    """Lend a clinic that takes bookings as the test's parameter says; then look for the canary everywhere."""
    caplog.set_level("INFO")
    logging.getLogger("httpx").setLevel("WARNING")
    with Sample(tmp_path, bookings=getattr(request, "param", "automatic")) as sample:
        made = Day(sample)
        yield made
        made.stop()
        made.portal.close()
        assert made.canaries() == []
    assert [word for word in PATIENT.values() if word in caplog.text] == []


@pytest.fixture
def states() -> dict[str, tuple[str, str, str]]:
    """Lend the table of states."""
    return dict(STATES)


@pytest.fixture
def ask() -> Callable[..., list[Any]]:
    """Lend `sql`."""
    return sql


os.environ.setdefault("RUNTIME_DIRECTORY", "/nonexistent")
