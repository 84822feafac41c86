"""Where nothing more can happen by itself, everything must have come to its end: I3, I4, I8.

Rule: rest is found by asking the leg once more, never by a list of what should be over.
"""

from agent.core.booking import Booking, Outcome, State
from tests.model.handing import Handing
from tests.model.people import CALM
from tests.model.scene import Agent, Case, Scene
from tests.model.values import NAMES, Violation


class Rest:
    """Judges the scenes at rest of one case."""

    def __init__(self, case: Case, hub: Handing) -> None:
        self.case = case
        self.hub = hub
        self._still: dict[tuple[object, ...], bool] = {}

    def holds(self, scene: Scene) -> bool:
        """Say whether the scene is at rest; raises Violation when it must not be."""
        case = self.case
        if case.wires.items[scene.wire] or not all(map(case.idle, scene.agents)):
            return False
        if not case.is_calm(scene):
            return False
        versions, revs = self.hub.versions(scene), self.hub.revs(scene)
        for n in range(len(scene.agents)):
            if self.hub.turns(scene, n, versions, revs) or not self.is_still(scene, n):
                return False
        for b in range(case.bookings):
            self._converged(scene, b)
        return True

    def is_still(self, scene: Scene, n: int) -> bool:
        """Say whether a step of agent `n` would change nothing; of the scene it reads the agent, EMR and time."""
        key = (scene.agents[n], scene.emr, scene.tick)
        if key not in self._still:
            agent = self.case.agents.items[scene.agents[n]]
            self._still[key] = all(self._changes_nothing(scene, agent, kind) for kind in self.case.kinds)
        return self._still[key]

    def unsure(self, scene: Scene) -> bool:
        """Say whether a person has to look."""
        return any(row and row.state is State.UNSURE for a in self.case.team(scene) for row in self.case.rows_of(a))

    def _changes_nothing(self, scene: Scene, agent: Agent, kind: str) -> bool:
        """Run the leg once more on what it would read now."""
        case, seen = self.case, self.case.seen(agent)
        node = case.strategy.begin(kind, scene.tick, seen)
        while (ask := case.node(node).ask).kind != "done":
            answer: object
            if ask.kind == "slots":
                answer = tuple(s for s in case.model.slots(scene.emr) if ask.what.start <= s.start < ask.what.end)
            elif ask.kind == "ours":
                answer = case.model.ours(scene.emr)
            elif ask.kind == "find":
                emr, answer = case.model.find(scene.emr, ask.what)
                if emr != scene.emr:
                    return False
            else:
                return False
            node = case.strategy.answered(node, answer, seen)
        return bool(ask.what == agent.since)

    def _converged(self, scene: Scene, b: int) -> None:
        """Compare what the hub shows, the highest rev, with the EMR; two outcomes of one rev are "being checked"."""
        team = self.case.team(scene)
        rows = [self.case.row(agent, b) for agent in team]
        known = [row for row in rows if row is not None and row.seen_ver == self.case.newest[b]]
        if len(known) < len(rows):
            raise Violation("I8", "an order was forgotten")
        for n, row in enumerate(known):
            if row.state not in CALM:
                self._may_wait(scene, n, row)
        top = max(row.outcome_rev for row in known)
        shown = [row for row in known if row.outcome_rev == top and row.outcome is not None]
        if len({(row.done_ver, row.outcome, row.kept) for row in shown}) == 1 and shown[0].state in CALM:
            self._is_true(scene, shown[0])

    def _is_true(self, scene: Scene, row: Booking) -> None:
        mine = {one.slot for one in self.case.model.rows(scene.emr) if one.booking == row.booking}
        if row.outcome in {Outcome.REQUESTED, Outcome.CHANGED}:
            return
        has = row.outcome is Outcome.BOOKED or row.kept
        want = {row.cur_slot.key} if has and row.cur_slot else set()
        elsewhere = row.kept and row.cur_slot is None and len(mine) == 1  # told by an agent that never saw that slot
        if mine != want and not elsewhere:
            said = f"told {row.outcome}{' (kept)' if row.kept else ''}"
            raise Violation("I4", f"{said}, the EMR has {sorted(NAMES[s] for s in mine) or 'nothing'}")
        if row.outcome is Outcome.SUPERSEDED:
            raise Violation("I4", "the newest version was called superseded")
        if row.outcome is Outcome.BOOKED and row.goal_slot and row.goal_slot.key not in mine:
            raise Violation("I3", "told booked, elsewhere than asked")

    def _may_wait(self, scene: Scene, n: int, row: Booking) -> None:
        """Let a row wait for a person, for a turn that another holds, or for time that this search does not have."""
        holder = self.case.hubs.items[scene.hub].holder
        waits = not self.case.fenced and (n != holder or row.state is State.INTENT)
        if row.state not in {State.UNSURE, State.QUARANTINE} and not waits and scene.tick == self.case.last:
            raise Violation("I8", f"{row.booking} stays {row.state} for ever")
