"""Run seeds by hand: `python -m tests.sim FIRST [COUNT [PROCESSES]]`; a failure prints the line that replays it."""

import logging
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from agent.core.errors import CreneauError
from tests.sim.ledger import accounted
from tests.sim.oracle import differs, safe, timely, words
from tests.sim.world import MINUTE, World

CALM = 16
"""Virtual minutes of peace within which both sides must tell the same truth: holds, orders and turns run out in 10."""
LATER = 5
"""Two minutes on they must still, or again within so many: a hold that ends is seen at the next poll."""
FAST = Path("/dev/shm")


@dataclass
class Life:
    """What a life came to: what was counted, the words patients read at the end, the hash of all that happened."""

    counts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    trace: str = ""


def live(seed: int, folder: Path) -> Life:
    """Live one seed through and hold it to everything."""
    with World(folder, seed) as world:
        for _ in range(world.knobs.minutes):
            world.run(MINUTE)
            safe(world)
        world.calm()
        _converges(world, CALM)
        world.run(2 * MINUTE)
        _converges(world, LATER)
        accounted(world)
        timely(world)
        return Life(Counter(world.counts), words(world), world.trace)


def _converges(world: World, minutes: int) -> None:
    wrong = ["nothing was compared"]
    for _ in range(minutes):
        world.mend()
        world.run(MINUTE)
        safe(world)
        wrong = differs(world)
        if not wrong:
            return
    raise AssertionError("; ".join(wrong))


def commit() -> str:
    """Return the commit in hand."""
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    ).stdout.strip()


def replay(seed: int) -> str:
    """Return what to print of a failure."""
    return f"seed={seed} commit={commit() or 'unknown'}\nreplay: python -m tests.sim {seed}"


def attempt(seed: int) -> Life | str:
    """Live one seed in a folder of its own; return the life, or what to print of its failure."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None) as folder:
        try:
            return live(seed, Path(folder))
        except (AssertionError, CreneauError):
            return f"{replay(seed)}\n{traceback.format_exc()[-2000:]}"


def main(first: int = 0, count: int = 1, processes: int | None = None) -> int:
    """Live `count` seeds on every core, or in so many processes; return how many failed."""
    began, failed, counts, said = time.perf_counter(), 0, Counter[str](), Counter[str]()
    for life in _lives(range(first, first + count), min(count, processes or os.cpu_count() or 1)):
        if isinstance(life, str):
            failed += 1
            print(life, flush=True)
        else:
            counts, said = counts + life.counts, said + life.words
            if count == 1:
                print(life.trace)
    print(f"{count} seeds, {failed} failed, {count / (time.perf_counter() - began):.1f} seeds/s")
    print("what happened:", dict(counts), "what patients read:", dict(said))
    return failed


def _lives(seeds: range, processes: int) -> Iterator[Life | str]:
    if processes == 1:
        yield from map(attempt, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(attempt, seeds, chunksize=4)


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
