"""Power loss, on a disk that holds writes until they are synced.

Rule: what was acknowledged is there after any cut; the same test on a lying disk must see loss.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from agent.core.errors import CreneauError
from agent.journal import Journal
from tests.power.disk import MODES, PowerDisk, PowerVFS


@pytest.fixture
def disk(request: pytest.FixtureRequest) -> Iterator[PowerDisk]:
    """Register a disk under a name of its own."""
    disk = PowerDisk()
    vfs = PowerVFS("power", disk)
    yield disk
    vfs.unregister()


def _open(make: SimpleNamespace) -> Journal:
    journal = Journal.open(Path("power"), make.box, vfs="power", locking="exclusive", now=make.at())
    journal._store._group.hold(lambda conn: conn.wal_autocheckpoint(8))
    return journal


def _story(make: SimpleNamespace, dice: random.Random) -> list[bytes]:
    """Live until the power goes; return what was acknowledged."""
    said: list[bytes] = []
    journal = None
    try:
        journal = _open(make)
        for n in range(40):
            body = b"%d:" % n + dice.randbytes(dice.randrange(10, 3000))
            journal.records().line("start", body, make.at(seconds=n))
            said.append(body)
            if n % 10 == 9:
                journal._store.truncate()
    except (CreneauError, apsw.Error):
        pass
    finally:
        if journal is not None:
            with suppress(apsw.Error):
                journal.close()
    return said


def _after(make: SimpleNamespace, said: list[bytes]) -> int:
    """Return how many acknowledged lines are missing; the file must be sound and without gaps."""
    journal = _open(make)
    kept = [line.body for line in journal.records().ledger(0, 100)]
    sound = journal._store._group.hold(lambda conn: conn.pragma("integrity_check"))
    bad = journal.records().verify()
    journal.close()
    assert sound == "ok"
    assert bad is None
    assert len(kept) <= len(said) + 1
    return sum(1 for n, body in enumerate(said) if kept[n : n + 1] != [body])


@pytest.mark.parametrize("seed", range(40))
def test_no_acknowledged_line_is_lost_at_a_power_cut(disk: PowerDisk, make: SimpleNamespace, seed: int) -> None:
    """Forty cuts all over a life of the journal, five ways of losing what was not synced."""
    dice = random.Random(seed)
    disk.crash_at = 5 + seed * 7
    said = _story(make, dice)
    assert disk.dead
    disk.cut(MODES[seed % len(MODES)], dice)
    assert _after(make, said) == 0


def test_the_oracle_sees_loss_on_a_lying_disk(disk: PowerDisk, make: SimpleNamespace) -> None:
    """A disk that does not sync loses lines, so the test above can fail."""
    dice = random.Random(1)
    _story(make, dice)
    disk.lies, disk.ops, disk.crash_at = True, 0, 60
    journal = _open(make)
    said = len(journal.records().ledger(0, 100))
    with suppress(CreneauError):
        for n in range(40):
            journal.records().line("start", b"late-%d" % n, make.at())
            said += 1
    with suppress(apsw.Error):
        journal.close()
    disk.cut("none", dice)
    journal = _open(make)
    kept = len(journal.records().ledger(0, 200))
    journal.close()
    assert kept < said
