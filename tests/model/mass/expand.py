"""What follows many states at a time, and which of them are at rest.

Rule: a step replaces columns; what it has to be checked for, it is checked for by the checker's own invariants, once
for each combination of what they read.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tests.model.emrs import Model
from tests.model.mass.book import Also
from tests.model.mass.layout import Codes, Column
from tests.model.mass.state import EMR, EVER, HUB, REST, TEAM, TICK, WIRE, Apart, States
from tests.model.mass.steps import Columns, Steps
from tests.model.mass.tables import BROKEN, Kinds, Memo, Trait
from tests.model.values import Violation

if TYPE_CHECKING:
    from tests.model.checker import Checker

_MASKS = range(1 << 16)
"""Which turns are known, a bit each."""


class Broken(Exception):  # noqa: N818 - says what happened
    """An invariant breaks in this state, or by a step from it."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class After(NamedTuple):
    """States that follow: from which one each, and whether it costs a fault."""

    codes: Codes
    source: Column
    fault: Column


class Chunk(NamedTuple):
    """Some states: their numbers, taken apart, and what the sources read of them."""

    codes: Codes
    apart: Apart
    at: Columns


class Expander:
    """The world of one checker, for many states at a time."""

    def __init__(self, checker: "Checker") -> None:
        self.checker, case = checker, checker.case
        self.steps = Steps(checker)
        self.book, self.team = self.steps.book, self.steps.team
        agents, emrs, wires = case.agents.items, case.model.pool.items, case.wires.items
        hubs, desks, evers = case.hubs.items, case.desks.items, case.evers.items
        self.states = States(case)
        self._dies, self._alive = type(case.model).is_dead is not Model.is_dead, Memo(case.alive, wires, emrs)
        self._sent = Memo(checker.with_sent, wires, wires)
        self._cancels = Kinds()
        self._example: dict[int, int] = {}
        self._cancelled = Trait(self._cancelled_as, agents)
        self._held = Memo(self._holds, self.book.reaches, evers, desks, *(self._cancels for _ in range(self.team)))
        self._told = Memo(self._tells, self.book.tells, evers, desks)
        self._masks = Kinds()
        self._mask = Memo(self._masks, _MASKS)
        self._aged = Memo(case.aged, agents, range(case.last + 1))
        self._turns_of, self._left = Trait(case.turns_of, agents), Memo(case.turns_left, hubs, _MASKS)
        self._ranked = Memo(lambda agent, mask: case.ranked(agent, self._turns(mask)), agents, self._masks)
        self._hub_ranked = Memo(lambda hub, mask: case.hub_ranked(hub, self._turns(mask)), hubs, self._masks)
        self._offered = Memo(self._offers, agents, range(case.last + 1))
        self._still = Memo(self._stands_still, agents, emrs, range(case.last + 1))

    def begin(self) -> Codes:
        """Return the first state, alone."""
        return self.states.one(self.checker.unpack(self.checker.pack(self.checker.begin())))

    def chunk(self, codes: Codes) -> Chunk:
        """Take some states apart."""
        apart = self.states.apart(codes)
        return Chunk(codes, apart, self.steps.columns(apart))

    # ---- what follows

    def after(self, some: Chunk, *, faults: bool) -> Iterator[After]:
        """Yield what can follow; `faults`: what costs one, too. Raises Broken, Wider.

        What costs one fault too many is not looked at: what could break is the same as without the fault.
        """
        for n, index, lists in [*self._sources(some.at)]:
            yield self._taken(some, n, index, lists, faults=faults)

    def _sources(self, at: Columns) -> Iterator[tuple[int, Column, Column]]:
        """Yield which agent (0 where it is none), which states, which steps of each: as Checker.after does."""
        steps, free = self.steps, np.ones(len(at.emr), np.bool_)
        alone = []
        for n in range(self.team):
            stands = free & (steps.alone(at, n) == 1)
            free &= ~stands
            alone.append(stands)
        everyone = np.flatnonzero(free)
        some = at.some(everyone)
        for n in range(self.team):
            index = np.flatnonzero(free | alone[n])
            yield n, index, steps.acts(at.some(index), n)
            part = np.flatnonzero(steps.unreceived(some.agents[n]))
            yield n, everyone[part], steps.receives(some.some(part), n)
            part = np.flatnonzero(steps.idle(some.agents[n]))
            if not self.checker.case.fenced:
                yield n, everyone[part], steps.turns(some.some(part), n)
        yield 0, everyone, steps.network(some)
        yield 0, everyone, steps.people(some)
        if self.team == 1:
            part = np.flatnonzero(steps.idle(some.agents[0]) & (1 - some.open))
            yield 0, everyone[part], steps.tasks(some.some(part))
        yield 0, everyone, steps.time(some)

    def _taken(self, some: Chunk, n: int, index: Column, lists: Column, *, faults: bool) -> After:
        book = self.book
        counts = (book.all if faults else book.free).array[lists]
        source, ends = np.repeat(index, counts), np.cumsum(counts)
        rows = np.repeat(book.begins.array[lists] - (ends - counts), counts) + np.arange(len(source))
        after = book.taken(some.apart.some(source), rows, n)
        also = book.also.array[rows]
        if also.any():
            self._also(some, after, source, rows, also)
        return After(self.states.together(self._canonical(after)), source, book.fault.array[rows])

    def _also(self, some: Chunk, after: Apart, source: Column, rows: Column, also: Column) -> None:
        """Check what a step tells and what it does to the EMR; leave a request on the wire; as Checker._taken does."""
        codes, _, at = some
        index = np.flatnonzero(also & Also.TOLD)
        if len(index):
            of = source[index]
            self._hold(codes, of, self._told(self.book.told.array[rows[index]], at.ever[of], at.desk[of]))
        index = np.flatnonzero(also & Also.REACHED)
        if len(index):
            of = source[index]
            told = [self._cancelled(agent[of]) for agent in at.agents]
            had = self._held(self.book.reached.array[rows[index]], at.ever[of], at.desk[of], *told)
            self._hold(codes, of, had)
            after.rest[index] = REST.put(after.rest[index], EVER, had)
        index = np.flatnonzero(also & Also.BAD)
        if len(index):
            raise Broken(int(codes[source[index[0]]]))
        index = np.flatnonzero(also & Also.SENT)
        if len(index):
            wires = self._sent(at.wire[source[index]], self.book.sent.array[rows[index]])
            after.rest[index] = REST.put(after.rest[index], WIRE, wires)

    @staticmethod
    def _hold(codes: Codes, source: Column, found: Column) -> None:
        wrong = np.flatnonzero(found == BROKEN)
        if len(wrong):
            raise Broken(int(codes[source[wrong[0]]]))

    def _canonical(self, apart: Apart) -> Apart:
        """Let mirror images, and what differs in nothing but the count of turns, share a number: as Checker.pack does."""
        (team, rest), case = apart, self.checker.case
        if self._dies:
            rest = REST.put(rest, WIRE, self._alive(REST.get(rest, WIRE), REST.get(rest, EMR)))
        ticks = REST.get(rest, TICK)
        agents = [self._aged(TEAM.get(team, n), ticks) for n in range(self.team)]
        if self.checker.twins:
            agents = [np.minimum(*agents), np.maximum(*agents)]
        if not (case.fenced and self.team > 1):
            hubs = REST.get(rest, HUB)
            mask = self._mask(self._left(hubs, np.bitwise_or.reduce([self._turns_of(agent) for agent in agents])))
            agents = [self._ranked(agent, mask) for agent in agents]
            rest = REST.put(rest, HUB, self._hub_ranked(hubs, mask))
        for n, agent in enumerate(agents):
            team = TEAM.put(team, n, agent)
        return Apart(team, rest)

    # ---- rest

    def rests(self, some: Chunk) -> tuple[int, int]:
        """Return how many of these states are at rest, and in how many of them a person has to look; raises Broken."""
        codes, _, at = some
        for agent in at.agents:
            self._hold(codes, np.arange(len(codes)), self._offered(agent, at.tick))
        idle = np.minimum.reduce([self.steps.idle(agent) for agent in at.agents])
        index = np.flatnonzero(idle & at.calm & (1 - at.open))
        for n in range(self.team):  # the same as Rest.holds says in the end, so that few are left to ask it about
            turns = self.steps.turns(at.some(index), n)
            index = index[self.book.all.array[turns] == 0]
            some = at.some(index)
            index = index[self._still(some.agents[n], some.emr, some.tick) == 1]
        settled = unsure = 0
        for code in codes[index].tolist():
            try:
                rests, looks = self.checker.rests(self.states.scene(code))
            except Violation:
                raise Broken(code) from None
            settled += rests
            unsure += rests and looks
        return settled, unsure

    # ---- each check, asked once

    def _turns(self, mask: int) -> int:
        found = self._masks.pool.items[mask]
        assert isinstance(found, int)
        return found

    def _cancelled_as(self, agent: int) -> int:
        kind = self._cancels(self.checker.case.cancelled(agent))
        self._example.setdefault(kind, agent)
        return kind

    def _holds(self, reach: int, ever: int, desk: int, *told: int) -> int:
        before, emr, write = self.book.reaches.pool.items[reach]  # type: ignore[misc]
        agents = tuple(self._example[kind] for kind in told)
        scene = self.steps.scene(emr=before, agents=agents, ever=ever, desk=desk)
        try:
            return self.checker.held(scene, emr, write)
        except Violation:
            return BROKEN

    def _tells(self, told: int, ever: int, desk: int) -> int:
        row: tuple[int, int] = self.book.tells.pool.items[told]  # type: ignore[assignment]
        try:
            self.checker.invariants.told(self.steps.scene(ever=ever, desk=desk), *row)
        except Violation:
            return BROKEN
        return 0

    def _offers(self, agent: int, tick: int) -> int:
        try:
            self.checker.invariants.offered(agent, tick)
        except Violation:
            return BROKEN
        return 0

    def _stands_still(self, agent: int, emr: int, tick: int) -> int:
        scene = self.steps.scene(agents=(agent,), emr=emr, tick=tick)
        return int(self.checker.rest.is_still(scene, 0))
