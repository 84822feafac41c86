"""One made-up agenda in the tables of four EMRs: 10 doctors, 90 days, quarters 8 to 12 and 13 to 17, 62 % booked.

Each also as a naive reader sees it: one question per quarter hour; and as a receptionist writes into it.
"""

import random
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from adapters.sql import private, private_postgres
from adapters.sql.emr import SqlEmr
from adapters.sql.grants import script
from adapters.sql.mapped import load, mapped
from adapters.sql.mapped.file import SHIPPED
from adapters.sql.mapped.made import GNUHEALTH, HOURS
from adapters.sql.openemr import OpenEmr
from adapters.sql.openemr import Terms as OpenEmrTerms
from adapters.sql.openemr.rows import NO_SERIES
from adapters.sql.openemr.schema import CATEGORIES
from adapters.sql.openemr.schema import SHIPPED as SHIPPED_CATEGORIES
from adapters.sql.oscar import Oscar
from adapters.sql.oscar import Terms as OscarTerms
from adapters.sql.places import Clinic
from agent.core.model import EmrName, SiteId
from agent.ports import SitePart

DME, SITE = EmrName("dme"), SiteId("principal")
ZONE = ZoneInfo("America/Toronto")
SITES = (SitePart(SITE, "America/Toronto"),)
START = date(2026, 11, 23)
DOCTORS = [str(101 + n) for n in range(10)]
DAYS = [day for n in range(90) if (day := START + timedelta(days=n)).weekday() < 5]
QUARTERS = (*range(32, 48), *range(52, 68))
STATUSES = ["t"] * 80 + ["T"] * 4 + ["C"] * 6 + ["N"] * 2 + ["CS"] * 2 + ["H"] * 3 + ["tS"] * 3
OFF = (date(2026, 12, 25), date(2027, 1, 1))
"""Days OpenEMR's series leave out."""


@dataclass
class Agenda:
    """One EMR, filled. `naive`: a question and its values for a cell; `save`: a screen's INSERT and its values."""

    name: str
    make: Callable[[Any], SqlEmr]
    desk: Callable[[], Any]
    naive: str
    ask: Callable[[str, datetime], tuple[Any, ...]]
    free: int
    save: str
    say: Callable[[str, datetime], tuple[Any, ...]]


def at(day, quarter):
    return datetime.combine(day, time.min) + timedelta(minutes=15 * quarter)


def utc(wall):
    return wall.replace(tzinfo=ZONE).astimezone(UTC).replace(tzinfo=None)


def booked(seed=7):
    """Yield (doctor, start, status) of every appointment."""
    dice = random.Random(seed)
    for day in DAYS:
        for who in DOCTORS:
            for quarter in QUARTERS:
                if dice.random() < 0.62:
                    yield who, at(day, quarter), dice.choice(STATUSES)


def clock(wall, minutes=0):
    return f"{wall + timedelta(minutes=minutes):%H:%M:%S}"


def insert(base, table, columns, rows, size=400):
    """Insert many rows in few statements; the values are ours."""
    rows = [tuple(row) for row in rows]
    for begin in range(0, len(rows), size):
        part = rows[begin : begin + size]
        marks = ", ".join(f"({', '.join('?' * len(columns))})" for _ in part)
        base.execute(f"INSERT INTO {table}({', '.join(columns)}) VALUES {marks}", [v for row in part for v in row])


def oscar_tables(server):
    """Fill OSCAR's tables; return how many schedule days and appointments."""
    text = "_" * 32 + "1" * 16 + "_" * 4 + "1" * 16 + "_" * 28
    dates = [(f"{day}", who, "1", "P:J", "A") for day in DAYS for who in DOCTORS]
    busy = [(who, f"{w:%Y-%m-%d}", clock(w), clock(w, 14), status, 0, "oscardoc") for who, w, status in booked()]
    server.load({
        "provider": (("provider_no", "last_name", "first_name", "lastUpdateDate"), [(w, f"É{w}", "Zoé", f"{START} 00:00:00") for w in DOCTORS]),
        "scheduletemplate": (("provider_no", "name", "timecode"), [("Public", "P:J", text)]),
        "scheduledate": (("sdate", "provider_no", "available", "hour", "status"), dates),
        "appointment": (("provider_no", "appointment_date", "start_time", "end_time", "status", "demographic_no", "creator"), busy),
    })  # fmt: skip
    return len(dates), len(busy)


