"""The people of OSCAR's story: a receptionist who works in the database, a customer who orders at the hub."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from adapters.sql import private

CLINIC = "fjord"
PATIENT = {"family": "Canari-Tremblay", "given": "Zoé", "born": "1991-04-12", "nam": "TREZ91541218"}
ORDERS, KILLS, OPEN = 50, 25, 8
RATE = 5  # rows a second, at most, by the receptionist
QUARTER = timedelta(minutes=15)


@dataclass
class Row:
    """One of her rows as she last left it."""

    who: str
    start: datetime
    status: str = "t"


@dataclass
class Receptionist(threading.Thread):
    """Books, moves and cancels her own appointments; now and then she touches one of ours."""

    desk: str
    dice: random.Random
    hot: list[datetime]
    today: datetime
    stop: threading.Event = field(default_factory=threading.Event)
    rows: dict[int, Row] = field(default_factory=dict)
    touched: dict[int, str] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        try:
            while not self.stop.wait(self.dice.uniform(1, 2) / RATE):
                act = self.dice.choices([self.book, self.move, self.cancel, self.touch], [6, 2, 2, 0.5])[0]
                self.attempt(act)
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            self.wrong.append(error)

    def attempt(self, act: Callable[[Any], None]) -> None:
        """Do one thing; when the database goes away in the middle, look later what became of it."""
        try:
            with closing(private.connect(self.desk)) as base:
                act(base)
        except private_errors() as error:
            self.done[f"failed {str(error.args[0])[:5]}"] += 1

    def book(self, base: Any) -> None:
        who, start = self.dice.choice(["101", "102", "103"]), self.somewhen()
        if not self.free(base, who, start):
            return
        name = f"TÉLÉPHONE,N{len(self.done)}-{self.dice.getrandbits(60)}"
        try:
            base.execute(
                """INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, name, demographic_no,
                status, creator) VALUES(?, ?, ?, ?, ?, 0, 't', 'Tremblay, Manon')""",
                (who, *clock(start), name),
            )
            base.commit()
        finally:
            self.settle(lambda sure: self.booked(sure, name, who, start))

    def booked(self, base: Any, name: str, who: str, start: datetime) -> None:
        found = base.execute("SELECT appointment_no FROM appointment WHERE name = ?", (name,)).fetchall()
        for (number,) in found:
            self.rows[number] = Row(who, start)
            self.done["booked"] += 1

    def move(self, base: Any) -> None:
        if mine := [number for number, row in self.rows.items() if row.status == "t"]:
            number, start = self.dice.choice(mine), self.somewhen()
            if self.free(base, self.rows[number].who, start):
                self.moved.add(number)
                self.put(base, number, start)
                self.done["moved"] += 1

    def put(self, base: Any, number: int, start: datetime) -> None:
        try:
            base.execute(
                "UPDATE appointment SET appointment_date = ?, start_time = ?, end_time = ? WHERE appointment_no = ?",
                (*clock(start), number),
            )
            base.commit()
        finally:
            self.settle(lambda sure: self.seen(sure, number))

    def cancel(self, base: Any) -> None:
        if mine := [number for number, row in self.rows.items() if row.status == "t"]:
            number = self.dice.choice(mine)
            self.status(base, number, "C")
            self.done["cancelled"] += 1

    def status(self, base: Any, number: int, status: str) -> None:
        try:
            base.execute("UPDATE appointment SET status = ? WHERE appointment_no = ?", (status, number))
            base.commit()
        finally:
            self.settle(lambda sure: self.seen(sure, number))

    def touch(self, base: Any) -> None:
        """Receive, cancel or move one of ours."""
        ours = base.execute(
            "SELECT appointment_no, provider_no FROM appointment WHERE creator = 'creneau' AND status = 't'"
        )
        if not (rows := ours.fetchall()):
            return
        number, who = self.dice.choice(rows)
        what = self.dice.choice(["H", "C", "moved"])
        self.touched[number] = what
        if what != "moved":
            self.status(base, number, what)
        elif self.free(base, who, start := self.somewhen()):
            self.put(base, number, start)
        self.done[f"ours {what}"] += 1

    def seen(self, base: Any, number: int) -> None:
        """Note how her row stands: after a lost answer only the database knows."""
        if number in self.rows:
            day, first, status = base.execute(
                """SELECT CAST(appointment_date AS CHAR), CAST(start_time AS CHAR), status FROM appointment
                WHERE appointment_no = ?""",
                (number,),
            ).fetchone()
            self.rows[number] = Row(self.rows[number].who, datetime.fromisoformat(f"{day}T{first}"), status)

    def settle(self, look: Callable[[Any], None]) -> None:
        """Look by a fresh connection until the database answers."""
        for _ in range(1200):
            with suppress(*private_errors()), closing(private.connect(self.desk)) as base:
                look(base)
                return
            self.stop.wait(0.1)
        raise AssertionError("the database did not come back")

    def free(self, base: Any, who: str, start: datetime) -> bool:
        day, first, last = clock(start)
        found = base.execute(
            """SELECT COUNT(*) FROM appointment WHERE provider_no = ? AND appointment_date = ? AND start_time <= ?
            AND end_time >= ? AND LEFT(status, 1) NOT IN ('C', 'D')""",
            (who, day, last, first),
        )
        return int(found.fetchone()[0]) == 0

    def somewhen(self) -> datetime:
        """Return a time people want: often one that was just ordered."""
        if self.hot and self.dice.random() < 0.4:
            return self.dice.choice(self.hot[-5:])
        return (
            self.today
            + timedelta(hours=8)
            + timedelta(days=self.dice.randrange(1, 12))
            + QUARTER * self.dice.randrange(36)
        )


@dataclass
class Customer(threading.Thread):
    """Sends the orders: books, holds then confirms, moves, cancels. A hub that is away is asked again."""

    town: Any
    dice: random.Random
    hot: list[datetime]
    stop: threading.Event = field(default_factory=threading.Event)
    sent: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    wrong: list[BaseException] = field(default_factory=list)
    refused: bool = False

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        try:
            for n in range(ORDERS):
                if self.stop.is_set():
                    return
                self.order(f"story-oscar-{n:02}", n % 5)
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            self.wrong.append(error)

    def order(self, name: str, kind: int) -> None:
        """0: hold, then confirm. 1: book, then move. 2: book, then cancel. Else: book."""
        if kind == 0:
            slot = self.put(name, 1, hold=True)
            self.put(name, 2, slot=slot)
        else:
            self.put(name, 1)
        if kind in (1, 2):
            self.stop.wait(self.dice.uniform(0.2, 2))
        if kind == 1:
            self.put(name, 2)
        elif kind == 2:
            self.send(lambda: self.town.portal.cancel(CLINIC, name, 2) or True)
            self.sent[name] = (2, None)
        self.stop.wait(self.dice.expovariate(1 / 1.2))

    def put(self, name: str, version: int, *, hold: bool = False, slot: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one version; a slot that went away meanwhile gives place to another, save the one that was held."""
        for _ in range(2000):
            chosen = slot or self.slot()
            self.hot.append(datetime.fromisoformat(chosen["start"]).replace(tzinfo=None))
            if self.accepted(name, version, chosen["id"], hold=hold):
                self.sent[name] = (version, chosen["start"])
                return chosen
            if slot is not None and self.refused:
                return chosen
        raise AssertionError(f"{name} could not be sent")

    def accepted(self, name: str, version: int, slot: str, *, hold: bool) -> bool:
        now, self.refused = self.town.time(), False
        try:
            if hold:
                self.town.portal.hold(CLINIC, name, version, slot, now=now, until=now + timedelta(minutes=8))
            else:
                self.town.portal.book(CLINIC, name, version, slot, PATIENT, now=now)
        except httpx.HTTPStatusError as error:
            self.refused = error.response.status_code in (404, 409, 422)
            self.stop.wait(0.1)
            return False
        except httpx.HTTPError:  # the answer was lost: what the hub has decides
            known = self.send(lambda: known_version(self.town.portal, name))
            return known >= version
        return True

    def slot(self) -> dict[str, Any]:
        """Choose among what anyone may order now; a hub that is away, or has nothing, is asked again."""
        found = self.send(lambda: self.town.portal.slots() or None)
        chosen: dict[str, Any] = self.dice.choice(found)
        return chosen

    def send(self, work: Callable[[], Any]) -> Any:
        for _ in range(2000):
            with suppress(httpx.HTTPError):
                if (found := work()) is not None:
                    return found
            self.stop.wait(0.2)
        raise AssertionError("the hub did not come back")


def private_errors() -> tuple[type[Exception], ...]:
    import pyodbc

    return (pyodbc.Error,)


def known_version(portal: Any, name: str) -> int:
    """Return the version the hub has of a booking; 0 = none."""
    try:
        return int(portal.booking(CLINIC, name)["version"])
    except httpx.HTTPStatusError as error:
        if error.response.status_code == 404:
            return 0
        raise


def clock(start: datetime) -> tuple[str, str, str]:
    return f"{start:%Y-%m-%d}", f"{start:%H:%M:00}", f"{start + QUARTER - timedelta(minutes=1):%H:%M:00}"
