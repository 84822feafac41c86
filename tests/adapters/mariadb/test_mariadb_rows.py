"""The corners of OSCAR's schema as a real server keeps them, and what we write into it."""

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from adapters.conformance import Still
from adapters.conformance.bench import DAY, MINE, MONDAY, at, book, cancel, cells
from adapters.sql.bench import LABEL
from adapters.sql.emr import SqlEmr
from adapters.sql.grants import script
from adapters.sql.mariadb import Mariadb
from adapters.sql.mariadb_bench import MariaBench
from adapters.sql.oscar import Oscar
from adapters.sql.private import OSCAR
from adapters.sql.sqlite import Sqlite
from agent.core.booking import Op, Outcome, Write
from agent.core.errors import Misconfigured
from agent.core.model import Cell, Patient, Severity, SiteId, Window
from agent.ports import SitePart

NIGHT = "_" * 36


def template(maria: MariaBench, text: str | None, name: str = "T", who: str = "Public", **day: str) -> None:
    """Give Monday a template; `day`: other columns of its scheduledate row."""
    row = {"sdate": "2026-11-23", "provider_no": "101", "available": "1", "hour": name, "status": "A", **day}
    with maria.base() as base:
        base.execute("INSERT INTO scheduletemplate(provider_no, name, timecode) VALUES(?, ?, ?)", (who, name, text))
        places = ", ".join("?" * len(row))
        base.execute(f"INSERT INTO scheduledate({', '.join(row)}) VALUES({places})", tuple(row.values()))


def read(maria: MariaBench, **terms: str) -> tuple[list[tuple[float, str]], list[str]]:
    """Return (hour, type) of Monday's slots, and the codes of what was found."""
    emr = SqlEmr(Oscar(replace(maria.terms, **terms)), maria.dialect(), Still())
    reading = emr.slots(DAY)
    emr.close()
    slots = sorted(((s.start - MONDAY) / timedelta(hours=1), s.type) for s in reading.slots)
    return slots, [each.code for each in reading.findings]


def codes(maria: MariaBench, *rows: tuple[str, str]) -> None:
    with maria.base() as base:
        for code, minutes in rows:
            base.execute("INSERT INTO scheduletemplatecode(code, duration) VALUES(?, ?)", (code, minutes))


@pytest.fixture
def empty(maria: MariaBench) -> MariaBench:
    """Lend a bench without any row."""
    maria.fresh([])
    return maria


def test_codes_differ_by_case_on_a_server_that_does_not_care(empty: MariaBench) -> None:
    """`s` is 15 minutes, `S` is 30: the collation calls them equal, we do not."""
    codes(empty, ("s", "15"), ("S", "30"))
    template(empty, NIGHT + "sSS_" + "_" * 56)
    assert read(empty) == ([(9.0, "s")], ["oscar.long-code"])
    assert read(empty, long_codes="every-cell") == ([(9.0, "s"), (9.25, "S")], [])


def test_a_code_defined_twice_with_two_lengths_is_withheld(empty: MariaBench) -> None:
    """OSCAR ships `C` twice; the same length twice is no doubt."""
    codes(empty, ("C", "15"), ("C", "30"), ("D", "15"), ("D", "15"))
    template(empty, NIGHT + "CD__" + "_" * 56)
    assert read(empty) == ([(9.25, "D")], ["oscar.code-twice"])


def test_two_active_rows_for_one_day_are_withheld(empty: MariaBench) -> None:
    """Which of the two OSCAR takes is chance; a replaced row (`D`) counts for nothing."""
    template(empty, NIGHT + "ssss" + "_" * 56)
    template(empty, "_" * 96, name="U", status="D")
    assert len(read(empty)[0]) == 4
    template(empty, "_" * 96, name="V")
    assert read(empty) == ([], ["oscar.two-schedules-one-day"])


