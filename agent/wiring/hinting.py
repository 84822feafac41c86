"""The post of a source that can be asked cheaply whether a read is worth it.

Rule: it only makes a read earlier, never later and never instead; an answer lost is silent, the next read will tell.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from agent.core.errors import CreneauError, Transient
from agent.core.model import EmrName, Instant
from agent.daemon import Pace
from agent.ports import Emr, Hints, Step

log = logging.getLogger("creneau.hint")

LEAST = timedelta(seconds=10)
SHARE = 4
"""Questions between two reads."""
NONE = timedelta(0)


@dataclass
class Hint:
    """Shaped like a leg, so that the daemon paces and stops it; remembers its place in memory only.

    `new`: called before the read is woken, any number of times. `rest`: how long an EMR that did not answer is left
    alone.
    """

    source: EmrName
    hints: Hints
    new: Callable[[], None]
    rest: timedelta
    longest: timedelta = timedelta(minutes=1)
    name: str = field(init=False)
    _cursor: str | None = field(init=False, default=None)
    _quiet: timedelta = field(init=False, default=NONE)

    def __post_init__(self) -> None:
        """Take the source's name."""
        self.name = f"hint:{self.source}"

    def step(self, now: Instant) -> Step:
        """Ask once; wake this source's reading when something is new. Raises nothing of the EMR's."""
        if now.age < self._quiet:
            return Step(0)
        try:
            worth, self._cursor = self.hints.changed(self._cursor)
        except CreneauError as lost:
            after = lost.after if isinstance(lost, Transient) else None
            self._quiet = now.age + max(self.rest, after or NONE)
            log.debug("hint.lost source=%s kind=%s", self.source, type(lost).__name__)
            return Step(0)
        if not worth:
            return Step(0)
        log.debug("hint.new source=%s", self.source)
        self.new()
        return Step(1, wakes=frozenset({f"publish:{self.source}"}))


def hinter(emr: Emr, source: EmrName, poll: timedelta, new: Callable[[], None]) -> Hint | None:
    """Return the post's leg, None for a source that cannot be asked, or is read as often as it would be asked."""
    return Hint(source, emr, new, poll) if isinstance(emr, Hints) and _every(poll) < poll else None


def pace(poll: timedelta, phase: timedelta) -> Pace:
    """Return when to ask: a quarter of the poll, at least 10 s, halfway between the ticks at which all is read."""
    every = _every(poll)
    return Pace(every, phase + every / 2)


def _every(poll: timedelta) -> timedelta:
    return max(LEAST, poll / SHARE)
