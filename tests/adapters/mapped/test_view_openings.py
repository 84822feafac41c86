"""Opening times of an HL7 source out of a database view, on a real MariaDB: read, changed, away, back, too old."""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters import conformance
from adapters.catalog import ENTRIES
from adapters.conformance import NAME
from adapters.conformance.bench import DAY, MONDAY, NOW
from adapters.hl7v2 import Hl7Emr, open_
from adapters.sql import factory, private
from adapters.sql.mapped import load
from agent.core.errors import Misconfigured
from agent.core.model import Instant, Severity, Window
from agent.core.sheet import Faults
from agent.ports import Tools

VIEW = """
[mapping]
name     = "heures"
database = "mysql"
clock    = "local"
grid     = 60
tells    = "openings"

[open]
sql = '''
SELECT doctor_id, visit_code, CAST(work_day AS CHAR), CAST(from_time AS CHAR), CAST(to_time AS CHAR)
FROM heures_ouvertes WHERE work_day BETWEEN ? AND ?'''
values  = ["first_day", "last_day"]
columns = ["practitioner", "type", "day", "start_time", "end_time"]

[rights]
read = ["SELECT ON heures_ouvertes"]
"""
HOURS_OF = "INSERT INTO working_hours(doctor_id, visit_code, work_day, from_time, to_time) VALUES(101, 's', ?, ?, ?)"


class Clinic:
    """A database with hours, an HL7 feed beside it, and the agent's clock."""

    def __init__(self, server: private.Server, folder: Path) -> None:
        self.server = server
        self.file = folder / "heures.toml"
        self.file.write_text(VIEW, encoding="utf-8")
        self.since, self.opened = timedelta(0), 0
        clinic = self

        class Clock:
            def now(self) -> Instant:
                return Instant(NOW + clinic.since, timedelta(hours=1) + clinic.since)

        given = conformance.tools(secrets={NAME: private.PASSWORD})
        self.tools: Tools = replace(given, clock=Clock(), beside=self._beside)
        self.emrs: list[Hl7Emr] = []

    def _beside(self, adapter: str, options: object) -> factory.SqlReader:
        assert adapter == "sql"
        self.opened += 1
        return factory.open_(NAME, options, self.tools)  # type: ignore[arg-type]

    def emr(self, **options: object) -> Hl7Emr:
        given = {option.key: option.default for option in ENTRIES["hl7"].options}
        view = {"view.mapping": self.file, "view.connection": self.server.connection, "view.user": private.USER}
        self.emrs.append(open_(NAME, {**given, **view, "loaded": NOW.date(), **options}, self.tools))
        return self.emrs[-1]

    def sql(self, text: str, *values: object) -> None:
        with closing(self.server.root(self.server.database.name)) as root:
            root.execute(text, values)

    def hours(self, day: date, begins: str, ends: str) -> None:
        self.sql(HOURS_OF, day.isoformat(), begins, ends)

    def later(self, **span: int) -> None:
        self.since += timedelta(**span)


@pytest.fixture
def clinic(mariadb: private.Server, tmp_path: Path) -> Iterator[Clinic]:
    """Lend the hours database with a view that the agent's account may read, Monday 8 to 10."""
    made = Clinic(mariadb, tmp_path)
    made.sql("DELETE FROM working_hours")
    made.sql("CREATE OR REPLACE VIEW heures_ouvertes AS SELECT * FROM working_hours")
    made.sql(f"GRANT SELECT ON heures_ouvertes TO {private.USER}@localhost")
    made.hours(MONDAY.date(), "08:00", "10:00")
    yield made
    for emr in made.emrs:
        emr.close()
    made.sql("DROP VIEW IF EXISTS heures_ouvertes")
    made.sql("DELETE FROM working_hours")


def seen(emr: Hl7Emr, window: Window = DAY) -> tuple[list[int], dict[str, Severity]]:
    reading = emr.slots(window)
    found = {each.code: each.severity for each in reading.findings}
    assert reading.complete is not (Severity.FAULT in found.values())
    return sorted(slot.start.hour for slot in reading.slots), found


def test_the_view_opens_what_the_notices_take(clinic: Clinic) -> None:
    """Cut by the mapping's grid, beside hours of the file; closed days and taken times are left out."""
    emr = clinic.emr()
    assert seen(emr) == ([8, 9], {})
    table = {"practitioner": "102", "type": "s", "days": ["lun"], "from": "13:00", "to": "14:00", "minutes": 60}
    assert seen(clinic.emr(openings=[table])) == ([8, 9, 13], {})
    assert seen(clinic.emr(closed=[MONDAY.date()])) == ([], {})
    assert {(one.kind, one.code): one.free for one in emr.names(DAY)}["practitioner", "101"] == 2
    assert [row.cell.value for row in emr.rows(DAY)] == ["free", "free"]


