"""One state of everything the model checker knows, as small numbers, and the pools those numbers point into.

Rule: two states that differ in nothing that can ever matter are one number.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

from agent.core.booking import Booking, Op, Outcome, Turn, Write
from agent.core.model import BookingId
from tests.model.emrs import Model
from tests.model.leg import Ask, Node, Seen, Strategy
from tests.model.values import BOOKINGS, SCENARIOS, SLOTS, TURN_TICKS, Pool, at

ANY_TURN = 0
"""What every turn is called where the leg reads it: it asks only whether one is older than that of its own last
intent, which none ever is, because an agent's turns only grow; whose write came under which, the checker holds (I10)."""

EARLIER = at(-1).utc
"""When every write was begun that was begun before this tick."""


class Agent(NamedTuple):
    """One agent: journal rows and their save numbers (counted within a step), where its leg stands, its turn.

    `pc`: the step of the write on its way, -1 = not sent yet. `turn`: number and tick. `since`: what the leg remembers.
    """

    rows: tuple[int, ...]
    bumps: tuple[int, ...]
    node: int = 0
    pc: int = -1
    turn: tuple[int, int] | None = None
    since: object = ()


class Hub(NamedTuple):
    """Who holds the turn, its number, since which tick; the highest turn that has written."""

    holder: int = 0
    number: int = 1
    tick: int = 0
    written: int = 0


class Desk(NamedTuple):
    """How often the receptionist may still book what she saw free at first, what staff may still do to ours."""

    books: int
    staff: int


class Scene(NamedTuple):
    """One state. All but `tick` and `emr` are numbers of the case's pools.

    `wire`: requests nobody waits for any more. `ever`: (booking, slot) our bookings ever had.
    """

    tick: int
    emr: int
    agents: tuple[int, ...]
    wire: int
    hub: int
    desk: int
    ever: int


class Act(NamedTuple):
    """One step: what is afterwards, and what must be checked on the way.

    `agent` to `ever`: -1 = as before. `fault`: does it cost one. `sent`: the request left on the wire, -1 = none. `write`: the one that reached the EMR.
    `told`: (booking, row) told booked. `bad`: the invariant this step itself breaks. `theirs`: nothing of ours did it.
    """

    says: str
    agent: int = -1
    emr: int = -1
    hub: int = -1
    tick: int = -1
    wire: int = -1
    desk: int = -1
    ever: int = -1
    fault: bool = False
    sent: int = -1
    write: int = -1
    told: tuple[int, int] | None = None
    bad: Exception | None = None
    theirs: bool = False