@pytest.mark.parametrize(
    ("text", "codes_"),
    [("s" * 95, ["oscar.template-length"]), ("", []), (None, ["oscar.no-template"])],
    ids=["95 characters", "empty", "NULL"],
)
def test_a_broken_template_is_no_slot(empty: MariaBench, text: str | None, codes_: list[str]) -> None:
    """A length that does not divide the day is said; an empty text is simply no schedule."""
    template(empty, text)
    assert read(empty) == ([], codes_)


def test_the_doctors_own_template_goes_before_the_shared_one(empty: MariaBench) -> None:
    """Same name twice: own first; only under Public: the shared one."""
    template(empty, NIGHT + "W___" + "_" * 56)
    assert read(empty)[0] == [(9.0, "W")]
    with empty.base() as base:
        base.execute(
            "INSERT INTO scheduletemplate(provider_no, name, timecode) VALUES('101', 'T', ?)",
            (NIGHT + "_s__" + "_" * 56,),
        )
    assert read(empty)[0] == [(9.25, "s")]


def test_a_day_off_and_a_holiday_have_no_slots(maria: MariaBench) -> None:
    """`available` 0 hides the doctor; a holiday closes the clinic unless the file says otherwise."""
    with maria.base() as base:
        base.execute("INSERT INTO scheduleholiday VALUES('2026-11-23', 'Sainte-Catherine')")
    assert (read(maria)[0], len(read(maria, holidays="open")[0])) == ([], 4)
    with maria.base() as base:
        base.execute("DELETE FROM scheduleholiday")
        base.execute("UPDATE scheduledate SET available = '0'")
    assert read(maria)[0] == []


@pytest.mark.parametrize(
    ("status", "free"),
    [("C", True), ("CS", True), ("D", True), ("N", False), ("tS", False), ("H", False), (None, False), ("c", False)],
)
def test_only_cancelled_and_deleted_free_a_time(maria: MariaBench, status: str | None, free: bool) -> None:
    """The first letter decides, by case: `c` is a custom status, `C` a cancellation; no status blocks."""
    maria.book(cells(9)[0])
    with maria.base() as base:
        base.execute("UPDATE appointment SET status = ?", (status,))
    assert ((9.0, "s") in read(maria)[0]) is free


@pytest.mark.parametrize("end", ["24:00:00", "-01:00:00", "30:00:00"])
def test_times_python_cannot_hold_are_read_and_block(maria: MariaBench, end: str) -> None:
    """A TIME of 24 hours and more, or below zero, is no error: it blocks what it may mean."""
    maria.book(cells(10)[0])
    with maria.base() as base:
        base.execute("UPDATE appointment SET end_time = ?", (end,))
    hours = [hour for hour, _ in read(maria)[0]]
    assert (10.0 in hours, 11.0 in hours) == (False, False)


def test_the_case_of_a_doctors_number_does_not_free_a_time(empty: MariaBench) -> None:
    """OSCAR finds the appointments of `a1` for `A1`; so do we."""
    template(empty, NIGHT + "s" * 4 + "_" * 56, provider_no="A1")
    with empty.base() as base:
        base.execute("""INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, status)
            VALUES('a1', '2026-11-23', '09:00:00', '09:14:00', 't')""")
    assert [hour for hour, _ in read(empty)[0]] == [9.25, 9.5, 9.75]


@pytest.mark.parametrize("day", [date(2027, 3, 14), date(2027, 11, 7)])
def test_nights_the_clocks_change(empty: MariaBench, day: date) -> None:
    """A Sunday clinic: no slot at two o'clock in March, each wall-clock hour once in November."""
    template(empty, "s" * 24, sdate=f"{day}")
    emr = empty.adapter()
    start = MONDAY.replace(year=day.year, month=day.month, day=day.day)
    starts = [slot.start for slot in emr.slots(Window(start, start + timedelta(days=1))).slots]
    emr.close()
    assert len(starts) == len(set(starts))
    assert (2 in {each.hour for each in starts}) is (day.month == 11)
    assert len(starts) == (23 if day.month == 3 else 24)


