"""Each server once a test process, tried once; benches and adapters on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.conformance import NAME, tools
from adapters.conformance.stores import SeededDice
from adapters.fhir.access import Smart
from adapters.fhir.bench import LABEL, FhirBench, Screen, prepared
from adapters.fhir.emr import FhirEmr
from adapters.fhir.factory import open_
from adapters.fhir.line import Line
from agent.ports import Tools
from tests.adapters.fhir.hostile import Hostile, running
from tests.adapters.fhir.servers import Server, medplum, missing, sekmet

_SEEDS = count(100)
"""A server takes no number of an assertion twice."""


@dataclass(frozen=True)
class Place:
    """One server with its screen, the tools that keep its profile, and what the trial found missing."""

    server: Server
    screen: Screen
    tools: Tools
    lacks: list[str]

    def bench(self, folder: Path) -> FhirBench:
        """Return a bench on the server."""
        return FhirBench(folder, self.server.options, self.screen, self.tools)


class SignedIn(httpx.Auth):
    """The screen's own way in: a token of its own, renewed as ours is."""

    def __init__(self, server: Server, given: Tools) -> None:
        """Take the server."""
        text = {key: str(value) for key, value in server.options.items()}
        self._access = Smart(
            text["client_id"], lambda: given.secret(NAME), text["scopes"], given.clock, given.dice, kid=text["key_id"]
        )
        self._line = Line(server.base, self._access, given.clock)

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        """Put the token on."""
        request.headers.update(self._access.headers(self._line))
        yield request

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()


def _place(server: Server, held: ExitStack) -> Place:
    given = tools(LABEL, server.secrets)
    auth = None
    if server.options["auth"] == "smart":
        auth = SignedIn(server, given)
        held.callback(auth.close)
    sent = {"Content-Type": "application/fhir+json"}
    client = httpx.Client(base_url=f"{server.base}/", headers=sent, auth=auth, timeout=60)
    screen = held.enter_context(closing(Screen(client)))
    return Place(server, screen, given, prepared(server.options, screen, given))


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """Lend what starts a server when it is first asked for."""
    if why := missing():
        pytest.skip(why)
    made: dict[str, Place] = {}
    with ExitStack() as held:

        def place(name: str) -> Place:
            if name not in made:
                run = sekmet if name == "sekmet" else medplum
                made[name] = _place(held.enter_context(run(tmp_path_factory.mktemp(name))), held)
            return made[name]

        yield place


@pytest.fixture(params=["sekmet", "medplum"])
def place(places: Callable[[str], Place], request: pytest.FixtureRequest) -> Place:
    """Lend each server in turn."""
    return places(request.param)


def another(place: Place) -> Tools:
    """Return the tools of a second agent: other dice, the same trial."""
    mine = replace(tools(LABEL, place.server.secrets), dice=SeededDice(next(_SEEDS)))
    mine.store.note(dict(place.tools.store.notes("")))
    return mine


@pytest.fixture
def other(place: Place) -> Tools:
    """Lend a second agent's tools."""
    return another(place)


class Den:
    """A hostile server with its bench."""

    def __init__(self, hostile: Hostile, base: str, screen: Screen) -> None:
        self.hostile, self.screen = hostile, screen
        self.options = {"server": base, "auth": "none"}
        self.tools: Tools = tools(LABEL)

    def bench(self, folder: Path = Path()) -> FhirBench:
        return FhirBench(folder, self.options, self.screen, self.tools)

    def tried(self) -> list[str]:
        return prepared(self.options, self.screen, self.tools)

    def adapter(self, **more: Any) -> FhirEmr:
        return open_(NAME, {**self.options, **more}, self.tools)


@pytest.fixture
def den() -> Iterator[Callable[[frozenset[str]], Den]]:
    """Lend what starts a hostile server."""
    with ExitStack() as held:

        def make(flaws: frozenset[str]) -> Den:
            hostile, base = held.enter_context(running(flaws))
            client = httpx.Client(base_url=f"{base}/", headers={"Content-Type": "application/fhir+json"})
            return Den(hostile, base, held.enter_context(closing(Screen(client))))

        yield make
