"""Let a waiting `orders` call go at once when an order arrives.

Rule: wakes cross threads only through the loop's own door; a wake before the wait is not lost.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class WaitingRoom:
    """Who waits for which clinic. One process: a hub of several needs a channel of its database instead."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._closed = False

    @contextmanager
    def seat(self, clinic: str) -> Iterator[asyncio.Event]:
        """Sit down before looking for orders; the event is set by any order that comes from now on."""
        self._loop = asyncio.get_running_loop()
        seat = asyncio.Event()
        if self._closed:
            seat.set()
        self._waiting.setdefault(clinic, set()).add(seat)
        try:
            yield seat
        finally:
            others = self._waiting[clinic]
            others.discard(seat)
            if not others:
                del self._waiting[clinic]

    async def wait(self, seat: asyncio.Event, seconds: float) -> None:
        """Wait for an order, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await seat.wait()

    def taken(self, clinic: str) -> int:
        """Return how many calls wait for this clinic."""
        return len(self._waiting.get(clinic, ()))

    def wake(self, clinic: str) -> None:
        """Let the clinic's calls go; any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._rise, clinic)

    def close(self) -> None:
        """Let everyone go, now and later; on the loop's thread."""
        self._closed = True
        for clinic in list(self._waiting):
            self._rise(clinic)

    def _rise(self, clinic: str) -> None:
        for seat in self._waiting.get(clinic, ()):
            seat.set()
