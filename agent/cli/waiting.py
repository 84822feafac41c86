"""Show that something is under way once it has taken two seconds.

Rule: only on a terminal, only on the error stream, and gone when the work is done.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

AFTER_S = 2.0


@contextlib.contextmanager
def waiting(says: str, after_s: float = AFTER_S) -> Iterator[None]:
    """Run a block; show a moving bar with the time once it takes longer than `after_s`."""
    if not sys.stderr.isatty():
        yield
        return
    bar = _Bar(says)
    timer = threading.Timer(after_s, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        bar.hide()


class _Bar:
    """Shown by the timer's thread, hidden by the caller's, whichever comes first."""

    def __init__(self, says: str) -> None:
        self._says = says
        self._lock = threading.Lock()
        self._progress: Any = None
        self._over = False

    def show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        with self._lock:
            if self._over:
                return
            columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.add_task(self._says, total=None)
            self._progress.start()

    def hide(self) -> None:
        with self._lock:
            self._over = True
            if self._progress is not None:
                self._progress.stop()
