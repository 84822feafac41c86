"""The post of a source that listens: its server runs in a thread of its own, and the post says how it does.

Rule: a listener that ended is started again at the leg's pace, and status shows why it ended.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from agent.core.errors import CreneauError
from agent.core.model import EmrName, Instant
from agent.ports import Emr, Listens, Step

GONE = 4.0
"""Seconds a listener is given to end."""


@dataclass
class Listen:
    """Shaped like a leg, so that the daemon paces, retries and stops it; `wake`: what a message wakes, any thread."""

    name: str
    listens: Listens
    wake: Callable[[], None]
    longest: timedelta = timedelta(seconds=30)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread | None = field(init=False, default=None)
    _fault: Exception | None = field(init=False, default=None)

    def step(self, now: Instant) -> Step:
        """Start the server when it does not run; raise what it ended by."""
        del now
        fault, self._fault = self._fault, None
        if fault is not None:
            self._thread = None
            raise fault
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._serve, name=self.name + ":serve", daemon=True)
            self._thread.start()
            return Step(1, again=timedelta(seconds=1))  # soon enough to say that it could not begin
        return Step(0)

    def close(self) -> None:
        """End the server; any thread."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(GONE)

    def _serve(self) -> None:
        try:
            self.listens.serve(self._stop, self.wake)
        except CreneauError as fault:
            self._fault = fault
        except Exception as bug:  # noqa: BLE001 - raised by the next step, where the daemon logs it
            self._fault = bug


def listener(emr: Emr, source: EmrName, wake: Callable[[], None]) -> Listen | None:
    """Return the post's leg of a source that listens, None for one that does not."""
    return Listen(f"listen:{source}", emr, wake) if isinstance(emr, Listens) else None
