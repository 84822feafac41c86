"""A process that is killed while it writes.

Rule: a row whose number the child printed is there afterwards.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.journal import Journal

CHILD = """
import sys, threading
from datetime import datetime, timedelta, UTC
from pathlib import Path
from agent.core.model import Instant
from agent.journal import Journal
from agent.journal.box import DataBox
now = Instant(datetime(2026, 11, 23, 17, tzinfo=UTC), timedelta())
journal = Journal.open(Path(sys.argv[1]), DataBox(bytes(range(32))), now=now)
records = journal.records()
door = threading.Lock()
def live():
    while True:
        line = records.line("start", b"x" * 700, now)
        with door:
            print(line.n, flush=True)
for _ in range(3):
    threading.Thread(target=live, daemon=True).start()
live()
"""


@pytest.mark.parametrize("lines", [5, 40, 120, 260])
def test_a_kill_loses_no_acknowledged_row(
    reopen: Callable[..., Journal], tmp_path: Path, make: SimpleNamespace, lines: int
) -> None:
    """Killed after so many lines: every line the child was told of is in a sound chain, once."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "state")], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(lines)]
    child.kill()
    said += [int(line) for line in child.stdout.read().splitlines() if line]
    child.stdout.close()
    child.wait()
    records = reopen().records()
    kept = {line.n for line in records.ledger(0, 100_000)}
    assert set(said[:-1]) <= kept
    assert len(said) == len(set(said))
    assert records.verify() is None
    assert "restart" not in records.facts()
