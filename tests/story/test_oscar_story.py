"""The whole job on a real EMR database, while people work in it and everything that can be killed is killed."""

import os
import random
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, time, timedelta
from typing import Any

from adapters.sql import private
from tests.story.oscar_people import CLINIC, KILLS, OPEN, ORDERS, Customer, Receptionist, Row

MEAN_S, SPREAD_S = 4.0, 3.0
HUB_AWAY_S = 60


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
        assert clock_() - begun < timedelta(minutes=15), seen
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
        town.until("equal views", ready)
    assert seen["rules"] == seen["hub"], (seen["rules"] ^ seen["hub"], town.log("agent")[-6000:])


def settled(town: Any, name: str, version: int) -> str:
    """Wait for the last word on a booking."""

    def ready() -> str:
        told, word = town.portal.outcome(CLINIC, name)
        return word if told == version and word not in ("held", "requested") else ""

    return str(town.until(f"outcome of {name} v{version}", ready))


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
        town.until("true words", ready)
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
