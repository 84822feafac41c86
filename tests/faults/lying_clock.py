"""Run a program under a wall clock of its own: OFFSET_FILE PROGRAM… as Python takes it; the file holds seconds.

Rule: only what `agent.clock` reads is false; threads, the age clock, files and TLS live by the machine's true clocks.
A library that lies to the whole process (libfaketime) also makes its waiting threads oversleep, which no set clock does.
"""

import runpy
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

from agent import clock


class Lying(datetime):
    """The wall clock, off by what stands in the file at this moment."""

    file = Path(sys.argv[1])

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return the time that this machine believes in."""
        return super().now(tz) + timedelta(seconds=float(cls.file.read_text(encoding="ascii")))


clock.datetime = Lying  # type: ignore[misc]
del sys.argv[:2]
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