def oscar(server):
    oscar_tables(server)
    return Agenda(
        "oscar, MariaDB",
        lambda clock: SqlEmr(Oscar(OscarTerms(DME, SITES)), server.dialect(), clock),
        lambda: private.connect(server.desk()),
        """SELECT COUNT(*) FROM appointment WHERE provider_no = ? AND appointment_date = ? AND start_time < ? AND end_time > ?
        AND (status IS NULL OR LEFT(status, 1) NOT IN ('C', 'D'))""",
        lambda who, w: (who, f"{w:%Y-%m-%d}", clock(w, 15), clock(w)),
        0,
        """INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, status, demographic_no, creator)
        VALUES(?, ?, ?, ?, 't', 0, 'Manon')""",
        lambda who, w: (who, f"{w:%Y-%m-%d}", clock(w), clock(w, 14)),
    )


def openemr(server):
    rule = 'a:3:{{s:17:"event_repeat_freq";s:1:"1";s:22:"event_repeat_freq_type";s:1:"4";s:6:"exdate";s:{}:"{}";}}'
    out = ",".join(f"{day:%Y%m%d}" for day in OFF)
    series = [
        (hour, kind, seconds) for hour, kind, seconds in ((8, 2, 0), (12, 3, 0), (12, 8, 3600), (13, 2, 0), (17, 3, 0))
    ]
    columns = (
        *(
            "pc_catid",
            "pc_multiple",
            "pc_aid",
            "pc_pid",
            "pc_title",
            "pc_eventDate",
            "pc_endDate",
            "pc_duration",
            "pc_recurrtype",
        ),
        *("pc_recurrspec", "pc_startTime", "pc_endTime", "pc_apptstatus", "pc_eventstatus", "pc_sharing"),
    )
    status = {"C": "x", "CS": "%", "N": "?"}
    rows = [
        (kind, 0, who, "", "x", f"{START}", "2027-12-31", seconds, 1, rule.format(len(out), out), f"{hour:02}:00:00",
         f"{hour + seconds // 3600:02}:00:00", "-", 1, 1)
        for who in DOCTORS for hour, kind, seconds in series
    ]  # fmt: skip
    rows += [
        (
            9,
            0,
            who,
            "",
            "Visite",
            f"{w:%Y-%m-%d}",
            None,
            900,
            0,
            NO_SERIES,
            clock(w),
            clock(w, 15),
            status.get(state, "-"),
            1,
            1,
        )
        for who, w, state in booked()
    ]
    with closing(server.root(server.database.name)) as root:
        root.execute("START TRANSACTION")
        for number, word, seconds, kind in SHIPPED_CATEGORIES:
            root.execute(f"{CATEGORIES} VALUES(?, ?, ?, ?, ?)", (number, word, word, seconds, kind))
        insert(
            root,
            "users",
            ("id", "fname", "lname", "authorized", "calendar"),
            [(who, "Zoé", who, 1, 1) for who in DOCTORS],
        )
        insert(root, "openemr_postcalendar_events", columns, rows)
        root.execute("COMMIT")
    return Agenda(
        "openemr, MariaDB",
        lambda clock: SqlEmr(OpenEmr(OpenEmrTerms(DME, SITES)), server.dialect(), clock),
        lambda: private.connect(server.desk()),
        """SELECT COUNT(*) FROM openemr_postcalendar_events WHERE pc_aid = ? AND pc_eventDate = ? AND pc_recurrtype = 0
        AND pc_startTime < ? AND pc_endTime > ? AND pc_apptstatus NOT IN ('x', '%')""",
        lambda who, w: (who, f"{w:%Y-%m-%d}", clock(w, 15), clock(w)),
        0,
        f"INSERT INTO openemr_postcalendar_events({', '.join(columns)}) VALUES({', '.join('?' * len(columns))})",
        lambda who, w: (
            9,
            0,
            who,
            "",
            "x",
            f"{w:%Y-%m-%d}",
            None,
            900,
            0,
            NO_SERIES,
            clock(w),
            clock(w, 15),
            "-",
            1,
            1,
        ),
    )


