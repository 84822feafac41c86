"""Tell the time to the hub.

Rule: the only file of the hub that reads a clock.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Reads the wall clock; any thread."""

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        ...


class WallClock:
    """The machine's own clock, kept right by the operator (NTP): every agent corrects itself by it."""

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this file is the hub's clock
