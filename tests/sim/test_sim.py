"""Whole lives of a clinic and its hub: trouble, then peace, and both sides must tell the same truth.

A failure prints its seed, the commit and the one line that replays it. The lives run in processes of their own, many a
test: measuring coverage would take as long as living.
"""

import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.memory import MemoryEmr
from agent.journal import ledger
from tests.sim.__main__ import live

ROOT = Path(__file__).parents[2]
FIXED, BATCH = 500, 25
FRESH = 25


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the legs, which log every lost answer."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _lives(first: int, count: int, **environ: str) -> str:
    """Live so many seeds in another process; return what it printed. It ends with 1 when one failed."""
    words = (sys.executable, "-m", "tests.sim", str(first), str(count), "1")
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, timeout=600, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("first", range(0, FIXED, BATCH))
def test_after_any_trouble_hub_and_emr_agree(first: int) -> None:
    """No appointment twice, none lost; each word to a patient is true; the hub offers what the rules allow."""
    _lives(first, BATCH)


def test_so_they_do_with_seeds_nobody_chose() -> None:
    """Each run also lives lives that were never lived before."""
    _lives(secrets.randbelow(10**6) + 10_000, FRESH)


def test_one_seed_is_one_life_byte_for_byte() -> None:
    """Replayed by another process, with sets in another order, every message and every step are the same."""
    once, again = (_lives(401, 1, PYTHONHASHSEED=order).partition("\n")[0] for order in ("1", "2"))
    assert len(once) == 64
    assert once == again


def forgetful(patch: pytest.MonkeyPatch) -> None:
    """Take the sidecar's memory away: a life ends in an untrue word or a second appointment."""
    whole = MemoryEmr.write

    def write(self: MemoryEmr, write: object) -> object:
        self._clinic.applied.pop(write.booking, None)  # type: ignore[attr-defined]
        return whole(self, write)  # type: ignore[arg-type]

    patch.setattr(MemoryEmr, "write", write)


def credulous(patch: pytest.MonkeyPatch) -> None:
    """Believe a clock that was set: an order is called late that is not."""
    patch.setattr("agent.legs.apply.was_set", lambda *_: False)


def unaccounted(patch: pytest.MonkeyPatch) -> None:
    """Let messages leave without a line."""
    whole = ledger.append
    patch.setattr(ledger, "append", lambda tx, kind, *more: kind == "sent" or whole(tx, kind, *more))


@pytest.mark.parametrize(("breaks", "first"), [(forgetful, 0), (credulous, 6), (unaccounted, 0)])
def test_the_oracle_sees(
    breaks: Callable[[pytest.MonkeyPatch], None], first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A house with one fault is found out within a few lives."""
    breaks(monkeypatch)
    for seed in range(first, first + BATCH):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            live(seed, folder)
        except AssertionError:
            return
    pytest.fail("no life was harmed")
