"""Run seeds by hand: `python -m tests.sim FIRST [COUNT]`; each failure prints the one line that replays it."""

import logging
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from agent.core.errors import CreneauError
from tests.sim.oracle import differs, safe, words
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


def main(first: int = 0, count: int = 1) -> int:
    """Live `count` seeds on every core; return how many failed."""
    began, failed, counts, said = time.perf_counter(), 0, Counter[str](), Counter[str]()
    with ProcessPoolExecutor(min(count, os.cpu_count() or 1)) as pool:
        for life in pool.map(attempt, range(first, first + count), chunksize=4 if count > 8 else 1):
            if isinstance(life, str):
                failed += 1
                print(life, flush=True)
            else:
                counts, said = counts + life.counts, said + life.words
                if count == 1:
                    print(life.trace)
    print(f"{count} seeds, {failed} failed, {count / (time.perf_counter() - began):.1f} seeds/s")
    print(dict(counts), dict(said))
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
