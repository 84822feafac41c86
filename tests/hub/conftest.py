"""A real hub behind an in-process client, a clock that only tests move, and a tiny agent made of `agent.core`."""

import asyncio
import secrets
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import OKPKey

from agent.core.changes import roots
from agent.core.envelope import (
    Statement,
    enrol_body,
    open_answer,
    open_enrolled,
    read_code,
    seal,
    seal_patient,
    statement,
    thumbprint,
)
from agent.core.model import SiteId, SlotId
from agent.core.sharing import revive
from hub import desk
from hub.app import make_app
from hub.clock import WallClock
from hub.limits import Rate
from hub.serve import start_in_thread

ORIGIN = "https://hub.example.org"
START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
SITE = {"id": "principal", "name": "Clinique du Fjord", "address": "123, rue Exemple", "zone": "America/Toronto"}


class HandClock:
    """Shows the time a test says it is."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> Any:
        return self.at

    def tick(self, **delta: Any) -> None:
        self.at += timedelta(**delta)


class Client:
    """The application on a loop of its own thread, called by any thread, without a socket."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> Any:
        self.thread.start()
        self.life = self.app.router.lifespan_context(self.app)
        self.run(self.life.__aenter__())
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ORIGIN)
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.http.aclose())
        self.run(self.life.__aexit__(None, None, None))
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def request(self, method: Any, path: Any, **more: Any) -> Any:
        return self.run(self.http.request(method, path, **more))

    def get(self, path: Any, **more: Any) -> Any:
        return self.request("GET", path, **more)

    def post(self, path: Any, **more: Any) -> Any:
        return self.request("POST", path, **more)

    def put(self, path: Any, **more: Any) -> Any:
        return self.request("PUT", path, **more)


def jti() -> Any:
    return secrets.token_urlsafe(16)


@dataclass
class Reply:
    """A verified answer: HTTP status and claims."""

    status: int
    claims: dict

    def __getitem__(self, member: Any) -> Any:
        return self.claims[member]

    @property
    def problem(self) -> Any:
        return self.claims.get("problem")


