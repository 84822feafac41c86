"""Run an agent through one idle hour on a fast clock, between two marks in its trace: FILE TIMES MARKS.

Rule: a program of the tests; only what measures age is fast, the wall clock stays the hub's.
"""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.config import read_plan
from agent.core.model import Instant
from agent.wiring import agent as wired
from agent.wiring import state
from agent.wiring.catalog import entries

TIMES = int(sys.argv[2])
STEPS: dict[str, int] = {}


class FastClock:
    """The system's clocks, age running TIMES as fast."""

    def __init__(self, *args: Any) -> None:
        self.real = SystemClock(*args)

    def now(self) -> Instant:
        now = self.real.now()
        return Instant(now.utc, now.age * TIMES)


class FastEvent(threading.Event):
    """Waits as long by the fast clock as it is told."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else timeout / TIMES)


def fast(shop: Any, *more: Any) -> Any:
    """Return the posts, with waits by the fast clock and their steps counted."""
    made = _posts(shop, *more)
    for post in made.all:
        post.wake = FastEvent()
        post.leg.step = counted(post.kind, post.leg.step)
    return made


def counted(kind: str, step: Any) -> Any:
    def steps(now: Instant) -> Any:
        STEPS[kind] = STEPS.get(kind, 0) + 1
        return step(now)

    return steps


def mark(name: str) -> None:
    """Leave a mark that the trace shows."""
    with suppress(OSError):
        Path(f"/nowhere/{name}").rename("/nowhere/at-all")


state.SystemClock = FastClock
_posts, wired.posts = wired.posts, fast
running = wired.Agent(read_plan(Path(sys.argv[1]), entries()))
journal, wait = running.state.journal, threading.Event().wait
for _ in range(1200):
    kinds = {line.kind for line in journal.records().ledger(0, 1000)}
    told = journal.outbox().told()
    if told and told == journal.outbox().view() and "countersigned" in kinds and running.is_well():
        break
    wait(0.1)
else:
    raise SystemExit("it never settled")
wait(1)
STEPS.clear()
mark("hour-begins")
wait(3600 / TIMES)
mark("hour-ends")
print(*(f"{kind}={n}" for kind, n in STEPS.items()), flush=True)
os._exit(0)
