"""Every order in which the parts of the world can act, breadth first, with the invariants of a booking held in each.

Rule: whatever can happen between two questions of the leg, or between two steps of a write, happens in some branch.
"""

import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agent.core.booking import (
    Answered,
    Booking,
    Effect,
    Op,
    Ordered,
    Outcome,
    Sent,
    State,
    TaskKind,
    Turn,
    Write,
    advance,
    spoken_for,
)
from agent.core.errors import Ambiguous, CreneauError, Transient
from agent.core.message import say
from agent.core.sharing import share
from tests.model.emrs import FAIL, NEXT, REPLY, Apt, Drop, Model, Row
from tests.model.leg import Node, Seen, Strategy
from tests.model.values import BOOKINGS, EMR, NAMES, RULES, SCENARIOS, SLOTS, TURN_TICKS, Goal, Pool, Violation, at

LOST = Ambiguous(say("write"), say("the answer was lost"))
NOT_DONE = Transient(say("write"), say("surely not done"))
CHANGED = Transient(say("save"), say("changed meanwhile"))
NO_TIME = datetime(1, 1, 1, tzinfo=UTC)
CALM = {State.RESOLVED, State.REPORTED}


class Agent(NamedTuple):
    """One agent: journal rows and their save numbers (counted within a step), where its leg stands, its turn.

    `pc`: the step of the write on its way, -1 = not sent yet. `turn`: number and tick.
    """

    rows: tuple[int, ...]
    bumps: tuple[int, ...]
    node: int = 0
    pc: int = -1
    turn: tuple[int, int] | None = None
    since: tuple[tuple[tuple[str, int], timedelta], ...] = ()


class Scene(NamedTuple):
    """One state of everything. `ever`: slots our bookings ever had. `hub`: turn holder, number, tick, highest written.

    `desk`: what the receptionist may still do, the slot she looked at, what staff may still do to ours.
    """

    tick: int
    emr: int
    agents: tuple[Agent, ...]
    wire: tuple[tuple[int, int], ...]
    hub: tuple[int, int, int, int]
    desk: tuple[int, int, int]
    faults: int
    ever: frozenset[tuple[int, str]] = frozenset()


Step = tuple[str, Scene]


