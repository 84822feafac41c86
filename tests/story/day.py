"""A clinic's day on virtual time: the phone, a foreign booking site and ours over one OSCAR-shaped file.

Rule: legs, journal, wiring and hub are the shipped ones; what must be true is read from the file and the hub themselves.
"""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from sqlalchemy import select

from adapters.sql import sample
from agent.answers import Answers
from agent.config import Plan, read_plan, write_example
from agent.core.envelope import Envelope
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import EmrName
from agent.desk.minute import FILE, Minute
from agent.desk.voice import ClinicVoice
from agent.language import Speech
from agent.wiring.catalog import entries
from agent.wiring.house import house
from agent.wiring.inforce import fold
from hub import orders, outcomes, view
from hub.schema import SLOT, micros
from tests.sim.computer import ORIGIN
from tests.sim.world import MINUTE, TORONTO, World

MONDAY = date(2026, 11, 23)
NOTICE, DAYS = timedelta(hours=1), timedelta(days=1)
NAMES = {"Dre A. Gagnon": "101", "Dr B. Simard": "102", "C. Côté, IPSPL": "103"}
LABELS = {"Andrée Gagnon": "101", "Benoît Simard": "102", "Chloé Côté": "103"}
"""Who shares, as patients read it and as the clinic's own screens do."""
Place = tuple[str, datetime]
"""A doctor's number and a wall clock of the clinic."""


