"""Run seeds by hand: `python -m tests.sim FIRST [COUNT]`; each failure prints the one line that replays it."""

import logging
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from agent.core.errors import CreneauError
from tests.sim.oracle import converged, safe
from tests.sim.world import World

STORM, CALM = 12, 14
"""Virtual minutes of trouble, and of peace after it."""
FAST = Path("/dev/shm")


def live(seed: int, folder: Path) -> World:
    """Live one seed through and hold it to everything; returns the ended world."""
    with World(folder, seed) as world:
        for _ in range(STORM):
            world.run(1)
            safe(world)
        world.calm()
        world.run(CALM)
        converged(world)
    return world


def commit() -> str:
    """Return the commit in hand."""
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()


def replay(seed: int) -> str:
    """Return what to print of a failure."""
    return f"seed={seed} commit={commit()}\nreplay: python -m tests.sim {seed}"


def main(first: int = 0, count: int = 1) -> int:
    """Live `count` seeds; return how many failed."""
    logging.disable(logging.CRITICAL if count > 1 else logging.DEBUG)
    failed, began = 0, time.perf_counter()
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None) as folder:
            try:
                world = live(seed, Path(folder))
            except (AssertionError, CreneauError):
                failed += 1
                print(replay(seed), "".join(traceback.format_exc().splitlines(keepends=True)[-6:]), flush=True)
            else:
                if count == 1:
                    print(seed, world.counts, len(world.portal_knows))
    print(f"{count} seeds, {failed} failed, {count / (time.perf_counter() - began):.1f} seeds/s")
    return failed


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
