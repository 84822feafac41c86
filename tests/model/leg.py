"""The real apply leg as a pure function of what it was answered so far.

Rule: the leg is never copied or paraphrased; it runs from the start of its step until it asks the world for something
that is not answered yet, so that everything else may happen between any two of its questions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from agent.core.booking import Booking, Effect, Outcome, State, Turn, Write, WriteRules
from agent.core.errors import CreneauError
from agent.core.model import BookingId, Finding, Instant, Patient, Reading, Slot, Window
from agent.core.sharing import Posture, SharingRules
from agent.journal.bookings import _is_to_come
from agent.legs.apply import Apply
from tests.model.values import EMR, RULES, at

LONG_AGO = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Ask:
    """What the leg wants of the world: slots, find, ours, write, save; or `done`, with what it remembers."""

    kind: str
    what: Any = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the leg can read without anything happening in between: its own journal and board."""

    rows: tuple[Booking | None, ...]
    turn: Turn | None
    posture: Posture = Posture.OPEN
    since: tuple[tuple[tuple[str, int], timedelta], ...] = ()
    """What the leg itself remembers from step to step: since when it knows of an open intent."""


def as_told(answer: object) -> object:
    """Return what the leg can tell an answer by: of an error its kind and reason, never its words."""
    return (type(answer), getattr(answer, "reason", None)) if isinstance(answer, CreneauError) else answer


class Suspend(BaseException):
    """The leg stands at a question nobody has answered yet."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self.ask = ask


class World:
    """The ports of one step: answers in order, and what could be read after each."""

    name = EMR

    def __init__(self, answers: Sequence[tuple[object, Seen]]) -> None:
        self.answers = answers
        self.at = 0
        self.read: set[tuple[int, str]] = set()
        """What of the journal and the board was read after which answer."""

    def ask(self, kind: str, what: object = None) -> Any:
        """Give the next answer, or stop here."""
        self.at += 1
        if self.at == len(self.answers):
            raise Suspend(Ask(kind, what))
        answer = self.answers[self.at][0]
        if isinstance(answer, CreneauError):
            raise answer
        return answer

    def see(self, what: str) -> Any:
        """Read something now."""
        self.read.add((self.at, what))
        return getattr(self.answers[self.at][1], what)

    def rows(self) -> list[Booking]:
        """Return the journal's rows, oldest first."""
        return [row for row in self.see("rows") if row is not None]

    def trace(self) -> tuple[object, ...]:
        """Return all that the leg was told so far: it is a function of that and of when it began."""
        told: list[object] = [as_told(answer) for answer, _ in self.answers]
        return (*told, *((n, what, getattr(self.answers[n][1], what)) for n, what in sorted(self.read)))

    # ---- Emr

    def slots(self, window: Window) -> Reading:
        free: tuple[Slot, ...] = self.ask("slots", window)
        return Reading(window, window.start, free)

    def check(self) -> Iterable[Finding]:
        return ()

    def close(self) -> None: ...


class Writes(World):
    """The same, with the ability to write."""

    def __init__(self, answers: Sequence[tuple[object, Seen]], rules: WriteRules) -> None:
        super().__init__(answers)
        self.rules = rules

    def write(self, write: Write) -> Effect:
        return self.ask("write", write)

    def find(self, booking: BookingId) -> Effect | None:
        return self.ask("find", booking)

    def ours(self, window: Window) -> Iterable[Effect]:
        return self.ask("ours")


