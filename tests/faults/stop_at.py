"""Run an agent that stops itself, as SIGSTOP from outside would, between its intent and its write: FILE.

Rule: a program of the tests; the agent in it is the real one, and goes on where it stood when it is told to.
"""

import signal
import sys
import threading
from pathlib import Path
from typing import Any

from agent.config import read_plan
from agent.core.booking import Mark
from agent.wiring import agent as wired
from agent.wiring.catalog import entries

_posts = wired.posts


def marked(shop: Any, *more: Any) -> Any:
    """Return the posts, with apply legs that stop once the intent is durable and the write not yet sent."""
    made = _posts(shop, *more)
    for leg in made.applies:
        leg.mark = leg._saving.mark = stop
    return made


def stop(mark: Mark, _booking: str) -> None:
    """Stop the whole process here."""
    if mark is Mark.T2:
        print("stops", flush=True)
        # To this thread: a signal to the process would let us run on for a while, into the lock of the EMR.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        print("goes on", flush=True)


wired.posts = marked
signal.signal(signal.SIGTERM, lambda *_: ended.set())
ended = threading.Event()
running = wired.Agent(read_plan(Path(sys.argv[1]), entries()))
print("Créneau runs", flush=True)
ended.wait()
running.stop()
