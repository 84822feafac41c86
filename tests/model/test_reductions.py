"""What the search leaves out for being the same as something else: without leaving it out, the same ends are found."""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from agent.core.booking import Turn
from agent.core.errors import CreneauError
from tests.model import leg
from tests.model.agents import Agents
from tests.model.checker import Checker
from tests.model.leg import Seen, Strategy
from tests.model.people import People
from tests.model.rulesets import BY_KEY
from tests.model.scene import ANY_TURN, Act, Agent, Case, Scene
from tests.model.values import SLOTS, TURN_TICKS, at


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the leg's log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Noting(Checker):
    """A search that notes how things stand at rest: the agenda, and what the hub was told of each booking by whom."""

    def ends(self) -> tuple[set[object], int]:
        """Search; return the ends, and how many states there were."""
        self.found: set[object] = set()
        report = self.run()
        assert report.violation is None, str(report)
        return self.found, report.states

    def rests(self, scene: Scene) -> tuple[bool, bool]:
        """Note it."""
        said = super().rests(scene)
        if said[0]:
            told = []
            for agent in self.case.team(scene):
                rows = self.case.rows_of(agent)
                told.append(tuple(row and (row.state, row.outcome, row.done_ver, row.kept) for row in rows))
            self.found.add((self.case.model.pool.items[scene.emr], tuple(told), scene.tick))
        return said


def numbered(self: Case, agent: Agent) -> Seen:
    """Show the leg its turn with the number it has."""
    seen = SEEN(self, agent)
    if agent.turn is None:
        return seen
    turn = Turn(agent.turn[0], at(agent.turn[1]).age + TURN_TICKS * (at(1).age - at(0).age))
    return Seen(seen.rows, turn, seen.posture, seen.since)


SEEN = Case.seen


def apart(self: Strategy, key: Any, kind: Any, tick: Any, answers: Any) -> int:
    """Let every order of answers be a point of its own."""
    self._points.clear()
    return AT(self, key, kind, tick, answers)


AT = Strategy._at


@pytest.mark.parametrize(
    ("rules", "scenario", "agents", "faults"),
    [
        ("sql-token", "book", 2, 0),
        ("fhir-if-match", "book", 2, 0),
        ("hl7-enquiry", "hold+expire", 2, 1),
        ("fhir-bare", "book", 1, 2),
        ("sql-token", "book+cancel", 1, 1),
    ],
)
def test_the_same_ends_are_found_with_nothing_left_out(
    monkeypatch: pytest.MonkeyPatch, rules: str, scenario: str, agents: int, faults: int
) -> None:
    """Turns keep their numbers and gaps, who wrote last and when a write began are never forgotten, the unread counts."""
    few = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults).ends()
    monkeypatch.setattr(Case, "_folded", lambda _self, team, hub: (team, hub))
    monkeypatch.setattr(Case, "_aged", lambda _self, agent, _tick: agent)
    monkeypatch.setattr(Case, "seen", numbered)
    monkeypatch.setattr(leg, "as_told", lambda answer: repr(answer) if isinstance(answer, CreneauError) else answer)
    monkeypatch.setattr(Strategy, "_at", apart)
    all_ = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults).ends()
    assert few[0] == all_[0]
    assert few[1] < all_[1]


@pytest.mark.parametrize(
    ("rules", "scenario", "agents", "faults"),
    [("fhir-if-match", "book", 2, 1), ("fhir-if-match", "book+move", 1, 1), ("fhir-fenced", "book", 1, 2)],
)
def test_the_same_ends_are_found_with_every_stale_request_kept(
    monkeypatch: pytest.MonkeyPatch, rules: str, scenario: str, agents: int, faults: int
) -> None:
    """One that a server refuses for ever changes nothing: nobody need wait until it has come."""
    few = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults).ends()
    monkeypatch.setattr(Case, "_alive", lambda _self, wire, _emr: wire)
    all_ = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults).ends()
    assert few[0] == all_[0]
    assert few[1] < all_[1]


