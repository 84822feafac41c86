"""What the hub hands to an agent: orders one by one, and a turn with the whole list of them.

Rule: an order may come at any time, in any order; a new turn never comes without what any agent was handed before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.core.booking import Booking, Ordered, advance
from tests.model.scene import Act, Agent, Case, Scene, put
from tests.model.values import EMR, SLOTS, TURN_TICKS, Goal, at

Each = tuple[int, ...]
"""One number for each booking."""


def highest(known: Sequence[Each]) -> Each:
    """Return the highest of what the agents know, of each booking."""
    return tuple(map(max, zip(*known, strict=True)))


class Handing:
    """The steps by which the hub reaches the agents of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._received: dict[tuple[object, ...], tuple[Act, ...]] = {}
        self._turns: dict[tuple[object, ...], tuple[Act, ...]] = {}

    def receives(self, scene: Scene, n: int, revs: Each) -> tuple[Act, ...]:
        """Return the orders that may reach agent `n` now; the hub tells with each the newest rev it holds.

        Of the scene it reads the agent and the time.
        """
        case, number = self.case, scene.agents[n]
        if not case.unreceived(number):
            return ()
        key = (n, number, scene.tick, revs)
        found = self._received.get(key)
        if found is None:
            found = self._received[key] = tuple(self._arrivals(scene, n, case.agents.items[number], revs))
        return found

    def _arrivals(self, scene: Scene, n: int, agent: Agent, revs: Each) -> Iterator[Act]:
        for goal in self.case.goals:
            row = self.case.row(agent, goal.booking)
            if row is None or row.seen_ver < goal.version:
                new = self._ordered(row, goal, scene.tick, revs[goal.booking])
                bumps = agent.bumps
                if agent.node:
                    bumps = put(bumps, goal.booking, bumps[goal.booking] + 1)
                after = agent._replace(rows=put(agent.rows, goal.booking, new), bumps=bumps)
                yield Act(f"{'AB'[n]} receives {goal}", self.case.agents(after))

    def _ordered(self, row: Booking | None, goal: Goal, tick: int, rev: int) -> int:
        slot = None if goal.slot is None else SLOTS[goal.slot]
        line = None if slot is None else slot.key.encode()
        event = Ordered(replace(goal.order(), told=rev), EMR, slot, line, at(tick).utc)
        return self.case.rows(advance(row, event, None)[0])

    def turns(self, scene: Scene, n: int, versions: Each, revs: Each) -> tuple[Act, ...]:
        """Return the turn that agent `n` may get now; of the scene it reads the agent, the time and the hub."""
        case, number = self.case, scene.agents[n]
        if case.fenced or not case.idle(number):
            return ()
        key = (n, number, scene.tick, scene.hub, versions, revs)
        found = self._turns.get(key)
        if found is None:
            found = self._turns[key] = tuple(self._given(scene, n, case.agents.items[number], versions, revs))
        return found

    def forget(self) -> None:
        """Forget which steps were worked out."""
        self._received.clear()
        self._turns.clear()

    def revs(self, scene: Scene) -> Each:
        """Return the rev of each booking, the highest that any agent knows: the hub knows it, too."""
        return highest([self.case.newest_rev(each) for each in scene.agents])

    def versions(self, scene: Scene) -> Each:
        """Return the version of each booking, the highest that any agent knows."""
        return highest([self.case.seen_versions(each) for each in scene.agents])

    def _given(self, scene: Scene, n: int, agent: Agent, versions: Each, revs: Each) -> Iterator[Act]:
        """Yield the turn, if the hub gives one now: a beat renews it, a new one comes with the whole list of orders."""
        hub = self.case.hubs.items[scene.hub]
        over = scene.tick >= hub.tick + TURN_TICKS
        same_time = agent.turn is not None and agent.turn[1] == scene.tick
        if n < hub.holder or (n > hub.holder and not over) or same_time:
            return
        number = hub.number + (n != hub.holder or over or agent.turn is None)
        if agent.turn is None or agent.turn[0] != number:
            agent = self._listed(scene, agent, versions, revs)
        after = self.case.agents(agent._replace(turn=(number, scene.tick)))
        given = self.case.hubs(hub._replace(holder=n, number=number, tick=scene.tick))
        yield Act(f"{'AB'[n]} gets turn {number}", after, hub=given)

    def _listed(self, scene: Scene, agent: Agent, versions: Each, revs: Each) -> Agent:
        """Take the newest version of each booking the hub has handed out so far."""
        for goal in self.case.goals:
            row = self.case.row(agent, goal.booking)
            if goal.version == versions[goal.booking] and (row is None or row.seen_ver < goal.version):
                new = self._ordered(row, goal, scene.tick, revs[goal.booking])
                agent = agent._replace(rows=put(agent.rows, goal.booking, new))
        return agent
