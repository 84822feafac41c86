"""Packets to the hub vanish, with no error anywhere: nothing is lost, nothing is done twice."""

import os
import subprocess
import sys
from pathlib import Path

from tests.faults.machine import namespace, path

ROOT = Path(__file__).parents[2]


def test_packets_dropped_by_the_kernel_lose_no_booking(tmp_path: Path) -> None:
    """Nftables drops the agent's packets in a network of the test's own; lifted, what was ordered meanwhile is booked."""
    words = [*namespace(), sys.executable, "-m", "tests.faults.dropped", str(tmp_path)]
    environ = {**os.environ, "PATH": path()}
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
