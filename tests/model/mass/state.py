"""How a state is one number of 64 bits: each agent, the place (EMR and wire), the moment (hub, ever, desk, tick).

Rule: only what a state really has is numbered, so that a column is as narrow as it can be.
"""

from typing import NamedTuple

import numpy as np

from tests.model.mass.layout import Codes, Column, Layout
from tests.model.mass.tables import Joined
from tests.model.scene import Case, Scene

TEAM = Layout([32, 32])
"""The agents of a state that is taken apart; where there is one, it stands in the first column."""
REST = Layout([18, 22, 10, 6, 4, 4])
"""EMR, wire, hub, ever, desk, tick of a state that is taken apart."""
EMR, WIRE, HUB, EVER, DESK, TICK = range(6)


class Apart(NamedTuple):
    """States taken apart, two numbers each: so wide that a step may put any number into its columns."""

    team: Codes
    rest: Codes

    def some(self, index: Column) -> "Apart":
        """Return some of them."""
        return Apart(self.team[index], self.rest[index])


class States:
    """The numbers of the states of one case."""

    def __init__(self, case: Case) -> None:
        self.team = len(case.start.agents)
        emrs, wires, hubs = case.model.pool.items, case.wires.items, case.hubs.items
        evers, desks, ticks = case.evers.items, case.desks.items, range(case.last + 1)
        self._pools = emrs, wires, hubs, evers, desks, ticks
        self._agents = [Joined(case.agents.items) for _ in range(self.team)]
        self._place, self._moment = Joined(emrs, wires), Joined(hubs, evers, desks, ticks)
        self._columns = [*self._agents, self._place, self._moment]
        self.layout = Layout([0] * len(self._columns))

    def _fit(self) -> None:
        """Hold that whatever a step put into a state that is taken apart had room there."""
        if any(len(pool) > 1 << width for pool, width in zip(self._pools, REST.widths, strict=True)):
            message = f"a column is too narrow: {[len(pool) for pool in self._pools]}, {REST.widths} bits"
            raise OverflowError(message)

    def apart(self, codes: Codes) -> Apart:
        """Take states apart."""
        team = np.zeros_like(codes)
        for n, agent in enumerate(self._agents):
            team = TEAM.put(team, n, agent.columns(self.layout.get(codes, n))[0])
        place = self._place.columns(self.layout.get(codes, self.team))
        moment = self._moment.columns(self.layout.get(codes, self.team + 1))
        rest = np.zeros_like(codes)
        for column, value in enumerate([*place, *moment]):
            rest |= value.view(np.uint64) << np.uint64(REST.shifts[column])
        return Apart(team, rest)

    def together(self, apart: Apart) -> Codes:
        """Return the number of each state; raises Wider, OverflowError."""
        columns = [agent(TEAM.get(apart.team, n)) for n, agent in enumerate(self._agents)]
        columns.append(self._place(*(REST.get(apart.rest, each) for each in (EMR, WIRE))))
        columns.append(self._moment(*(REST.get(apart.rest, each) for each in (HUB, EVER, DESK, TICK))))
        self._fit()
        self.layout.fit([len(joined) for joined in self._columns])
        codes = np.zeros_like(apart.team)
        for column, shift in zip(columns, self.layout.shifts, strict=True):
            codes |= column.view(np.uint64) << np.uint64(shift)
        return codes

    def one(self, scene: Scene) -> Codes:
        """Return the number of one scene as the checker unpacked it, alone; raises as `together` does."""
        team = sum(agent << shift for agent, shift in zip(scene.agents, TEAM.shifts, strict=False))
        rest = REST.pack((scene.emr, scene.wire, scene.hub, scene.ever, scene.desk, scene.tick))
        return self.together(Apart(np.array([team], np.uint64), np.array([rest], np.uint64)))

    def scene(self, code: int) -> Scene:
        """Return the scene of a number."""
        *team, place, moment = self.layout.unpack(code)
        agents = tuple(self._agents[n].row(number)[0] for n, number in enumerate(team))
        emr, wire = self._place.row(place)
        hub, ever, desk, tick = self._moment.row(moment)
        return Scene(tick, emr, agents, wire, hub, desk, ever)
