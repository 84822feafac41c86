"""Refuse what is too much before any signature work is spent on it.

Rule: a caller who is refused costs a dictionary look-up.
"""

from dataclasses import dataclass
from datetime import datetime

BODY_MAX = 8 * 1024 * 1024
HASH_MAX = 64 * 1024 * 1024
"""What is read of a larger body, to answer it in a way its sender believes."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `burst` at once, `per_second` in the long run. Several clinics may share one address."""

    per_second: float = 50.0
    burst: int = 500


class Meter:
    """Counts the calls of each address; one thread (the loop's)."""

    def __init__(self, rate: Rate, most: int = 10_000) -> None:
        self._rate = rate
        self._most = most
        self._buckets: dict[str, tuple[float, datetime]] = {}

    def admits(self, peer: str, now: datetime) -> bool:
        """Say whether one more call of this address is welcome."""
        left, since = self._buckets.pop(peer, (float(self._rate.burst), now))
        earned = max((now - since).total_seconds(), 0.0) * self._rate.per_second
        left = min(left + earned, float(self._rate.burst))
        admitted = left >= 1.0
        self._buckets[peer] = (left - 1.0 if admitted else left, now)
        if len(self._buckets) > self._most:  # the address not heard for longest has long been forgiven
            del self._buckets[next(iter(self._buckets))]
        return admitted
