"""One day of a clinic on virtual time: phone, a foreign booking site and ours over one OSCAR-shaped file.

Rule: legs, journal, wiring and hub are the shipped ones; what must be true is read from the file and the hub themselves.
"""

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from adapters.sql import sample
from agent.answers import Answers
from agent.answers.words import TASK
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
from tests.sim.world import MINUTE, TICK, TORONTO, World

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

    def __enter__(self) -> "Day":
        super().__enter__()
        self.faults = False
        one = self.current
        lived: Any = SimpleNamespace(
            plan=self._plan, journal=one.journal, keys=one.keys, dice=one.dice, clock=one.clock, honest=lambda plan: plan
        )
        self.house = house(lived, one.board, lambda _kind: None, lambda: None)
        self.ask("sharing-apply", digest=self.house.file().rules.digest)
        voice = ClinicVoice(Speech("fr"), TORONTO)
        self.minute = Minute(self.house, voice, self.folder, None)
        return self

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
            assert self.sold.isdisjoint(self.offered())

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

    # ---- what is so, and what people see

    def number(self, place: Place) -> int:
        """Return the EMR's number of the appointment that stands there."""
        return next(row.number for row in self.rows() if (row.provider, row.start) == place)

    def rows(self) -> list[sample.Row]:
        return [row for row in sample.rows(self.file) if row.is_active]

    def ours(self, booking: str) -> list[Place]:
        """Return where the appointments of a booking stand, by the adapter's memory of their numbers."""
        refs = {str(ref) for (ref,) in self.sql("SELECT appointment FROM creneau_applied WHERE booking = ?", booking)}
        return [(row.provider, row.start) for row in self.rows() if str(row.number) in refs]

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
        """Nobody stands where one of ours does, and no booking has two."""
        places = Counter((row.provider, row.start) for row in self.rows())
        mine = [(row.provider, row.start) for row in self.rows() if row.creator == "creneau"]
        assert [place for place in mine if places[place] > 1] == []
        assert [booking for booking in self.asked if len(self.ours(booking)) > 1] == []

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


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """Open the clinic at six, an easy week: three places in ten are booked already."""
    monkeypatch.setattr(sample, "BOOKED", 0.3)
    logging.disable(logging.CRITICAL)
    try:
        with Day(tmp_path) as opened:
            yield opened
    finally:
        logging.disable(logging.NOTSET)


def test_one_clinic_day(day: Day) -> None:
    """Nobody is booked twice, the desk has what it must do and nothing else, and the hub knows the truth."""
    morning(day)
    outage(day)
    afternoon(day)
    evening(day)


def morning(day: Day) -> None:
    """Everybody books; one place is taken by another site after it was shown, one patient changes plans early."""
    day.until(6, 5)
    assert set(day.offered()) == day.free()
    assert day.receptionist.book(*at(101, "08:30"))
    day.foreign(at(101, "10:15"))  # the other site's own type
    day.foreign(at(102, "10:15"))  # and one of ours
    day.until(6, 10)
    assert set(day.offered()) == day.free()
    assert {at(101, "08:30"), at(102, "10:15")} & set(day.offered()) == set()
    day.books("patient-kept", at(101, "09:15"), "1")
    day.books("patient-unknown", at(102, "15:45"))
    day.books("patient-left", at(103, "15:15"), "2")
    day.books("patient-moved", at(103, "15:30"), "3")
    day.books("patient-early", at(101, "14:30"), "4")
    day.books("patient-late", at(101, "13:00"), "5")
    day.foreign(at(101, "09:45"))  # still shown at the hub
    day.books("patient-second", at(101, "09:45"), "6")
    day.until(6, 13)
    print({b: (day.word(b), day.ours(b)) for b in day.asked}, day.ask("tasks-list"))
    day.cancels("patient-early")
    day.until(6, 17)
    print({b: (day.word(b), day.ours(b)) for b in day.asked})
    assert set(day.offered()) == day.free()
    assert at(101, "14:30") in day.offered()


def outage(day: Day) -> None:
    """For two hours nobody can book online; minute by minute the desk is shown what is left to sell, and sells some."""
    day.until(8, 5)
    shown = set(day.offered())
    assert (day.unsold(), "Plages à combler" in day.page()) == (set(), False)
    day.hub_away = True
    day.books("patient-cut", at(102, "11:00"), "7")  # the hub takes the order, which cannot reach the clinic
    for minute in range(6, 126):
        day.until(8, minute)
        act = ACTS.get(minute)
        if act is not None:
            act(day)
        elif minute % 15 > 1:  # on the quarter a place becomes too near, and goes at the next reading
            left = shown & day.free()
            assert day.unsold() == left, day.wall()
            assert f"Plages à combler par téléphone : {len(left)}" in day.page()
        assert minute < 15 or not day.offered()  # the hub sells nothing it has not heard of for ten minutes
    assert day.free() - shown >= {at(102, "15:15")}
    day.sold = {at(102, "11:00"), at(101, "13:30")}
    assert day.sold < shown
    day.hub_away = False
    day.until(10, 8, TICK)
    print({b: (day.word(b), day.ours(b)) for b in day.asked}, day.ask("tasks-list"))
    assert (day.unsold(), "Plages à combler" in day.page()) == (set(), False)
    assert "Créneau fonctionne." in day.page()
    assert set(day.offered()) == day.free()


ACTS: Mapping[int, Callable[[Day], object]] = {
    15: lambda day: day.receptionist.book(*at(102, "11:00")),
    25: lambda day: day.foreign(at(101, "13:30")),
    35: lambda day: day.receptionist.cancel(day.number(at(102, "15:15"))),  # a place the hub was never shown
    70: lambda day: day.receptionist.receive(day.number(at(101, "09:15"))),
}
"""What people do in the agenda during the outage, by minutes since eight."""


def afternoon(day: Day) -> None:
    """A late cancel, and a doctor who leaves at noon."""
    day.until(11, 30)
    day.cancels("patient-late")
    day.until(11, 33)
    assert day.word("patient-late") == "not-booked: cancelled"
    assert at(101, "13:00") in day.offered()
    day.until(12, 0)
    day.receptionist.move(day.number(at(103, "15:30")), *at(102, "14:15"))
    for row in day.rows():
        if row.provider == "103" and row.start >= at(103, "12:00")[1] and row.start.date() == MONDAY:
            day.receptionist.cancel(row.number)
    day.sql("UPDATE scheduledate SET status = 'D' WHERE provider_no = '103' AND sdate = ?", f"{MONDAY}")
    day.until(12, 3)
    assert {who for who, start in day.offered() if start.date() == MONDAY} == {"101", "102"}
    assert set(day.offered()) == day.free()
    day.books("patient-again", at(101, "14:30"), "8")  # given up early, sold again
    day.until(17, 5)
    print({b: (day.word(b), day.ours(b)) for b in day.asked}, day.ask("tasks-list"))


def evening(day: Day) -> None:
    pass
