"""The whole job on a real EMR database, while people work in it and everything that can be killed is killed."""

import os
import random
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import httpx

from adapters.sql import private

CLINIC = "fjord"
PATIENT = {"family": "Canari-Tremblay", "given": "Zoé", "born": "1991-04-12", "nam": "TREZ91541218"}
ORDERS, KILLS, OPEN = 50, 25, 8
MEAN_S, SPREAD_S = 4.0, 3.0
HUB_AWAY_S = 60
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
        for _ in range(200):
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


def intents(town: Any) -> int:
    """Count intents in the agent's own state, read past it."""
    path = town.data / "journal.db"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as base:
        return int(base.execute("SELECT COUNT(*) FROM booking WHERE state = 'intent'").fetchone()[0])
    return 0


@contextmanager
def held_up(server: private.Server) -> Iterator[None]:
    """Hold what the agent's next write needs, as a slow screen or a backup would."""
    with closing(server.root("oscar")) as root:
        root.execute("START TRANSACTION")
        root.execute("SELECT booking FROM creneau_applied FOR UPDATE").fetchall()
        yield
        root.execute("ROLLBACK")


def kill(town: Any) -> bool:
    """End the agent as a power switch would, start it again; say whether an intent was open."""
    town.stop("agent", signal.SIGKILL)
    was_open = intents(town) > 0
    town.start("agent")
    return was_open


def kill_with_open_intent(town: Any, server: private.Server, customer: Customer) -> bool:
    """Wait for an order that reached its intent, then kill; False when none came."""
    pause = threading.Event()
    with held_up(server):
        for _ in range(150):
            if intents(town):
                return kill(town)
            if not customer.is_alive():
                return False
            pause.wait(0.02)
    return False


def shake(town: Any, server: private.Server, customer: Customer, dice: random.Random) -> Counter[str]:
    """Kill, restart and cut until everything was had often enough and every order is sent."""
    seen, pause, clock_ = Counter[str](), threading.Event(), town.time
    begun = clock_()
    away: datetime | None = None
    while seen["kill"] < KILLS or seen["open"] < OPEN or away is not None or customer.is_alive():
        if customer.wrong:
            return seen
        if away is None and not seen["hub"] and seen["kill"] >= 5:
            town.stop("hub", signal.SIGKILL)
            seen["hub"], away = 1, clock_()
        if away is not None and clock_() - away > timedelta(seconds=HUB_AWAY_S):
            town.start("hub")
            away = None
        if seen["database"] < 2 and seen["kill"] >= (3, 18)[seen["database"]]:
            server.stop(kill=seen["database"] == 1)
            pause.wait(dice.uniform(0.5, 3))
            server.start()
            seen["database"] += 1
        pause.wait(dice.uniform(MEAN_S - SPREAD_S, MEAN_S + SPREAD_S))
        wanted = away is None and seen["open"] < OPEN and customer.is_alive()
        was_open = kill_with_open_intent(town, server, customer) if wanted else kill(town)
        seen["kill"] += was_open or not wanted
        seen["open"] += was_open
        assert clock_() - begun < timedelta(seconds=200), seen
    return seen


def test_every_outcome_is_true_after_every_kind_of_end(oscar: Any) -> None:
    """50 orders, a receptionist, kills at random moments, two database restarts, a hub away: all told is so."""
    town, server = oscar
    seed = int(os.environ.get("CRENEAU_SEED", "7"))
    print(f"seed={seed}")
    hot: list[datetime] = []
    town.join()
    desk = Receptionist(server.desk(), random.Random(seed), hot, datetime.combine(town.now, time()))
    customer = Customer(town, random.Random(seed + 1), hot)
    before = theirs(server)
    desk.start()
    customer.start()
    try:
        seen = shake(town, server, customer, random.Random(seed + 2))
    finally:
        for thread in (customer, desk):
            thread.stop.set()
            thread.join(60)
    assert not customer.wrong, customer.wrong
    assert not desk.wrong, desk.wrong
    print(dict(seen), dict(desk.done))
    assert (seen["kill"] >= KILLS, seen["open"] >= OPEN, seen["database"], seen["hub"]) == (True, True, 2, 1)
    assert len(customer.sent) == ORDERS
    told = all_true(town, server, customer, desk)
    print(dict(Counter(told.values())))
    untouched(server, before, desk)
    nobody_twice(town, server, desk)
    same_views(town)


def same_views(town: Any) -> None:
    """Wait until the hub offers what the rules say; name the slots that differ when it never does."""
    seen: dict[str, set[str]] = {}

    def ready() -> bool:
        seen.update(rules=town.lines(), hub=town.at_hub())
        return seen["rules"] == seen["hub"]

    with suppress(AssertionError):
        town.until("equal views", ready, seconds=60)
    assert seen["rules"] == seen["hub"], (seen["rules"] ^ seen["hub"], town.log("agent")[-6000:])


