"""The one loop: each leg in a thread of its own, woken, paced, backed off and stopped here.

Rule: only this file loops and owns long backoff; a leg is stepped, never trusted to be quick or right.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.model import Instant
from agent.ports import Board, Clock, Dice, Leg, Step

log = logging.getLogger("creneau.daemon")

CAP = timedelta(seconds=300)
"""Longest pause after a passing fault; 14,000 agents / 300 s stays under 80 % of a small hub."""
FIRST = timedelta(seconds=2)
SOON = timedelta(seconds=5)
"""Within how long the other legs of a peer that answers again try too."""
STOP_WITHIN = timedelta(seconds=5)
AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Pace:
    """When a leg steps without being woken.

    `every`: the grid; `phase`: its offset on the age clock, so that a fleet never marches in step; `mend`: how long a
    misconfigured leg waits before it looks again (a reload wakes it at once).
    """

    every: timedelta
    phase: timedelta = AT_ONCE
    mend: timedelta = timedelta(minutes=5)

    def next(self, now: Instant) -> timedelta:
        """Return the age of the next grid moment after `now`."""
        passed = (now.age - self.phase) // self.every
        return self.phase + (passed + 1) * self.every


@dataclass(slots=True)
class Post:
    """One leg at its post.

    `close` frees whatever blocks it, from another thread; `first`: longest wait before the first step, which a wake
    cuts short. `peer`: whom it talks to over the network, if anybody: legs of one peer learn from one another that it
    is back. `soon`: what a wake of that kind leaves it to wait; `told`: the peer itself said how long to wait.
    """

    leg: Leg
    pace: Pace
    close: Callable[[], None] = lambda: None
    first: timedelta = AT_ONCE
    peer: str = ""
    wake: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    stepping: timedelta | None = None
    due: timedelta = AT_ONCE
    faults: int = 0
    soon: timedelta | None = None
    told: bool = False
    down: tuple[str, Instant] | None = None

    @property
    def kind(self) -> str:
        """Return "publish" of "publish:oscar"."""
        return self.leg.name.partition(":")[0]


def family(fault: CreneauError) -> str:
    """Return the word of the nearest class of the family: a link's own subclass counts as what it derives from."""
    nearest = next(one for one in type(fault).__mro__ if one.__module__ == CreneauError.__module__)
    return nearest.__name__.lower()


def backoff(faults: int, dice: Dice) -> timedelta:
    """Full jitter: U(0, min(300 s, 2 s * 2^n)), n = faults in a row less one."""
    return dice.between(AT_ONCE, min(CAP, FIRST * 2 ** min(faults - 1, 10)))


