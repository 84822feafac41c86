"""A started agent: legs at their posts, the local door, the file watched, the nightly work.

Rule: a new plan is whole before the old one is let go; a faulty file changes nothing.
"""

import logging
import stat
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agent.answers import Answers, may
from agent.config import Faults, Plan, read_plan
from agent.core.errors import CreneauError
from agent.daemon import Daemon
from agent.door import Server
from agent.notify import Notifier
from agent.wiring.catalog import entries
from agent.wiring.frontdesk import FrontDesk
from agent.wiring.house import door_path, house
from agent.wiring.nightly import Nightly
from agent.wiring.posts import Posts, Shop, posts
from agent.wiring.state import State

log = logging.getLogger("creneau.agent")

LOOK = timedelta(milliseconds=500)
"""How often the file is looked at: narrowing must be in force within a second."""
Stamp = tuple[tuple[int, int] | None, ...]


class Agent:
    """A started agent. Raises before it returns, or runs until `stop`."""

    def __init__(self, plan: Plan, notify: Notifier | None = None) -> None:
        self._notify = notify or Notifier()
        self._turning = threading.RLock()
        self._ending = ExitStack()
        with ExitStack() as opening:
            self.state = opening.enter_context(State(plan))
            self._seen = self._stamp()
            self._go()
            opening.callback(self._halt)
            rooms = house(self.state, self.state.board, self.wake, self.reload)
            door = Server(door_path(plan.service.data_dir), Answers(rooms), may)
            door.start()
            opening.callback(door.stop)
            self._nightly = Nightly(self.state, self.wake, FrontDesk(self.state, rooms))
            self._nightly.start()
            opening.callback(self._nightly.stop)
            self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
            self._watcher.start()
            self._ending = opening.pop_all()
        log.info("agent.started sources=%d", len(plan.emrs))
        self._notify("READY=1")

    def alive(self) -> bool:
        """Say whether every leg's last step is younger than twice its `longest`."""
        return self._daemon.alive()

    def is_well(self) -> bool:
        """Say whether every leg has stepped and its last step went well."""
        legs = self.state.board.read().legs
        return len(legs) == len(self._posts.all) and all(leg.kind == "ok" for leg in legs.values())

    def wake(self, *kinds: str) -> None:
        """Make the legs of these kinds step now; no kind = all."""
        self._daemon.wake(*kinds)

    def stop(self) -> None:
        """End within 5 s; idempotent."""
        self._notify("STOPPING=1")
        self.state.stop.set()
        with self._turning:
            self._ending.close()
        log.info("agent.stopped")

    def reload(self) -> None:
        """Read the file again. Sharing takes force at once; another source, site or hub changes the legs too.

        A faulty file leaves the plan as it is; the posture the journal keeps takes force all the same.
        """
        with self._turning:
            try:
                plan = read_plan(self.state.plan.file, entries())
            except CreneauError as fault:
                faults = fault.faults if isinstance(fault, Faults) else ()
                places = ",".join(f"{one.line}:{one.key}" for one in faults)
                log.warning("config.faulty n=%d what=%r places=%s", len(faults), str(fault), places)
                plan = self.state.written  # what the clinic ordered (freeze, withdraw) takes force all the same
            plan = self._same_folder(plan)
            was = self.state.rules().posture
            if self.state.stop.is_set():
                return
            legs = _legs_of(self.state.honest(plan))
            if legs == self._legs:
                self.state.renew(plan)
                if self.state.rules().posture.is_offline and not was.is_offline:
                    self._posts.deliver.now_at_once()
                self._daemon.wake("publish", "apply")
            else:
                self._halt()
                self.state.renew(plan)
                self._go()
            log.info("config.reloaded")

    def _same_folder(self, plan: Plan) -> Plan:
        """Return the plan with the data folder we hold: another one is taken at the next start."""
        held = self.state.plan.service.data_dir
        if plan.service.data_dir == held:
            return plan
        log.warning("config.restart_needed key=data_dir")
        return replace(plan, service=replace(plan.service, data_dir=held))

    def _go(self) -> None:
        state = self.state
        self._legs = _legs_of(state.plan)
        shop = Shop(
            state.plan,
            state.journal,
            state.keys,
            state.hub(),
            state.board,
            state.clock,
            state.dice,
            state.rules,
            state.boot,
            self.wake,
        )
        self._posts: Posts = posts(shop, lambda: self._daemon.nudge(frozenset({"publish"})))
        self._daemon = Daemon(self._posts.all, state.clock, state.dice, state.board)
        self._daemon.start()

    def _halt(self) -> None:
        self._daemon.stop()

    def _watch(self) -> None:
        """Look at the file, and pet the watchdog while the legs live."""
        clock, petted = self.state.clock, timedelta(0)
        while not self.state.stop.wait(LOOK.total_seconds()):
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                self.reload()
            age = clock.now().age
            if self._notify.every is not None and age - petted >= self._notify.every and self.alive():
                petted = age
                self._notify("WATCHDOG=1")

    def _stamp(self) -> Stamp:
        plan = self.state.written
        return tuple(_mark(path) for path in (plan.file, plan.file.with_name("sharing.toml"), *_files(plan)))


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):  # a folder something is dropped into: the adapter looks at it
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _legs_of(plan: Plan) -> tuple[object, ...]:
    """Return what the legs were built from, the files their adapters read included."""
    marks = tuple(_mark(path) for path in _files(plan))
    return plan.emrs, plan.sites, plan.hub, plan.booking, plan.service, marks


def _files(plan: Plan) -> list[Path]:
    """Return the files the adapters' options name."""
    return [value for emr in plan.emrs for value in emr.options.values() if isinstance(value, Path)]
