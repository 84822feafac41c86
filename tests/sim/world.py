"""One clinic, its agent and its hub on virtual time, with every leg, the journal and the hub as they ship.

Rule: every draw comes from the seed; only the clocks, the wire, the disk and the people are made up.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import select

from adapters.memory import Clinic, Opening
from adapters.memory import clinic as clinics
from adapters.memory.clinic import _CLINICS
from agent.board import MemoryBoard
from agent.config.plan import BookingPlan, ClinicPlan, DeskPlan, EmrPlan, HubPlan, Plan, ServicePlan, SitePlan
from agent.core.envelope import Envelope, Rejected, seal_patient
from agent.core.errors import Ambiguous, CreneauError, Transient
from agent.core.message import say
from agent.core.model import EmrName, EmrRef, Instant, SiteId, SlotKey
from agent.core.sharing import Accord, Allow, Match, PublishAs, SharingRules
from agent.daemon import Daemon
from agent.journal import Journal, _start_lost
from agent.journal.box import DataBox
from agent.keys import make_root, open_keys
from agent.ports import Answer
from agent.wiring.joining import join
from agent.wiring.posts import Shop, posts
from hub import desk, intake, orders, view
from hub.hub import open_hub
from hub.limits import Rate
from hub.problem import Problem
from hub.schema import BOOKING, CLINIC, SLOT, micros
from tests.power.disk import MODES, PowerDisk, PowerVFS

ORIGIN, NAME = "https://hub.example.org", "fjord"
EMR, MAIN = EmrName("dme"), SiteId("main")
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
TORONTO = ZoneInfo("America/Toronto")
MINUTE = timedelta(minutes=1)
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(EMR, "R"): "regular"},
    roster={(EMR, who): Accord(who, date(2026, 1, 1)) for who in ("101", "102")},
    allow=(Allow("all", 1, Match(), PublishAs("anyone", "regular", "on-site")),),
    identity="named",
    zones={MAIN: "America/Toronto"},
    confirmation={EMR: "instant"},
)


class Boom(BaseException):
    """The process dies here; no `except Exception` may swallow it."""


class Time:
    """Virtual time; the hub's clock too."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def now(self) -> datetime:
        return START + self.passed


class SkewedClock:
    """An agent's clocks: a wall clock that is off, corrected by what the board measured."""

    def __init__(self, time: Time, off: timedelta, skew: Callable[[], timedelta | None]) -> None:
        self.time, self.off, self.skew = time, off, skew

    def now(self) -> Instant:
        wall = self.time.now() + self.off + (self.skew() or timedelta(0))
        return Instant(wall, timedelta(hours=1) + self.time.passed)


