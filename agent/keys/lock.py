"""Let one process or thread at a time into a file.

Rule: the lock is the operating system's, so that it ends with its holder.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":  # pragma: no cover - run under Wine
    import msvcrt

    import pywintypes
    import win32con
    import win32file

    @contextmanager
    def alone(file: Path) -> Iterator[None]:
        """Hold the lock `file`, made when absent; waits its turn, which the C library's own lock gives up on. Raises OSError."""
        with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_BINARY, 0o600), "r+b") as stream:
            handle, where = msvcrt.get_osfhandle(stream.fileno()), pywintypes.OVERLAPPED()
            try:
                win32file.LockFileEx(handle, win32con.LOCKFILE_EXCLUSIVE_LOCK, 1, 0, where)
            except pywintypes.error as error:
                raise OSError(error.winerror, "LockFileEx") from error
            try:
                yield
            finally:
                win32file.UnlockFileEx(handle, 1, 0, where)

else:
    import fcntl

    @contextmanager
    def alone(file: Path) -> Iterator[None]:
        """Hold the lock `file`, made when absent. Raises OSError."""
        with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(stream, fcntl.LOCK_UN)
