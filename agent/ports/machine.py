"""The machine, as the parts see it: clocks, dice, stop, one leg.

Rule: a leg never reads a clock; the daemon reads it once a step.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from agent.core.model import Instant


class Clock(Protocol):
    """Reads both clocks at once; any thread."""

    def now(self) -> Instant:
        """Return the corrected wall clock and the age that never jumps."""
        ...


class Dice(Protocol):
    """All randomness, so that a seed replays a run; any thread."""

    def token(self) -> str:
        """Return 128 random bits, base64url, 22 characters."""
        ...

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        """Return a uniform draw from [low, high]."""
        ...


class Stop(Protocol):
    """threading.Event, seen from adapters."""

    def is_set(self) -> bool:
        """Say whether the agent is stopping."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until stop or timeout (seconds); True means stop."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `again`: zero = more waits, None = at the leg's interval or when woken."""

    did: int
    again: timedelta | None = None
    wakes: frozenset[str] = frozenset()
    """Kinds of leg to wake now: "apply", "deliver"."""


class Leg(Protocol):
    """One way through the house. `name` is "publish:oscar" or "deliver"; `longest` is what one step may take."""

    name: str
    longest: timedelta

    def step(self, now: Instant) -> Step:
        """Do what is due and return; never loops, sleeps or reads a clock."""
        ...
