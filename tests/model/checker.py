"""The world of bookings as the search explores it: agents, EMR, network, people and the clock.

Rule: whatever can happen between two questions of the leg, or between two steps of a write, happens in some branch.
"""

from collections.abc import Iterable, Iterator

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
        self.twins = agents == 2 and self.case.fenced
        self._reached: dict[tuple[object, ...], int] = {}

    def forget(self) -> None:
        """Forget which steps were worked out: for whoever keeps them in tables of its own."""
        self.agents.forget()
        self.hub.forget()
        self._reached.clear()

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
        wire = self.case.alive(wire, emr)
        agents = tuple(self.case.aged(agent, tick) for agent in agents)
        if self.twins and agents[0] > agents[1]:
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
        case, team = self.case, scene.agents
        calm, sends = case.is_calm(scene), case.any_sends(scene)
        waits = self.agents.waits(scene.wire, sends=sends)
        for n, number in enumerate(team):
            if self.agents.stands_alone(number, scene.tick, calm=calm):
                yield from self._steps(scene, n, self.agents.acts(scene, n, waits=waits))
                return
        versions, revs = self.hub.versions(scene), self.hub.revs(scene)
        for n in range(len(team)):
            yield from self._steps(scene, n, self.hub.receives(scene, n, revs))
            yield from self._steps(scene, n, self.hub.turns(scene, n, versions, revs))
            yield from self._steps(scene, n, self.agents.acts(scene, n, waits=waits))
        yield from self._steps(scene, 0, self.network(scene))
        yield from self._steps(scene, 0, self.people.steps(scene, sends=sends))
        if not case.is_open(scene.wire, sends=sends):
            yield from self._steps(scene, 0, self.people.tasks(scene))
        yield from self._steps(scene, 0, self.time(scene, sends=sends))

    def network(self, scene: Scene) -> Iterator[Act]:
        """Yield what may become of requests nobody waits for any more; of the scene it reads wire and EMR."""
        wires = self.case.wires.items[scene.wire]
        for n, (number, pc) in enumerate(wires):
            write, step = self.case.writes.items[number], self.case.pcs.items[pc]
            left = self.case.wires(wires[:n] + wires[n + 1 :])
            emr = self.case.model.arrives(scene.emr, write, step)
            word = f"the abandoned {asked(write)} (step {step_of(step)})"
            yield Act(f"{word} is carried out late", emr=emr, wire=left, write=number)
            if self.case.model.locked:  # elsewhere the same as if it had been lost at once, which costs the same fault
                yield Act(f"{word} gets lost", wire=left)

    def time(self, scene: Scene, *, sends: bool) -> Iterator[Act]:
        """Let time pass: an unfenced write ends, or is given up, within its longest time; it reads the time."""
        if scene.tick < self.case.last and (self.case.fenced or not sends):
            wire = -1 if self.case.lasts else self.case.start.wire
            yield Act("time passes (90 s)", tick=scene.tick + 1, wire=wire)

    def rests(self, scene: Scene) -> tuple[bool, bool]:
        """Hold I13; say whether all is at rest, and whether a person has to look."""
        for number in scene.agents:
            self.invariants.offered(number, scene.tick)
        return (True, self.rest.unsure(scene)) if self.rest.holds(scene) else (False, False)

    def _steps(self, scene: Scene, n: int, acts: Iterable[Act]) -> Iterator[Step]:
        for act in acts:
            try:
                yield act.says, act.fault, self._taken(scene, n, act)
            except Violation as broken:
                broken.step = act.says
                raise

    def _taken(self, scene: Scene, n: int, act: Act) -> Scene:
        if act.told is not None:
            self.invariants.told(scene, *act.told)
        after = Scene(
            scene.tick if act.tick < 0 else act.tick,
            scene.emr if act.emr < 0 else act.emr,
            scene.agents if act.agent < 0 else put(scene.agents, n, act.agent),
            scene.wire if act.wire < 0 else act.wire,
            scene.hub if act.hub < 0 else act.hub,
            scene.desk if act.desk < 0 else act.desk,
            scene.ever if act.ever < 0 else act.ever,
        )
        if act.sent >= 0:
            after = after._replace(wire=self.with_sent(scene.wire, act.sent))
        if after.emr != scene.emr and not act.theirs:
            after = after._replace(ever=self.held(scene, after.emr, act.write))
        if act.bad is not None:
            raise act.bad
        return after

    def with_sent(self, wire: int, sent: int) -> int:
        """Return the wire with one more request on it that nobody waits for."""
        return self.case.wires(tuple(sorted(self.case.wires.items[wire] + self.case.wires.items[sent])))

    def held(self, before: Scene, emr: int, write: int) -> int:
        """Check a step of ours that changed the EMR, once for all scenes that agree in what the check reads.

        That is the EMR, `ever`, the desk, and which bookings an agent told cancelled. Return what our bookings ever had.
        """
        told = tuple(self.case.cancelled(agent) for agent in before.agents)
        key = (before.emr, emr, write, before.ever, before.desk, told)
        ever = self._reached.get(key)
        if ever is None:
            asked_ = None if write < 0 else self.case.writes.items[write]
            what = asked_ if isinstance(asked_, Write) else None  # a look-up only tidies
            ever = self._reached[key] = self.invariants.reached(before, before._replace(emr=emr), what).ever
        return ever


__all__ = ["Checker", "Report"]