@dataclass
class TinyAgent:
    """Enrols, signs and verifies; keeps told view and cursor as a real agent would."""

    world: "World"
    clinic: str = "fjord"
    instance: str = field(default_factory=jti)
    boot: str = field(default_factory=jti)
    signing: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))
    sealing: OKPKey = field(default_factory=lambda: OKPKey.generate_key("X25519"))
    hub_keys: dict = field(default_factory=dict)
    view: dict = field(default_factory=dict)
    sites: list = field(default_factory=lambda: [SITE])
    epoch: int | None = None
    seq: int = 0

    def seal(self, verb: Any, body: Any, **changed: Any) -> Any:
        sender = {"iss": self.clinic, "aud": self.world.origin, "jti": jti(), "now": self.world.clock.now()} | changed
        return seal(verb, body, self.signing, **sender)

    def post(self, verb: Any, body: Any) -> Any:
        return self.world.client.post(f"/v1/{verb}", content=body, headers={"Content-Type": "application/jose"})

    def send(self, envelope: Any) -> Any:
        got = self.post(envelope.verb, envelope.jws)
        assert got.headers["content-type"] == "application/jose"
        opened = open_answer(got.text, self.hub_keys, to=envelope, took=timedelta(0))
        return Reply(got.status_code, dict(opened.claims))

    def ask(self, verb: Any, body: Any, **changed: Any) -> Any:
        return self.send(self.seal(verb, body, **changed))

    def apply(self, code: Any) -> Any:
        """Return the sealed `enrol` for a code and what came back, not yet believed."""
        code = read_code(code)
        body = enrol_body(
            code, self.signing, self.sealing, aud=self.world.origin, instance=self.instance, software="tiny 1"
        )
        envelope = self.seal("enrol", body, iss=thumbprint(self.signing))
        return code, envelope, self.post("enrol", envelope.jws)

    def enrol(self, code: Any) -> Any:
        code, envelope, got = self.apply(code)
        enrolled = open_enrolled(got.text, to=envelope, code=code, took=timedelta(0))
        self.clinic, self.hub_keys = enrolled.clinic, enrolled.keys
        return enrolled

    def roots(self, view: Any = None) -> Any:
        held = {SlotId(name): revive(slot) for name, slot in (self.view if view is None else view).items()}
        return dict(roots(held, frozenset(SiteId(site["id"]) for site in self.sites)))

    def snapshot(self, slots: Any, epoch: Any = None, seq: Any = 1, **changed: Any) -> Any:
        self.view = {slot["id"]: slot for slot in slots}
        body = {"epoch": epoch, "base_seq": 0, "seq": seq, "snapshot": slots, "count": len(slots)}
        reply = self.ask("offer", body | {"roots": self.roots(), "sites": self.sites} | changed)
        if not reply.problem:
            self.epoch, self.seq = reply["epoch"], reply["seq"]
        return reply

    def differ(self, put: Any = (), gone: Any = (), **changed: Any) -> Any:
        view = {name: slot for name, slot in self.view.items() if name not in gone} | {s["id"]: s for s in put}
        body = {"epoch": self.epoch, "base_seq": self.seq, "seq": self.seq + 1, "count": len(view)}
        body |= {"changes": {"put": list(put), "del": list(gone)}, "roots": self.roots(view)}
        reply = self.ask("offer", body | changed)
        if not reply.problem:
            self.view, self.seq = view, reply["seq"]
        return reply

    def beat(self, renew: Any = True, now: Any = None, **changed: Any) -> Any:
        body = {
            "version": "0.1.0",
            "os": "linux",
            "instance": self.instance,
            "boot": self.boot,
            "uptime": "<2h",
            "legs": {"publish": "ok", "deliver": "ok"},
            "emr_read": "<2min",
            "hub": "<2min",
            "oldest": "<2min",
            "skew_s": 0,
            "disk": "ok",
            "key_age_d": 1,
            "update": False,
            "keys": 1,
            "epoch": self.epoch,
            "turn": None,
            "log": None,
            "renew": {"epoch": self.epoch, "seq": self.seq, "roots": self.roots()} if renew is True else renew or None,
            "sealing": self.statement(),
        }
        return self.ask("beat", body | changed, **({} if now is None else {"now": now}))

    def statement(self, n: Any = 1) -> Any:
        now = self.world.clock.now()
        return statement(Statement(self.clinic, self.sealing, now, now + timedelta(days=30), n), self.signing)

    def orders(self, cursor: Any = None, wait_s: Any = 0, **changed: Any) -> Any:
        return self.ask("orders", {"cursor": cursor, "wait_s": wait_s, "boot": self.boot} | changed)

    def report(self, booking: Any, version: Any, rev: Any, outcome: Any, kept: Any = False, **more: Any) -> Any:
        row = {"booking": booking, "version": version, "rev": rev, "outcome": outcome, "kept": kept}
        return self.ask("outcomes", {"outcomes": [row | {"at": "2026-11-20T14:00:00.000Z"} | more]})

    def sealed(self, booking: Any, version: Any) -> Any:
        return seal_patient({"booking": booking, "version": version, "family": "Tremblay"}, self.sealing)


class World:
    """One hub, its clock, its client."""

    origin = ORIGIN

    def __init__(self, folder: Any, clock: Any, rate: Any = None) -> None:
        self.folder, self.clock = folder, clock
        if not (folder / "hub.json").exists():
            desk.init(folder, ORIGIN, clock=clock)
        self.app = make_app(folder, clock, rate or Rate(1e6, 1_000_000))
        self.hub = self.app.state.hub
        self.client = Client(self.app)

    def code(self, clinic: Any = "fjord", **more: Any) -> Any:
        return desk.code(self.folder, clinic, "Clinique du Fjord", clock=self.clock, **more)

    def agent(self, clinic: Any = "fjord", **more: Any) -> Any:
        agent = TinyAgent(self)
        agent.enrol(self.code(clinic, **more))
        return agent

    def portal(self, name: str = "portail") -> Any:
        return Portal(self, {"Authorization": f"Bearer {desk.portal(self.folder, name, clock=self.clock)}"})


