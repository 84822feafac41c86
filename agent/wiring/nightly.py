"""Work by the clock: the nightly full read, retention, key age; erasing for good; comparing; the front desk's minute.

Rule: each clinic has a minute of its own, so that no hub meets them all at once.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from agent.core.errors import CreneauError
from agent.core.health import trusted
from agent.journal.copying import old
from agent.wiring.comparing import EVERY_S, Comparing
from agent.wiring.frontdesk import FrontDesk
from agent.wiring.state import State

log = logging.getLogger("creneau.nightly")

FIRST_HOUR = 1
SPREAD = timedelta(hours=4)
SCRUB_S = 30
DESK_S = 60


class Nightly:
    """APScheduler's thread and its four jobs. `desk`: the front desk's minute."""

    def __init__(self, state: State, wake: Callable[..., None], desk: FrontDesk) -> None:
        from apscheduler.schedulers.background import BackgroundScheduler

        self._state = state
        self._wake = wake
        self._desk = desk
        self._comparing = Comparing(state, wake)
        zone = ZoneInfo(state.plan.sites[0].time_zone)
        minute = int(state.dice.between(timedelta(0), SPREAD).total_seconds() // 60)
        self._scheduler = BackgroundScheduler(  # a night the machine slept through is made up once, however late
            timezone=zone, job_defaults={"coalesce": True, "misfire_grace_time": None}
        )
        self._scheduler.add_job(self.night, "cron", hour=FIRST_HOUR + minute // 60, minute=minute % 60)
        self._scheduler.add_job(self.scrub, "interval", seconds=SCRUB_S)
        self._scheduler.add_job(self._comparing.run, "interval", seconds=EVERY_S, next_run_time=state.clock.now().utc)
        self._scheduler.add_job(desk.run, "interval", seconds=DESK_S, next_run_time=state.clock.now().utc)

    def start(self) -> None:
        """Start the scheduler's thread."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop it; a job in work ends first."""
        self._desk.stop()
        self._comparing.stop()
        self._scheduler.shutdown()

    def night(self) -> None:
        """Read everything again, let go of what is past its time, turn the sealing key over, renew the signing key."""
        now = self._state.clock.now()
        try:
            health = self._state.board.read()
            if trusted(health.skew, health.heard, now):
                self._state.journal.tidy(now, self._state.plan.service.ledger_keep)
                self._state.keys.turn_over(now.utc)
                self._state.keys.renew(now.utc)
                for file in old(self._state.plan.service.data_dir, now.utc):
                    file.unlink(missing_ok=True)
            else:  # a clock years ahead would throw bookings and keys away that are still needed
                log.warning("night.kept why=clock")
        except CreneauError as fault:
            log.warning("night.fault what=%r", str(fault))
        self._wake("publish", "deliver", "beat")

    def scrub(self) -> None:
        """Take what was erased off the disk."""
        try:
            self._state.journal.scrub()
        except CreneauError as fault:
            log.warning("scrub.fault what=%r", str(fault))