@dataclass
class Daemon:
    """Runs the posts until stop. Order of `posts` is the stop order."""

    posts: Sequence[Post]
    clock: Clock
    dice: Dice
    board: Board
    stop_event: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start one thread a post."""
        for post in self.posts:
            post.due = self.clock.now().age + post.first
            post.thread = threading.Thread(target=self._run, args=(post,), name=post.leg.name, daemon=True)
            post.thread.start()

    def wake(self, *kinds: str) -> None:
        """Make the legs of these kinds step now, whatever they wait for; no kind = all. Any thread."""
        for post in self.posts:
            if not kinds or post.kind in kinds:
                post.soon = None
                post.wake.set()

    def nudge(self, kinds: frozenset[str]) -> None:
        """Hand work on to the legs of these kinds; one that is backing off keeps its pause, it will find the work."""
        for post in self.posts:
            if post.kind in kinds and post.down is None:
                post.wake.set()

    def alive(self) -> bool:
        """Say whether every leg runs and none is late by more than twice its `longest`."""
        age = self.clock.now().age
        return all(self._fresh(post, age) for post in self.posts)

    def stop(self) -> None:
        """Stop within 5 s, post by post; what a stuck leg was doing is resolved at the next start."""
        self.stop_event.set()
        ends = self.clock.now().age + STOP_WITHIN
        for post in self.posts:
            post.wake.set()
            post.close()
        for post in self.posts:
            left = ends - self.clock.now().age
            if post.thread is not None:
                post.thread.join(max(left, AT_ONCE).total_seconds())
                if post.thread.is_alive():
                    log.warning("leg.stuck leg=%s", post.leg.name)

    @staticmethod
    def _fresh(post: Post, age: timedelta) -> bool:
        if post.thread is None or not post.thread.is_alive():
            return False
        since = post.stepping if post.stepping is not None else post.due
        return age - since < 2 * post.leg.longest

    def _run(self, post: Post) -> None:
        post.wake.wait(post.first.total_seconds())
        while not self.stop_event.is_set():
            now = self.clock.now()
            post.wake.clear()
            post.stepping = now.age
            wait = self.turn(post, now)
            age = self.clock.now().age
            post.due = age + wait
            post.stepping = None
            self._rest(post, wait)

    def _rest(self, post: Post, wait: timedelta) -> None:
        """Sleep until the pause is over or something wakes it; when its peer came back, a little longer."""
        if post.wake.wait(wait.total_seconds()) and (soon := post.soon) is not None:
            post.soon = None
            post.wake.clear()
            if not self.stop_event.is_set():  # stop sets its event before it wakes: one of the two is seen
                post.wake.wait(soon.total_seconds())

    def turn(self, post: Post, now: Instant) -> timedelta:
        """Step one leg once and return how long it may sleep; the seam that tests and simulators drive."""
        try:
            step = post.leg.step(now)
        except CreneauError as fault:
            return self._fault(post, now, fault)
        except Exception:
            # A bug must not end the leg for ever: it is logged whole once and retried like a passing fault.
            if post.down is None or post.down[0] != "bug":
                log.exception("leg.bug leg=%s", post.leg.name)
            return self._went_down(post, now, "bug", backoff(post.faults + 1, self.dice))
        self._went_well(post, now)
        self.nudge(step.wakes)
        return self._pause(post, step)

    def _pause(self, post: Post, step: Step) -> timedelta:
        now = self.clock.now()
        until_grid = post.pace.next(now) - now.age
        return until_grid if step.again is None else min(step.again, until_grid)

    def _fault(self, post: Post, now: Instant, fault: CreneauError) -> timedelta:
        kind = family(fault)
        post.told = isinstance(fault, Transient) and fault.after is not None
        if self.stop_event.is_set():
            return AT_ONCE
        if post.down is None or post.down[0] != kind:
            log.warning("leg.down leg=%s kind=%s doing=%r what=%r", post.leg.name, kind, str(fault.doing), str(fault))
        wait = backoff(post.faults + 1, self.dice)
        if isinstance(fault, Misconfigured):
            wait = post.pace.mend
        elif isinstance(fault, Refused):
            wait = max(wait, post.pace.next(now) - now.age)
        elif isinstance(fault, Transient) and fault.after is not None:
            wait = min(CAP, fault.after) + wait / 10
        return self._went_down(post, now, kind, wait, fault)

    def _went_down(
        self, post: Post, now: Instant, kind: str, wait: timedelta, fault: CreneauError | None = None
    ) -> timedelta:
        post.faults += 1
        if post.down is None or post.down[0] != kind:
            post.down = (kind, now)
        self.board.down(post.leg.name, kind, now, fault)
        return wait

    def _went_well(self, post: Post, now: Instant) -> None:
        if post.down is not None:
            gone = now.age - post.down[1].age
            log.info("leg.back leg=%s gone_s=%d", post.leg.name, gone.total_seconds())
        was, post.down, post.soon, post.faults = post.down, None, None, 0
        self.board.ok(post.leg.name, now)
        if post.peer and was is not None and was[0] == "transient":
            self._answered(post)

    def _answered(self, back: Post) -> None:
        """Let the legs that failed on the same peer try soon, each at its own moment; what the peer asked is kept."""
        for post in self.posts:
            if post.peer == back.peer and post.down is not None and post.down[0] == "transient" and not post.told:
                post.soon = self.dice.between(AT_ONCE, SOON)
                post.wake.set()