def test_a_row_of_ours_is_one_the_screens_could_have_made(maria: MariaBench, patient: Patient) -> None:
    """51 characters, emoji and a long note: cut and cleaned by us, on a strict session; program 0, inclusive end."""
    emr = maria.adapter()
    long = replace(patient, family="É" * 51 + "😀", note="béquilles 😀 " * 40, booking=MINE)
    effect = emr.write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, long, None))
    assert effect.outcome is Outcome.BOOKED
    with maria.base() as base:
        row = base.execute("""SELECT name, CHAR_LENGTH(notes), program_id, status, creator, CAST(end_time AS CHAR), remarks,
            demographic_no, CAST(createdatetime AS CHAR), bookingSource, lastupdateuser FROM appointment""").fetchone()
    assert tuple(row) == (
        "É" * 50, 255, 0, "t", "creneau", "09:14:00", LABEL, 0, "2026-11-20 12:00:00", None, "",
    )  # fmt: skip
    emr.close()


def test_a_patient_is_found_by_card_among_the_clinics(maria: MariaBench, patient: Patient) -> None:
    """The card as OSCAR stores it, with or without blanks, and the birth date."""
    with maria.base() as base:
        base.execute("""INSERT INTO demographic(last_name, first_name, year_of_birth, month_of_birth, date_of_birth, hin,
            lastUpdateDate) VALUES('NÉRON', 'ZOE', '1980', '02', '03', 'nerz 80520312', NOW())""")
    emr = maria.adapter()
    effect = emr.write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, patient, None))
    assert effect.matched
    emr.close()


def test_a_cancel_keeps_a_copy_and_a_second_one_changes_nothing(maria: MariaBench) -> None:
    """The archive has the row as it was; the guard finds nothing the second time."""
    emr = maria.adapter()
    slot = at(emr, 9)
    had = book(emr, slot)
    for _ in range(2):
        assert cancel(emr, 2, had.ref, slot).outcome is Outcome.CANCELLED
    with maria.base() as base:
        rows = base.execute("SELECT appointment_no, status FROM appointmentArchive").fetchall()
    assert [(str(number), status) for number, status in rows] == [(had.ref, "t")]
    emr.close()


def test_a_zero_date_on_our_row_is_theirs_and_no_crash(maria: MariaBench) -> None:
    """A lax server takes 0000-00-00 from a script of the clinic's; the booking is then changed by staff."""
    emr = maria.adapter()
    book(emr, at(emr, 9))
    with maria.base() as base:
        base.execute("UPDATE appointment SET appointment_date = '0000-00-00'")
    found = emr.find(MINE)
    assert found is not None
    assert (found.outcome, found.theirs) == (Outcome.CHANGED, True)
    emr.close()


def test_a_date_without_a_day_breaks_no_read(maria: MariaBench) -> None:
    """A lax server keeps 2026-12-00 between two real days; no screen shows it, and neither do we."""
    maria.book(cells(9)[0])
    maria.book(cells(10)[0])
    with maria.base() as base:
        base.execute("UPDATE appointment SET appointment_date = '2026-12-00' WHERE start_time = '09:00:00'")
        base.execute(
            "INSERT INTO scheduledate(sdate, provider_no, available, hour, status) VALUES('2026-12-00', '101', '1', 'T', 'A')"
        )
        base.execute("INSERT INTO scheduleholiday VALUES('2026-12-00', 'x')")
    emr = maria.adapter()
    hours = [slot.start.hour for slot in emr.slots(Window(MONDAY, MONDAY + timedelta(days=20))).slots]
    emr.close()
    assert hours == [8, 9, 11]


def test_the_agenda_shows_what_takes_time_and_no_patient(maria: MariaBench) -> None:
    """Blocked, busy, ours and free, each with its ends."""
    maria.book(cells(8)[0])
    emr = maria.adapter()
    book(emr, at(emr, 9))
    rows = [(row.start.hour, row.cell, row.end - row.start) for row in emr.rows(DAY)]
    emr.close()
    quarter = timedelta(minutes=15)
    assert rows == [
        (8, Cell.BUSY, quarter),
        (9, Cell.OURS, quarter),
        (10, Cell.FREE, quarter),
        (11, Cell.FREE, quarter),
    ]