@pytest.mark.parametrize(
    ("rules", "scenario", "agents", "faults"),
    [("sql-sidecar", "book+cancel", 2, 0), ("fhir-if-match", "book", 2, 0), ("hl7-enquiry", "book", 1, 1)],
)
def test_the_same_ends_are_found_with_nobody_looked_at_alone(
    monkeypatch: pytest.MonkeyPatch, rules: str, scenario: str, agents: int, faults: int
) -> None:
    """What is nobody else's business may as well come first; nor does it matter which of two agents is which."""
    few = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults).ends()
    monkeypatch.setattr(Agents, "_stands_alone", lambda _self, _number, _tick, *, calm: False)
    checker = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults)
    checker.twins = False
    all_ = checker.ends()
    assert mirrored(few[0]) == mirrored(all_[0])
    assert few[1] < all_[1]


def mirrored(ends: set[Any]) -> set[object]:
    """Return the ends whoever told what."""
    return {(store, tick, frozenset(Counter(told).items())) for store, told, tick in ends}


def looking(self: People, scene: Scene, *, sends: bool) -> Iterator[Act]:
    """Let the receptionist look when she likes, and book what she saw."""
    case, desk = self.case, self.case.desks.items[scene.desk]
    others = case.desks(desk._replace(books=0))
    yield from STEPS(self, scene._replace(desk=others), sends=sends)
    if desk.books > LOOKED:
        slot = SLOTS[desk.books - LOOKED - 1].key
        yield Act("the receptionist books", emr=case.model.desk(scene.emr, slot), desk=others, theirs=True)
    elif desk.books:
        taken = {row.slot for row in case.model.rows(scene.emr)}
        for n in case.places:
            if SLOTS[n].key not in taken:
                yield Act("the receptionist looks", desk=case.desks(desk._replace(books=LOOKED + 1 + n)))


STEPS, LOOKED = People.steps, 10


@pytest.mark.parametrize(
    ("rules", "scenario", "agents", "faults"),
    [("sql-token", "book", 2, 0), ("fhir-bare", "book+move", 1, 1), ("fhir-fenced", "book", 1, 1)],
)
def test_the_same_ends_are_found_whenever_the_receptionist_looks(
    monkeypatch: pytest.MonkeyPatch, rules: str, scenario: str, agents: int, faults: int
) -> None:
    """All is free at first: what she sees later, she saw then."""
    few = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults).ends()
    monkeypatch.setattr(People, "steps", looking)
    all_ = Noting(BY_KEY[rules].make(), scenario, agents=agents, faults=faults).ends()
    assert few[0] == all_[0]
    assert few[1] < all_[1]


def test_an_agents_turns_only_grow() -> None:
    """That is why the leg may see one number for all of them: a turn is never older than that of its own last intent."""
    checker = Checker(BY_KEY["sql-token"].make(), "book", agents=2, faults=1)
    seen = 0
    for n in (0, 1):
        for scene in [checker.begin(), *walk(checker)]:
            versions, revs = checker.hub.versions(scene), checker.hub.revs(scene)
            had = checker.case.team(scene)[n].turn
            for act in checker.hub.turns(scene, n, versions, revs):
                given = checker.case.agents.items[act.agent].turn
                assert given is not None
                assert had is None or given[0] >= had[0]
                assert given[0] >= checker.case.hubs.items[scene.hub].number
                seen += 1
    assert seen > 10
    assert ANY_TURN == 0


def walk(checker: Checker) -> Iterator[Scene]:
    """Yield some scenes, the first ones of a search."""
    known, open_ = {checker.pack(checker.begin())}, [checker.begin()]
    while open_ and len(known) < 3000:
        for _, _, after in checker.after(open_.pop(0)):
            code = checker.pack(after)
            if code not in known:
                known.add(code)
                open_.append(checker.unpack(code))
                yield open_[-1]
