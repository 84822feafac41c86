"""A town under fault: real hub, real agent, a wire that fails on demand, and the judgement every test ends with."""

import copy
import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.keys import make_root
from tests.faults.wire import Wire
from tests.story.conftest import CLINIC, Town

CANARY = {
    "family": "Canari-Tremblay",
    "given": "Zoé",
    "born": "1991-04-12",
    "nam": "TREZ91541218",
    "phone": "418 555-0187",
}
TOLD = ("booked", "conflict", "cancelled", "expired", "refused: reseal")


class Faulty(Town):
    """A town whose bookings are remembered, so that each can be judged. `wire`: what stands before the hub."""

    def __init__(self, folder: Path, wire: Wire | None = None) -> None:
        super().__init__(folder, "automatic", front=wire.port if wire else 0)
        self.wire = wire
        if wire is not None:
            wire.to = self.port
        self.slots: dict[str, dict[str, Any]] = {}

    def join(self) -> None:
        """Enrol, put the rules into force, start both sides and wait until a portal may book."""
        self.start("hub")
        self.creneau("enrol", self.creneau("hub", "code", CLINIC, "--folder", str(self.hub_folder))["code"])
        self.creneau("sharing", "apply", "--yes")
        self.start("agent")
        self.offered()

    def book(self, name: str) -> str:
        """Order a slot at a time nobody asked for yet; return the booking's name."""
        asked = {slot["start"] for slot in self.slots.values()}
        slot = self.slots[name] = next(one for one in self.offered() if one["start"] not in asked)
        self.portal.book(CLINIC, name, 1, slot["id"], CANARY, now=self.time())
        return name

    def told(self, *names: str) -> list[str]:
        """Wait for the outcomes of these bookings; return them."""
        return [self.outcome(name, 1, *TOLD) for name in names]

    def kill(self, name: str) -> None:
        """End a process as kill -9 does."""
        self.stop(name, signal.SIGKILL)

    def twin(self) -> "Faulty":
        """Return another computer for the same clinic: a file and a state of its own, same EMR and hub."""
        other = copy.copy(self)
        other.folder = self.folder / "autre"
        other.file, other.data = other.folder / "creneau.toml", other.folder / "etat"
        other.folder.mkdir()
        text = self.file.read_text(encoding="utf-8")
        other.file.write_text(text.replace(self.data.as_posix(), other.data.as_posix()), encoding="utf-8")
        other.running, other.begun, other.under = {}, {}, {}
        make_root(other.data)
        return other

    def judge(self) -> None:
        """Hold that all told is true in the EMR, nothing stands twice, views end equal, no canary sits in a file."""
        self.until("true words", self._is_true)
        self.until("equal views", lambda: self.lines() == self.at_hub())
        needles = [CANARY[name].encode() for name in ("family", "nam", "phone")]
        for path in [*self.data.rglob("*"), *self.hub_folder.rglob("*"), *self.folder.rglob("*.log")]:
            data = path.read_bytes() if path.is_file() else b""
            assert not [needle for needle in needles if needle in data], path

    def _is_true(self) -> bool:
        """Say whether every booking has a word, and exactly those that are called booked stand in the EMR."""
        words = {name: self.portal.booking(CLINIC, name)["word"] for name in self.slots}
        want = sorted(_start(self.slots[name]) for name, word in words.items() if word == "booked")
        return set(words.values()) <= {"booked", "not-booked"} and sorted(row.start for row in self.ours()) == want


def _start(slot: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(slot["start"]).replace(tzinfo=None)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Faulty]]:
    """Lend a maker of one town; all its processes end with the test."""
    made: list[Faulty] = []

    def build(folder: Path = tmp_path, wire: Wire | None = None) -> Faulty:
        made.append(Faulty(folder, wire))
        return made[-1]

    try:
        yield build
    finally:
        for town in made:
            town.end()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Lend a wire to put between agent and hub."""
    with Wire() as made:
        yield made