@dataclass
class Report:
    """What one search found."""

    states: int = 0
    seconds: float = 0
    settled: int = 0
    unsure: int = 0
    violation: Violation | None = None
    steps: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the counterexample as a numbered list."""
        if self.violation is None:
            return f"{self.states:,} states, {self.settled:,} at rest, no violation"
        lines = [f"  {n:2}. {step}" for n, step in enumerate(self.steps, 1)]
        return "\n".join([f"{self.violation} after {self.states:,} states:", *lines])


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
        self.model = model
        self.goals = SCENARIOS[scenario]
        self.most = most
        self.fenced = model.rules is None or model.rules.fenced
        holds = any(goal.hold for goal in self.goals)
        self.last = (
            ticks if ticks is not None else (1 if self.fenced else 1 + agents) if not holds else 1 + (not self.fenced)
        )
        if ticks is None and self.fenced and not holds:
            self.last = 0
        self.kinds = ("work", "look") if staff else ("work",)
        self.strategy = Strategy(model.rules)
        self.rowpool, self.writes, self.pcs, self.labels = Pool(), Pool(), Pool(), Pool()
        self.bookings = 1 + max(goal.booking for goal in self.goals)
        self.newest = [max(g.version for g in self.goals if g.booking == b) for b in range(self.bookings)]
        turn = None if self.fenced else (1, 0)
        blank = Agent((-1,) * self.bookings, (0,) * self.bookings)
        team = (blank._replace(turn=turn), *(blank for _ in range(agents - 1)))
        self.start = Scene(0, model.start(), team, (), (0, 1, 0, 0), (desk, -1, staff), faults)
        self._fine: set[tuple[tuple[int, ...], int]] = set()
        self._orders: dict[tuple[int, ...], int] = {}

    # ---- the search

    def run(self) -> Report:
        """Search until everything is seen, an invariant breaks, or `most` states are known."""
        report, began = Report(), time.perf_counter()
        known: dict[Scene, int] = {self.start: 0}
        order, parents, labels = [self.start], array("l", [-1]), array("l", [-1])
        at_ = 0
        step = ""
        try:
            while at_ < len(order) < self.most:
                scene = order[at_]
                for step, after in self.after(scene):
                    if after not in known:
                        known[after] = len(order)
                        order.append(after)
                        parents.append(at_)
                        labels.append(self.labels(step))
                step = "(everything is at rest)"
                self._rest(scene, report)
                at_ += 1
        except Violation as broken:
            report.violation = broken
            path = [getattr(broken, "step", step)]
            while at_ > 0:
                path.append(str(self.labels.items[labels[at_]]))
                at_ = parents[at_]
            report.steps = path[::-1]
        report.states = len(order)
        report.seconds = time.perf_counter() - began
        return report

    # ---- what can happen next

    def after(self, scene: Scene) -> Iterator[Step]:
        """Yield every step that can follow; raises Violation."""
        for n, agent in enumerate(scene.agents):
            name = "AB"[n]
            yield from self._receives(scene, n, agent, name)
            if agent.node == 0:
                yield from self._begins(scene, n, agent, name)
            else:
                yield from self._goes_on(scene, n, agent, name)
        yield from self._network(scene)
        yield from self._people(scene)
        if scene.tick < self.last and self._may_tick(scene):
            wire = scene.wire if self.model.late else ()
            yield "time passes (90 s)", scene._replace(tick=scene.tick + 1, wire=wire)

    def _may_tick(self, scene: Scene) -> bool:
        """Say whether time may pass: an unfenced write ends, or is given up, within its longest time."""
        return self.fenced or all(agent.pc < 0 for agent in scene.agents)

    def _receives(self, scene: Scene, n: int, agent: Agent, name: str) -> Iterator[Step]:
        for goal in self.goals:
            row = self._row(agent, goal.booking)
            if row is None or row.seen_ver < goal.version:
                rev = max((one.outcome_rev for a in scene.agents if (one := self._row(a, goal.booking))), default=0)
                new = self._ordered(agent.rows[goal.booking], goal, scene.tick, rev)
                bumps = (
                    agent.bumps if agent.node == 0 else _put(agent.bumps, goal.booking, agent.bumps[goal.booking] + 1)
                )
                rows = _put(agent.rows, goal.booking, new)
                yield f"{name} receives {goal}", _with(scene, n, agent._replace(rows=rows, bumps=bumps))

    def _ordered(self, row: int, goal: Goal, tick: int, rev: int) -> int:
        key = (row, self.goals.index(goal), tick, rev)
        if key not in self._orders:
            slot = None if goal.slot is None else SLOTS[goal.slot]
            line = None if slot is None else slot.key.encode()
            was = None if row < 0 else self.rowpool.items[row]
            after, _ = advance(was, Ordered(replace(goal.order(), told=rev), EMR, slot, line, at(tick).utc), None)  # type: ignore[arg-type]
            self._orders[key] = self.rowpool(after)
        return self._orders[key]

    def _begins(self, scene: Scene, n: int, agent: Agent, name: str) -> Iterator[Step]:
        for kind in self.kinds:
            node = self.strategy.begin(kind, scene.tick, self._seen(agent))
            ask = self._node(node).ask
            if ask.kind != "done" or ask.what != agent.since:
                word = "compares its bookings with the agenda" if kind == "look" else "begins a step"
                yield f"{name} {word}", _with(scene, n, self._arrived(agent._replace(node=node)))
        if not self.fenced:
            yield from self._beats(scene, n, agent, name)

    def _beats(self, scene: Scene, n: int, agent: Agent, name: str) -> Iterator[Step]:
        holder, number, tick, written = scene.hub
        over = scene.tick >= tick + TURN_TICKS
        if n < holder or (n > holder and not over) or (agent.turn is not None and agent.turn[1] == scene.tick):
            return
        if n != holder or over or agent.turn is None:
            number += 1
        turn = (number, scene.tick)
        after = _with(scene, n, agent._replace(turn=turn))
        yield f"{name} gets turn {number}", after._replace(hub=(n, number, scene.tick, written))

    def _goes_on(self, scene: Scene, n: int, agent: Agent, name: str) -> Iterator[Step]:
        ask = self._node(agent.node).ask
        if ask.kind == "slots":
            free = self.model.slots(scene.emr)
            words = ", ".join(NAMES[slot.key] for slot in free) or "nothing"
            yield f"{name} reads the agenda: free is {words}", self._answer(scene, n, agent, free)
        elif ask.kind in {"find", "ours"}:
            if not (self.model.locked and self._open(scene)):
                yield self._looks(scene, n, agent, name, ask.what)
        elif ask.kind == "save":
            yield self._saves(scene, n, agent, name, *ask.what)
        else:
            yield from self._writes(scene, n, agent, name, ask.what)
        if scene.faults:
            gone = agent._replace(node=0, pc=-1, bumps=(0,) * self.bookings, turn=None, since=())
            left = self._left(agent)
            dead = _with(scene, n, gone)._replace(faults=scene.faults - 1)
            yield f"{name} crashes", dead
            if left is not None:
                word = f"{name} crashes, its request still on the way"
                yield word, dead._replace(wire=tuple(sorted((*scene.wire, left))))

    def _open(self, scene: Scene) -> bool:
        return bool(scene.wire) or any(agent.pc >= 0 for agent in scene.agents)

    def _left(self, agent: Agent) -> tuple[int, int] | None:
        """Return what stays on the wire when the agent stops waiting: one request, not those that would follow."""
        if agent.pc < 0 or (isinstance(self.model.pool, Pool) and not self._lasting(agent)):
            return None
        return self.writes(self._node(agent.node).ask.what), agent.pc

    def _lasting(self, agent: Agent) -> bool:
        return self.model.name.startswith(("FHIR", "HL7")) or self.pcs.items[agent.pc] == 0

    def _looks(self, scene: Scene, n: int, agent: Agent, name: str, booking: object) -> Step:
        if booking is None:
            return f"{name} lists its appointments", self._answer(scene, n, agent, self.model.ours(scene.emr))
        emr, effect = self.model.find(scene.emr, booking)  # type: ignore[arg-type]
        after = self._touched(scene, scene._replace(emr=emr))
        shown = "no trace" if effect is None else _shown(effect)
        return f"{name} looks {booking} up: {shown}", self._answer(after, n, agent, effect)

    def _saves(self, scene: Scene, n: int, agent: Agent, name: str, row: Booking, tasks: object, tell: bool) -> Step:
        b = BOOKINGS.index(row.booking)
        if row.row != agent.bumps[b]:
            return f"{name} finds {row.booking} changed", self._answer(scene, n, agent, CHANGED)
        if tell:
            self._told(scene, b, row)
        bump = agent.bumps[b] + 1
        new = agent._replace(
            rows=_put(agent.rows, b, self.rowpool(replace(row, row=0))), bumps=_put(agent.bumps, b, bump)
        )
        said = f", tells {row.outcome} (version {row.done_ver})" if tell and row.outcome else ""
        word = f"{name} saves {row.booking} {row.state}{said}"
        return word, self._answer(scene, n, new, replace(row, row=bump))

    # ---- a write and what may become of it

    def _writes(self, scene: Scene, n: int, agent: Agent, name: str, write: Write) -> Iterator[Step]:
        if agent.pc < 0:
            yield self._sends(scene, n, agent, name, write)
            return
        pc = self.pcs.items[agent.pc]
        emr, kind, what = self.model.run(scene.emr, write, pc)
        after = self._touched(scene, scene._replace(emr=emr), write)
        done = f"{name}'s {_asked(write)}: step {_pc(pc)}"
        if kind == NEXT:
            yield done, _with(after, n, agent._replace(pc=self.pcs(what)))
        elif kind == FAIL:
            yield f"{done} fails, surely not done", self._answer(after, n, agent._replace(pc=-1), what)
        else:
            self._answered_rightly(after, write, what)
            answered = agent._replace(pc=-1)
            yield f"{done}, answered {_shown(what)}", self._answer(after, n, answered, what)
        if scene.faults:
            yield from self._loses(scene, after, n, agent, name, write, kind)

    def _loses(
        self, scene: Scene, after: Scene, n: int, agent: Agent, name: str, write: Write, kind: str
    ) -> Iterator[Step]:
        free, less = agent._replace(pc=-1), scene.faults - 1
        word = f"{name}'s {_asked(write)}"
        lost = self._answer(scene, n, free, LOST)
        yield f"{word} is lost on its way", lost._replace(faults=less)
        left = self._left(agent)
        if left is not None:
            late = lost._replace(faults=less, wire=tuple(sorted((*scene.wire, left))))
            yield f"{word} times out, still on its way", late
        if kind == REPLY:
            yield f"{word} is done, the answer is lost", self._answer(after, n, free, LOST)._replace(faults=less)
        if self.pcs.items[agent.pc] == 0:
            yield f"{word} is turned away", self._answer(scene, n, free, NOT_DONE)._replace(faults=less)

    def _sends(self, scene: Scene, n: int, agent: Agent, name: str, write: Write) -> Step:
        if not self.fenced and self._turn_over(scene, write.turn):
            return f"{name} lets it be: its turn is over", self._answer(scene, n, agent, NOT_DONE)
        row = self._row(agent, BOOKINGS.index(write.booking))
        stands = row is not None and row.state is State.INTENT
        if not stands or row is None or (row.intent_ver, row.intent_op) != (write.version, write.op):
            raise _at(
                Violation("I9", "a write without a durable intent of its version"), f"{name} sends {_asked(write)}"
            )
        holder, number, tick, written = scene.hub
        mine = write.turn.number if write.turn else 0
        if not self.fenced and mine < written:
            raise _at(Violation("I10", f"a write under turn {mine} after one under turn {written}"), f"{name} sends")
        hub = (holder, number, tick, max(written, mine))
        sent = _with(scene, n, agent._replace(pc=self.pcs(0)))._replace(hub=hub)
        return f"{name} sends {_asked(write)}", sent

    def _turn_over(self, scene: Scene, turn: Turn | None) -> bool:
        """Ask what an unfenced adapter asks itself before it sends, by its own clock."""
        rules = self.model.rules
        assert rules is not None
        return turn is None or turn.good_until - at(scene.tick).age < rules.longest_write

    def _network(self, scene: Scene) -> Iterator[Step]:
        for n, (write_id, pc_id) in enumerate(scene.wire):
            write, pc = self.writes.items[write_id], self.pcs.items[pc_id]
            assert isinstance(write, Write)
            left = scene.wire[:n] + scene.wire[n + 1 :]
            emr, _, _ = self.model.run(scene.emr, write, pc)  # type: ignore[arg-type]
            word = f"the abandoned {_asked(write)} (step {_pc(pc)})"
            after = self._touched(scene, scene._replace(emr=emr, wire=left), write, word=f"{word} is carried out late")
            yield f"{word} is carried out late", after
            yield f"{word} gets lost", scene._replace(wire=left)

    # ---- people

    def _people(self, scene: Scene) -> Iterator[Step]:
        left, looked, staff = scene.desk
        if looked >= 0:
            emr = self.model.desk(scene.emr, SLOTS[looked].key)
            yield f"the receptionist books s{looked + 1}", scene._replace(emr=emr, desk=(left, -1, staff))
        elif left:
            taken = {row.slot for row in self.model.rows(scene.emr)}
            for n, slot in enumerate(SLOTS):
                if slot.key not in taken:
                    yield f"the receptionist looks: s{n + 1} is free", scene._replace(desk=(left - 1, n, staff))
        if staff:
            for word, emr in self.model.staff(scene.emr):
                yield f"staff {word}", scene._replace(emr=emr, desk=(left, looked, staff - 1))
        if len(scene.agents) == 1 and not self._open(scene) and scene.agents[0].node == 0:
            yield from self._tasks(scene, scene.agents[0])

    def _tasks(self, scene: Scene, agent: Agent) -> Iterator[Step]:
        """Let a person answer what is asked, truly."""
        for b in range(self.bookings):
            row = self._row(agent, b)
            if row is None:
                continue
            mine = {one.slot for one in self.model.rows(scene.emr) if one.booking == row.booking}
            if row.state is State.UNSURE:
                where = row.intent_slot if row.intent_op is not Op.CANCEL and row.intent_ver else None
                there = bool(mine) if where is None else where.key in mine
                yield self._says(scene, agent, b, row, TaskKind.CHECKING, there=there)
            elif isinstance(self.model, Drop) and row.outcome is Outcome.REQUESTED and row.state in CALM:
                yield from self._enters(scene, agent, b, row, mine)

    def _enters(self, scene: Scene, agent: Agent, b: int, row: Booking, mine: set[str]) -> Iterator[Step]:
        apts: tuple[Apt, ...] = self.model.pool.items[scene.emr]  # type: ignore[assignment]
        others = tuple(apt for apt in apts if apt.whose != row.booking)
        if row.intent_slot is None:
            done = scene._replace(emr=self.model.pool(others))
            yield self._says(done, agent, b, row, TaskKind.ENTER_CANCEL, there=False)
            return
        slot = row.intent_slot.key
        if slot not in {one.slot for one in self.model.rows(scene.emr) if one.booking != row.booking}:
            done = scene._replace(emr=self.model.pool((*others, Apt(9, slot, row.booking))))
            done = done._replace(ever=done.ever | {(b, slot)})
            yield self._says(done, agent, b, row, TaskKind.ENTER, there=True)
        if slot not in mine:
            yield self._says(scene, agent, b, row, TaskKind.ENTER, there=False)

    def _says(self, scene: Scene, agent: Agent, b: int, row: Booking, kind: TaskKind, *, there: bool) -> Step:
        after, _ = advance(row, Answered(there, "desk", kind), self.model.rules)
        new = self._calm(agent._replace(rows=_put(agent.rows, b, self.rowpool(after))))
        said = "it is in the agenda" if there else "it is not"
        return f"a person answers on {row.booking}: {said}", _with(scene, 0, new)

    # ---- an agent's small parts

    def _row(self, agent: Agent, b: int) -> Booking | None:
        return None if agent.rows[b] < 0 else self.rowpool.items[agent.rows[b]]  # type: ignore[return-value]

    def _node(self, node: int) -> Node:
        found = self.strategy.nodes[node]
        assert found is not None
        return found

    def _seen(self, agent: Agent) -> Seen:
        rows = (self._row(agent, b) for b in range(self.bookings))
        read = tuple(row and replace(row, row=agent.bumps[b]) for b, row in enumerate(rows))
        turn = None
        if agent.turn is not None:
            turn = Turn(agent.turn[0], at(agent.turn[1]).age + TURN_TICKS * (at(1).age - at(0).age))
        return Seen(read, turn, since=agent.since)

    def _answer(self, scene: Scene, n: int, agent: Agent, answer: object) -> Scene:
        node = self.strategy.answered(agent.node, answer, self._seen(agent))
        return _with(scene, n, self._arrived(agent._replace(node=node)))

    def _arrived(self, agent: Agent) -> Agent:
        """End the step when the leg is through; the hub's receipt comes at once."""
        ask = self._node(agent.node).ask
        if ask.kind != "done":
            return agent
        return self._calm(agent._replace(since=ask.what, node=0, pc=-1, bumps=(0,) * self.bookings))

    def _calm(self, agent: Agent) -> Agent:
        rows = list(agent.rows)
        for b in range(self.bookings):
            row = self._row(agent, b)
            if row is not None and row.reported_rev < row.outcome_rev:
                rows[b] = self.rowpool(advance(row, Sent(row.outcome_rev), None)[0])
        return agent._replace(rows=tuple(rows))

    # ---- what must hold

    def _touched(self, before: Scene, after: Scene, write: Write | None = None, word: str = "") -> Scene:
        """Hold I1, I1b, I2, I5, I6 at a step of ours in the EMR; note what our bookings have had."""
        if before.emr == after.emr:
            return after
        try:
            return self._held(before, after, write)
        except Violation as broken:
            raise _at(broken, word or (f"the EMR carries out {_asked(write)}" if write else "a look")) from None

    def _held(self, before: Scene, after: Scene, write: Write | None) -> Scene:
        was, now = self.model.rows(before.emr), self.model.rows(after.emr)
        cancels = write is not None and write.op is Op.CANCEL  # carried out on what staff moved, too
        theirs = {(row.ref, row.slot) for row in was if row.booking is None and not (cancels and row.ours)}
        if not theirs <= {(row.ref, row.slot) for row in now if row.booking is None}:
            raise Violation("I6", "a row that is not ours changed")
        ever = set(after.ever)
        for b in range(self.bookings):
            mine = [row for row in now if row.booking == BOOKINGS[b]]
            had = [row for row in was if row.booking == BOOKINGS[b]]
            if len(mine) > 2 or (len(mine) == 2 and not all(row.pending for row in mine)):
                raise Violation("I1", f"{len(mine)} active appointments of one booking")
            moves = write is not None and write.booking == BOOKINGS[b] and write.op is Op.MOVE
            untouched = after.desk[2] == self.start.desk[2]
            if moves and had and not mine and untouched:
                raise Violation("I1b", "a move lost the appointment")
            new = {row.slot for row in mine} - {row.slot for row in had}
            if new and write is not None and write.booking == BOOKINGS[b]:
                self._no_ghost(after, b, write)
                if self.model.atomic:
                    self._no_overlap(was, new)
            ever |= {(b, row.slot) for row in mine}
        return after._replace(ever=frozenset(ever))

    def _no_ghost(self, scene: Scene, b: int, write: Write) -> None:
        for agent in scene.agents:
            row = self._row(agent, b)
            if row is not None and row.outcome is Outcome.CANCELLED and row.done_ver >= write.version:
                raise Violation("I5", "an appointment appears after its booking was reported cancelled")

    def _no_overlap(self, was: tuple[Row, ...], new: set[str]) -> None:
        if any(row.slot in new for row in was):
            raise Violation("I2", "an appointment made where somebody stood")

    def _answered_rightly(self, scene: Scene, write: Write, effect: Effect) -> None:
        """Once a write says booked, nobody who was there before it looked stands in the same place."""
        rows = self.model.rows(scene.emr)
        others = {row.slot for row in rows if row.booking != write.booking and not row.late}
        if effect.version > write.version:
            return  # another agent's, still on its way
        if effect.outcome is Outcome.BOOKED and effect.slot in others:
            raise _at(Violation("I2", "booked over a person's row, and not yielded"), f"{_asked(write)} is answered")

    def _told(self, scene: Scene, b: int, row: Booking) -> None:
        if row.outcome is not Outcome.BOOKED or isinstance(self.model, Drop) or scene.desk[2] != self.start.desk[2]:
            return
        if row.cur_slot is None or (b, row.cur_slot.key) not in scene.ever:
            raise _at(Violation("I3", "told booked, and it never stood there"), f"the agent tells {row.outcome}")

    def _rest(self, scene: Scene, report: Report) -> None:
        """Hold I13 always; where nothing more can happen by itself, I3, I4 and I8."""
        for agent in scene.agents:
            key = (agent.rows, scene.tick)
            if key not in self._fine:
                self._no_hold_offered(agent, scene.tick)
                self._fine.add(key)
        if not self._is_at_rest(scene):
            return
        report.settled += 1
        report.unsure += any(row and row.state is State.UNSURE for a in scene.agents for row in self._rows(a))
        for b in range(self.bookings):
            self._converged(scene, b)

    def _rows(self, agent: Agent) -> list[Booking | None]:
        return [self._row(agent, b) for b in range(self.bookings)]

    def _no_hold_offered(self, agent: Agent, tick: int) -> None:
        rows = [row for row in self._rows(agent) if row is not None]
        now = at(tick).utc
        live = {
            row.goal_slot.key
            for row in rows
            if row.outcome is Outcome.HELD
            and row.goal_slot
            and row.until
            and now < row.until
            and row.seen_ver == row.done_ver
        }
        held = frozenset(slot.key for row in rows for slot in spoken_for(row, NO_TIME))
        shown = share(SLOTS, RULES, now, {}, held).offered
        if live & set(shown):
            raise _at(Violation("I13", "a slot under a live hold is offered"), "publish decides the view")

    def _is_at_rest(self, scene: Scene) -> bool:
        if scene.wire or any(agent.node for agent in scene.agents):
            return False
        for n, agent in enumerate(scene.agents):
            if any(True for _ in self._receives(scene, n, agent, "")):
                return False
            if not self.fenced and any(True for _ in self._beats(scene, n, agent, "")):
                return False
            if not all(self._changes_nothing(scene, agent, kind) for kind in self.kinds):
                return False
        return True

    def _changes_nothing(self, scene: Scene, agent: Agent, kind: str) -> bool:
        seen = self._seen(agent)
        node = self.strategy.begin(kind, scene.tick, seen)
        while (ask := self._node(node).ask).kind != "done":
            answer: object
            if ask.kind == "slots":
                answer = self.model.slots(scene.emr)
            elif ask.kind == "ours":
                answer = self.model.ours(scene.emr)
            elif ask.kind == "find":
                emr, answer = self.model.find(scene.emr, ask.what)
                if emr != scene.emr:
                    return False
            else:
                return False
            node = self.strategy.answered(node, answer, seen)
        return bool(ask.what == agent.since)

    def _converged(self, scene: Scene, b: int) -> None:
        """Compare what the hub shows, the highest rev, with the EMR; two outcomes of one rev are "being checked"."""
        rows = [self._row(agent, b) for agent in scene.agents]
        known = [row for row in rows if row is not None and row.seen_ver == self.newest[b]]
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
        mine = {one.slot for one in self.model.rows(scene.emr) if one.booking == row.booking}
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
        waits = not self.fenced and (n != scene.hub[0] or row.state is State.INTENT)
        if row.state not in {State.UNSURE, State.QUARANTINE} and not waits and scene.tick == self.last:
            raise Violation("I8", f"{row.booking} stays {row.state} for ever")


def _at(broken: Violation, step: str) -> Violation:
    broken.step = step  # type: ignore[attr-defined]
    return broken


def _put(items: tuple[int, ...], n: int, value: int) -> tuple[int, ...]:
    return (*items[:n], value, *items[n + 1 :])


def _with(scene: Scene, n: int, agent: Agent) -> Scene:
    return scene._replace(agents=(*scene.agents[:n], agent, *scene.agents[n + 1 :]))


def _pc(pc: object) -> str:
    return str(pc[0] if isinstance(pc, tuple) else pc)


def _asked(write: Write) -> str:
    place = f" {NAMES[write.slot.key]}" if write.slot else ""
    return f"{write.op}{place} of {write.booking} version {write.version}"


def _shown(effect: Effect) -> str:
    place = f" at {NAMES[effect.slot]}" if effect.slot else ""
    theirs = ", theirs" if effect.theirs else ""
    return f"{effect.outcome}{place} (version {effect.version}{theirs})"


Check = Callable[[], Report]
__all__ = ["Check", "Checker", "CreneauError", "Report"]
