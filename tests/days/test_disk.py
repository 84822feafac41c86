"""Bad days of the disk: nearly full, full to the last byte, and room again."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.core.errors import Transient
from agent.wiring.sample import CLINIC
from hub import desk

SIZE = 24 << 20


class Small:
    """A disk of 24 MB of its own under the agent's data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.filler = folder / "somebody-elses-file"

    def mount(self) -> None:
        """Put it under the folder, with what is there."""
        kept = self.folder.with_name("kept")
        shutil.copytree(self.folder, kept)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"only on a machine that lets us mount: {done.stderr.decode().strip()}")
        shutil.copytree(kept, self.folder, dirs_exist_ok=True)

    def fill(self, leave: int) -> None:
        """Fill it, save `leave` bytes."""
        with self.filler.open("ab") as file:
            while (size := min(shutil.disk_usage(self.folder).free - leave, 1 << 20)) > 0:
                file.write(os.urandom(size))
                file.flush()

    def free(self) -> None:
        """Take the filler away."""
        self.filler.unlink()


@pytest.fixture
def small(day: Any) -> Iterator[Small]:
    """Lend a clinic whose data disk is small."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only on Linux as root: a small disk must be mounted")
    disk = Small(day.etat)
    disk.mount()
    try:
        yield disk
    finally:
        day.stop()
        subprocess.run(["umount", str(disk.folder)], check=True)


def test_a_disk_that_fills_up_takes_no_order_settles_what_it_has_and_comes_back_by_itself(
    day: Any, small: Small, caplog: pytest.LogCaptureFixture
) -> None:
    """Orders wait at the hub, who knows; status says what to free; what people order takes force; with room all goes on."""
    slots = day.open()[:40:10]
    day.book("days-disk-1", 1, slots[0]["id"])
    assert day.outcome("days-disk-1", 1) == "booked"
    small.fill(6 << 20)
    day.shows("disk-full")
    day.book("days-disk-2", 1, slots[1]["id"])
    day.until("the hub knows", lambda: day.sample.beat() or day.sample.look()["state"] == "degraded")
    assert desk.clinics(day.hub)[0]["contact"]
    assert day.word("days-disk-2") == "being-checked"
    assert day.portal.outcome(CLINIC, "days-disk-2") == (0, "")
    small.fill(0)
    fill_the_journal(day)
    day.sample.ask("sharing-withdraw")
    day.until("withdrawn", lambda: day.sample.agent.wake("publish", "deliver") or day.portal.slots() == [])
    assert "journal.full ballast=spent" in caplog.text
    assert len(day.ours()) == 1
    small.free()
    day.sample.agent._nightly.scrub()
    day.sample.ask("sharing-resume")
    assert day.outcome("days-disk-2", 1) == "booked"
    day.until("well", lambda: day.sample.agent.wake("receive", "beat") or day.sample.well())
    assert "disk" not in day.status()
    assert day.sample.agent.state.journal.records().verify() is None


def fill_the_journal(day: Any) -> None:
    """Write until the journal itself meets the end of the disk: its log had room of its own left."""
    records = day.sample.agent.state.journal.records()
    for _ in range(200):
        try:
            records.line("viewed", os.urandom(64 << 10).hex().encode(), day.sample.agent.state.clock.now())
        except Transient:
            return
