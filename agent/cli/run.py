"""`creneau run`: the agent in the foreground, until it is told to stop.

Rule: the first signal stops it in order; a hang-up reads the configuration again. What the command line is made of
(typer, and pydantic with it: 12 MB) stays out of a process that lives for months, so nothing here imports it.
"""

import logging
import signal
import sys
import threading
from typing import Any

from agent.cli.session import Session
from agent.core.message import say

WORDS = (["run"], ["executer"])
"""The command lines that mean this and nothing else; with an option beside it, typer reads them."""
LOOK_S = 0.5
"""How often the waiting thread lets Python run its signal handlers; Windows needs it."""


def live(here: Session) -> int:
    """Start, say so, wait for SIGINT or SIGTERM, stop within 5 s; return the exit code."""
    plan = here.plan()
    log(plan.service.log_level.upper())
    stop, again = threading.Event(), threading.Event()
    _listen(stop, again)
    running = here.places.start(plan)
    try:
        here.tell(say("Créneau runs. Stop it with Ctrl+C."))
        wait(running, stop, again)
    finally:
        running.stop()
    return 0


def log(level: str) -> None:
    """Log ourselves at this level; libraries warn only: httpx writes a line a request, and what theirs hold is unknown."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("creneau").setLevel(level)


def wait(running: Any, stop: threading.Event, again: threading.Event) -> None:
    """Wait for `stop`; reload whenever `again` is set."""
    while not stop.wait(LOOK_S):
        if again.is_set():
            again.clear()
            running.reload()


def _listen(stop: threading.Event, again: threading.Event) -> None:
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, lambda *_: stop.set())
    else:
        signal.signal(signal.SIGHUP, lambda *_: again.set())