class Case:
    """One scenario on one EMR, for one agent or two: what never changes during a search, and the pools."""

    def __init__(
        self, model: Model, scenario: str, *, agents: int = 1, desk: int = 1, staff: int = 0, ticks: int | None = None
    ) -> None:
        # With no rival an agent's turn never ends: that leaves more orders of events.
        if agents == 1 and model.rules is not None:
            model.rules = replace(model.rules, exclusive=False)
        self.model = model
        self.goals = SCENARIOS[scenario]
        self.staff = staff
        self.fenced = model.rules is None or not model.rules.by_turn
        self.lasts = model.late and self.fenced
        """A request nobody waits for any more may be carried out at any later time; under a turn it is bounded."""
        self.holds = any(goal.hold for goal in self.goals)
        self.last = self._ticks(agents) if ticks is None else ticks
        self.kinds = ("work", "look") if staff else ("work",)
        self.strategy = Strategy(model.rules)
        self.bookings = 1 + max(goal.booking for goal in self.goals)
        self.newest = [max(g.version for g in self.goals if g.booking == b) for b in range(self.bookings)]
        wanted = {goal.slot for goal in self.goals if goal.slot is not None}
        self.places = [n for n in range(len(SLOTS)) if n in wanted or staff]
        self.rows: Pool[Booking] = Pool()
        self.writes: Pool[Write | BookingId] = Pool()
        self.pcs: Pool[object] = Pool()
        self.agents: Pool[Agent] = Pool()
        self.wires: Pool[tuple[tuple[int, int], ...]] = Pool()
        self.hubs: Pool[Hub] = Pool()
        self.desks: Pool[Desk] = Pool()
        self.evers: Pool[frozenset[tuple[int, str]]] = Pool()
        self.blank = Agent((-1,) * self.bookings, (0,) * self.bookings)
        first = self.blank._replace(turn=None if self.fenced else (1, 0))
        team = (first, *(self.blank for _ in range(agents - 1)))
        self.start = Scene(
            0,
            model.start(),
            tuple(self.agents(agent) for agent in team),
            self.wires(()),
            self.hubs(Hub()),
            self.desks(Desk(desk, staff)),
            self.evers(frozenset()),
        )
        self.alive = cache(self._alive)
        self.folded = cache(self._folded)
        self.aged = cache(self._aged)
        self.turns_of = cache(self._turns_of)
        self.ranked = cache(self._ranked)
        self.hub_ranked = cache(self._hub_ranked)
        self.idle = cache(self._idle)
        self.sends = cache(self._sends)
        self.newest_rev = cache(self._newest_rev)
        self.seen_versions = cache(self._seen_versions)
        self.unreceived = cache(self._unreceived)
        self.cancelled = cache(self._cancelled)

    def _ticks(self, agents: int) -> int:
        if self.holds:
            return 1 if self.fenced else 2
        return 0 if self.fenced else 1 + agents

    # ---- reading

    def row(self, agent: Agent, b: int) -> Booking | None:
        """Return an agent's row of a booking."""
        return None if agent.rows[b] < 0 else self.rows.items[agent.rows[b]]

    def rows_of(self, agent: Agent) -> list[Booking | None]:
        """Return an agent's rows."""
        return [self.row(agent, b) for b in range(self.bookings)]

    def team(self, scene: Scene) -> list[Agent]:
        """Return the agents themselves."""
        return [self.agents.items[n] for n in scene.agents]

    def node(self, node: int) -> Node:
        """Return a point of the leg's step."""
        found = self.strategy.nodes[node]
        assert found is not None
        return found

    def ask(self, agent: Agent) -> Ask:
        """Return the question the agent's leg stands at."""
        return self.node(agent.node).ask

    def seen(self, agent: Agent) -> Seen:
        """Return what the agent's leg can read without anything happening in between."""
        read = []
        for b, row in enumerate(self.rows_of(agent)):
            read.append(row and self._numbered(agent.rows[b], agent.bumps[b]))
        turn = None
        if agent.turn is not None:
            turn = Turn(ANY_TURN, at(agent.turn[1]).age + TURN_TICKS * (at(1).age - at(0).age))
        return Seen(tuple(read), turn, since=agent.since)  # type: ignore[arg-type]

    def _numbered(self, row: int, bump: int) -> Booking:
        return numbered(self.rows.items[row], bump)

    def is_open(self, wire: int, *, sends: bool) -> bool:
        """Say whether a request is under way at the EMR; `sends`: an agent waits for one."""
        return sends or bool(self.wires.items[wire])

    def any_sends(self, scene: Scene) -> bool:
        """Say whether an agent waits for a request."""
        return any(self.sends(number) for number in scene.agents)

    def is_calm(self, scene: Scene) -> bool:
        """Say whether no order is on its way to anyone."""
        return not any(self.unreceived(number) for number in scene.agents)

    # ---- numbers that only their order gives a meaning

    def _alive(self, wire: int, emr: int) -> int:
        """Forget requests that can never change anything any more: with them or without, the same follows."""
        kept = [
            (write, pc)
            for write, pc in self.wires.items[wire]
            if not self.model.is_dead(emr, self.writes.items[write], self.pcs.items[pc])  # type: ignore[arg-type]
        ]
        return self.wires(tuple(kept))

    def _aged(self, number: int, tick: int) -> int:
        """Forget when an open write was begun, once the clock has gone on: its quiet time is over, however long ago.

        Within a step it is kept: the leg's own time stands still there.
        """
        agent = self.agents.items[number]
        if agent.node:
            return number
        rows = list(agent.rows)
        for b, row in enumerate(self.rows_of(agent)):
            if row is not None and row.intent_at is not None and row.intent_at < at(tick).utc:
                rows[b] = self.rows(replace(row, intent_at=EARLIER))
        return self.agents(agent._replace(rows=tuple(rows)))

    def _folded(self, agents: tuple[int, ...], hub: int) -> tuple[tuple[int, ...], int]:
        """Count turns from 1 without gaps, and one agent's revs, all receipted, as one: only their order matters."""
        if self.fenced and len(agents) > 1:
            return agents, hub
        turns = 0
        for agent in agents:
            turns |= self.turns_of(agent)
        turns = self.turns_left(hub, turns)
        return tuple(self.ranked(agent, turns) for agent in agents), self.hub_ranked(hub, turns)

    def turns_left(self, hub: int, turns: int) -> int:
        """Return the turns that are told apart, a bit each, 0 = none; `turns`: those of the agents.

        The one that wrote last is, while an older one is still somewhere: whoever has none gets a newer one.
        """
        was = self.hubs.items[hub]
        older = turns & (1 << was.written) - 1
        return turns | 1 | 1 << was.number | (1 << was.written if older else 0)

    def _turns_of(self, agent: int) -> int:
        """Return the turn an agent knows as a bit, 0 = none."""
        turn = self.agents.items[agent].turn
        return 0 if turn is None else 1 << turn[0]

    def _hub_ranked(self, hub: int, turns: int) -> int:
        was = self.hubs.items[hub]
        written = rank(was.written, turns) if turns & (1 << was.written) - 2 else 0
        return self.hubs(was._replace(number=rank(was.number, turns), written=written))

    def _ranked(self, number: int, turns: int) -> int:
        agent = self.agents.items[number]
        rows = list(agent.rows)
        if len(self.start.agents) == 1 and agent.node == 0:  # within a step the leg remembers them
            for b, row in enumerate(self.rows_of(agent)):
                if row is not None and 0 < row.outcome_rev == row.reported_rev:
                    rows[b] = self.rows(replace(row, outcome_rev=1, reported_rev=1))
        turn = None if agent.turn is None else (rank(agent.turn[0], turns), agent.turn[1])
        return self.agents(agent._replace(rows=tuple(rows), turn=turn))

    # ---- worked out once for each agent

    def _idle(self, agent: int) -> bool:
        """Say whether its leg is between two steps."""
        return self.agents.items[agent].node == 0

    def _sends(self, agent: int) -> bool:
        """Say whether it waits for a request."""
        return self.agents.items[agent].pc >= 0

    def _newest_rev(self, agent: int) -> tuple[int, ...]:
        return tuple(row.outcome_rev if row else 0 for row in self.rows_of(self.agents.items[agent]))

    def _seen_versions(self, agent: int) -> tuple[int, ...]:
        return tuple(row.seen_ver if row else 0 for row in self.rows_of(self.agents.items[agent]))

    def _unreceived(self, agent: int) -> bool:
        """Say whether an order is still on its way to this agent."""
        rows = self.rows_of(self.agents.items[agent])
        return any(row is None or row.seen_ver < self.newest[b] for b, row in enumerate(rows))

    def _cancelled(self, agent: int) -> tuple[int, ...]:
        """Return the version each booking was told cancelled by, 0 = it was not."""
        rows = self.rows_of(self.agents.items[agent])
        return tuple(row.done_ver if row and row.outcome is Outcome.CANCELLED else 0 for row in rows)


def rank(turn: int, turns: int) -> int:
    """Return which one a turn is of these, a bit each."""
    return (turns & (1 << turn) - 1).bit_count()


@cache
def numbered(row: Booking, bump: int) -> Booking:
    """Return the row under this save number."""
    return replace(row, row=bump)


def put(items: tuple[int, ...], n: int, value: int) -> tuple[int, ...]:
    """Return the items with one changed."""
    return (*items[:n], value, *items[n + 1 :])


def number_of(row: Booking) -> int:
    """Return which booking of the scenario the row is."""
    return BOOKINGS.index(row.booking)


def cancels(write: Write | None) -> bool:
    """Say whether it gives up an appointment, which it may do to what staff moved, too."""
    return write is not None and write.op is Op.CANCEL