class Day(World):
    """The world with OSCAR's tables under it and nothing left to chance; everybody acts when the test says so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 11)
        self.knobs = replace(self.knobs, sources=1, offs=(timedelta(0),))
        self.time.start = datetime(2026, 11, 23, 6, 0, tzinfo=TORONTO).astimezone(UTC)
        self.sources = {EmrName("dme"): self.sources[EmrName("dme")]}
        self.file = folder / "oscar.db"
        sample.make(self.file, MONDAY)
        write_example(folder / "creneau.toml", self._answers())
        self._plan = read_plan(folder / "creneau.toml", entries())
        self.rules = fold(self._plan.sharing, self._plan, {})
        self.asked: dict[str, int] = {}
        self.sold: set[Place] = set()
        self.receptionist = sample.receptionist(self.file)

    def __enter__(self) -> Self:
        super().__enter__()
        self.faults = False
        self.open_house()
        self.ask("sharing-apply", digest=self.house.file().rules.digest)
        return self

    def open_house(self) -> None:
        """Give the desk the agent that runs now."""
        one = self.current
        lived: Any = SimpleNamespace(
            plan=self._plan,
            journal=one.journal,
            keys=one.keys,
            dice=one.dice,
            clock=one.clock,
            honest=lambda plan: plan,
        )
        self.house = house(lived, one.board, lambda _kind: None, lambda: None)
        self.minute = Minute(self.house, ClinicVoice(Speech("fr"), TORONTO), self.folder, None)

    def restart(self, then: str) -> None:
        """Start the agent again with another after_cancel in its file."""
        self._plan = replace(self._plan, booking=replace(self._plan.booking, after_cancel=then))
        self.current.journal.close()
        self.current.start()
        self.open_house()

    def _answers(self) -> Mapping[str, object]:
        return {
            "hub.url": ORIGIN,
            "emr.connection": f"sqlite:///{self.file}",
            "emr.user": "",
            "emr.bookings": "automatic",
            "sharing.enabled": True,
            "sharing.identity": "named",
            "sharing.min_notice": NOTICE,
            "sharing.horizon": DAYS,
            "booking.cancel_until": timedelta(hours=4),
        }

    def _clinic(self, *_: object) -> Any:
        return None  # no agenda in memory: it is the file

    def plan(self, state: Path) -> Plan:
        return replace(self._plan, service=replace(self._plan.service, data_dir=state))

    def answer(self, envelope: Envelope) -> str:
        if self.hub_away:
            raise Transient(say("reach the hub"), say("no answer"))
        return super().answer(envelope)

    # ---- what people do

    def until(self, hour: int, minute: int, step: timedelta = MINUTE) -> None:
        """Let time pass to a wall clock; after each step what must always be true is."""
        ends = self.time.start + timedelta(hours=hour - 6, minutes=minute)
        while self.time.now() < ends:
            self.run(min(step, ends - self.time.now()))
            self.safe()

    def books(self, booking: str, place: Place, patient: str = "") -> None:
        """Book online; `patient`: a number of the EMR's files, "" = somebody it does not know."""
        self.order(booking, 1, self.offered()[place], self.portal._sealed(booking, 1, **self._file_of(patient)))

    def cancels(self, booking: str) -> None:
        """Give an online booking up, online."""
        self.order(booking, 2, None, None)

    def order(self, booking: str, version: int, slot: str | None, patient: str | None) -> None:
        goal = orders.Goal(version, slot, "firm", None, self.time.now() + timedelta(minutes=10), patient)
        orders.place(self.hub, self.NAME, booking, goal, "portail")
        self.asked[booking] = version
        if not self.hub_away:
            self.rouse()

    def foreign(self, place: Place) -> None:
        """Let another booking site write into the agenda, as its own author."""
        who, start = place
        assert self.receptionist.looks(who, start), place
        end = start + timedelta(minutes=14)
        self.sql(
            """INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, name, demographic_no, status,
            creator) VALUES(?, ?, ?, ?, 'AUTRE,PATIENT', 0, 't', 'bonjour-sante')""",
            who, f"{start:%Y-%m-%d}", f"{start:%H:%M:00}", f"{end:%H:%M:00}",
        )  # fmt: skip

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as base, base:
            return base.execute(text, values).fetchall()

    def _file_of(self, number: str) -> dict[str, str]:
        if not number:
            return {}
        ((family, given, born, nam),) = self.sql(
            """SELECT last_name, first_name, year_of_birth || '-' || month_of_birth || '-' || date_of_birth, hin
            FROM demographic WHERE demographic_no = ?""", number
        )  # fmt: skip
        return {"family": family, "given": given, "born": born, "nam": nam.replace(" ", "")}

    def names(self) -> list[str]:
        """Return the family names of the clinic's patients, and what those unknown to it go by."""
        return [*(name for (name,) in self.sql("SELECT DISTINCT last_name FROM demographic")), *self.asked]

    # ---- what is so, and what people see

    def number(self, place: Place) -> int:
        """Return the EMR's number of the appointment that stands there."""
        return next(row.number for row in self.rows() if (row.provider, row.start) == place)

    def rows(self) -> list[sample.Row]:
        return [row for row in sample.rows(self.file) if row.is_active]

    def ours(self) -> dict[str, list[Place]]:
        """Return where the appointments of each booking stand, by the adapter's memory of their numbers."""
        found: dict[str, list[Place]] = {booking: [] for booking in self.asked}
        numbers = dict(self.sql("SELECT appointment, booking FROM creneau_applied"))
        for row in self.rows():
            if row.creator == "creneau":  # one that no booking remembers is an error too
                found[numbers[str(row.number)]].append((row.provider, row.start))
        return found

    def free(self) -> set[Place]:
        """Return what the clinic means to sell now, worked out from OSCAR's tables and nothing of ours."""
        found: set[Place] = set()
        taken = {(row.provider, row.start) for row in self.rows()}
        sheets = self.sql(
            """SELECT d.provider_no, d.sdate, t.timecode FROM scheduledate d JOIN scheduletemplate t
            ON t.name = d.hour AND t.provider_no IN (d.provider_no, 'Public') WHERE d.status = 'A'"""
        )
        for who, day, codes in sheets:
            for cell, code in enumerate(codes):
                at = datetime.fromisoformat(day) + cell * timedelta(minutes=15)
                near = NOTICE <= at - self.wall() < DAYS
                if who in NAMES.values() and code in "sW" and near and (who, at) not in taken:
                    found.add((who, at))
        return found

    def safe(self) -> None:
        """Nobody else has a place of ours, no booking has two, and what was sold while the hub was away stays sold."""
        ours = self.ours()
        assert [booking for booking, places in ours.items() if len(places) > 1] == []
        taken = Counter((row.provider, row.start) for row in self.rows())
        assert [place for places in ours.values() for place in places if taken[place] > 1] == []
        assert self.sold.isdisjoint(self.offered())

    def ask(self, verb: str, **args: object) -> Any:
        return Answers(self.house).ask(verb, args, "accueil")

    def unsold(self) -> set[Place]:
        """Return what the agent says nobody can book now, each once."""
        found = [(LABELS[row["who"]], local(row["when"])) for row in self.ask("unsold")["unsold"]]
        assert len(found) == len(set(found))
        return set(found)

    def page(self) -> str:
        """Return the page of this minute as text."""
        self.minute.run()
        return unescape((self.folder / FILE).read_text(encoding="utf-8")).replace("\N{NO-BREAK SPACE}", " ")

    def wall(self) -> datetime:
        return self.time.now().astimezone(TORONTO).replace(tzinfo=None)

    def offered(self) -> dict[Place, str]:
        """Return what anyone may order at the hub, and its ids."""
        asked = select(SLOT.c.id, SLOT.c.slot).select_from(view.joined()).where(view.offered(micros(self.time.now())))
        with self.hub.store.read() as conn:
            found = {id_: json.loads(slot) for id_, slot in conn.execute(asked)}
        return {(NAMES[slot["practitioner"]], local(slot["start"])): id_ for id_, slot in found.items()}

    def tasks(self) -> list[tuple[str, ...]]:
        """Return what the page asks of the desk: what to do, when the appointment is, with whom."""
        rows = re.findall(r'<tr><th scope="row">\d+</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>', self.page())
        return [tuple(row) for row in rows]

    def word(self, booking: str) -> str:
        """Return what the patient reads, and the outcome behind it."""
        with self.hub.store.read() as conn:
            word = outcomes.word(conn, self.NAME, booking, self.asked[booking])
            last = outcomes.last(conn, self.NAME, booking) or {"outcome": ""}
        return f"{word}: {last['outcome']}"


def local(text: str) -> datetime:
    """Return a moment of an answer as the clinic's wall clock."""
    return datetime.fromisoformat(text).astimezone(TORONTO).replace(tzinfo=None)


def at(who: int, clock: str) -> Place:
    """Return a place of this Monday."""
    return str(who), datetime.fromisoformat(f"{MONDAY}T{clock}")
