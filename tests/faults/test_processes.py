"""Processes killed, stopped, cloned by time and starved of disk: every word told stays true."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from hub import desk
from tests.faults.conftest import CLINIC, Faulty
from tests.faults.machine import cannot_mount

LYING = Path(__file__).with_name("lying_clock.py")
STOP_AT = Path(__file__).with_name("stop_at.py")


def test_both_sides_killed_while_orders_stand_open(make: Callable[..., Faulty]) -> None:
    """Kill -9 of the agent, of the hub, of both, each time with an order just placed: each is booked once and told."""
    town = make()
    town.join()
    for n, victims in enumerate((("agent",), ("hub",), ("agent", "hub"))):
        town.book(f"fault-kill-{n}")
        for victim in victims:
            town.kill(victim)
        for victim in reversed(victims):
            town.start(victim)
    assert town.told(*town.slots) == ["booked"] * 3
    town.judge()


def test_a_stopped_agent_yields_to_the_one_that_took_over(make: Callable[..., Faulty], tmp_path: Path) -> None:
    """SIGSTOP between intent and write; another computer takes over and books; SIGCONT a minute of clock later.

    Its late write makes no second appointment, and the hub no longer listens to it.
    """
    town = make()
    town.join()
    town.stop("agent")
    clock = FakeClock(tmp_path / "clock")
    town.under["agent"] = clock.program
    town.start_program("agent", str(STOP_AT), str(town.file))
    name = town.book("fault-stop-1")
    town.until("the agent to stop", lambda: "stops" in town.log("agent"))
    other = town.twin()
    try:
        other.creneau("enrol", desk.code(town.hub_folder, CLINIC, takeover=True))
        other.creneau("sharing", "apply", "--yes")
        other.start("agent")
        assert other.told(name) != ["booked"]  # the portal sealed it to the computer that stands still
        clock.set(timedelta(seconds=60))
        town.running["agent"].send_signal(signal.SIGCONT)
        town.until("the old agent to be turned away", lambda: "another agent" in town.log("agent"))
        assert "goes on" in town.log("agent")
        assert other.outcome(name, 1, "booked") == "booked"  # its write was late, and is told by the one that listens
        other.book("fault-stop-2")
        assert other.told("fault-stop-2") == ["booked"]
        other.judge()
    finally:
        town.kill("agent")
        for agent in list(other.running):
            other.stop(agent)


class FakeClock:
    """A wall clock of one process that jumps when told; the age clock goes on."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.program = (str(LYING), str(file))
        self.set(timedelta(0))

    def set(self, off: timedelta) -> None:
        """Jump: from now on it is off by this much."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{off.total_seconds():+.0f}\n", encoding="ascii")
        fresh.replace(self.file)


def test_bookings_survive_a_clock_that_jumps(make: Callable[..., Faulty], tmp_path: Path) -> None:
    """Ten minutes ahead or back: corrected by the hub's signed time. Three hours: nothing is written until set right."""
    town = make()
    clock = FakeClock(tmp_path / "clock")
    town.under["agent"] = clock.program
    town.join()
    for minutes in (10, -10):
        clock.set(timedelta(minutes=minutes))
        assert town.told(town.book(f"fault-clock{minutes}")) == ["booked"]
    clock.set(timedelta(hours=3))
    town.until("the clock to be named", lambda: "clock is" in str(town.creneau("status", code=None)))
    late = town.book("fault-clock-late")
    assert town.portal.booking(CLINIC, late)["word"] == "being-checked"
    clock.set(timedelta(0))
    assert town.told(late) == ["booked"]
    town.judge()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a small file system on the folder."""
    if why := cannot_mount():
        pytest.skip(why)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_takes_no_order_and_tells_no_lie(make: Callable[..., Faulty], tmp_path: Path) -> None:
    """Full to the last byte, the agent lives on; nothing is acknowledged that is not kept; with room all goes on."""
    with small_disk(tmp_path / "etat", 12) as state:
        town = make(tmp_path)
        town.join()
        assert town.told(town.book("fault-disk-1")) == ["booked"]
        ballast = state / "somebody's film"
        fill(ballast)
        names = [town.book(f"fault-disk-{n}") for n in (2, 3, 4)]
        town.until("the fault to be named", lambda: "disk" in str(town.creneau("status", code=None)).lower())
        assert town.running["agent"].poll() is None
        ballast.unlink()
        assert town.told(*names) == ["booked"] * 3
        town.judge()
        town.end()


def fill(file: Path) -> None:
    """Write until nothing more goes in."""
    with file.open("wb", buffering=0) as sink:
        for size in (1 << 20, 1 << 16, 1 << 12):
            try:
                while True:
                    sink.write(bytes(size))
            except OSError:
                continue
