"""A clinic, its journal and the answers over them."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from adapters.memory import Clinic, MemoryEmr, Opening
from agent.answers import Answers, House, Sharing
from agent.board import MemoryBoard
from agent.config.plan import BookingPlan, ClinicPlan, DeskPlan, EmrPlan, HubPlan, Plan, ServicePlan, SitePlan
from agent.core.booking import Firmness, Order
from agent.core.changes import enter, line
from agent.core.envelope import KeySet
from agent.core.errors import CreneauError, Misconfigured, Refused
from agent.core.message import say
from agent.core.model import EmrName, Finding, Instant, Patient, SiteId, SlotId
from agent.core.sharing import Accord, Allow, Match, Posture, PublishAs, SharedSlot, SharingRules, share
from agent.journal import Journal
from agent.journal.box import KEY_BYTES, DataBox
from agent.ports import Doubt, Emr, Identity, Outgoing, Standing

DME = EmrName("dme")
SITE = SiteId("principal")
ZONE = ZoneInfo("America/Toronto")
NOW = Instant(datetime(2026, 11, 23, 13, tzinfo=UTC), timedelta(hours=30))
MONDAY = datetime(2026, 11, 30, 9, tzinfo=ZONE)
WHO = "manon"
TOKENS = (base64.urlsafe_b64encode(hashlib.sha256(b"%d" % n).digest()[:16]).decode().rstrip("=") for n in count())
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(DME, "s"): "sans-rendez-vous"},
    roster={(DME, "101"): Accord("Dre A", date(2026, 11, 1)), (DME, "102"): Accord("Dr B", date(2026, 11, 1))},
    allow=(
        Allow(
            "matin",
            12,
            Match(practitioners=frozenset({(DME, "101"), (DME, "102")})),
            PublishAs("anyone", "urgent", "on-site"),
        ),
    ),
    team_min=2,
    zones={SITE: "America/Toronto"},
    confirmation={DME: "instant"},
    digest="one",
)


def plan(file: Path) -> Plan:
    return Plan(
        file=file,
        clinic=ClinicPlan("Clinique du Fjord", "Manon", "fr"),
        hub=HubPlan("https://hub.example.org", "", ""),
        emrs=(EmrPlan(DME, "memory", {}, "automatic", "", timedelta(seconds=60), 1),),
        sites=(SitePlan(SITE, DME, "Fjord", "123, rue", "418", "*", "America/Toronto"),),
        sharing=RULES,
        booking=BookingPlan("En ligne", timedelta(hours=24), "release", 30),
        desk=DeskPlan("", (), ""),
        service=ServicePlan(file.parent, "info", 36),
    )


class Vault:
    """Keys and secrets of a clinic that may be enrolled."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.who: Identity | None = None

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.kept))

    def put(self, name: str, value: str) -> None:
        self.kept[name] = value

    def leave(self) -> None:
        self.who = None

    def identity(self) -> Identity:
        if self.who is None:
            raise Misconfigured(say("read the identity"), say("not enrolled"), say("creneau enrol"))
        return self.who

    def hub(self) -> KeySet:
        return {}

    def patient(self, jwe: str, booking: str, version: int) -> Patient:
        return Patient(booking, version, "Tremblay", "Luc", born=date(1980, 5, 1), phone="418 555-0199")


class Bare:
    """A source that can only be read."""

    def __init__(self, emr: MemoryEmr) -> None:
        self.name = emr.name
        self.slots = emr.slots
        self.check = list
        self.close = emr.close


