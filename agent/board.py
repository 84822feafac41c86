"""What the legs know of one another without writing it down: health, reads, turn, skew, pace.

Rule: every value is replaced whole under one lock, nothing is journaled, and a restart begins empty.
"""

import threading
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta

from agent.core.booking import Turn
from agent.core.errors import CreneauError
from agent.core.health import was_set
from agent.core.model import EmrName, Finding, Instant
from agent.core.news import News
from agent.ports import Health, LegHealth

SAMPLES = 5
LEAP = timedelta(seconds=5)
"""A wall clock that gains more than this on the age clock means the machine stood still: the turn is void."""
WAIT_S = 25
"""How long the hub may hold an `orders` call until it sets another pace."""


class MemoryBoard:
    """The board of one run of the agent; any thread. `boot` is this run's id."""

    def __init__(self, started: Instant, boot: str) -> None:
        """Begin with no leg, no read, no turn and no skew."""
        self._lock = threading.Lock()
        self._health = Health(legs={}, reads={}, skew=None, turn=None, started=started, boot=boot)
        self._samples: deque[timedelta] = deque(maxlen=SAMPLES)
        self._applied: deque[tuple[timedelta, timedelta]] = deque(maxlen=2 * SAMPLES)
        self._bare: Instant | None = None
        self._heard_at = started
        self._turned_at = started
        self._wait_s = WAIT_S

    def ok(self, leg: str, now: Instant) -> None:
        """Note a step that went well."""
        self._note(leg, "ok", now)

    def down(self, leg: str, kind: str, now: Instant, fault: CreneauError | None = None) -> None:
        """Note a step that failed; `kind` is the error's class name in lower case, `fault` what a person is told."""
        self._note(leg, kind, now, fault)

    def _note(self, leg: str, kind: str, now: Instant, fault: CreneauError | None = None) -> None:
        with self._lock:
            was = self._health.legs.get(leg)
            since = was.since if was is not None and was.kind == kind else now
            last = now if kind == "ok" else (was.last if was is not None else None)
            what, hint = (fault.what, fault.hint) if fault is not None else (None, None)
            legs = {**self._health.legs, leg: LegHealth(kind, since, last, what, hint)}
            self._health = replace(self._health, legs=legs)
            self._void_turn(now)

    def _void_turn(self, now: Instant) -> None:
        """Protocol, turns: it lapses if wall time advances 5 s more than the clock that runs through suspend."""
        gained = (now.utc - self._turned_at.utc) - (now.age - self._turned_at.age)
        if self._health.turn is not None and gained > LEAP:
            self._health = replace(self._health, turn=None)

    def complete(self, emr: EmrName, now: Instant) -> None:
        """Note a complete read of a source."""
        with self._lock:
            self._health = replace(self._health, reads={**self._health.reads, emr: now})

    def news(self, emr: EmrName, found: tuple[News, ...]) -> None:
        """Note what a complete read of a source shows that no line of the file names."""
        with self._lock:
            self._health = replace(self._health, news={**self._health.news, emr: found})

    def findings(self, emr: EmrName, found: tuple[Finding, ...]) -> None:
        """Note what the last read of a source found."""
        with self._lock:
            self._health = replace(self._health, findings={**self._health.findings, emr: found})

    def heard(self, hub_time: datetime, sent: Instant, took: timedelta) -> None:
        """Note one signed sample of the hub's clock, taken at mid-flight; skew is the median of the last five.

        `sent.utc` was corrected by the skew then in force, which is added back: samples are of the bare clock. Those
        of a clock that was set since say nothing any more.
        """
        with self._lock:
            bare = Instant(sent.utc - self._in_force(sent.age), sent.age)
            if was_set(self._bare, bare):
                self._samples.clear()
            self._bare = bare
            self._samples.append(hub_time - (bare.utc + took / 2))
            skew = sorted(self._samples)[(len(self._samples) - 1) // 2]
            self._applied.append((sent.age + took, skew))
            self._health = replace(self._health, skew=skew, heard=Instant(hub_time, sent.age + took / 2))
            self._heard_at = sent

    def _in_force(self, age: timedelta) -> timedelta:
        return next((skew for since, skew in reversed(self._applied) if since <= age), timedelta(0))

    def turn(self, new: Turn | None = None) -> Turn | None:
        """Set (when given) and return the turn; None after a restart, and after the machine stood still."""
        with self._lock:
            if new is not None:
                self._health = replace(self._health, turn=new)
                self._turned_at = self._heard_at
            return self._health.turn

    def pace(self, wait_s: int | None = None) -> int:
        """Set (when given) and return the seconds the hub may hold an `orders` call, 20 to 50."""
        with self._lock:
            if wait_s is not None:
                self._wait_s = min(max(wait_s, 20), 50)
            return self._wait_s

    def read(self) -> Health:
        """Return one consistent picture."""
        with self._lock:
            return self._health
