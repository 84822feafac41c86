"""Have the sources that only hear of changes compared with their EMR's whole agenda, when the EMR offers that.

Rule: asked every few minutes whether it is due; one that fails is left alone longer and longer, and said once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from agent.config import EmrPlan
from agent.core.errors import CreneauError
from agent.core.model import EmrName, Instant, Window
from agent.ports import Emr, Reconciles
from agent.wiring.state import State

log = logging.getLogger("creneau.nightly")

EVERY_S = 300
LONGEST = timedelta(hours=1)
"""Between two tries at an EMR that does not answer."""


@dataclass
class Comparing:
    """The clock's fourth job; `run` by one thread at a time, `stop` from any: it ends a question under way."""

    state: State
    wake: Callable[..., None]
    _fails: dict[EmrName, int] = field(init=False, default_factory=dict)
    _not_before: dict[EmrName, timedelta] = field(init=False, default_factory=dict)
    _at_work: Emr | None = field(init=False, default=None)
    _stopped: bool = field(init=False, default=False)

    def run(self) -> None:
        """Compare what is due; raises nothing that is a state of the world."""
        for source in self.state.plan.emrs:
            now = self.state.clock.now()
            if not self._stopped and now.age >= self._not_before.get(source.id, timedelta(0)):
                self._one(source, now)

    def stop(self) -> None:
        """End what is under way, and begin nothing more."""
        self._stopped = True
        emr = self._at_work
        if emr is not None:
            emr.close()

    def _one(self, source: EmrPlan, now: Instant) -> None:
        try:
            changed = self._compare(source, self.state.rules().window(now.utc))
        except CreneauError as fault:
            if not self._stopped:
                self._failed(source.id, now, fault)
            return
        if changed is None:
            return
        if self._fails.pop(source.id, 0):
            log.info("source.compared_again source=%s", source.id)
        self._not_before.pop(source.id, None)
        self.wake("publish")

    def _compare(self, source: EmrPlan, window: Window) -> int | None:
        emr = self._at_work = self.state.open_emr(source)
        try:
            return emr.reconcile(window) if isinstance(emr, Reconciles) else None
        finally:
            self._at_work = None
            emr.close()

    def _failed(self, source: EmrName, now: Instant, fault: CreneauError) -> None:
        fails = self._fails[source] = self._fails.get(source, 0) + 1
        self._not_before[source] = now.age + min(LONGEST, timedelta(seconds=EVERY_S) * 2 ** (fails - 1))
        if fails == 1:
            log.warning("source.not_compared source=%s why=%r", source, str(fault))
