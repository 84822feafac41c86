"""Run an agent that kills itself, as kill -9 would, the first time it reaches a named point: FILE POINT.

Rule: a program of the tests; the agent in it is the real one, and dies without a goodbye.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.config import read_plan
from agent.journal.inbox import JournalInbox
from agent.journal.outbox import JournalOutbox
from agent.wiring import agent as wired
from agent.wiring.catalog import entries

POINT = sys.argv[2]


def die(point: str) -> None:
    """End here if this is the point."""
    if point == POINT:
        os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, point: str, counts: Callable[..., bool]) -> None:
    """Die before or after one durable act, when its arguments count."""
    real = getattr(owner, name)

    def acts(self: Any, *args: Any, **named: Any) -> Any:
        if not counts(*args):
            return real(self, *args, **named)
        die(f"before-{point}")
        done = real(self, *args, **named)
        die(f"after-{point}")
        return done

    setattr(owner, name, acts)


def is_outcomes(out: Any, *_: Any) -> bool:
    """Say whether this is about a booking's outcome."""
    return bool(out.verb == "outcomes")


def is_offer(out: Any, *_: Any) -> bool:
    """Say whether this is the view on its way."""
    return bool(out.verb == "offer")


around(JournalInbox, "take", "T1", lambda orders, *_: bool(orders))
around(JournalOutbox, "attempt", "attempt", is_outcomes)
around(JournalOutbox, "receipted", "T5", is_outcomes)
around(JournalOutbox, "attempt", "offer", is_offer)
around(JournalOutbox, "receipted", "told", is_offer)
_posts = wired.posts


def marked(shop: Any, *more: Any) -> Any:
    """Return the posts, with apply legs that die at their marks."""
    made = _posts(shop, *more)
    for leg in made.applies:
        leg.mark = leg._saving.mark = lambda mark, _booking: die(mark.name)
    return made


wired.posts = marked
running = wired.Agent(read_plan(Path(sys.argv[1]), entries()))
print("ready", flush=True)
threading.Event().wait(120)