@dataclass
class Portal:
    """What a portal would call."""

    world: World
    headers: dict

    def get(self, path: Any, **params: Any) -> Any:
        return self.world.client.get(f"/portal/v1{path}", params=params, headers=self.headers)

    def slots(self, **params: Any) -> Any:
        return [slot["id"] for slot in self.get("/slots", **params).json()["slots"]]

    def put(self, booking: Any, body: Any, clinic: Any = "fjord") -> Any:
        path = f"/portal/v1/clinics/{clinic}/bookings/{booking}"
        return self.world.client.put(path, json=body, headers=self.headers)

    def book(self, agent: Any, booking: Any, goal: Any, version: Any = 1, **changed: Any) -> Any:
        """Order a goal; firm unless told."""
        now = self.world.clock.now()
        body = {"version": version, "goal": goal, "expires_at": (now + timedelta(minutes=5)).isoformat()}
        if goal is not None and changed.get("firmness") != "hold":
            body["patient"] = agent.sealed(booking, version)
        if changed.get("firmness") == "hold":
            body["until"] = (now + timedelta(minutes=10)).isoformat()
        return self.put(booking, body | changed)

    def booking(self, booking: Any) -> Any:
        return self.get(f"/clinics/fjord/bookings/{booking}").json()


@pytest.fixture
def clock() -> Any:
    return HandClock()


@pytest.fixture
def world(tmp_path: Path, clock: Any) -> Any:
    world = World(tmp_path / "hub", clock)
    with world.client:
        yield world


@pytest.fixture
def reopened(tmp_path: Path, clock: Any) -> Any:
    """Return a function that opens the hub of this test's folder once more, as a restart would."""
    opened = []

    def reopen(rate: Any = None) -> Any:
        again = World(tmp_path / "hub", clock, rate)
        again.client.__enter__()
        opened.append(again)
        return again

    yield reopen
    for again in opened:
        again.client.__exit__(None, None, None)


@pytest.fixture
def abroad(tmp_path: Path) -> Any:
    """Return a running hub seen through a real HTTPS client, by the wall clock."""
    handle = start_in_thread(tmp_path / "abroad")
    world = World.__new__(World)
    world.folder, world.clock, world.origin = tmp_path / "abroad", WallClock(), handle.url
    trust = ssl.create_default_context(cafile=handle.ca_file)
    with httpx.Client(verify=trust, base_url=handle.url) as world.client:
        yield world
    handle.stop()


@pytest.fixture
def fresh(world: Any) -> Any:
    """Return a function that makes an agent that is not enrolled."""
    return lambda **more: TinyAgent(world, **more)


@pytest.fixture
def agent(world: Any) -> Any:
    return world.agent()


@pytest.fixture
def portal(world: Any) -> Any:
    return world.portal()


@pytest.fixture
def slot() -> Any:
    """Return a function that makes a slot of the wire."""

    def make(name: str = "a", hour: int = 9, day: int = 23, **changed: Any) -> Any:
        members = {
            "id": name.ljust(22, "x"),
            "start": f"2026-11-{day}T{hour:02d}:00:00-05:00",
            "end": f"2026-11-{day}T{hour:02d}:20:00-05:00",
            "precision": "exact",
            "site": "principal",
            "confirmation": "instant",
            "bookable_from": "2026-11-20T08:00:00-05:00",
            "clientele": "anyone",
            "reason": "regular",
            "mode": "on-site",
        }
        return members | changed

    return make


@pytest.fixture
def offered(agent: Any, slot: Any) -> Any:
    """Return an agent with three slots on offer and a cursor that has seen the full list."""
    agent.snapshot([slot("a"), slot("b", 10), slot("c", 11, mode="video")])
    agent.cursor = agent.orders()["cursor"]
    return agent


@pytest.fixture
def after(offered: Any) -> Any:
    """Return a function that asks for orders behind the agent's cursor."""

    def ask(**more: Any) -> Any:
        reply = offered.orders(offered.cursor, **more)
        offered.cursor = reply["cursor"]
        return reply

    return ask
