"""The FHIR adapter as it ships, as a pure function of what the server answered so far.

Rule: the adapter is never copied or paraphrased; it runs from the start until it asks the server for something that is
not answered yet, so that everything else may happen between any two of its requests.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Literal

import httpx

from adapters.fhir.answer import READING, WRITING, Answer
from adapters.fhir.emr import FhirEmr
from adapters.fhir.profile import Profile, fingerprint, keep
from adapters.fhir.terms import Terms
from agent.core.booking import Effect, Write
from agent.core.errors import Ambiguous, CreneauError, Transient
from agent.core.message import say
from agent.core.model import BookingId, Window
from agent.ports import SitePart
from tests.model.emrs.server import NOW, SCHEDULE, Reply, Request
from tests.model.values import EMR, MAIN, SLOTS, at

Mishap = Literal["lost", "away"]
"""The answer never comes; the server cannot be reached."""
ALL = Window(SLOTS[0].start, SLOTS[-1].end)
TERMS = Terms(EMR, (SitePart(MAIN, "America/Toronto"),), "https://fhir.invalid")


class Suspend(BaseException):
    """The adapter stands at a request that nobody has answered yet."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class Anew(BaseException):
    """A write begins anew: nothing of what was read is remembered."""


class Wire:
    """The line of one run: answers in order; whose the Schedule is, which never changes, is known at once."""

    base = TERMS.server + "/"
    at = NOW
    clock = SimpleNamespace(now=lambda: at(0))  # the turn is tested again by the checker, before the write begins

    def __init__(self, answers: Sequence[Reply | Mishap]) -> None:
        self._answers = list(answers)

    def read(
        self, path: str, params: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None
    ) -> Answer:
        """GET."""
        if path == "Schedule/day":
            return Answer(200, httpx.Headers(), json.dumps(SCHEDULE).encode())
        asked = tuple(pair for pair in params if pair[0] != "_count")
        return self._ask(Request("GET", path, asked, "", tuple(sorted((headers or {}).items()))))

    def write(
        self,
        method: str,
        path: str,
        resource: object,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """POST or PUT."""
        body = json.dumps(resource, sort_keys=True)
        return self._ask(Request(method, path, tuple(params), body, tuple(sorted((headers or {}).items()))))

    @contextmanager
    def within(self, _longest: timedelta) -> Iterator[None]:
        """Let the checker say how long a write may take."""
        yield

    def _ask(self, request: Request) -> Answer:
        if not self._answers:
            raise Suspend(request)
        answer = self._answers.pop(0)
        if isinstance(answer, str):
            raise error(answer, writes=request.writes)
        return Answer(answer.status, httpx.Headers(), answer.body.encode())


def error(mishap: Mishap, *, writes: bool) -> CreneauError:
    """Return what the line makes of a mishap, as adapters.fhir.line does."""
    if mishap == "away":
        return Transient(WRITING if writes else READING, say("the FHIR server cannot be reached"))
    lost = say("the FHIR server's answer was lost")
    return Ambiguous(WRITING, lost) if writes else Transient(READING, lost)


@dataclass(frozen=True, slots=True)
class Task:
    """What the adapter is asked to do; `tries`: how often a write began anew already, `wrote`: and had written."""

    what: Write | BookingId | str
    tries: int = 0
    wrote: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """One point of a run: the request that stands there, or what the run ended with."""

    task: Task
    answers: tuple[Reply | Mishap, ...]
    request: Request | None
    end: Any = None


class Adapter:
    """Every point the adapter was ever at with one profile, found once."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.nodes: list[Node] = []
        self._next: dict[object, int] = {}
        self._kept: dict[str, bytes] = {}
        store: Any = SimpleNamespace(note=self._kept.update, notes=lambda _prefix: self._kept)
        keep(store, profile)
        self._tools: Any = SimpleNamespace(clock=Wire.clock, store=store, sites=TERMS.sites, label="")

    def begin(self, task: Task) -> int:
        """Begin; return the point of the first request."""
        return self._at(task, task, ())

    def answered(self, node: int, answer: Reply | Mishap) -> int:
        """Answer the request; return the next point."""
        here = self.nodes[node]
        return self._at((node, answer), here.task, (*here.answers, answer))

    def whole(self, task: Task, handle: Callable[[Request], Reply]) -> Any:
        """Run to the end without anything happening in between; return what it ended with."""
        node = self.begin(task)
        while (request := self.nodes[node].request) is not None:
            node = self.answered(node, handle(request))
        return self.nodes[node].end

    def _at(self, key: object, task: Task, answers: tuple[Reply | Mishap, ...]) -> int:
        found = self._next.get(key)
        if found is None:
            found = self._next[key] = self._run(task, answers)
        return found

    def _run(self, task: Task, answers: tuple[Reply | Mishap, ...]) -> int:
        line: Any = Wire(answers)
        emr = FhirEmr(TERMS, line, self._tools)
        try:
            end = self._do(emr, task)
        except Suspend as open_:
            return self._add(Node(task, answers, open_.request))
        except Anew:
            return self.begin(Task(task.what, task.tries + 1, emr._records.wrote))
        except CreneauError as wrong:
            end = wrong
        return self._add(Node(task, answers, None, end))

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _do(self, emr: FhirEmr, task: Task) -> Any:
        if isinstance(task.what, Write):
            self._skip(emr, task)
            return emr.write(task.what)
        if task.what == "ours":
            return list(emr.ours(ALL))
        if task.what == "slots":
            return emr.slots(ALL).slots
        return emr.find(BookingId(task.what))

    @staticmethod
    def _skip(emr: FhirEmr, task: Task) -> None:
        """Let the tries that came to nothing pass at once, and the next one end the run."""
        writer, left = emr._writer, task.tries
        really = writer._try

        def once(write: Write, profile: Profile) -> Effect | None:
            nonlocal left
            if left:
                left -= 1
                emr._records.wrote = task.wrote
                return None
            effect = really(write, profile)
            if effect is None:
                raise Anew
            return effect

        writer._try = once  # type: ignore[method-assign]


def profile_of(**seen: Any) -> Profile:
    """Return a stored profile of the server."""
    return Profile(fingerprint(Wire.base, TERMS.guide), "", keeps=True, **seen)