def settled(town: Any, name: str, version: int) -> str:
    """Wait for the last word on a booking."""

    def ready() -> str:
        told, word = town.portal.outcome(CLINIC, name)
        return word if told == version and word not in ("held", "requested") else ""

    return str(town.until(f"outcome of {name} v{version}", ready, seconds=60))


def all_true(town: Any, server: private.Server, customer: Customer, desk: Receptionist) -> dict[str, str]:
    """Wait until every word told is so: what she did last reaches the hub within a poll."""
    found: dict[str, str] = {}

    def ready() -> bool:
        found.update({name: settled(town, name, version) for name, (version, _) in customer.sent.items()})
        with suppress(AssertionError):
            true_to_the_database(server, found, customer, desk)
            return True
        return False

    with suppress(AssertionError):
        town.until("true words", ready, seconds=20)
    true_to_the_database(server, found, customer, desk)
    return found


def theirs(server: private.Server) -> dict[int, tuple[Any, ...]]:
    """Return every row that is not ours, whole."""
    with closing(server.root("oscar")) as root:
        rows = root.execute("SELECT * FROM appointment WHERE creator <> 'creneau' OR creator IS NULL").fetchall()
    return {row[0]: tuple(row) for row in rows}


def true_to_the_database(server: private.Server, told: dict[str, str], customer: Customer, desk: Receptionist) -> None:
    """Hold every outcome against the rows: what is booked stands, once; what is not does not."""
    with closing(server.root("oscar")) as root:
        applied = {
            booking: int(ref) if ref else None
            for booking, ref in root.execute("SELECT booking, appointment FROM creneau_applied").fetchall()
        }
        ours = {
            row[0]: (row[1], datetime.fromisoformat(f"{row[2]}T{row[3]}"))
            for row in root.execute("""SELECT appointment_no, status, CAST(appointment_date AS CHAR), CAST(start_time AS CHAR)
                FROM appointment WHERE creator = 'creneau'""")
        }
    standing = {number for number, (status, _) in ours.items() if status[:1] not in ("C", "D")}
    claimed = set()
    for name, word in told.items():
        _, due = customer.sent[name]
        number = applied.get(name)
        status, start = ours.get(number, ("", None))
        if word == "booked":
            assert number in standing, (name, word, status)
            assert start == datetime.fromisoformat(due or "").replace(tzinfo=None), (name, due, start)
        elif word in ("changed", "cancelled-by-clinic"):
            assert number in desk.touched, (name, word)
            assert (number in standing) == (word == "changed"), (name, word, status)
        elif word == "checking":  # the patient wants another time for what the desk has touched: a person looks
            assert number in desk.touched, (name, word)
        elif word == "conflict" and number is not None:  # a move that was lost keeps the old time
            assert number in standing, (name, word)
        else:
            assert word in ("conflict", "cancelled"), (name, word)
            assert number not in standing, (name, word, status)
        claimed |= {number} & standing
    assert claimed == standing, "an appointment of ours belongs to no booking"


def untouched(server: private.Server, before: dict[int, tuple[Any, ...]], desk: Receptionist) -> None:
    """No row of the clinic's is other than its people left it."""
    after = theirs(server)
    assert {number: after[number] for number in before} == before
    with closing(server.root("oscar")) as root:
        found = root.execute("""SELECT appointment_no, provider_no, CAST(appointment_date AS CHAR),
            CAST(start_time AS CHAR), status FROM appointment WHERE creator = 'Tremblay, Manon'""").fetchall()
    assert {n: Row(w, datetime.fromisoformat(f"{d}T{t}"), s) for n, w, d, t, s in found} == desk.rows


def nobody_twice(town: Any, server: private.Server, desk: Receptionist) -> None:
    """No appointment of ours shares its time with one that was there first; what she put on top later is reported."""
    with closing(server.root("oscar")) as root:
        pairs = root.execute("""SELECT a.appointment_no, b.appointment_no FROM appointment a JOIN appointment b
            ON a.provider_no = b.provider_no AND a.appointment_date = b.appointment_date
            AND a.appointment_no <> b.appointment_no AND a.start_time <= b.end_time AND a.end_time >= b.start_time
            WHERE a.creator = 'creneau' AND a.status = 't' AND LEFT(b.status, 1) NOT IN ('C', 'D')""").fetchall()
    first = [(ours, b) for ours, b in pairs if b < ours and not {ours, b} & (desk.touched.keys() | desk.moved)]
    assert first == []
    if pairs:
        print("on top of ours, after our last look:", len(pairs))
        found = town.creneau("check", "emr", code=None)["findings"]
        assert [each for each in found if each["code"] == "oscar.double"]
