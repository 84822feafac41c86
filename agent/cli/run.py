"""`creneau run`: the agent in the foreground, until it is told to stop.

Rule: the first signal stops it in order; a hang-up reads the configuration again.
"""

import logging
import signal
import sys
import threading
from typing import Any

import typer

from agent.cli.session import session
from agent.core.message import say

LOOK_S = 0.5
"""How often the waiting thread lets Python run its signal handlers; Windows needs it."""


def run(ctx: typer.Context) -> None:
    """Start, say so, wait for SIGINT or SIGTERM, stop within 5 s."""
    here = session(ctx)
    plan = here.plan()
    logging.basicConfig(
        level=plan.service.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    stop, again = threading.Event(), threading.Event()
    _listen(stop, again)
    running = here.places.start(plan)
    try:
        here.tell(say("Créneau runs. Stop it with Ctrl+C."))
        wait(running, stop, again)
    finally:
        running.stop()


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
