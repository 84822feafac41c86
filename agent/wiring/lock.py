"""One agent a state folder: an OS lock that dies with its holder.

Rule: whoever holds the lock is the agent; nobody else opens the journal.
"""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.core.errors import Misconfigured, Refused
from agent.core.message import say

if sys.platform == "win32":  # pragma: no cover - tested under Wine
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class StateLock:
    """Context manager over `<folder>/creneau.lock`; raises Refused(reason="running") when it is held, Misconfigured else."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "creneau.lock"
        self._handle: int | None = None

    def __enter__(self) -> Self:
        doing = say("take the state folder {folder}", folder=str(self.path.parent))
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as cause:
            raise Misconfigured(
                doing,
                say("the data folder cannot be read or written"),
                say("run the command as an administrator or as the service's account"),
                file=str(self.path),
            ) from cause
        try:
            _lock(handle)
        except OSError as cause:
            os.close(handle)
            raise Refused(
                doing,
                say("another agent is using it"),
                say("creneau status"),
                reason="running",
            ) from cause
        self._handle = handle
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
