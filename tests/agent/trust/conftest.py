"""A clinic with its real journal, legs and rules, and the wire to a hub, byte by byte."""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from joserfc.jwk import OKPKey

from adapters.memory import Clinic, MemoryEmr, Opening
from agent.board import MemoryBoard
from agent.core.booking import Booking, Firmness, Mark, Order, Turn
from agent.core.changes import line
from agent.core.envelope import Envelope, KeySet, answer, named, open_request, payload_hash
from agent.core.health import Source, Vitals
from agent.core.model import BookingId, EmrName, Instant, Patient, SiteId, SlotId
from agent.core.sharing import Accord, Allow, Match, PublishAs, SharingRules
from agent.journal import Journal
from agent.journal.box import DataBox
from agent.legs.apply import Apply
from agent.legs.beat import Beat
from agent.legs.deliver import Deliver
from agent.legs.publish import Publish
from agent.ports import Answer, Identity

DME, SITE = EmrName("dme"), SiteId("principal")
ZONE = ZoneInfo("America/Toronto")
START = datetime(2026, 11, 23, 13, tzinfo=UTC)  # Monday, 08:00 in Toronto
MONDAY = datetime(2026, 11, 30, 9, tzinfo=ZONE)
ORIGIN, CLINIC = "https://hub.example", "clinic-1"
AGENT, HUB = (OKPKey.generate_key("Ed25519") for _ in range(2))
PEOPLE = frozenset((DME, code) for code in ("101", "102", "103"))
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(DME, "s"): "sans-rendez-vous"},
    roster={(DME, code): Accord(f"Dre {code}", date(2026, 11, 1)) for code in ("101", "102", "103", "104")},
    allow=(Allow("matin", 12, Match(practitioners=PEOPLE), PublishAs("anyone", "urgent", "on-site")),),
    zones={SITE: "America/Toronto"},
    confirmation={DME: "instant"},
    digest="one",
)
VITALS = Vitals("0.1.0", "linux", "i" * 22, "ok", 3, False, 1, "sealing.statement.jws")


class Killed(BaseException):
    """The process died here."""


@dataclass
class Wire:
    """A hub that verifies, answers and remembers every byte."""

    clock: Callable[[], Instant]
    seen: list[tuple[str, str]] = field(default_factory=list)
    claims: list[Mapping[str, Any]] = field(default_factory=list)

    def call(self, envelope: Envelope, wait: timedelta) -> Answer:
        now = self.clock()
        opened = open_request(envelope.jws, named([AGENT]), verb=envelope.verb, aud=ORIGIN, now=now.utc)
        self.seen.append((envelope.verb, envelope.jws))
        self.claims.append(opened.claims)
        body: Mapping[str, Any] = {"turn": None, "pace": {"wait_s": 30}, "keys": []}
        if envelope.verb != "beat":
            body = {"body_sha256": payload_hash(envelope.jws)}
        if envelope.verb == "offer":
            seq, roots = opened.claims["seq"], opened.claims["roots"]
            body = {**body, "epoch": opened.claims["epoch"] or 1, "seq": seq, "roots": roots}
        text = answer(
            envelope.verb, body, HUB, iss=ORIGIN, aud=CLINIC, jti="a", to=envelope.jws, re=opened.jti, now=now.utc,
            log="l",
        )  # fmt: skip
        return Answer(text, now, timedelta(0))

    def close(self) -> None:
        """Nothing to cut."""


class Keys:
    """An enrolled agent."""

    def identity(self) -> Identity:
        return Identity(CLINIC, ORIGIN, "i" * 22, "1a2b")

    def signing(self) -> OKPKey:
        return AGENT

    def rotation(self, *, again: bool) -> None:
        """Nothing is to be settled with the hub."""

    def hub(self) -> KeySet:
        return named([HUB])

    def patient(self, jwe: str, booking: BookingId, version: int) -> Patient:
        return Patient(booking, version, "Tremblay", "Luc")