@dataclass
class Place:
    """A clinic, its journal, and the answers over them."""

    journal: Journal
    file: Path
    clinic: Clinic = field(default_factory=Clinic)
    vault: Vault = field(default_factory=Vault)
    board: MemoryBoard | None = None
    rules: SharingRules = RULES
    applied: SharingRules | None = None
    woken: list[str] = field(default_factory=list)
    reloads: int = 0
    now: Instant = NOW
    down: CreneauError | None = None
    faults: CreneauError | None = None
    bare: bool = False
    granted: str | None = None
    doubts: list[Doubt] | None = None
    found: list[Finding] = field(default_factory=list)
    closed: int = 0

    DME: ClassVar = DME
    SITE: ClassVar = SITE
    WHO: ClassVar = WHO
    MONDAY: ClassVar = MONDAY
    NOW: ClassVar = NOW
    RULES: ClassVar = RULES
    """For tests: the made-up values."""

    def run(self, **down: str) -> None:
        """Let an agent run; `down`: kinds of leg and what ails them."""
        self.board = MemoryBoard(NOW, "boot")
        for leg in ("beat", "deliver", "receive", "apply:dme", "publish:dme"):
            kind = down.get(leg.partition(":")[0])
            self.board.down(leg, kind, NOW) if kind else self.board.ok(leg, NOW)
        self.board.complete(DME, NOW)

    def later(self, minutes: int) -> None:
        """Let time pass."""
        self.now = Instant(NOW.utc + timedelta(minutes=minutes), NOW.age + timedelta(minutes=minutes))

    def house(self) -> House:
        return House(
            plan=lambda: plan(self.file),
            file=self._file,
            applied=lambda: self.applied,
            records=self.journal.records(),
            views=self.journal.views,
            keys=self.vault,
            vault=self.vault,
            open_emr=self._open,
            open_with=lambda name, _options: self._open(name),
            board=self.board,
            clock=SimpleNamespace(now=lambda: self.now),
            dice=SimpleNamespace(token=lambda: next(TOKENS)),
            wake=self.woken.append,
            reload=self._reload,
            join=self._join,
            hub_findings=self._findings,
            machine_findings=self._findings,
            save=lambda _passphrase, now: self.file.with_name(f"backup-{now.utc:%Y}.creneau"),
        )

    def ask(self, verb: str, **args: Any) -> Any:
        return json.loads(json.dumps(Answers(self.house()).ask(verb, args, WHO)))

    def ledger(self) -> list[tuple[str, str, bytes]]:
        return [(entry.kind, entry.who, entry.body) for entry in self.journal.records().ledger()]

    def publish(self) -> dict[str, SlotId]:
        """Publish and confirm the view of the applied rules, as the legs do."""
        reading = self._emr().slots(RULES.window(self.now.utc))
        offered = share(reading.slots, RULES, self.now.utc, {}, frozenset()).offered
        ids = (SlotId(f"id-{n:019}") for n in count())
        views, outbox = self.journal.views(DME), self.journal.outbox()
        views.now(enter(views.known(), offered, ids), offered, self.now)
        outbox.receipted(Outgoing("offer", {}, 1, told=outbox.view()), "receipt", Standing(1, 1), self.now)
        return {str(key): id_ for key, (id_, _) in views.known().items()}

    def _emr(self) -> MemoryEmr:
        return MemoryEmr(DME, self.clinic, SimpleNamespace(now=lambda: self.now))

    def _open(self, name: EmrName) -> Emr:
        if self.down is not None:
            raise self.down
        emr = self._emr()
        close = emr.close

        def counted() -> None:
            self.closed += 1
            close()

        emr.close = counted  # type: ignore[method-assign]
        if self.granted is not None:
            setattr(emr, "grants", lambda: self.granted)  # noqa: B010 - an ability more
        if self.doubts is not None:
            setattr(emr, "doubts", lambda: self.doubts)  # noqa: B010 - an ability more
            setattr(emr, "settle", self._settle)  # noqa: B010 - and its other half
        return Bare(emr) if self.bare else emr

    def _settle(self, number: int) -> Doubt:
        for each in self.doubts or []:
            if each.number == number:
                self.doubts = [one for one in self.doubts or [] if one is not each]
                return each
        raise Refused(say("settle"), say("none"), reason="no-doubt")

    def _file(self) -> Sharing:
        if self.faults is not None:
            raise self.faults
        posture = Posture(self.journal.records().facts().get("posture", "open"))
        return Sharing(plan(self.file), "[sharing]\n", replace(self.rules, posture=posture))

    def _reload(self) -> None:
        self.reloads += 1

    def _join(self, code: str, now: Instant) -> Identity:
        self.vault.who = Identity("fjord", "https://hub.example.org", "i-1", "1a2b-3c4d")
        return self.vault.who

    def _findings(self) -> Iterable[Finding]:
        if self.down is not None:
            raise self.down
        return self.found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    journal = Journal.open(tmp_path / "state", DataBox(os.urandom(KEY_BYTES)), now=NOW)
    place = Place(journal, tmp_path / "creneau.toml")
    cells = [
        Opening(SITE, who, MONDAY + timedelta(minutes=20 * n), MONDAY + timedelta(minutes=20 * n + 20), kind)
        for who, n, kind in (("101", 0, "s"), ("101", 1, "s"), ("102", 0, "s"), ("102", 1, "z"), ("999", 0, "s"))
    ]
    place.clinic.open(cells)
    yield place
    journal.close()


def order(goal: SlotId | None, shared: SharedSlot, booking: str = "booking-1", jwe_hash: bytes | None = None) -> Order:
    return Order(
        booking=booking,
        version=1,
        goal=goal,
        firmness=Firmness.FIRM,
        until=None,
        expires_at=NOW.utc + timedelta(hours=1),
        slot_line=line(shared, None),
        patient_sha256=jwe_hash,
        body_hash=b"h" * 32,
    )


@pytest.fixture
def booked(place: Place) -> Callable[..., None]:
    """Receive an order for the first slot and open a task for it."""

    def receive(kind: str = "enter") -> None:
        ids = place.publish()
        id_ = ids[min(ids)]
        shared = place.journal.outbox().view()[id_]
        cursor = {"log": "l", "n": 1}
        place.journal.inbox(DME).take([(order(id_, shared, jwe_hash=b"j" * 32), "jws", "jwe")], [], cursor, NOW)
        bookings = place.journal.bookings(DME)
        row = bookings.row("booking-1")
        assert row is not None
        bookings.save(row, tasks=[kind], tell=False, erase=False, now=NOW)

    return receive