def hours(server):
    file = load(SHIPPED / "hours-mysql.toml")
    with closing(server.root(server.database.name)) as root:
        root.execute("START TRANSACTION")
        insert(root, "doctors", ("id", "given_name", "family_name"), [(int(who), "Zoé", who) for who in DOCTORS[3:]])
        days = [
            (int(who), "s", f"{day}", f"{a:02}:00:00", f"{b:02}:00:00")
            for day in DAYS
            for who in DOCTORS
            for a, b in ((8, 12), (13, 17))
        ]
        insert(root, "working_hours", ("doctor_id", "visit_code", "work_day", "from_time", "to_time"), days)
        rows = [(int(who), f"{w:%Y-%m-%d}", clock(w), clock(w, 14), _state(s), "Manon") for who, w, s in booked()]
        insert(root, "appointments", ("doctor_id", "visit_day", "start_time", "last_minute", "status", "made_by"), rows)
        root.execute("COMMIT")
    return Agenda(
        "mapping file, MariaDB",
        lambda clock: SqlEmr(mapped(file, Clinic(DME, SITES)), server.dialect(), clock),
        lambda: private.connect(server.desk()),
        """SELECT COUNT(*) FROM appointments WHERE doctor_id = ? AND visit_day = ? AND start_time < ? AND last_minute > ?
        AND status <> 'cancelled'""",
        lambda who, w: (int(who), f"{w:%Y-%m-%d}", clock(w, 15), clock(w)),
        0,
        "INSERT INTO appointments(doctor_id, visit_day, start_time, last_minute, status, made_by) VALUES(?, ?, ?, ?, 'booked', 'Manon')",
        lambda who, w: (int(who), f"{w:%Y-%m-%d}", clock(w), clock(w, 14)),
    )


def gnuhealth(server):
    file = load(SHIPPED / "gnuhealth.toml")
    taken = {(who, w) for who, w, state in booked() if _state(state) != "cancelled"}
    cells = [(who, at(day, quarter)) for day in DAYS for who in DOCTORS for quarter in QUARTERS]
    rows = [
        (int(who), f"{utc(w):%Y-%m-%d %H:%M:%S}", f"{utc(w + timedelta(minutes=15)):%Y-%m-%d %H:%M:%S}", "confirmed" if (who, w) in taken else "free")
        for who, w in cells
    ]  # fmt: skip
    with closing(server.screens("gnuhealth")) as root:
        root.execute("BEGIN")
        insert(root, "gnuhealth_healthprofessional", ("id", "name"), [(int(who), 1) for who in DOCTORS[3:]])
        insert(root, "gnuhealth_appointment", ("healthprof", "appointment_date", "appointment_date_end", "state"), rows)
        root.execute("COMMIT")
        root.execute("ANALYZE gnuhealth_appointment")

    def desk():
        line = server.screens("gnuhealth")
        line.autocommit = False
        return line

    return Agenda(
        "mapping file, PostgreSQL",
        lambda clock: SqlEmr(mapped(file, Clinic(DME, SITES)), server.dialect("gnuhealth"), clock),
        desk,
        "SELECT COUNT(*) FROM gnuhealth_appointment WHERE healthprof = ? AND appointment_date = ? AND state = 'free'",
        lambda who, w: (int(who), f"{utc(w):%Y-%m-%d %H:%M:%S}"),
        1,
        """UPDATE gnuhealth_appointment SET state = 'confirmed', write_date = now() WHERE healthprof = ?
        AND appointment_date = ? AND state = 'free'""",
        lambda who, w: (int(who), f"{utc(w):%Y-%m-%d %H:%M:%S}"),
    )


def _state(status):
    return "cancelled" if status[0] == "C" else "booked"


@contextmanager
def every():
    """Lend what fills each EMR on a server of its own, for those this machine can run."""
    file = load(SHIPPED / "hours-mysql.toml")
    plain = private.Database("hours", "utf8mb4", HOURS, mapped(file, Clinic(DME, ())))
    with private.serving(durable=True) as maria:
        makers = [
            lambda: oscar(maria),
            lambda: openemr(maria.beside(private.OPENEMR)),
            lambda: hours(maria.beside(plain)),
        ]
        if why := private_postgres.missing():
            print(f"PostgreSQL left out: {why}")
            yield makers
            return
        with private_postgres.serving(durable=True) as postgres:
            postgres.database("gnuhealth", GNUHEALTH)
            with closing(postgres.screens("gnuhealth")) as desk:
                rights = mapped(load(SHIPPED / "gnuhealth.toml"), Clinic(DME, ()))
                private.run(desk, script(postgres.dialect("gnuhealth"), rights, sidecar=True))
            yield [*makers, lambda: gnuhealth(postgres)]
