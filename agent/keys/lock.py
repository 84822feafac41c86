"""Let one process or thread at a time into a file.

Rule: the lock is the operating system's, so that it ends with its holder.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":  # pragma: no cover - measured on Linux
    import msvcrt
else:
    import fcntl


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Hold the lock `file`, made when absent. Raises OSError (Windows: after 10 s)."""
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as stream:
        if sys.platform == "win32":  # pragma: no cover - measured on Linux
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if sys.platform == "win32":  # pragma: no cover - measured on Linux
                stream.seek(0)
                msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
            else:
                fcntl.flock(stream, fcntl.LOCK_UN)
