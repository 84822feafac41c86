"""The world of bookings as the search explores it: agents, EMR, network, people and the clock.

Rule: whatever can happen between two questions of the leg, or between two steps of a write, happens in some branch.
"""

from collections.abc import Iterator

from agent.core.booking import Write
from tests.model.agents import Agents
from tests.model.emrs import Model
from tests.model.handing import Handing
from tests.model.invariants import Invariants
from tests.model.people import People
from tests.model.rest import Rest
from tests.model.saying import asked, step_of
from tests.model.scene import Act, Case, Scene, put
from tests.model.search import Report, Search
from tests.model.values import Violation

Step = tuple[str, bool, Scene]
_SMALL, _LARGE = 12, 24
"""Bits of a number of a small pool (hub, desk, ever, tick) and of a large one (EMR, agents, wire)."""


class Checker:
    """Explores one scenario on one EMR model."""

    def __init__(
        self,
        model: Model,
        scenario: str,
        *,
        agents: int = 1,
        faults: int = 2,
        ticks: int | None = None,
        desk: int = 1,
        staff: int = 0,
        most: int = 3_000_000,
    ) -> None:
        self.case = Case(model, scenario, agents=agents, desk=desk, staff=staff, ticks=ticks)
        self.agents, self.hub = Agents(self.case), Handing(self.case)
        self.people = People(self.case, self.agents)
        self.invariants = Invariants(self.case)
        self.rest = Rest(self.case, self.hub)
        self.faults, self.most = faults, most
        self._twins = agents == 2 and self.case.fenced
        self._reached: dict[tuple[object, ...], int] = {}

    def run(self) -> Report:
        """Search until everything is seen, an invariant breaks, or `most` states are known."""
        return Search(self, self.faults, self.most).run()

    # ---- states as numbers

    def begin(self) -> Scene:
        """Return the first state."""
        return self.case.start

    def pack(self, scene: Scene) -> int:
        """Return the scene as one number; two fenced agents have no names, so either order of them is the same."""
        tick, emr, agents, wire, hub, desk, ever = scene
        if self._twins and agents[0] > agents[1]:
            agents = (agents[1], agents[0])
        agents, hub = self.case.folded(agents, hub)
        code = tick
        for small in (hub, desk, ever):
            code = code << _SMALL | small
        for large in (emr, wire, *agents):
            code = code << _LARGE | large
        return code

    def unpack(self, code: int) -> Scene:
        """Return the scene of a number."""
        large = []
        for _ in range(2 + len(self.case.start.agents)):
            large.append(code & (1 << _LARGE) - 1)
            code >>= _LARGE
        small = []
        for _ in range(3):
            small.append(code & (1 << _SMALL) - 1)
            code >>= _SMALL
        *agents, wire, emr = large
        ever, desk, hub = small
        return Scene(code, emr, tuple(agents[::-1]), wire, hub, desk, ever)

    # ---- what can happen next

    def after(self, scene: Scene) -> Iterator[Step]:
        """Yield every step that can follow; raises Violation."""
        for n in range(len(scene.agents)):
            if self.agents.stands_alone(scene, n):
                yield from self._acts(scene, n, self.agents.acts(scene, n))
                return
        for n in range(len(scene.agents)):
            yield from self._acts(scene, n, self.hub.receives(scene, n))
            yield from self._acts(scene, n, self.hub.turns(scene, n))
            yield from self._acts(scene, n, self.agents.acts(scene, n))
        yield from self._network(scene)
        for says, after in self.people.steps(scene):
            yield says, False, after
        if scene.tick < self.case.last and self._may_tick(scene):
            wire = scene.wire if self.case.lasts else self.case.start.wire
            yield "time passes (90 s)", False, scene._replace(tick=scene.tick + 1, wire=wire)

    def rests(self, scene: Scene) -> tuple[bool, bool]:
        """Hold I13; say whether all is at rest, and whether a person has to look."""
        self.invariants.offered(scene)
        return (True, self.rest.unsure(scene)) if self.rest.holds(scene) else (False, False)

    def _may_tick(self, scene: Scene) -> bool:
        """Say whether time may pass: an unfenced write ends, or is given up, within its longest time."""
        return self.case.fenced or all(agent.pc < 0 for agent in self.case.team(scene))

    def _acts(self, scene: Scene, n: int, acts: tuple[Act, ...]) -> Iterator[Step]:
        for act in acts:
            try:
                yield act.says, act.fault, self._taken(scene, n, act)
            except Violation as broken:
                broken.step = act.says
                raise

    def _taken(self, scene: Scene, n: int, act: Act) -> Scene:
        wire = scene.wire
        if act.sent >= 0:
            more = self.case.wires.items[wire] + self.case.wires.items[act.sent]
            wire = self.case.wires(tuple(sorted(more)))
        if act.told is not None:
            self.invariants.told(scene, *act.told)
        emr = scene.emr if act.emr < 0 else act.emr
        hub = scene.hub if act.hub < 0 else act.hub
        after = Scene(scene.tick, emr, put(scene.agents, n, act.agent), wire, hub, scene.desk, scene.ever)
        if emr != scene.emr:
            after = self._held(scene, after, act.write)
        if act.bad is not None:
            raise act.bad
        return after

    def _held(self, before: Scene, after: Scene, write: int) -> Scene:
        """Check a step that reached the EMR, once for all scenes that agree in what the check reads."""
        told = tuple(self.case.cancelled(agent) for agent in before.agents)
        key = (before.emr, after.emr, write, before.ever, before.desk, told)
        ever = self._reached.get(key)
        if ever is None:
            asked_ = None if write < 0 else self.case.writes.items[write]
            what = asked_ if isinstance(asked_, Write) else None  # a look-up only tidies
            ever = self._reached[key] = self.invariants.reached(before, before._replace(emr=after.emr), what).ever
        return after._replace(ever=ever)

    def _said(self, says: str, before: Scene, after: Scene, write: int) -> Scene:
        try:
            return after if after.emr == before.emr else self._held(before, after, write)
        except Violation as broken:
            broken.step = says
            raise

    def _network(self, scene: Scene) -> Iterator[Step]:
        wires = self.case.wires.items[scene.wire]
        for n, (number, pc) in enumerate(wires):
            write, step = self.case.writes.items[number], self.case.pcs.items[pc]
            left = self.case.wires(wires[:n] + wires[n + 1 :])
            emr = self.case.model.arrives(scene.emr, write, step)
            word = f"the abandoned {asked(write)} (step {step_of(step)})"
            says, after = f"{word} is carried out late", scene._replace(emr=emr, wire=left)
            yield says, False, self._said(says, scene, after, number)
            if self.case.model.locked:  # elsewhere the same as if it had been lost at once, which costs the same fault
                yield f"{word} gets lost", False, scene._replace(wire=left)


__all__ = ["Checker", "Report"]