@dataclass
class House:
    """The clinic. `rules` may be replaced at any time; all dice are counted, so that two runs draw the same."""

    journal: Journal
    clinic: Clinic = field(default_factory=Clinic)
    rules: SharingRules = RULES
    now: Instant = field(default_factory=lambda: Instant(START, timedelta(hours=30)))
    mark: Callable[[Mark, str], None] = lambda _mark, _booking: None
    reads: int = 0
    named: dict[str, Any] = field(default_factory=dict)

    RULES: ClassVar = RULES
    DME: ClassVar = DME
    SITE: ClassVar = SITE
    MONDAY: ClassVar = MONDAY

    def __post_init__(self) -> None:
        tokens = itertools.count()
        self.dice = SimpleNamespace(token=lambda: f"{next(tokens):022}")
        self.board = MemoryBoard(self.now, "b" * 22)
        self.board.turn(Turn(1, timedelta(days=9)))
        self.hub = Wire(lambda: self.now)
        self.emr = MemoryEmr(DME, self.clinic, SimpleNamespace(now=lambda: self.now))
        slots = self.emr.slots

        def counted(window: Any) -> Any:
            self.reads += 1
            return slots(window)

        self.emr.slots = counted  # type: ignore[method-assign]
        self.restart()

    def restart(self) -> None:
        """Make the legs anew over the same journal."""
        journal, bookings = self.journal, self.journal.bookings(DME)
        common: dict[str, Any] = {"hub": self.hub, "keys": Keys(), "dice": self.dice, "board": self.board}
        ids = (SlotId(self.dice.token()) for _ in itertools.count())
        tick = timedelta(seconds=60)
        sources = {DME: Source(frozenset({SITE}), tick)}
        self.publish = Publish(
            emr=self.emr, views=journal.views(DME), rules=lambda: self.rules, board=self.board, fresh=ids,
            recall=lambda id_: bookings.slot(id_, None), interval=tick,
        )  # fmt: skip
        self.deliver = Deliver(
            outbox=journal.outbox(), sites={SITE: {"id": SITE}}, sources=sources, tick=tick, **common
        )
        self.apply = Apply(
            emr=self.emr, bookings=bookings, keys=common["keys"], board=self.board, rules=lambda: self.rules,
            mode="automatic", max_per_hour=30, mark=self._die,
        )  # fmt: skip
        self.beat = Beat(
            outbox=journal.outbox(), inbox=journal.inbox(), sites=frozenset({SITE}),
            sources=sources, vitals=lambda _now: VITALS, **common,
        )  # fmt: skip
        self.board.heard(self.now.utc, self.now, timedelta(0))

    def _die(self, mark: Mark, booking: str) -> None:
        self.mark(mark, booking)

    def open(self, *cells: tuple[str, int, str]) -> None:
        """Open cells of 20 minutes: who, number, type."""
        self.clinic.open(
            Opening(SITE, who, MONDAY + timedelta(minutes=20 * n), MONDAY + timedelta(minutes=20 * n + 20), kind)
            for who, n, kind in cells
        )

    def later(self, minutes: float = 1) -> None:
        """Let time pass."""
        span = timedelta(minutes=minutes)
        self.now = Instant(self.now.utc + span, self.now.age + span)

    def tick(self) -> None:
        """Read, tell, beat; then a minute passes."""
        self.publish.step(self.now)
        while self.deliver.step(self.now).again == timedelta(0):
            pass
        self.beat.step(self.now)
        self.later()

    def settle(self) -> None:
        """Let apply come to rest."""
        for _ in range(10):
            if self.apply.step(self.now).again != timedelta(0):
                return
        raise AssertionError("the leg never comes to rest")

    def key(self, who: str, n: int = 0) -> str:
        """Return the name of a cell."""
        start = MONDAY + timedelta(minutes=20 * n)
        return f"{who}|{start:%Y-%m-%d|%H%M}"

    def order(self, who: str | None, n: int = 0, *, version: int = 1, hold: bool = False, minutes: int = 60) -> None:
        """Take an order for a published cell, None = a cancel."""
        if who is not None:  # a later version of the booking names the id of the first
            self.named.update(self.journal.views(DME).known())
        goal, shared = (None, None) if who is None else self.named[self.key(who, n)]
        made = Order(
            booking=BookingId("booking-1"), version=version, goal=goal,
            firmness=Firmness.HOLD if hold else Firmness.FIRM,
            until=self.now.utc + timedelta(minutes=10) if hold else None,
            expires_at=self.now.utc + timedelta(minutes=minutes), slot_line=line(shared, None) if shared else None,
            patient_sha256=None if goal is None or hold else b"p" * 32, body_hash=f"{version}".encode(),
        )  # fmt: skip
        jwe = None if goal is None or hold else "jwe"
        self.journal.inbox(DME).take([(made, f"jws-{version}", jwe)], [], {"log": "l", "n": version}, self.now)

    def booking(self) -> Booking:
        """Return the booking as it stands."""
        row = self.journal.bookings(DME).row(BookingId("booking-1"))
        assert row is not None
        return row

    def ours(self) -> list[str]:
        """Return the cells our appointments stand in."""
        return [row.key for row in self.clinic.rows.values() if row.creator == "creneau" and row.status == "kept"]


@contextmanager
def a_house(folder: Path | None = None) -> Iterator[House]:
    """Lend a house whose journal lives in memory's own folder."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        journal = Journal.open(Path(place), DataBox(bytes(32)), now=Instant(START, timedelta(hours=30)))
        try:
            yield House(journal)
        finally:
            journal.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a clinic of three people who share, one who does not."""
    with a_house(tmp_path) as made:
        made.open(*((who, n, "s") for who in ("101", "102", "103", "104") for n in range(3)))
        yield made


@pytest.fixture(scope="session")
def houses() -> Callable[[], Any]:
    """Give a way to make many, for properties."""
    return a_house


@pytest.fixture
def killed() -> type[BaseException]:
    """Give what a crash raises."""
    return Killed
