"""Kind to the EMR: indexes are used, one connection is held, and a receptionist hardly ever waits for us."""

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance import Opening, Still
from adapters.conformance.bench import DAY, MONDAY, at, book, cells
from adapters.sql.bench import OscarBench
from adapters.sql.emr import SqlEmr
from adapters.sql.mariadb_bench import MariaBench, OpenEmrBench
from adapters.sql.openemr import patient as openemr_patient
from adapters.sql.openemr import read as openemr_read
from adapters.sql.openemr import rows as openemr_rows
from adapters.sql.openemr_bench import insert
from adapters.sql.oscar import read as oscar_read
from adapters.sql.oscar import rows as oscar_rows
from adapters.sql.private import connect
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import Instant

DOING = say("try")
START = date(2026, 11, 23)
DAY_, END = f"{START}", f"{START + timedelta(days=14)}"
OSCAR = {
    "schedules": (oscar_read.SCHEDULES, (DAY_, END)),
    "appointments": (oscar_read.APPOINTMENTS, (DAY_, END)),
    "holidays": (oscar_read.HOLIDAYS, (DAY_, END)),
    "see": (oscar_rows.SEE, (1,)),
    "longest": (oscar_rows.LENGTHS, (DAY_,)),
    "overlap": (f"{oscar_rows.OVERLAP} FOR UPDATE", ("101", DAY_, "09:15:00", "08:00:00", "09:00:00", "09:00:00")),
}
OPENEMR = {
    "single": (openemr_read.SINGLE, (DAY_, END)),
    "see": (openemr_rows.SEE, (1,)),
    "lock": (f"{openemr_rows.SINGLE} FOR UPDATE", (DAY_, "101")),
}


def a_year_of_oscar(bench: MariaBench) -> None:
    days = [START + timedelta(days=n) for n in range(-240, 240)]
    bench.server.load(
        {
            "scheduledate": (
                ("sdate", "provider_no", "available", "hour", "status"),
                [(f"{day}", str(100 + n), "1", "T", "A") for day in days for n in range(6)],
            ),
            "appointment": (
                ("provider_no", "appointment_date", "start_time", "end_time", "status", "demographic_no", "creator"),
                [
                    (str(100 + n), f"{day}", f"{8 + h:02}:00:00", f"{8 + h:02}:14:00", "t", 0, "x")
                    for day in days
                    for n in range(3)
                    for h in range(3)
                ],
            ),
            "scheduleholiday": (
                ("sdate", "holiday_name"),
                [(f"{START + timedelta(days=n)}", "x") for n in range(900, 1400)],
            ),
        }
    )


def a_year_of_openemr(bench: OpenEmrBench) -> None:
    with bench.base() as base:
        for day in range(-240, 240):
            for n in range(9):
                start = MONDAY.replace(tzinfo=None) + timedelta(days=day, hours=8 + n)
                insert(base, str(200 + n), start, 900)


def plans(bench: MariaBench | OpenEmrBench, asked: dict[str, tuple[str, tuple[Any, ...]]]) -> dict[str, set[str]]:
    """Return how each table of each statement is reached: ALL and index are walks through the whole of it."""
    with bench.base() as base:
        for table in {word for sql, _ in asked.values() for word in sql.replace(",", " ").split() if word in TABLES}:
            base.execute(f"ANALYZE TABLE {table}").fetchall()
        return {
            name: {row[3] for row in base.execute(f"EXPLAIN {sql}", v).fetchall()} for name, (sql, v) in asked.items()
        }


TABLES = {"appointment", "scheduledate", "scheduleholiday", openemr_rows.TABLE}


def test_oscars_questions_use_indexes(maria: MariaBench) -> None:
    """Neither a poll nor a booking walks a table that grows."""
    a_year_of_oscar(maria)
    reached = plans(maria, OSCAR)
    assert {name for name, kinds in reached.items() if kinds & {"ALL", "index"}} == set()


def test_openemrs_questions_use_indexes(openemr: OpenEmrBench) -> None:
    """All but the series, to which no index of OpenEMR's leads: they are read outside every lock."""
    a_year_of_openemr(openemr)
    reached = plans(openemr, OPENEMR)
    assert {name for name, kinds in reached.items() if kinds & {"ALL", "index"}} == set()
    assert openemr_patient.BY_BIRTH.endswith("WHERE DOB = ?")


def test_one_connection_is_held_and_no_transaction(any_bench: MariaBench | OpenEmrBench) -> None:
    """Reads, checks and bookings of one adapter share a connection, and leave nothing open behind them."""
    emr = any_bench.adapter()
    emr.slots(DAY)
    book(emr, at(emr, 9))
    list(emr.ours(DAY))
    with closing(any_bench.server.root()) as root:
        name = any_bench.server.database.name
        sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'creneau' AND db = ?"
        assert root.execute(sql, name).fetchone()[0] == 1
        assert root.execute("SELECT COUNT(*) FROM information_schema.innodb_trx").fetchone()[0] == 0
    emr.close()


@pytest.mark.parametrize("other", ["202", "203"])
def test_a_poll_in_the_middle_lets_everybody_work(openemr: OpenEmrBench, other: str) -> None:
    """A read-only picture holds no lock: a screen saves while it is open, without waiting."""
    emr = openemr.adapter()
    seen: list[bool] = []
    mapping: Any = emr._mapping
    read = mapping.read

    def slowly(*words: Any) -> Any:
        picture = read(*words)
        with closing(connect(openemr.server.desk())) as base:
            base.execute("SET SESSION innodb_lock_wait_timeout = 1")
            openemr.unsaved(base, Opening(other, MONDAY + timedelta(hours=9)))
            base.commit()
            seen.append(True)
        return picture

    mapping.read = slowly
    emr.slots(DAY)
    emr.close()
    assert seen == [True]


class Ticking:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.age = timedelta(hours=1)

    def now(self) -> Instant:
        return Instant(Still().now().utc, self.age)


def test_reading_takes_a_fiftieth_of_the_databases_time(maria: MariaBench) -> None:
    """A read whose queries took two seconds is followed by 98 seconds of rest; a failing one asks for as much."""
    clock, dialect = Ticking(), maria.dialect()
    emr = SqlEmr(maria.mapping, dialect, clock)
    assert emr.rest(clock.now()) <= timedelta(0)
    emr.slots(DAY)
    session = emr._session
    assert emr.rest(clock.now()) == timedelta(seconds=session.asked_s * 49) > timedelta(0)
    slow = timedelta(seconds=2)
    read, emr._pull = emr._pull, lambda window: [read(window), setattr(session, "asked_s", slow.total_seconds())][0]  # type: ignore[method-assign]
    emr.slots(DAY)
    assert emr.rest(clock.now()) == slow * 49
    clock.age += slow * 49
    assert emr.rest(clock.now()) == timedelta(0)
    emr._pull = lambda _: (_ for _ in ()).throw(Transient(DOING, say("slow")))  # type: ignore[method-assign]
    with pytest.raises(Transient) as told:
        emr.slots(DAY)
    assert told.value.after == slow * 49
    emr.close()


def test_a_file_needs_no_rest(tmp_path: Path) -> None:
    """Nobody else waits for SQLite's reader."""
    bench = OscarBench(tmp_path)
    bench.fresh(cells(9))
    emr = bench.adapter()
    emr.slots(DAY)
    assert emr.rest(Still().now()) <= timedelta(0)
    emr.close()