def test_a_changed_view_is_seen_within_minutes_and_an_unchanged_one_writes_nothing(clinic: Clinic) -> None:
    """The database is asked every five minutes, whoever else asks; a further horizon is read at once."""
    emr = clinic.emr()
    seen(emr)
    clinic.hours(MONDAY.date(), "10:00", "11:00")
    clinic.later(minutes=4)
    assert seen(emr)[0] == [8, 9]
    clinic.later(minutes=1)
    assert seen(emr)[0] == [8, 9, 10]
    before = dict(clinic.tools.store.notes(""))
    clinic.later(minutes=6)
    seen(emr)
    assert dict(clinic.tools.store.notes("")) == before
    far = Window(MONDAY + timedelta(days=35), MONDAY + timedelta(days=36))
    clinic.hours(far.start.date(), "08:00", "09:00")
    assert seen(emr, far)[0] == [8]
    assert clinic.opened == 1, "one connection an object"


def test_a_view_that_is_away_leaves_what_was_read_until_it_is_too_old(
    clinic: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    """Warned of at once, also after a restart; past the limit nothing is offered; back, it counts again."""
    emr = clinic.emr(**{"view.oldest": timedelta(hours=2)})
    assert seen(emr) == ([8, 9], {})
    clinic.sql("DROP VIEW heures_ouvertes")
    clinic.later(minutes=10)
    with caplog.at_level(logging.INFO, "creneau.hl7"):
        assert seen(emr) == ([8, 9], {"hl7.view-down": Severity.WARN})
        clinic.later(minutes=10)
        assert seen(emr) == ([8, 9], {"hl7.view-down": Severity.WARN})
        assert seen(clinic.emr()) == ([8, 9], {"hl7.view-down": Severity.WARN})
        clinic.later(hours=2)
        assert seen(emr) == ([], {"hl7.view-old": Severity.FAULT})
        assert seen(clinic.emr(**{"view.oldest": timedelta(hours=2)})) == ([], {"hl7.view-old": Severity.FAULT})
        clinic.sql("CREATE VIEW heures_ouvertes AS SELECT * FROM working_hours")
        clinic.later(minutes=10)
        assert seen(emr) == ([8, 9], {})
    words = [each.getMessage().split()[0] for each in caplog.records if "view" in each.getMessage()]
    assert words == ["hl7.view_down", "hl7.view_down", "hl7.view_down", "hl7.view_back"], "once an object"


def test_a_server_that_dies_is_a_view_that_is_away(tmp_path: Path) -> None:
    """Killed as by a power switch while the agent runs; and nothing was ever read when it is away from the start."""
    if why := private.missing():
        pytest.skip(why)
    from adapters.sql.mapped.file import SHIPPED
    from adapters.sql.mapped.made import HOURS
    from adapters.sql.mapped.mapping import Mapped
    from adapters.sql.places import Clinic as Sites

    reading = Mapped(load(SHIPPED / "hours-mysql.toml"), Sites(NAME, ()))
    with private.serving(private.Database("hours", "utf8mb4", HOURS, reading, sidecar=False)) as server:  # type: ignore[arg-type]
        clinic = Clinic(server, tmp_path)
        clinic.file.write_text(VIEW.replace("heures_ouvertes", "working_hours"), encoding="utf-8")
        clinic.hours(MONDAY.date(), "08:00", "10:00")
        emr = clinic.emr()
        assert seen(emr) == ([8, 9], {})
        server.stop(kill=True)
        clinic.later(minutes=10)
        assert seen(emr) == ([8, 9], {"hl7.view-down": Severity.WARN})
        clinic.tools.store.note({"view": None})
        assert seen(clinic.emr()) == ([], {"hl7.view-none": Severity.FAULT})
        for each in clinic.emrs:
            each.close()


def test_the_account_and_its_password_come_from_file_and_vault(clinic: Clinic) -> None:
    """A refused password and a missing right are told in the words of the database adapter, with what to do."""
    hints = []
    for options in ({"view.user": "nobody"}, {"view.connection": clinic.server.connection.replace("=hours", "=none")}):
        reading = clinic.emr(**options).slots(DAY)
        assert not reading.complete
        (found,) = reading.findings
        hints.append(str(found.hint))
    assert hints[0] == f"creneau secret set {NAME}"
    with pytest.raises(Misconfigured):
        clinic.emr(**{"view.connection": ""})


def test_hours_that_cannot_be_read_are_left_out_and_said(clinic: Clinic) -> None:
    """A row without an end is no opening; the others stand."""
    clinic.sql(
        "CREATE OR REPLACE VIEW heures_ouvertes AS SELECT doctor_id, visit_code, work_day, from_time, IF(from_time < '09:00', to_time, '') to_time FROM working_hours"
    )
    clinic.hours(MONDAY.date(), "13:00", "14:00")
    hours, found = seen(clinic.emr())
    assert hours == [8, 9]
    assert list(found.values()) == [Severity.WARN]


def test_a_mapping_of_hours_is_no_agenda(clinic: Clinic, tmp_path: Path) -> None:
    """As a source of its own every hour would look free: it is refused; and an agenda still needs what is taken."""
    options = {"mapping": clinic.file, "connection": clinic.server.connection, "user": private.USER}
    with pytest.raises(Misconfigured) as told:
        factory.open_(NAME, options, clinic.tools)
    assert told.value.key == "mapping.tells"
    other = tmp_path / "agenda.toml"
    other.write_text(VIEW.replace('"openings"', '"agenda"'), encoding="utf-8")
    with pytest.raises(Faults) as faults:
        load(other)
    assert {one.key for one in faults.value.faults} >= {"busy", "states.due"}