def test_check_says_what_it_found_with_the_rights_it_asked_for(maria: MariaBench) -> None:
    """Version, isolation, character set, every table, the sidecar, free slots; all well."""
    emr = maria.adapter()
    found = list(emr.check())
    emr.close()
    assert {each.severity for each in found} == {Severity.OK}
    assert {"sql.version", "sql.isolation", "oscar.table", "oscar.sidecar", "oscar.slots"} <= {f.code for f in found}
    says = [str(each.says) for each in found]
    assert "mariadb: isolation REPEATABLE-READ" in says


@pytest.mark.parametrize(
    ("spoil", "mend", "code"),
    [
        ("RENAME TABLE creneau_applied TO away", "RENAME TABLE away TO creneau_applied", "oscar.sidecar"),
        (
            "ALTER TABLE creneau_applied CHANGE previous former VARCHAR(80)",
            "ALTER TABLE creneau_applied CHANGE former previous VARCHAR(80)",
            "oscar.sidecar",
        ),
        (
            "ALTER TABLE appointmentArchive ENGINE = MyISAM",
            "ALTER TABLE appointmentArchive ENGINE = InnoDB",
            "oscar.engine",
        ),
        ("RENAME TABLE scheduleholiday TO away", "RENAME TABLE away TO scheduleholiday", "oscar.table"),
    ],
)
def test_what_is_not_as_it_must_be_is_said(maria: MariaBench, spoil: str, mend: str, code: str) -> None:
    """No sidecar, an older one, a table without transactions, a missing table."""
    with closing(maria.server.root("oscar")) as root:
        root.execute(spoil)
        try:
            emr = maria.adapter()
            odd = [each.code for each in emr.check() if each.severity is not Severity.OK]
            emr.close()
        finally:
            root.execute(mend)
    assert odd == [code]


def test_without_its_sidecar_nothing_is_written(maria: MariaBench) -> None:
    """Dropped under a running agent: Misconfigured with the command, reading goes on, and no row."""
    emr = maria.adapter()
    slot = at(emr, 9)
    with closing(maria.server.root("oscar")) as root:
        root.execute("RENAME TABLE creneau_applied TO away")
        try:
            with pytest.raises(Misconfigured) as told:
                book(emr, slot)
            assert at(emr, 9) == slot
        finally:
            root.execute("RENAME TABLE away TO creneau_applied")
    assert (str(told.value.hint), maria.appointments()) == ("creneau emr grants", [])
    emr.close()


def test_a_right_that_was_not_given_is_not_used(maria: MariaBench) -> None:
    """With the printed rights the agent can neither read a patient's phone nor change a schedule."""
    with closing(maria.server.root()) as root:
        shown = root.execute("SHOW GRANTS FOR creneau@localhost").fetchall()
    rights: Any = "\n".join(row[0] for row in shown)
    assert "phone" not in rights
    assert "ALL PRIVILEGES" not in rights
    assert "GRANT SELECT ON `oscar`.`scheduledate`" in rights


def test_the_account_of_another_machine_is_any_machines() -> None:
    """From elsewhere the clinic's administrator puts the address for %."""
    away = Mariadb("DRIVER={X};SERVER=db.clinic.example;DATABASE=oscar_12", "creneau", str)
    assert "GRANT SELECT ON `oscar_12`.`scheduledate` TO 'creneau'@'%';" in script(away, OSCAR.mapping, sidecar=True)
    assert script(Sqlite("sqlite:///x.db"), OSCAR.mapping, sidecar=True).count("GRANT") == 0


