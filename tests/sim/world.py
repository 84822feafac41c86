"""One clinic, its computers and its hub on virtual time, with every leg, the journal and the hub as they ship.

Rule: every draw comes from the seed; only the clocks, the wire, the disk and the people are made up.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import select

from adapters.memory import Clinic, Opening
from adapters.memory.clinic import _CLINICS
from agent.config.plan import BookingPlan, ClinicPlan, DeskPlan, EmrPlan, HubPlan, Plan, ServicePlan, SitePlan
from agent.core.envelope import Envelope, Rejected
from agent.core.errors import Ambiguous, Transient
from agent.core.message import say
from agent.core.model import EmrName, SiteId
from agent.core.sharing import Accord, Allow, Match, PublishAs, SharingRules
from agent.daemon import Post
from hub import desk, intake, view
from hub.hub import open_hub
from hub.limits import Rate
from hub.problem import Problem
from hub.schema import BOOKING, CLINIC
from tests.sim.computer import ORIGIN, Computer
from tests.sim.knobs import FAR, draw
from tests.sim.machinery import Boom, Lock, Time, seeded
from tests.sim.people import Desk, Portal

TORONTO = ZoneInfo("America/Toronto")
MINUTE = timedelta(minutes=1)
TICK = timedelta(seconds=5)
WHO = ("101", "102")
SOURCES = {EmrName("dme"): SiteId("main"), EmrName("autre"): SiteId("annexe")}
PLENTY = Rate(1e6, 1_000_000)


class World:
    """Everything of one seed; a context manager. `faults` off = the world is kind from now on.

    `current`: the computer the clinic means to run; others are those it replaced, or copies nobody knows of.
    """

    NAME = "fjord"

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.r = random.Random(f"{seed}-world")
        self.knobs = draw(random.Random(f"{seed}-knobs"))
        self.time = Time(self.knobs.start)
        self.sources = dict(list(SOURCES.items())[: self.knobs.sources])
        self.rules = self._rules()
        self.faults, self.hub_away, self.emr_away = False, False, False
        self.stepping: Computer | None = None
        self.computers: list[Computer] = []
        self.counts = dict.fromkeys(
            ("steps", "crash", "hub", "journal", "lost", "takeover", "clone", "touch", "clock"), 0
        )
        self.portal, self.desk = Portal(self), Desk(self)
        self._open = ExitStack()
        self._trace = hashlib.sha256()

    # ---- coming and going

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(seeded(f"{self.seed}-entropy"))
            self.clinics = {emr: self._clinic(emr, opening) for emr in self.sources}
            self.hub_folder = self.folder / "hub"
            desk.init(self.hub_folder, ORIGIN, clock=self.time)
            self.hub = open_hub(self.hub_folder, self.time, PLENTY)
            opening.callback(self._end)
            self.current = self._new()
            self.current.begin()
            self.current.enrol(desk.code(self.hub_folder, self.NAME, clock=self.time))
            self.faults = True
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _end(self) -> None:
        for one in self.computers:
            one.close()
        self.hub.close()

    def _new(self) -> Computer:
        self.computers.append(Computer(self, len(self.computers)))
        return self.computers[-1]

    def _clinic(self, emr: EmrName, opening: ExitStack) -> Clinic:
        name = f"sim-{self.seed}-{id(self)}-{emr}"
        clinic = _CLINICS[name] = Clinic()
        opening.callback(_CLINICS.pop, name)
        begins = self.knobs.start if self.knobs.is_night else self.knobs.start + timedelta(days=1)
        first = begins.replace(minute=0) + timedelta(hours=0 if self.knobs.is_night else 2)
        times = [first + n * timedelta(minutes=15) for n in range(14 if self.knobs.is_night else 6)]
        site = self.sources[emr]
        clinic.open(
            Opening(site, who, at.astimezone(TORONTO), (at + timedelta(minutes=15)).astimezone(TORONTO), "R")
            for who in WHO
            for at in times
        )
        clinic.lock = Lock(self._emr_fault)  # type: ignore[assignment]
        return clinic

    def _rules(self) -> SharingRules:
        accords = {(emr, who): Accord(who, date(2026, 1, 1)) for emr in self.sources for who in WHO}
        return SharingRules(
            enabled=True,
            expires=date(2027, 6, 30),
            types={(emr, "R"): "regular" for emr in self.sources},
            roster=accords,
            allow=(Allow("all", 1, Match(), PublishAs("anyone", "regular", "on-site")),),
            identity="named",
            min_notice=timedelta(0) if self.knobs.is_night else timedelta(hours=2),
            zones=dict.fromkeys(self.sources.values(), "America/Toronto"),
            confirmation=dict.fromkeys(self.sources, "instant"),
        )

    def plan(self, state: Path) -> Plan:
        """Return the plan of a computer whose folder is `state`."""
        name = f"sim-{self.seed}-{id(self)}"
        emrs = tuple(
            EmrPlan(emr, "memory", {"clinic": f"{name}-{emr}"}, "automatic", "", MINUTE, 1) for emr in self.sources
        )
        sites = tuple(
            SitePlan(site, emr, "Clinique", "123, rue Exemple", "418 555-0100", "*", "America/Toronto")
            for emr, site in self.sources.items()
        )
        return Plan(
            self.folder / "creneau.toml", ClinicPlan("Clinique", "", "fr"), HubPlan(ORIGIN, "", ""), emrs, sites,
            self.rules, BookingPlan("", timedelta(0), "release", 1000), DeskPlan("", (), ""), ServicePlan(state, "info", 1),
        )  # fmt: skip

    @property
    def trace(self) -> str:
        """Return the hash of all that happened so far."""
        return self._trace.hexdigest()

    def _note(self, *parts: object) -> None:
        self._trace.update(f"{self.time.passed} {parts}\n".encode())

    # ---- the hub, and the transactions of the EMR

    def answer(self, envelope: Envelope) -> str:
        """Let the hub's own code answer."""
        try:
            verified = intake._verify(self.hub, envelope.verb, envelope.jws)
            done = intake._work(self.hub, verified, last=True)
        except (Problem, Rejected) as problem:
            done = intake._turn_away(self.hub, envelope.verb, envelope.jws, problem)
        assert isinstance(done, intake.Done)
        self._note(envelope.jws, done.jws)
        return done.jws

    def may_die(self, who: Computer) -> None:
        """Let the agent on this computer die here, perhaps."""
        if self.faults and who.r.random() < self.knobs.crash:
            raise Boom

    def _emr_fault(self, when: str) -> None:
        who = self.stepping
        if who is None or not self.faults:
            return
        self.may_die(who)
        if when == "before" and (self.emr_away or who.r.random() < self.knobs.emr_away):
            raise Transient(say("reach the EMR"), say("away"))
        if when == "after" and who.r.random() < self.knobs.emr_lost:
            raise Ambiguous(say("write into the EMR"), say("the answer was lost"))

    @contextmanager
    def kindly(self) -> Iterator[None]:
        """Be kind for a moment."""
        faults, self.faults = self.faults, False
        yield
        self.faults = faults

    # ---- who acts

    def run(self, span: timedelta) -> None:
        """Let virtual time pass, everybody acting in an order the seed chooses."""
        ends = self.time.passed + span
        while self.time.passed < ends:
            ready = [(one, post) for one in self.computers for post in one.posts if self._is_due(one, post)]
            if ready:
                who, post = self.r.choice(ready)
                self.counts["steps"] += 1
                self._note(who.n, post.leg.name, who.step(post))
                continue
            if self.faults:
                with self.kindly():
                    self._people()
            nearest = min(due for one in self.computers for due in one.due.values())
            self.time.passed = min(nearest, ends, self.time.passed + (TICK if self.faults else 12 * TICK))

    def _is_due(self, who: Computer, post: Post) -> bool:
        return who.due[post.leg.name] <= self.time.passed

    def _people(self) -> None:
        self._trouble()
        self._trouble_at(self.r.choice(self.computers))
        if self.r.random() < 0.15:
            self._note(self.portal.act())
        if self.r.random() < 0.08:
            self._note(self.desk.act())
        if self.r.random() < self.knobs.touched:
            self.counts["touch"] += 1
            self._note(self.desk.touch())

    def _trouble(self) -> None:
        r, knobs = self.r, self.knobs
        if r.random() < knobs.hub_outage:
            self.hub_away = not self.hub_away
        if r.random() < knobs.emr_outage:
            self.emr_away = not self.emr_away
        if r.random() < knobs.hub_restored:
            self._save_or_restore_hub()
        if r.random() < knobs.takeover and len(self.computers) < 3:
            self._replace()
        if r.random() < knobs.clone and len(self.computers) < 3:
            self.counts["clone"] += 1
            self._new().clone(self.current)

    def _trouble_at(self, who: Computer) -> None:
        r, knobs = self.r, self.knobs
        if who.late and r.random() < 0.3:
            self.answer(who.late.pop(r.randrange(len(who.late))))
        if r.random() < knobs.partition:
            who.cut_off = not who.cut_off
        if r.random() < knobs.clock_set:
            self.counts["clock"] += 1
            who.set_clock(timedelta(seconds=r.choice(FAR)))
        if r.random() < knobs.journal_restored:
            self.counts["journal"] += 1
            who.save_or_restore()
        if r.random() < knobs.state_lost:
            self.counts["lost"] += 1
            who.lose_state()

    def _replace(self) -> None:
        """Put a new computer in the place of the old one, which somebody forgot to switch off."""
        self.counts["takeover"] += 1
        self.current = self._new()
        self.current.begin()
        self.take_over()

    def take_over(self) -> None:
        """Make the current computer the one the hub listens to, as the operator and the clinic do on the phone."""
        self.current.enrol(desk.code(self.hub_folder, self.NAME, takeover=True, clock=self.time))

    def _save_or_restore_hub(self) -> None:
        """Save the hub's store, or put the last copy back."""
        file = self.folder / "backup.db"
        if not file.exists():
            desk.backup(self.hub_folder, file)
            return
        self.counts["hub"] += 1
        self.hub.close()
        for tail in ("-wal", "-shm"):
            (self.hub_folder / f"hub.db{tail}").unlink(missing_ok=True)
        file.replace(self.hub_folder / "hub.db")
        self.hub = open_hub(self.hub_folder, self.time, PLENTY)
        self.portal.knows.clear()

    def rouse(self) -> None:
        """Answer whoever waits at the hub: an order arrived."""
        for one in self.computers:
            one.rouse()

    # ---- what the proof asks

    def calm(self) -> None:
        """Everything that can go wrong stops."""
        self.faults, self.hub_away, self.emr_away = False, False, False
        for one in self.computers:
            one.cut_off = False
            one.late.clear()
            one.set_clock(self.knobs.offs[one.n % len(self.knobs.offs)])
            one.due = dict.fromkeys(one.due, self.time.passed)

    def mend(self) -> None:
        """Do what the people of clinic and hub do when `status` says that another agent speaks for the clinic."""
        row = self.clinic_row()
        if row.torn or row.instance != self.current.keys.identity().instance:
            self.take_over()

    def clinic_row(self) -> Any:
        """Return the clinic as its hub keeps it."""
        with self.hub.store.read() as conn:
            return conn.execute(select(CLINIC).where(CLINIC.c.id == self.NAME)).one()

    def bookings(self) -> list[Any]:
        """Return the hub's bookings."""
        with self.hub.store.read() as conn:
            return list(conn.execute(select(BOOKING).order_by(BOOKING.c.booking)))

    def held(self) -> dict[str, Any]:
        """Return epoch, seq and roots as the hub holds them."""
        with self.hub.store.read() as conn:
            return view.held(conn, conn.execute(select(CLINIC).where(CLINIC.c.id == self.NAME)).one())