class Journal:
    """The Bookings port over what the world shows."""

    def __init__(self, world: World) -> None:
        self.world = world

    def due(self, now: Instant) -> Sequence[Booking]:
        return [row for row in self.world.rows() if row.state in {State.QUEUED, State.INTENT}]

    def row(self, booking: BookingId) -> Booking | None:
        return next((row for row in self.world.rows() if row.booking == booking), None)

    def undecided(self, now: Instant) -> Sequence[Booking]:
        states, words = {State.QUEUED, State.INTENT, State.UNSURE}, {Outcome.HELD, Outcome.REQUESTED}
        rows = self.world.rows()
        return [row for row in rows if row.state in states or row.outcome in words or row.intent_slot is not None]

    def kept(self, now: Instant) -> Sequence[Booking]:
        return [row for row in self.world.rows() if _is_to_come(row, now.utc)]

    def save(
        self, row: Booking, *, tasks: Sequence[str], tell: bool, erase: bool, now: Instant, given_up: object = None
    ) -> Booking:
        return self.world.ask("save", (row, tuple(tasks), tell))

    def sealed(self, booking: BookingId, version: int) -> str | None:
        return f"{booking}.{version}"

    def busy(self, rule: str, site: str, half: Window, now: Instant) -> Mapping[str, int]:
        return {"holds": 0, "holds_hour": 0, "bookings_hour": 0}

    def rule_of(self, slot: Slot) -> str:
        return "all"


def step(
    kind: str, tick: int, answers: Sequence[tuple[object, Seen]], rules: WriteRules | None, *, enquire: bool = False
) -> tuple[Ask, tuple[object, ...]]:
    """Run one step of the real leg as far as the answers go; `kind` "look" compares the agenda first.

    Return where it stands, and all that it was told.
    """
    world = World(answers) if rules is None else Writes(answers, rules)
    board = SimpleNamespace(turn=lambda: world.see("turn"), read=lambda: SimpleNamespace(skew=timedelta(0), heard=None))
    keys = SimpleNamespace(patient=lambda _jwe, booking, version: Patient(booking, version, booking, "Anne"))

    def in_force() -> SharingRules:
        posture = world.see("posture")
        return RULES if posture is Posture.OPEN else replace(RULES, posture=posture)

    now = at(tick)
    leg = Apply(
        emr=world,
        bookings=Journal(world),  # type: ignore[arg-type]
        keys=keys,  # type: ignore[arg-type]
        board=board,  # type: ignore[arg-type]
        rules=in_force,
        mode="tasks" if rules is None else "automatic",
        max_per_hour=30,
        enquire=lambda: enquire,
    )
    if leg._watch is not None and leg._writing is not None:
        leg._writing._since = dict(world.see("since"))
        leg._watch._last = now.age - (LONG_AGO if kind == "look" else timedelta(0))
    try:
        leg.step(now)
    except Suspend as open_:
        return open_.ask, world.trace()
    except CreneauError:
        pass
    return Ask("done", tuple(sorted(leg._writing._since.items())) if leg._writing else ()), ()


@dataclass(slots=True)
class Node:
    """One point of a step: the question asked there, and the points its answers led to."""

    ask: Ask
    answers: tuple[tuple[object, Seen], ...]
    kind: str
    tick: int


class Strategy:
    """Every point the leg was ever at, found once."""

    def __init__(self, rules: WriteRules | None, *, enquire: bool = False) -> None:
        self.rules = rules
        self.enquire = enquire
        self.nodes: list[Node | None] = [None]
        self._next: dict[tuple[object, ...], int] = {}
        self._points: dict[tuple[object, ...], int] = {}
        """Each point by what the leg was told: what it could have read and did not read makes no difference."""

    def begin(self, kind: str, tick: int, seen: Seen) -> int:
        """Begin a step; return the point it stops at."""
        return self._at(("", kind, tick, seen), kind, tick, ((None, seen),))

    def answered(self, node: int, answer: object, seen: Seen) -> int:
        """Answer the question; return the point the leg stops at next."""
        here = self.nodes[node]
        assert here is not None
        key = (node, as_told(answer), seen)
        return self._at(key, here.kind, here.tick, (*here.answers, (answer, seen)))

    def _at(self, key: tuple[object, ...], kind: str, tick: int, answers: tuple[tuple[object, Seen], ...]) -> int:
        found = self._next.get(key)
        if found is None:
            ask, told = step(kind, tick, answers, self.rules, enquire=self.enquire)
            point = (kind, tick, told) if ask.kind != "done" else ask
            found = self._next[key] = self._points.setdefault(point, len(self.nodes))
            if found == len(self.nodes):
                self.nodes.append(Node(ask, answers, kind, tick))
        return found
