"""What an agent can do next: receive, begin a step, ask, save, write, and fail at each of these.

Rule: every question of the leg and every request of a write is a step of its own, before and after which anything may
happen; a step is worked out once for each agent and what else it depends on.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum, auto
from functools import cache

from agent.core.booking import Booking, Outcome, Sent, State, Turn, Write, advance
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import BookingId
from tests.model.emrs import FAIL, NEXT, NOT_DONE, REPLY, Done
from tests.model.invariants import answered_rightly, told_once
from tests.model.saying import asked, shown, step_of
from tests.model.scene import Act, Agent, Case, Scene, number_of, put
from tests.model.values import NAMES, Violation, at

CHANGED = Transient(say("save"), say("changed meanwhile"))


class Reads(IntEnum):
    """What of a scene an agent's next steps depend on, beside the agent: so much is worked out once, and no more."""

    NOTHING = 0
    TIME = auto()
    TURN = auto()
    """The time, and the hub."""
    EMR = auto()
    LOOK = auto()
    """The EMR, and whether a request is open there."""


class Agents:
    """The steps of the agents of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._acts: dict[tuple[object, ...], tuple[Act, ...]] = {}
        self.reads = cache(self._reads)
        self.stands_alone = cache(self._stands_alone)

    def acts(self, scene: Scene, n: int, *, waits: bool) -> tuple[Act, ...]:
        """Return every step of agent `n` in this scene but the arrival of an order. `waits`: a look has to.

        Of the scene it reads the agent and what `reads` says, nothing else.
        """
        number = scene.agents[n]
        key: tuple[object, ...] = (n, number)
        match self.reads(number):
            case Reads.TIME:
                key = (*key, scene.tick)
            case Reads.TURN:
                key = (*key, scene.tick, scene.hub)
            case Reads.EMR:
                key = (*key, scene.emr)
            case Reads.LOOK:
                key = (*key, scene.emr, waits)
        found = self._acts.get(key)
        if found is None:
            agent = self.case.agents.items[number]
            steps = self._begins(scene, n, agent) if agent.node == 0 else self._goes_on(scene, n, agent, waits=waits)
            found = self._acts[key] = tuple(steps)
        return found

    def forget(self) -> None:
        """Forget which steps were worked out."""
        self._acts.clear()

    def _reads(self, number: int) -> Reads:
        """Say what of the scene the next steps of an agent depend on."""
        agent = self.case.agents.items[number]
        if agent.node == 0:
            return Reads.TIME
        ask = self.case.ask(agent)
        if ask.kind == "save":
            return Reads.NOTHING
        if ask.kind == "write" and agent.pc < 0:
            return Reads.NOTHING if self.case.fenced else Reads.TURN
        return Reads.LOOK if agent.pc < 0 and ask.kind in {"find", "ours"} else Reads.EMR

    def waits(self, wire: int, *, sends: bool) -> bool:
        """Say whether a look has to wait for a request that is still open."""
        return self.case.model.locked and self.case.is_open(wire, sends=sends)

    def _stands_alone(self, number: int, tick: int, *, calm: bool) -> bool:
        """Say whether what an agent does next is nobody else's business: it may then be looked at alone.

        `calm`: no order is on its way to anyone. Its save, or the sending of a fenced write, commutes with everything
        the others, the desk, the network and the clock can do, and no order can come to it in between; a save that
        tells is earlier than all it could contradict. Every cycle holds a step that begins, which is never taken alone.
        What can go wrong with it is its own crash, which is looked at with it.
        """
        case, agent = self.case, self.case.agents.items[number]
        if agent.node == 0 or case.unreceived(number) or (case.holds and tick < case.last):
            return False
        ask = case.ask(agent)
        if ask.kind == "save":
            return calm or not ask.what[2]
        return ask.kind == "write" and agent.pc < 0 and case.fenced

    # ---- a step begins

    def _begins(self, scene: Scene, n: int, agent: Agent) -> Iterator[Act]:
        for kind in self.case.kinds:
            node = self.case.strategy.begin(kind, scene.tick, self.case.seen(agent))
            ask = self.case.node(node).ask
            if ask.kind != "done" or ask.what != agent.since:
                word = "compares its bookings with the agenda" if kind == "look" else "begins a step"
                yield self._act(f"{'AB'[n]} {word}", self._arrived(agent._replace(node=node)))

    # ---- a step goes on

    def _goes_on(self, scene: Scene, n: int, agent: Agent, *, waits: bool) -> Iterator[Act]:
        case, name = self.case, "AB"[n]
        ask = case.ask(agent)
        if ask.kind == "slots":
            free = tuple(s for s in case.model.slots(scene.emr) if ask.what.start <= s.start < ask.what.end)
            words = ", ".join(NAMES[slot.key] for slot in free) or "nothing"
            yield self._answers(f"{name} reads the agenda: free is {words}", agent, free)
        elif ask.kind == "find" and case.model.stepwise:
            yield from self._requests(scene, n, agent, ask.what)
        elif ask.kind in {"find", "ours"}:
            if not waits:
                yield self._looks(scene, n, agent, ask.what)
        elif ask.kind == "save":
            yield self._saves(n, agent, *ask.what)
        else:
            yield from self._writes(scene, n, agent, ask.what)
        gone = agent._replace(node=0, pc=-1, bumps=case.blank.bumps, turn=None, since=())
        yield self._act(f"{name} crashes", gone)._replace(fault=True)
        left = self._left(agent)
        if left >= 0:
            word = f"{name} crashes, its request still on the way"
            yield self._act(word, gone)._replace(fault=True, sent=left)

    def _left(self, agent: Agent) -> int:
        """Return what stays on the wire when the agent stops waiting: one request, not those that would follow."""
        what = self.case.ask(agent).what
        if agent.pc < 0 or not self.case.model.leaves(what, self.case.pcs.items[agent.pc]):
            return -1
        return self.case.wires(((self.case.writes(what), agent.pc),))

    def _looks(self, scene: Scene, n: int, agent: Agent, booking: object) -> Act:
        model, name = self.case.model, "AB"[n]
        if booking is None:
            return self._answers(f"{name} lists its appointments", agent, model.ours(scene.emr))
        emr, effect = model.find(scene.emr, booking)  # type: ignore[arg-type]
        return self._answers(f"{name} looks {booking} up: {shown(effect)}", agent, effect)._replace(emr=emr)

    def _saves(self, n: int, agent: Agent, row: Booking, _tasks: object, tell: bool) -> Act:
        name, b = "AB"[n], number_of(row)
        if row.row != agent.bumps[b]:
            return self._answers(f"{name} finds {row.booking} changed", agent, CHANGED)
        bump, number = agent.bumps[b] + 1, self.case.rows(replace(row, row=0))
        bad = told_once(self.case.row(agent, b), row, tell=tell)
        new = agent._replace(rows=put(agent.rows, b, number), bumps=put(agent.bumps, b, bump))
        said = f", tells {row.outcome} (version {row.done_ver})" if tell and row.outcome else ""
        act = self._answers(f"{name} saves {row.booking} {row.state}{said}", new, replace(row, row=bump))
        act = act._replace(bad=bad)
        return act._replace(told=(b, number)) if tell and row.outcome is Outcome.BOOKED else act

    # ---- a request and what may become of it

    def _writes(self, scene: Scene, n: int, agent: Agent, write: Write) -> Iterator[Act]:
        if agent.pc < 0:
            yield self._sends(scene, n, agent, write)
        else:
            yield from self._requests(scene, n, agent, write)

    def _requests(self, scene: Scene, n: int, agent: Agent, what: Write | BookingId) -> Iterator[Act]:
        """Carry the next request out, or let it come to grief."""
        case, word = self.case, f"{'AB'[n]}'s {asked(what)}"
        pc = case.pcs.items[agent.pc] if agent.pc >= 0 else 0
        done = case.model.run(scene.emr, what, pc)
        number = case.writes(what)
        act = self._became(f"{word}: step {step_of(pc)}", n, agent, done)._replace(emr=done[0], write=number)
        if done[1] == REPLY and isinstance(what, Write):
            act = act._replace(bad=answered_rightly(case.model.rows(done[0]), what, done[2]))
        yield act
        left = self._left(agent)
        for says, grief in case.model.mishaps(scene.emr, what, pc):
            lost = self._became(f"{word}: step {step_of(pc)} {says}", n, agent, grief)._replace(fault=True)
            yield lost
            if not says.startswith("is lost"):
                continue
            if left >= 0:
                yield lost._replace(says=f"{word}: step {step_of(pc)} times out, still on its way", sent=left)
            if done[1] == REPLY:
                yield lost._replace(says=f"{word} is done, the answer is lost", emr=done[0], write=number)

    def _became(self, says: str, n: int, agent: Agent, done: Done) -> Act:
        """Let the agent go on with what became of its request."""
        _, kind, what = done
        if kind == NEXT:
            return self._act(says, agent._replace(pc=self.case.pcs(what)))
        free = agent._replace(pc=-1)
        if kind == FAIL:
            return self._answers(f"{says}: {type(what).__name__.lower()}", free, what)
        return self._answers(f"{says}, answered {shown(what)}", free, what)

    def _sends(self, scene: Scene, n: int, agent: Agent, write: Write) -> Act:
        name, case = "AB"[n], self.case
        if not case.fenced and self.turn_over(scene, write.turn):
            return self._answers(f"{name} lets it be: its turn is over", agent, NOT_DONE)
        act = self._act(f"{name} sends {asked(write)}", agent._replace(pc=case.pcs(0)))
        row = case.row(agent, [each and each.booking for each in case.rows_of(agent)].index(write.booking))
        stands = row is not None and row.state is State.INTENT
        if not stands or row is None or (row.intent_ver, row.intent_op) != (write.version, write.op):
            return act._replace(bad=Violation("I9", "a write without a durable intent of its version"))
        if case.fenced:  # there are no turns
            return act
        if write.turn is None or agent.turn is None:
            return act._replace(bad=Violation("I10", "a write without a turn"))
        hub, mine = case.hubs.items[scene.hub], agent.turn[0]  # no turn comes within a step
        if mine < hub.written:
            return act._replace(bad=Violation("I10", f"a write under turn {mine} after one under turn {hub.written}"))
        return act._replace(hub=case.hubs(hub._replace(written=max(hub.written, mine))))

    def turn_over(self, scene: Scene, turn: Turn | None) -> bool:
        """Ask what an unfenced adapter asks itself before it sends, by its own clock."""
        rules = self.case.model.rules
        assert rules is not None
        return turn is None or turn.good_until - at(scene.tick).age < rules.longest_write

    # ---- an agent's small parts

    def _act(self, says: str, agent: Agent) -> Act:
        return Act(says, self.case.agents(agent))

    def _answers(self, says: str, agent: Agent, answer: object) -> Act:
        node = self.case.strategy.answered(agent.node, answer, self.case.seen(agent))
        return self._act(says, self._arrived(agent._replace(node=node)))

    def _arrived(self, agent: Agent) -> Agent:
        """End the step when the leg is through; the hub's receipt comes at once."""
        ask = self.case.ask(agent)
        if ask.kind != "done":
            return agent
        return self.calm(agent._replace(since=ask.what, node=0, pc=-1, bumps=self.case.blank.bumps))

    def calm(self, agent: Agent) -> Agent:
        """Let the hub's receipts arrive."""
        rows = list(agent.rows)
        for b, row in enumerate(self.case.rows_of(agent)):
            if row is not None and row.reported_rev < row.outcome_rev:
                rows[b] = self.case.rows(advance(row, Sent(row.outcome_rev), None)[0])
        return agent._replace(rows=tuple(rows))
