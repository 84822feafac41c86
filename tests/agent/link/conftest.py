"""What the three hub legs are tested against: a hub built on the hub's half of the envelope, and small stores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.board import MemoryBoard
from agent.core.booking import Order
from agent.core.changes import View
from agent.core.envelope import (
    Envelope,
    KeySet,
    Opened,
    answer,
    import_jwk,
    named,
    next_key,
    open_request,
    peek,
    sign_order,
    thumbprint,
)
from agent.core.health import Source, Vitals
from agent.core.model import BookingId, EmrName, Instant, Patient, SiteId, SlotId
from agent.core.sharing import SharedSlot
from agent.legs.beat import Beat
from agent.ports import Answer, Identity, Outgoing, Rotation, Standing

UTC_START = datetime(2026, 11, 23, 14, tzinfo=UTC)
START = Instant(UTC_START, timedelta(hours=1))
ORIGIN, CLINIC = "https://hub.example", "clinic-1"
AGENT, HUB, STRANGER = (OKPKey.generate_key("Ed25519") for _ in range(3))
NORTH = SiteId("north")

Script = Mapping[str, Any] | Exception | Callable[[Opened], Mapping[str, Any]]


@dataclass
class FakeHub:
    """Verifies every request as a hub does, then answers from the script, or with a fitting receipt."""

    now: Instant = START
    took: timedelta = timedelta(milliseconds=200)
    ahead: timedelta = timedelta(0)
    key: OKPKey = field(default_factory=lambda: HUB)
    knows: list[OKPKey] = field(default_factory=lambda: [AGENT])
    script: list[Script] = field(default_factory=list)
    calls: list[Envelope] = field(default_factory=list)
    seen: list[Opened] = field(default_factory=list)
    waits: list[timedelta] = field(default_factory=list)
    on_call: Callable[[], None] = lambda: None
    epoch: int = 40

    def call(self, envelope: Envelope, wait: timedelta) -> Answer:
        self.calls.append(envelope)
        self.waits.append(wait)
        self.on_call()
        opened = open_request(envelope.jws, named(self.knows), verb=envelope.verb, aud=ORIGIN, now=self.now.utc)
        self.seen.append(opened)
        step = self.script.pop(0) if self.script else self.receipt
        if isinstance(step, Exception):
            raise step
        body = step(opened) if callable(step) else step
        at = self.now.utc + self.ahead + self.took / 2
        jws = answer(
            envelope.verb,
            body,
            self.key,
            iss=ORIGIN,
            aud=CLINIC,
            jti="a",
            to=envelope.jws,
            re=opened.jti,
            now=at,
            log="log-1",
        )
        return Answer(jws, self.now, self.took)

    def receipt(self, opened: Opened) -> Mapping[str, Any]:
        claims = opened.claims
        held = {"body_sha256": opened.payload_sha256}
        if claims["path"] == "rotate":
            key = import_jwk(peek(claims["next"]).claims["jwk"])
            self.knows.append(key)
            return held | {"key": thumbprint(key)}
        if claims["path"] == "outcomes":
            return held | {"accepted": len(claims["outcomes"])}
        if claims["path"] == "offer":
            if claims["epoch"] is None:
                self.epoch += 1
            return held | {"epoch": self.epoch, "seq": claims["seq"], "roots": claims["roots"]}
        return {"turn": None, "pace": {"wait_s": 30}, "keys": []}

    def close(self) -> None:
        """Nothing to cut."""

    def members(self, at: int = -1) -> Mapping[str, Any]:
        return self.seen[at].claims


@dataclass
class FakeKeys:
    """An enrolled agent."""

    followed: list[str] = field(default_factory=list)
    coming: OKPKey | None = None
    prior: OKPKey | None = None
    signs: OKPKey = field(default_factory=lambda: AGENT)

    def identity(self) -> Identity:
        return Identity(CLINIC, ORIGIN, "i" * 22, "1a2b")

    def signing(self) -> OKPKey:
        return self.signs

    def rotation(self, *, again: bool) -> Rotation | None:
        by, new = (self.prior, self.signs) if again else (self.signs, self.coming)
        if by is None or new is None:
            return None
        said = next_key(new, prior=thumbprint(by), iss=CLINIC, aud=ORIGIN)
        return Rotation(by, thumbprint(new), said, "sealing.statement.jws")

    def rotated(self, rotation: Rotation, now: datetime) -> None:
        if self.coming is not None:
            self.prior, self.signs, self.coming = self.signs, self.coming, None

    def leads(self, texts: Sequence[str]) -> bool:
        return any(text not in self.followed for text in texts)

    def sealing(self) -> str:
        return "sealing.statement.jws"

    def hub(self) -> KeySet:
        return named([HUB])

    def follow(self, texts: Sequence[str]) -> bool:
        new = [text for text in texts if text not in self.followed]
        self.followed += new
        return bool(new)

    def patient(self, jwe: str, booking: BookingId, version: int) -> Patient:
        raise NotImplementedError

    def secret(self, name: str) -> str:
        raise NotImplementedError


@dataclass
class CountingDice:
    """Tokens in order, draws at the low end."""

    drawn: int = 0

    def token(self) -> str:
        self.drawn += 1
        return f"{self.drawn:022}"

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        return low


@dataclass
class FakeOutbox:
    """The outbox in memory; `log` is what became durable, in order."""

    holds: dict[SlotId, SharedSlot] = field(default_factory=dict)
    shows: dict[SlotId, SharedSlot] = field(default_factory=dict)
    stands: Standing = field(default_factory=lambda: Standing(None, 0))
    rows: list[dict[str, Any]] = field(default_factory=list)
    attempts: dict[str, Outgoing] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    set_aside: list[tuple[Mapping[str, Any], str]] = field(default_factory=list)
    waits_since: datetime | None = None

    def told(self) -> View:
        return dict(self.holds)

    def view(self) -> View:
        return dict(self.shows)

    def standing(self) -> Standing:
        return self.stands

    def alive(self, verb: str, now: Instant) -> Outgoing | None:
        out = self.attempts.get(verb)
        sealed = out.sealed if out else None
        return out if sealed and sealed.exp - now.utc > timedelta(seconds=30) else None

    def unsettled(self, verb: str) -> Outgoing | None:
        return self.attempts.get(verb)

    def outcomes(self, limit: int) -> Outgoing | None:
        rows = self.rows[:limit]
        return Outgoing("outcomes", {"outcomes": rows}, rows[-1]["id"]) if rows else None

    def attempt(self, out: Outgoing, envelope: Envelope, now: Instant) -> None:
        self.attempts[out.verb] = replace(out, sealed=envelope)
        self.log.append(f"attempt {out.verb} {envelope.jti[-1]}")

    def _done(self, out: Outgoing) -> None:
        self.rows = [row for row in self.rows if row["id"] not in {sent["id"] for sent in out.body["outcomes"]}]

    def receipted(self, out: Outgoing, receipt: str, standing: Standing | None, now: Instant) -> None:
        self.attempts.pop(out.verb, None)
        self.log.append(f"receipt {out.verb}")
        if standing is None:
            self._done(out)
            return
        self.stands = standing
        self.holds = dict(out.told or {})

    def failed(self, verb: str) -> None:
        self.attempts.pop(verb, None)
        self.log.append(f"failed {verb}")

    def aside(self, out: Outgoing, why: str, now: Instant) -> None:
        self._done(out)
        self.set_aside.append((out.body, why))

    def restart(self, why: str, now: Instant) -> None:
        self.attempts.pop("offer", None)
        self.stands = Standing(None, self.stands.seq, why)
        self.log.append(f"restart {why}")

    def waiting(self) -> datetime | None:
        return self.waits_since

    def oldest(self) -> datetime | None:
        return None


@dataclass
class FakeInbox:
    """The inbox in memory."""

    at: Mapping[str, Any] | None = None
    orders: list[tuple[Order, str, str | None]] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def cursor(self) -> Mapping[str, Any] | None:
        return self.at

    def take(
        self,
        orders: Sequence[tuple[Order, str, str | None]],
        bad: Sequence[str],
        cursor: Mapping[str, Any],
        now: Instant,
    ) -> int:
        known = {order.body_hash for order, _, _ in self.orders}
        new = [entry for entry in orders if entry[0].body_hash not in known]
        self.orders += new
        self.bad += bad
        self.at = cursor
        return len(new)


@dataclass
class House:
    """Everything a hub leg leans on, and the two clocks."""

    hub: FakeHub = field(default_factory=FakeHub)
    keys: FakeKeys = field(default_factory=FakeKeys)
    dice: CountingDice = field(default_factory=CountingDice)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    board: MemoryBoard = field(default_factory=lambda: MemoryBoard(START, "b" * 22))
    now: Instant = START
    stranger: OKPKey = field(default_factory=lambda: STRANGER)

    def later(self, seconds: float) -> Instant:
        span = timedelta(seconds=seconds)
        self.now = Instant(self.now.utc + span, self.now.age + span)
        self.hub.now = self.now
        return self.now

    def order(self, version: int = 1, **change: Any) -> str:
        key = change.pop("key", HUB)
        claims = {
            "iss": ORIGIN,
            "aud": CLINIC,
            "booking": "booking-1",
            "version": version,
            "goal": None,
            "slot": None,
            "firmness": "firm",
            "until": None,
            "expires_at": None,
            "patient_sha256": None,
        }
        return sign_order(claims | change, key)

    @staticmethod
    def slot(minutes: int = 0) -> SharedSlot:
        start = UTC_START + timedelta(days=1, minutes=minutes)
        return SharedSlot(
            start=start,
            end=start + timedelta(minutes=15),
            precision="exact",
            site=NORTH,
            confirmation="instant",
            practitioner=None,
            bookable_from=UTC_START,
            clientele="anyone",
            reason="regular",
            redirect=None,
            mode="on-site",
        )

    def show(self, *names: str) -> None:
        """Make these the view *now*."""
        self.outbox.shows = {SlotId(name.rjust(22, "0")): self.slot(int(name)) for name in names}


@pytest.fixture
def house() -> House:
    """Give a house with nothing told and no epoch."""
    return House()


NORTH_ONLY = frozenset({NORTH})
VITALS = Vitals("0.1.0", "linux", "i" * 22, "ok", 3, False, 1, "sealing.statement.jws")


@pytest.fixture
def beating(house: House) -> Callable[..., Beat]:
    """Return a function that makes the beat leg of a house with one source, its epoch named."""

    def make(tick: timedelta = timedelta(seconds=60), **more: Any) -> Beat:
        house.outbox.stands = Standing(41, 5)
        return Beat(
            outbox=house.outbox,
            inbox=house.inbox,
            hub=house.hub,
            keys=house.keys,
            dice=house.dice,
            board=house.board,
            sites=NORTH_ONLY,
            sources={EmrName("oscar"): Source(NORTH_ONLY, tick)},
            vitals=lambda _now: VITALS,
            **more,
        )

    return make