class Dice:
    """Randomness from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def token(self) -> str:
        return f"{self.random.getrandbits(128):022x}"[-22:].rjust(22, "0")

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        return low + (high - low) * self.random.random()


class Lock:
    """One transaction of the EMR: before and after it, never within, the EMR may be away or the agent may die."""

    def __init__(self, fault: Callable[[str], None]) -> None:
        self.fault, self.depth = fault, 0

    def __enter__(self) -> None:
        if self.depth == 0:
            self.fault("before")
        self.depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.depth -= 1
        if kind is None and self.depth == 0:
            self.fault("after")


class Rules:
    """The sharing rules in force."""

    def __call__(self) -> SharingRules:
        return RULES

    def renew(self, _plan: object) -> None: ...


class World:
    """Everything of one seed; a context manager. `faults` off = the world is kind from now on."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = Dice(seed)
        self.r = random.Random(seed * 7919 + 1)
        self.folder, self.seed = folder, seed
        self.time = Time()
        knob = self.r.random
        self.loss, self.repeat = knob() * 0.3, knob() * 0.3
        self.emr_away, self.emr_lost = knob() * 0.1, knob() * 0.1
        self.crash = knob() * 0.02 if knob() < 0.6 else 0.0
        self.outages = knob() < 0.3
        self.restores, self.loses = knob() < 0.15, knob() < 0.1
        self.off = timedelta(seconds=self.r.choice((0, 0, 0, 90, -400)))
        self.faults, self.hub_away, self.late = True, False, list[Envelope]()
        self.portal_knows: dict[str, int] = {}
        self.n = 0
        self.trace: list[str] = []
        self.counts = dict.fromkeys(("crash", "restore", "lost", "booked", "steps"), 0)

    # ---- coming and going

    def __enter__(self) -> Self:
        self.name = f"sim-{self.seed}-{id(self)}"
        self.clinic = _CLINICS[self.name] = Clinic()
        clinics(self.name).open(self._cells())
        self.clinic.lock = Lock(self._emr_fault)  # type: ignore[assignment]
        self.hub_folder = self.folder / "hub"
        desk.init(self.hub_folder, ORIGIN, clock=self.time)
        self.hub = open_hub(self.hub_folder, self.time, Rate(1e6, 1_000_000))
        make_root(self.folder / "state")
        self.keys = open_keys(self.folder / "state", {})
        self.faults = False
        code = desk.code(self.hub_folder, NAME, clock=self.time)
        join(code, ORIGIN, self.keys, self, self.dice, Instant(self.time.now(), timedelta(hours=1)))
        self.faults = True
        self.disk = PowerDisk()
        self.vfs = PowerVFS(self.name, self.disk)
        self.box = DataBox(self.keys.data_key())
        self._start_agent()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            self.journal.close()
        self.vfs.unregister()
        self.hub.close()
        del _CLINICS[self.name]

    def _cells(self) -> list[Opening]:
        first = datetime(2026, 11, 24, 9, 0, tzinfo=TORONTO)
        step = timedelta(minutes=15)
        return [
            Opening(MAIN, who, first + n * step, first + (n + 1) * step, "R")
            for who in ("101", "102")
            for n in range(6)
        ]

    def _plan(self) -> Plan:
        here = self.folder / "creneau.toml"
        source = EmrPlan(EMR, "memory", {"clinic": self.name}, "automatic", "", MINUTE, 1)
        site = SitePlan(MAIN, EMR, "Clinique", "123, rue Exemple", "418 555-0100", "*", "America/Toronto")
        return Plan(
            here, ClinicPlan("Clinique", "", "fr"), HubPlan(ORIGIN, "", ""), (source,), (site,), RULES,
            BookingPlan("", timedelta(0), "", 1000), DeskPlan("", (), ""), ServicePlan(self.folder / "state", "info", 1),
        )  # fmt: skip

    def _start_agent(self) -> None:
        boot = self.dice.token()
        bare = SkewedClock(self.time, self.off, lambda: None)
        self.board = MemoryBoard(bare.now(), boot)
        self.clock = SkewedClock(self.time, self.off, lambda: self.board.read().skew)
        at = self.clock.now()
        self.journal = Journal.open(Path(self.name), self.box, vfs=self.name, locking="exclusive", now=at)
        rules: Any = Rules()
        shop = Shop(self._plan(), self.journal, self.keys, self, self.board, self.clock, self.dice, rules, boot)
        made = posts(shop)
        self.posts = list(made.all)
        self.daemon = Daemon(self.posts, self.clock, self.dice, self.board)
        self.due = {post.leg.name: self.time.passed + self._jitter(3) for post in self.posts}

    def _jitter(self, seconds: float) -> timedelta:
        return timedelta(seconds=self.r.random() * seconds)

    def die(self) -> None:
        """Kill the agent; half of the time the power goes too."""
        self.counts["crash"] += 1
        if self.r.random() < 0.5:
            self.disk.dead = True
        with suppress(BaseException):
            self.journal.close()
        self.disk.dead = False
        self.disk.cut(self.r.choice(MODES), self.r)
        self._start_agent()

    def lose_state(self) -> None:
        """Damage the journal: it is set aside, an empty one begins, and says so."""
        self.counts["lost"] += 1
        self.journal.close()
        self.disk.files, self.disk.gone = {}, {}
        at = self.clock.now()
        fresh = Journal.open(Path(self.name), self.box, vfs=self.name, locking="exclusive", now=at)
        fresh.write(lambda tx: _start_lost(tx, at.utc))
        fresh.close()
        self._start_agent()

    # ---- the wire and the EMR

    def call(self, envelope: Envelope, wait: timedelta) -> Answer:
        """Be the way to the hub, with everything a network may do."""
        r, gone = self.r, Transient(say("reach the hub"), say("no answer"))
        self._may_die()
        if self.faults and (self.hub_away or r.random() < self.loss / 2):
            raise gone
        if self.faults and r.random() < self.repeat:
            self.late.append(envelope)
        sent = self.clock.now() if hasattr(self, "clock") else Instant(self.time.now(), timedelta(hours=1))
        jws = self._hub(envelope)
        self._may_die()
        if self.faults and r.random() < self.loss / 2:
            raise gone
        return Answer(jws, sent, timedelta(milliseconds=100))

    def _hub(self, envelope: Envelope) -> str:
        """Let the hub's own code answer."""
        try:
            verified = intake._verify(self.hub, envelope.verb, envelope.jws)
            done = intake._work(self.hub, verified, last=True)
        except (Problem, Rejected) as problem:
            return intake._turn_away(self.hub, envelope.verb, envelope.jws, problem).jws
        assert isinstance(done, intake.Done)
        return done.jws

    def close(self) -> None:
        """Be closed."""

    def _may_die(self) -> None:
        if self.faults and self.r.random() < self.crash:
            raise Boom

    def _emr_fault(self, when: str) -> None:
        self._may_die()
        if not self.faults or not self._in_leg:
            return
        if when == "before" and self.r.random() < self.emr_away:
            raise Transient(say("reach the EMR"), say("away"))
        if when == "after" and self.r.random() < self.emr_lost:
            raise Ambiguous(say("write into the EMR"), say("the answer was lost"))

    _in_leg = False

    # ---- who acts

    def run(self, minutes: float) -> None:
        """Let virtual time pass, everybody acting in an order the seed chooses."""
        ends = self.time.passed + timedelta(minutes=minutes)
        while self.time.passed < ends:
            ready = [post for post in self.posts if self.due[post.leg.name] <= self.time.passed]
            if not ready:
                self.time.passed = min([*self.due.values(), self.time.passed + timedelta(seconds=5)])
                self._people()
                continue
            self._step(self.r.choice(ready))

    def _step(self, post: Any) -> None:
        self.counts["steps"] += 1
        self._in_leg = True
        try:
            wait = self.daemon.turn(post, self.clock.now())
        except Boom:
            self._in_leg = False
            self.die()
            return
        finally:
            self._in_leg = False
        if post.down is not None and post.down[0] == "bug":
            raise AssertionError(f"{post.leg.name} met a bug at {self.time.passed}")
        least = self._jitter(20) if post.leg.name == "receive" else timedelta(milliseconds=10)
        self.due[post.leg.name] = self.time.passed + max(wait, least)
        for other in self.posts:
            if other.wake.is_set():
                other.wake.clear()
                self.due[other.leg.name] = self.time.passed

    def _people(self) -> None:
        faults, self.faults = self.faults, False
        try:
            if faults:
                self._trouble()
                if self.r.random() < 0.15:
                    self._portal()
                if self.r.random() < 0.08:
                    self._receptionist()
        finally:
            self.faults = faults

    def _trouble(self) -> None:
        r = self.r
        if self.late and r.random() < 0.3:
            self._hub(self.late.pop(r.randrange(len(self.late))))
        if self.outages and r.random() < 0.02:
            self.hub_away = not self.hub_away
        if self.restores and r.random() < 0.01:
            self._restore()
        if self.loses and r.random() < 0.01:
            self.lose_state()

    def _restore(self) -> None:
        """Save the hub's store, or put the last copy back."""
        file = self.folder / "backup.db"
        if not file.exists():
            desk.backup(self.hub_folder, file)
            return
        self.counts["restore"] += 1
        self.hub.close()
        for tail in ("-wal", "-shm"):
            (self.hub_folder / f"hub.db{tail}").unlink(missing_ok=True)
        (self.hub_folder / "hub.db").write_bytes(file.read_bytes())
        file.unlink()
        self.hub = open_hub(self.hub_folder, self.time, Rate(1e6, 1_000_000))
        self.portal_knows.clear()

    # ---- people

    def offered(self) -> list[str]:
        """Return the ids of the slots a portal may order."""
        now = micros(self.time.now())
        with self.hub.store.read() as conn:
            asked = (
                select(SLOT.c.id).select_from(view.joined()).where(view.offered(now)).order_by(SLOT.c.start, SLOT.c.id)
            )
            return list(conn.scalars(asked))

    def _portal(self) -> None:
        r = self.r
        shown = self.offered()
        known = sorted(self.portal_knows)
        if known and r.random() < 0.5:
            booking = r.choice(known)
            goal = None if r.random() < 0.6 or not shown else r.choice(shown)
        elif shown:
            self.n += 1
            booking, goal = f"booking-{self.seed}-{self.n:03}", r.choice(shown)
        else:
            return
        version = self.portal_knows.get(booking, 0) + 1
        hold = goal is not None and version == 1 and r.random() < 0.25
        now = self.time.now()
        patient = None
        if goal is not None and not hold:
            patient = seal_patient(
                {"booking": booking, "version": version, "family": booking, "given": "A"},
                self.keys._enrolment().sealing[0].key,
            )
        until = now + timedelta(minutes=5) if hold else None
        wish = orders.Goal(version, goal, "hold" if hold else "firm", until, now + timedelta(minutes=10), patient)
        with suppress(orders.Turned):
            orders.place(self.hub, NAME, booking, wish, "portail")
            self.portal_knows[booking] = version

    def _receptionist(self) -> None:
        desk_, r = self.clinic.receptionist(), self.r
        hers = sorted(row.ref for row in self.clinic.rows.values() if row.creator == "desk" and row.status == "kept")
        if hers and r.random() < 0.4:
            desk_.cancel(EmrRef(r.choice(hers)))
        else:
            desk_.book(SlotKey(r.choice(sorted(self.clinic.openings))))

    # ---- what the proof asks

    def calm(self) -> None:
        """Everything that can go wrong stops."""
        self.faults, self.hub_away = False, False
        self.late.clear()

    def bookings(self) -> list[Any]:
        """Return the hub's bookings."""
        with self.hub.store.read() as conn:
            return list(conn.execute(select(BOOKING).order_by(BOOKING.c.booking)))

    def held(self) -> dict[str, Any]:
        """Return epoch, seq and roots as the hub holds them."""
        with self.hub.store.read() as conn:
            return view.held(conn, conn.execute(select(CLINIC).where(CLINIC.c.id == NAME)).one())


__all__ = ["EMR", "MAIN", "NAME", "RULES", "Boom", "CreneauError", "World"]
