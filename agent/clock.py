"""The machine's own clocks and dice.

Rule: the only file of the agent that reads a clock or draws a random number.
"""

import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.core.model import Instant

if sys.platform == "win32":
    import ctypes

    _ticks = ctypes.windll.kernel32.GetTickCount64
    _ticks.restype = ctypes.c_ulonglong

    def _age() -> timedelta:
        """Milliseconds since the machine started, sleep and hibernation included."""
        return timedelta(milliseconds=_ticks())

elif sys.platform == "linux":

    def _age() -> timedelta:
        """CLOCK_BOOTTIME: time.monotonic stands still while the machine is suspended."""
        return timedelta(microseconds=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)

else:

    def _age() -> timedelta:
        """Elsewhere, for development only: stands still while the machine is suspended."""
        return timedelta(microseconds=time.monotonic_ns() // 1000)


def _unskewed() -> timedelta | None:
    return None


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Both clocks of this machine. `skew` returns what to add to the wall clock, None while it is unknown."""

    skew: Callable[[], timedelta | None] = _unskewed

    def now(self) -> Instant:
        """Return the corrected wall clock and the age that never jumps."""
        age = _age()
        wall = datetime.now(UTC)  # noqa: TID251 - this is the one place
        return Instant(wall + (self.skew() or timedelta(0)), age)


@dataclass(frozen=True, slots=True)
class SystemDice:
    """Randomness of the operating system."""

    def token(self) -> str:
        """Return 128 random bits, base64url, 22 characters."""
        return secrets.token_urlsafe(16)

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        """Return a uniform draw from [low, high], to the microsecond."""
        span = (high - low) // timedelta(microseconds=1)
        return low + timedelta(microseconds=secrets.randbelow(max(span, 0) + 1))