def test_several_doctors_own_templates_of_one_name(empty: MariaBench) -> None:
    """Each has its own text and its own grid under the same name; whoever has none takes the shared one."""
    own = {"101": "_" * 36 + "s" + "_" * 59, "102": "_" * 54 + "s" + "_" * 89, "103": "_" * 108 + "s" + "_" * 179}
    for who, text in own.items():
        template(empty, text, who=who, provider_no=who)
    template(empty, NIGHT + "_W__" + "_" * 56, provider_no="104")
    emr = empty.adapter()
    slots = emr.slots(DAY).slots
    emr.close()
    found = {each.practitioner.key: (f"{each.start:%H:%M}", each.end - each.start, each.type) for each in slots}
    minutes = [timedelta(minutes=n) for n in (15, 10, 5)]
    assert found == {
        "101": ("09:00", minutes[0], "s"),
        "102": ("09:00", minutes[1], "s"),
        "103": ("09:00", minutes[2], "s"),
        "104": ("09:15", minutes[0], "W"),
    }


def test_a_day_changed_by_hand_keeps_its_doctors_only_site(empty: MariaBench) -> None:
    """Its reason is free text: who works at one site is there, who works at two is withheld."""
    sites = (SitePart(SiteId("fjord"), "America/Toronto", "Fjord"), SitePart(SiteId("lac"), "America/Toronto", "Lac"))
    for who in ("101", "102"):
        template(empty, NIGHT + "s___" + "_" * 56, who=who, provider_no=who, reason="Formation", priority="c")
    with empty.base() as base:
        base.execute("INSERT INTO site(site_id, name, short_name) VALUES(1, 'Fjord', 'F'), (2, 'Lac', 'L')")
        base.execute("INSERT INTO providersite VALUES('101', 2), ('102', 1), ('102', 2)")
    emr = SqlEmr(Oscar(replace(empty.terms, sites=sites)), empty.dialect(), Still())
    reading = emr.slots(DAY)
    shown = [(row.practitioner.key, row.site) for row in emr.rows(DAY)]
    emr.close()
    assert [(each.practitioner.key, each.site) for each in reading.slots] == [("101", "lac")] == shown
    assert [each.code for each in reading.findings] == ["oscar.no-site"]


def test_groups_stand_behind_their_people(maria: MariaBench) -> None:
    """A group is a way to look at the agenda, not a schedule: `emr list` shows who is in it."""
    with maria.base() as base:
        base.execute("""INSERT INTO provider(provider_no, last_name, first_name, lastUpdateDate)
            VALUES('101', 'Gagnon', 'Andrée', NOW())""")
        base.execute("INSERT INTO mygroup(mygroup_no, provider_no) VALUES('GMF', '101'), ('Équipe A', '101')")
    emr = maria.adapter()
    labels = [each.label for each in emr.names(DAY) if each.kind == "practitioner"]
    emr.close()
    assert labels == ["Andrée Gagnon [Équipe A] [GMF]"]


@pytest.mark.parametrize(("description", "due"), [("Suivi", "Suivi"), ("suivi", ""), (None, "")])
def test_the_appointment_type_is_the_one_the_code_is_described_by(
    maria: MariaBench, description: str | None, due: str
) -> None:
    """A clinic whose type is called as its code is described sees it on ours; no guess otherwise."""
    with maria.base() as base:
        base.execute(
            "INSERT INTO scheduletemplatecode(code, description, duration) VALUES('s', ?, '15')", (description,)
        )
        base.execute("INSERT INTO appointmentType(name, duration) VALUES(NULL, 15), ('Suivi', 15)")
    emr = maria.adapter()
    book(emr, at(emr, 9))
    emr.close()
    with maria.base() as base:
        assert base.execute("SELECT type FROM appointment").fetchone()[0] == due


def test_a_poll_cannot_read_what_it_does_not_need(maria: MariaBench) -> None:
    """The reading half of the rights leaves out notes, reasons and patients' numbers."""
    emr = maria.adapter()
    reading = emr.grants().partition("-- Écrire")[0]
    emr.close()
    assert not any(word in reading for word in ("notes", "demographic", "reason", "remarks"))
