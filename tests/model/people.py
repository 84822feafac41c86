"""The receptionist, the staff, and whoever answers the tasks.

Rule: a person answers truly; what she saw before she writes may have changed since.
"""

from collections.abc import Iterator

from agent.core.booking import Answered, Booking, Op, Outcome, State, TaskKind, advance
from tests.model.agents import Agents
from tests.model.emrs import Apt
from tests.model.scene import Act, Agent, Case, Scene, put
from tests.model.values import SLOTS

CALM = frozenset({State.RESOLVED, State.REPORTED})


class People:
    """The steps of the people of one case."""

    def __init__(self, case: Case, agents: Agents) -> None:
        self.case = case
        self.agents = agents

    def steps(self, scene: Scene, *, sends: bool) -> Iterator[Act]:
        """Yield what people may do now at the EMR, and the EMR by itself; `sends`: an agent waits for a request.

        Of the scene it reads the EMR and the desk. A receptionist who looks later sees nothing free that was not free
        at first, and does nothing else than one who looked then.
        """
        case, desk = self.case, self.case.desks.items[scene.desk]
        if desk.books:
            done = case.desks(desk._replace(books=desk.books - 1))
            for n in case.places:
                emr = case.model.desk(scene.emr, SLOTS[n].key)
                yield Act(
                    f"the receptionist books s{n + 1}, which she saw free at first", emr=emr, desk=done, theirs=True
                )
        if desk.staff:
            less = case.desks(desk._replace(staff=desk.staff - 1))
            for word, emr in case.model.staff(scene.emr):
                yield Act(f"staff {word}", emr=emr, desk=less, theirs=True)
        for word, emr in case.model.events(scene.emr, idle=not sends):
            yield Act(word, emr=emr, theirs=True)

    def tasks(self, scene: Scene) -> Iterator[Act]:
        """Let a person answer what the only agent asks, truly; of the scene it reads the agent, EMR and `ever`."""
        agent = self.case.agents.items[scene.agents[0]]
        if len(self.case.start.agents) == 1 and self.case.idle(scene.agents[0]):
            yield from self._tasks(scene, agent)

    def _tasks(self, scene: Scene, agent: Agent) -> Iterator[Act]:
        for b, row in enumerate(self.case.rows_of(agent)):
            if row is None:
                continue
            mine = {one.slot for one in self.case.model.rows(scene.emr) if one.booking == row.booking}
            if row.state is State.UNSURE:
                where = row.intent_slot if row.intent_op is not Op.CANCEL and row.intent_ver else None
                there = bool(mine) if where is None else where.key in mine
                yield self._says(agent, b, row, TaskKind.CHECKING, there=there)
            elif self.case.model.by_hand and row.outcome is Outcome.REQUESTED and row.state in CALM:
                yield from self._enters(scene, agent, b, row, mine)

    def _enters(self, scene: Scene, agent: Agent, b: int, row: Booking, mine: set[str]) -> Iterator[Act]:
        case = self.case
        apts: tuple[Apt, ...] = case.model.pool.items[scene.emr]
        others = tuple(apt for apt in apts if apt.whose != row.booking)
        if row.intent_slot is None:
            act = self._says(agent, b, row, TaskKind.ENTER_CANCEL, there=False)
            yield act._replace(emr=case.model.pool(others))
            return
        slot = row.intent_slot.key
        if slot not in {one.slot for one in case.model.rows(scene.emr) if one.booking != row.booking}:
            ever = case.evers(case.evers.items[scene.ever] | {(b, slot)})
            emr = case.model.pool((*others, Apt(9, slot, row.booking)))
            yield self._says(agent, b, row, TaskKind.ENTER, there=True)._replace(emr=emr, ever=ever)
        if slot not in mine:
            yield self._says(agent, b, row, TaskKind.ENTER, there=False)

    def _says(self, agent: Agent, b: int, row: Booking, kind: TaskKind, *, there: bool) -> Act:
        after, _ = advance(row, Answered(there, "desk", kind), self.case.model.rules)
        new = self.agents.calm(agent._replace(rows=put(agent.rows, b, self.case.rows(after))))
        said = "it is in the agenda" if there else "it is not"
        return Act(f"a person answers on {row.booking}: {said}", self.case.agents(new), theirs=True)
