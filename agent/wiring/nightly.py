"""Wall-clock work: the nightly full comparison, retention, key age; and erasing for good within the minute.

Rule: each clinic has a minute of its own, so that no hub meets them all at once.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.core.errors import CreneauError
from agent.core.model import Instant
from agent.wiring.state import State

log = logging.getLogger("creneau.nightly")

FIRST_HOUR = 1
SPREAD = timedelta(hours=4)
LOOK_S = 30
"""How often what was erased is taken off the disk, and the wall clock looked at."""
DAY = timedelta(days=1)


class Hour:
    """One moment of every local day. `at`: hours and minutes since midnight on the wall of `zone`."""

    def __init__(self, at: timedelta, zone: ZoneInfo, now: Instant) -> None:
        self._at = at
        self._zone = zone
        self._next = self.following(now)

    def following(self, now: Instant) -> datetime:
        """Return the first such moment after `now`; one that a clock change skips is the same span after midnight."""
        hours, minutes = divmod(int(self._at.total_seconds()) // 60, 60)
        here = now.utc.astimezone(self._zone).date()
        days = (datetime.combine(here + n * DAY, time(hours, minutes), self._zone) for n in range(2))
        moments = (day.astimezone(now.utc.tzinfo) for day in days)
        return next(moment for moment in moments if moment > now.utc)

    def struck(self, now: Instant) -> bool:
        """Say whether it has come since the last look: once, however late, so a machine asleep at night makes up."""
        late = now.utc >= self._next
        self._next = self.following(now)  # also when a clock that ran ahead was set back
        return late


class Nightly:
    """One thread that looks at the wall clock; not a scheduler's, whose asyncio and pools would cost 4 MB at rest."""

    def __init__(self, state: State, wake: Callable[..., None]) -> None:
        self._state = state
        self._wake = wake
        minutes = int(state.dice.between(timedelta(0), SPREAD).total_seconds() // 60)
        at = timedelta(hours=FIRST_HOUR, minutes=minutes)
        self._hour = Hour(at, ZoneInfo(state.plan.sites[0].time_zone), state.clock.now())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nightly", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop it; work under way ends first."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """Do what is due; a bug in it is logged and does not end the nights to come."""
        try:
            self.scrub()
            if self._hour.struck(self._state.clock.now()):
                self.night()
        except Exception:
            log.exception("nightly.bug")

    def night(self) -> None:
        """Read everything again, let go of what is past its time, turn the sealing key over."""
        now = self._state.clock.now()
        try:
            self._state.journal.tidy(now)
            self._state.keys.turn_over(now.utc)
        except CreneauError as fault:
            log.warning("night.fault what=%r", str(fault))
        self._wake("publish", "deliver", "beat")

    def scrub(self) -> None:
        """Take what was erased off the disk."""
        try:
            self._state.journal.scrub()
        except CreneauError as fault:
            log.warning("scrub.fault what=%r", str(fault))
