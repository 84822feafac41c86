"""The steps of the checker's sources, looked up for many states at a time.

Rule: a source is asked with a scene that has only the columns the source is said to read; reading another one fails.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tests.model.agents import Reads
from tests.model.handing import Each, highest
from tests.model.mass.book import Book
from tests.model.mass.layout import Column
from tests.model.mass.state import DESK, EMR, EVER, HUB, REST, TEAM, TICK, WIRE, Apart
from tests.model.mass.tables import Kinds, Memo, Trait
from tests.model.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.model.checker import Checker

_YES_NO = range(2)


class Columns(NamedTuple):
    """The columns of many states, and what several sources read of them."""

    agents: tuple[Column, ...]
    emr: Column
    wire: Column
    hub: Column
    ever: Column
    desk: Column
    tick: Column
    calm: Column
    sends: Column
    open: Column
    revs: Column
    versions: Column

    def some(self, index: Column) -> "Columns":
        """Return those of some of the states."""
        agents, *others = self
        return Columns(tuple(each[index] for each in agents), *(each[index] for each in others))


class Steps:
    """Which steps can follow, as numbers of lists in the book."""

    def __init__(self, checker: "Checker") -> None:
        self.checker, case = checker, checker.case
        self.team = len(case.start.agents)
        self.book = Book(self.team)
        agents, emrs = case.agents.items, case.model.pool.items
        wires, hubs, desks, evers = case.wires.items, case.hubs.items, case.desks.items, case.evers.items
        ticks = range(case.last + 1)
        self.idle, self.unreceived = Trait(case.idle, agents), Trait(case.unreceived, agents)
        self.sends, self.reads = Trait(case.sends, agents), Trait(checker.agents.reads, agents)
        self._each = Kinds()
        self._revs = Trait(lambda agent: self._each(case.newest_rev(agent)), agents)
        self._versions = Trait(lambda agent: self._each(case.seen_versions(agent)), agents)
        self._highest = Memo(self._higher, self._each, self._each)
        self._open = Memo(lambda wire, sends: case.is_open(wire, sends=bool(sends)), wires, _YES_NO)
        self._waits = Memo(lambda wire, sends: checker.agents.waits(wire, sends=bool(sends)), wires, _YES_NO)
        self._alone = Memo(
            lambda agent, tick, calm: checker.agents.stands_alone(agent, tick, calm=bool(calm)), agents, ticks, _YES_NO
        )
        self._acts: dict[Reads, tuple[Memo, Callable[[Columns, Column], tuple[Column, ...]]]] = {
            Reads.NOTHING: (Memo(self._act, agents), lambda _c, _w: ()),
            Reads.TIME: (Memo(lambda a, t: self._act(a, tick=t), agents, ticks), lambda c, _w: (c.tick,)),
            Reads.TURN: (
                Memo(lambda a, t, h: self._act(a, tick=t, hub=h), agents, ticks, hubs),
                lambda c, _w: (c.tick, c.hub),
            ),
            Reads.EMR: (Memo(lambda a, e: self._act(a, emr=e), agents, emrs), lambda c, _w: (c.emr,)),
            Reads.LOOK: (
                Memo(lambda a, e, w: self._act(a, emr=e, waits=w), agents, emrs, _YES_NO),
                lambda c, w: (c.emr, w),
            ),
        }
        self._receives = Memo(self._received, agents, ticks, self._each)
        self._moments = Kinds()
        self._moment = Memo(lambda *of: self._moments(of), ticks, hubs, self._each, self._each)
        self._turns = [Memo(self._given(n), agents, self._moments) for n in range(self.team)]
        self._network = Memo(self._arrives, wires, emrs)
        self._people = Memo(self._persons, emrs, desks, _YES_NO)
        self._tasks = Memo(self._tasked, agents, emrs, evers)
        self._time = Memo(self._passes, ticks, _YES_NO)

    def columns(self, apart: Apart) -> Columns:
        """Return what the sources read of these states."""
        agents = tuple(TEAM.get(apart.team, n) for n in range(self.team))
        emr, wire, hub, ever, desk, tick = (REST.get(apart.rest, n) for n in (EMR, WIRE, HUB, EVER, DESK, TICK))
        calm = 1 - np.maximum.reduce([self.unreceived(agent) for agent in agents])
        sends = np.maximum.reduce([self.sends(agent) for agent in agents])
        revs, versions = self._top(self._revs, agents), self._top(self._versions, agents)
        open_ = self._open(wire, sends)
        return Columns(agents, emr, wire, hub, ever, desk, tick, calm, sends, open_, revs, versions)

    def _top(self, trait: Trait, agents: tuple[Column, ...]) -> Column:
        found = trait(agents[0])
        for agent in agents[1:]:
            found = self._highest(found, trait(agent))
        return found

    # ---- each source, for many states: which states, which lists of steps

    def alone(self, at: Columns, n: int) -> Column:
        """Say whether agent `n` stands alone."""
        return self._alone(at.agents[n], at.tick, at.calm)

    def acts(self, at: Columns, n: int) -> Column:
        """Return the steps of agent `n`."""
        reads = self.reads(at.agents[n])
        found = np.zeros(len(reads), np.int64)
        waits = self._waits(at.wire, at.sends) if self.checker.case.model.locked else at.sends * 0
        for kind, (memo, keys) in self._acts.items():
            index = np.flatnonzero(reads == kind)
            if len(index):
                some = at.some(index)
                found[index] = memo(some.agents[n], *keys(some, waits[index]))
        return found

    def receives(self, at: Columns, n: int) -> Column:
        """Return the orders that may reach agent `n`."""
        return self._receives(at.agents[n], at.tick, at.revs)

    def turns(self, at: Columns, n: int) -> Column:
        """Return the turn that agent `n` may get."""
        return self._turns[n](at.agents[n], self._moment(at.tick, at.hub, at.versions, at.revs))

    def network(self, at: Columns) -> Column:
        """Return what may become of requests nobody waits for."""
        return self._network(at.wire, at.emr)

    def people(self, at: Columns) -> Column:
        """Return what people may do."""
        return self._people(at.emr, at.desk, at.sends)

    def tasks(self, at: Columns) -> Column:
        """Return what a person may answer."""
        return self._tasks(at.agents[0], at.emr, at.ever)

    def time(self, at: Columns) -> Column:
        """Return whether time may pass."""
        return self._time(at.tick, at.sends)

    # ---- each source, asked once

    def scene(self, **columns: Any) -> Scene:
        """Return a scene of these columns alone."""
        return Scene(**(dict.fromkeys(Scene._fields) | columns))  # type: ignore[arg-type]

    def of(self, n: int, agent: int) -> tuple[Any, ...]:
        """Return the team of which only one agent is known."""
        return tuple(agent if each == n else None for each in range(self.team))

    def _higher(self, one: int, other: int) -> int:
        known: list[Any] = [self._each.pool.items[one], self._each.pool.items[other]]
        return self._each(highest(known))

    def _act(self, agent: int, *, tick: Any = None, emr: Any = None, hub: Any = None, waits: Any = None) -> int:
        scene = self.scene(agents=self.of(0, agent), tick=tick, emr=emr, hub=hub)
        return self.book.add(self.checker.agents.acts(scene, 0, waits=waits), -1 if emr is None else emr)

    def _received(self, agent: int, tick: int, revs: int) -> int:
        known: Any = self._each.pool.items[revs]
        return self.book.add(self.checker.hub.receives(self.scene(agents=self.of(0, agent), tick=tick), 0, known))

    def _given(self, n: int) -> "Callable[[int, int], int]":
        def given(agent: int, moment: int) -> int:
            of: Any = self._moments.pool.items[moment]
            tick, hub = of[:2]
            versions, revs = (self._known(each) for each in of[2:])
            scene = self.scene(agents=self.of(n, agent), tick=tick, hub=hub)
            return self.book.add(self.checker.hub.turns(scene, n, versions, revs))

        return given

    def _known(self, each: int) -> Each:
        found: Any = self._each.pool.items[each]
        return found

    def _arrives(self, wire: int, emr: int) -> int:
        return self.book.add(self.checker.network(self.scene(wire=wire, emr=emr)), emr)

    def _persons(self, emr: int, desk: int, sends: int) -> int:
        return self.book.add(self.checker.people.steps(self.scene(emr=emr, desk=desk), sends=bool(sends)), emr)

    def _tasked(self, agent: int, emr: int, ever: int) -> int:
        return self.book.add(self.checker.people.tasks(self.scene(agents=(agent,), emr=emr, ever=ever)), emr)

    def _passes(self, tick: int, sends: int) -> int:
        return self.book.add(self.checker.time(self.scene(tick=tick), sends=bool(sends)))
