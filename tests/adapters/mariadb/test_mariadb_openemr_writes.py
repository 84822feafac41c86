"""What we write into OpenEMR's calendar, on other versions of it too, and with which rights."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.conformance import Opening
from adapters.conformance.bench import DAY, MINE, MONDAY, TURN, at, book, cancel, cells
from adapters.sql.mariadb_bench import OpenEmrBench
from adapters.sql.openemr.rows import NO_SERIES
from adapters.sql.openemr.schema import OLDER
from adapters.sql.openemr_bench import LABEL, insert
from adapters.sql.private import OPENEMR, Server
from adapters.sql.write import Point
from agent.core.booking import Op, Outcome, Write
from agent.core.errors import Misconfigured
from agent.core.model import Patient, Severity

WALL = MONDAY.replace(tzinfo=None)


def hour(of: float) -> datetime:
    return WALL + timedelta(hours=of)


def test_a_row_of_ours_is_one_the_screens_could_have_made(openemr: OpenEmrBench, patient: Patient) -> None:
    """Category and length of the hours, the text of no series, the label, and how to reach somebody unknown."""
    emr = openemr.adapter()
    odd = replace(patient, family="É" * 200, note="béquilles 😀")
    effect = emr.write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, odd, TURN))
    emr.close()
    assert (effect.outcome, effect.matched) == (Outcome.BOOKED, False)
    with openemr.base() as base:
        row = base.execute("""SELECT pc_catid, pc_multiple, pc_aid, pc_pid, CHAR_LENGTH(pc_title), pc_hometext, pc_informant,
            CAST(pc_eventDate AS CHAR), pc_endDate, pc_duration, pc_recurrtype, pc_recurrspec, CAST(pc_startTime AS CHAR),
            CAST(pc_endTime AS CHAR), pc_apptstatus, pc_eventstatus, pc_sharing, CAST(pc_time AS CHAR), LENGTH(uuid)
            FROM openemr_postcalendar_events WHERE pc_catid NOT IN (2, 3)""").fetchone()
    assert tuple(row) == (
        *(100, 0, "101", "", 150, f"{LABEL} - 418 555-0177 - béquilles 😀", "creneau", "2026-11-23", None, 900, 0),
        *(NO_SERIES, "09:00:00", "09:15:00", "-", 1, 1, "2026-11-20 12:00:00", 16),
    )


@pytest.mark.parametrize(
    ("card", "born", "names", "matched"),
    [
        ("nerz 8052 0312", "1980-02-03", ("X", "Y"), True),
        ("NERZ80520312", "1980-02-04", ("X", "Y"), False),
        ("", "1980-02-03", ("NERON COTE", "zoe"), True),
        ("ABCD00000000", "1980-02-03", ("Néron-Côté", "Zoé"), True),
        ("", "1981-02-03", ("Néron-Côté", "Zoé"), False),
        ("", None, ("Néron-Côté", "Zoé"), False),
    ],
)
def test_a_patient_is_found_by_card_or_by_names(
    openemr: OpenEmrBench, patient: Patient, card: str, born: str | None, names: tuple[str, str], matched: bool
) -> None:
    """Card and birth date, else names and birth date; nobody is made, and the row then carries no number."""
    with openemr.base() as base:
        base.execute(
            "INSERT INTO patient_data(pid, pubpid, DOB, lname, fname) VALUES(77, ?, ?, ?, ?)", (card, born, *names)
        )
    emr = openemr.adapter()
    effect = emr.write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, patient, TURN))
    emr.close()
    with openemr.base() as base:
        row = base.execute("SELECT pc_pid, pc_title FROM openemr_postcalendar_events WHERE pc_catid = 100").fetchone()
        people = base.execute("SELECT COUNT(*) FROM patient_data").fetchone()[0]
    assert (effect.matched, row[0], people) == (matched, "77" if matched else "", 1)
    assert row[1] == ("s" if matched else "s NÉRON-CÔTÉ, Zoé")


def test_two_of_one_name_and_day_are_nobody(openemr: OpenEmrBench, patient: Patient) -> None:
    """Twins of one given name exist, and so do files made twice: the desk decides."""
    with openemr.base() as base:
        for number in (77, 78):
            base.execute(
                "INSERT INTO patient_data(pid, DOB, lname, fname) VALUES(?, '1980-02-03', 'Néron-Côté', 'Zoé')", number
            )
    emr = openemr.adapter()
    assert emr.write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, patient, TURN)).matched is False
    emr.close()


def test_a_lunch_made_a_series_after_our_read_is_a_conflict(openemr: OpenEmrBench) -> None:
    """What the lock cannot hold is read after it: series, and what began the evening before."""
    emr = openemr.adapter()
    slots = {at_: at(emr, at_) for at_ in (9, 10)}
    openemr.desk.weekly(openemr.desk.event("101", hour(9), 900, 8))
    assert book(emr, slots[9]).outcome is Outcome.CONFLICT
    event = openemr.desk.event("101", hour(12), 900, 8)
    openemr.desk.change(str(event), pc_recurrtype=1, pc_recurrspec="nonsense", pc_endDate="2027-12-31")
    assert book(emr, slots[10], version=2).outcome is Outcome.CONFLICT  # unreadable: it may be now
    emr.close()


def test_a_category_that_goes_away_meanwhile_is_a_conflict(openemr: OpenEmrBench) -> None:
    """Switched off between read and write: no row of a category nobody uses."""
    emr = openemr.adapter()
    slot = at(emr, 9)
    with openemr.base() as base:
        base.execute("UPDATE openemr_postcalendar_categories SET pc_active = 0 WHERE pc_catid = 100")
    assert book(emr, slot).outcome is Outcome.CONFLICT
    assert openemr.appointments() == []
    emr.close()


def test_a_booking_after_our_last_look_is_reported_at_the_next_read(openemr: OpenEmrBench) -> None:
    """She had the form open all the while: nothing prevents it, the next read says so."""
    emr = openemr.adapter()
    assert book(emr, at(emr, 9)).outcome is Outcome.BOOKED
    openemr.book(cells(9)[0])
    assert [each.code for each in emr.slots(DAY).findings] == ["openemr.double"]
    emr.close()


def a_year(bench: OpenEmrBench) -> None:
    """Fill the calendar: in a table of a few rows no database looks at an index."""
    with bench.base() as base:
        for day in range(-120, 120):
            for n in range(10):
                insert(base, str(200 + n), WALL + timedelta(days=day, hours=8 + n), 900)
        base.commit()
        base.execute("ANALYZE TABLE openemr_postcalendar_events").fetchall()


def test_other_days_screens_do_not_wait_for_us(openemr: OpenEmrBench) -> None:
    """While we hold our lock, a booking two days on goes through."""
    seen: list[bool] = []

    def other() -> None:
        with openemr.base() as base:
            base.execute("SET SESSION innodb_lock_wait_timeout = 1")
            openemr.unsaved(base, Opening("101", MONDAY + timedelta(days=2, hours=9)))
            seen.append(True)

    a_year(openemr)
    emr = openemr.at(Point.CHECKED, other)
    assert book(emr, at(emr, 9)).outcome is Outcome.BOOKED
    assert seen == [True]
    emr.close()


# ---- other versions, other rights


@pytest.fixture
def older(server: Server, place: Callable[[str], Server]) -> Iterator[OpenEmrBench]:
    """Lend an OpenEMR of before, whose single events end on the zero date."""
    with closing(server.root()) as root:
        root.execute("DROP DATABASE IF EXISTS openemrolder")
    made = OpenEmrBench(server.beside(replace(OPENEMR, name="openemrolder")))
    with closing(made.server.root("openemrolder")) as root:
        root.execute("SET SESSION sql_mode = ''")
        root.execute(OLDER)
    made.fresh(cells(8, 9, 10, 11))
    return made


def test_the_zero_date_of_older_versions_is_no_last_day(older: OpenEmrBench) -> None:
    """Read, booked, moved and cancelled there as anywhere."""
    with older.base() as base:
        kept = base.execute("SELECT DISTINCT CAST(pc_endDate AS CHAR) FROM openemr_postcalendar_events").fetchall()
    assert [row[0] for row in kept] == ["0000-00-00"]
    emr = older.adapter()
    slot = at(emr, 9)
    had = book(emr, slot)
    assert had.outcome is Outcome.BOOKED
    assert [each.start.hour for each in emr.slots(DAY).slots] == [8, 10, 11]
    assert cancel(emr, 2, had.ref, slot).outcome is Outcome.CANCELLED
    older.desk.weekly(older.desk.event("101", hour(9), 900, 8))
    assert book(emr, slot, version=3).outcome is Outcome.CONFLICT
    emr.close()


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        (
            "CHANGE pc_prefcatid pc_prefcat INT(11) NOT NULL DEFAULT 0",
            "CHANGE pc_prefcat pc_prefcatid INT(11) NOT NULL DEFAULT 0",
        ),
        ("CHANGE uuid guid BINARY(16)", "CHANGE guid uuid BINARY(16)"),
    ],
)
def test_a_schema_that_changed_fails_closed(openemr: OpenEmrBench, spoil: str, mend: str) -> None:
    """After an upgrade that renamed a column nothing is read or written, and the message says what is wrong."""
    emr = openemr.adapter()
    slot = at(emr, 9)
    with closing(openemr.server.root("openemr")) as root:
        root.execute(f"ALTER TABLE openemr_postcalendar_events {spoil}")
        try:
            for act in (lambda: emr.slots(DAY), lambda: book(emr, slot), lambda: emr.find(MINE) or list(emr.check())):
                with pytest.raises(Misconfigured):
                    act()
        finally:
            root.execute(f"ALTER TABLE openemr_postcalendar_events {mend}")
            root.execute("GRANT ALL ON openemr.* TO oscar@localhost")
    assert openemr.appointments() == []
    emr.close()


def test_check_says_what_it_found_with_the_rights_it_asked_for(openemr: OpenEmrBench) -> None:
    """Every table, the sidecar, free slots; all well, and no clinical table is reachable."""
    emr = openemr.adapter()
    found = list(emr.check())
    script = emr.grants()
    emr.close()
    assert {each.severity for each in found} == {Severity.OK}
    assert {"openemr.table", "openemr.sidecar", "openemr.slots"} <= {each.code for each in found}
    tables = {line.partition(" ON ")[2].split(" TO ")[0] for line in script.splitlines() if line.startswith("GRANT")}
    assert tables == {
        "`openemr`.*",
        *(f"`openemr`.`{name}`" for name in (*OPENEMR.mapping.tables, "creneau_applied")),
    }
    reading = script.partition("--")[2].partition("-- Écrire")[0]
    assert not any(word in reading for word in ("pc_pid", "pc_hometext", "patient_data", "pc_title"))


def test_names_list_categories_people_and_facilities(openemr: OpenEmrBench) -> None:
    """Constants of visit categories, people of the calendar, facilities by number."""
    with openemr.base() as base:
        base.execute("INSERT INTO facility(id, name) VALUES(3, 'Clinique du Fjord')")
    emr = openemr.adapter()
    found = {(each.kind, each.code): (each.label, each.free) for each in emr.names(DAY)}
    emr.close()
    assert found["type", "s"] == ("s", 4)
    assert found["type", "new_patient"] == ("new_patient", 0)
    assert ("type", "lunch") not in found
    assert found["practitioner", "101"] == ("Zoé Côté", 4)
    assert found["site", "3"] == ("Clinique du Fjord", 4)
