"""The corners of OpenEMR's calendar as a real server keeps them, and what we write into it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.conformance import Opening, Still
from adapters.conformance.bench import DAY, MINE, MONDAY, TURN, at, book, cancel, cells
from adapters.sql.emr import SqlEmr
from adapters.sql.mariadb_bench import OpenEmrBench
from adapters.sql.openemr import OpenEmr
from adapters.sql.openemr.bench import LABEL, insert
from adapters.sql.openemr.rows import NO_SERIES
from adapters.sql.openemr.schema import OLDER
from adapters.sql.private import OPENEMR, Server
from adapters.sql.write import Point
from agent.core.booking import Op, Outcome, Write
from agent.core.errors import Misconfigured
from agent.core.model import Patient, Severity, SiteId, Window
from agent.ports import SitePart

WALL = MONDAY.replace(tzinfo=None)
WEEKLY = 'a:3:{s:17:"event_repeat_freq";s:1:"1";s:22:"event_repeat_freq_type";s:1:"1";s:6:"exdate";s:%d:"%s";}'


def hour(of: float) -> datetime:
    return WALL + timedelta(hours=of)


def read(bench: OpenEmrBench, window: Window = DAY, **terms: Any) -> tuple[list[tuple[float, str]], list[str]]:
    """Return (hour, type) of the slots, and the codes of what was found."""
    emr = SqlEmr(OpenEmr(replace(bench.terms, **terms)), bench.dialect(), Still())
    reading = emr.slots(window)
    emr.close()
    slots = sorted(((s.start - MONDAY) / timedelta(hours=1), s.type) for s in reading.slots)
    return slots, [each.code for each in reading.findings]


def hours(bench: OpenEmrBench, **terms: Any) -> list[float]:
    return [each for each, _ in read(bench, **terms)[0]]


@pytest.fixture
def clinic(openemr: OpenEmrBench) -> OpenEmrBench:
    """Lend a clinic with somebody in the calendar and no hours yet."""
    openemr.fresh([])
    with openemr.base() as base:
        base.execute("INSERT INTO users(id, fname, lname, authorized, calendar) VALUES(101, 'Zoé', 'Côté', 1, 1)")
        base.execute("INSERT INTO users(id, fname, lname, authorized, calendar) VALUES(102, 'A', 'B', 1, 0)")
    return openemr


def open_(bench: OpenEmrBench, first: float, last: float, **more: object) -> None:
    """Come in and go out."""
    bench.desk.event("101", hour(first), 0, 2, **more)
    bench.desk.event("101", hour(last), 0, 3)


def every_week(bench: OpenEmrBench, event: int, excluded: str = "") -> None:
    """Make a series of an event, begun four weeks before."""
    bench.desk.change(
        str(event),
        pc_recurrtype=1,
        pc_recurrspec=WEEKLY % (len(excluded), excluded),
        pc_eventDate=f"{WALL - timedelta(days=28):%Y-%m-%d}",
        pc_endDate="2027-12-31",
    )


def test_hours_are_cut_into_visits_of_the_open_category(clinic: OpenEmrBench) -> None:
    """In Office opens, Out Of Office closes; without a category the visit is an office visit."""
    open_(clinic, 9, 10)
    assert read(clinic) == ([(9.0, "in_office"), (9.25, "in_office"), (9.5, "in_office"), (9.75, "in_office")], [])
    assert hours(clinic, visit="new_patient") == [9.0, 9.5]
    assert hours(clinic, grid=20) == [9.0, 9.0 + 1 / 3, 9.0 + 2 / 3]
    assert read(clinic, visit="absent") == ([], ["openemr.category"])


def test_hours_reserved_for_a_category_carry_its_word_and_length(clinic: OpenEmrBench) -> None:
    """A new In Office closes the one before it, reserved or not; a category switched off is withheld."""
    open_(clinic, 9, 10, reserved=10)
    clinic.desk.event("101", hour(9.5), 0, 2)
    assert read(clinic)[0] == [(9.0, "new_patient"), (9.5, "in_office"), (9.75, "in_office")]
    with clinic.base() as base:
        base.execute("UPDATE openemr_postcalendar_categories SET pc_active = 0 WHERE pc_catid = 10")
    assert read(clinic) == ([(9.5, "in_office"), (9.75, "in_office")], ["openemr.category"])


def test_out_of_office_wins_its_cell_and_a_day_ends_at_midnight(clinic: OpenEmrBench) -> None:
    """Both in one cell: out. Nobody closes: until midnight. Off the grid: the cell it falls into."""
    clinic.desk.event("101", hour(9), 0, 3)
    clinic.desk.event("101", hour(9), 0, 2)
    clinic.desk.event("101", hour(23.6), 0, 2)
    assert hours(clinic) == [23.5, 23.75]


@pytest.mark.parametrize("who", ["102", "999", ""])
def test_only_people_of_the_calendar_are_read(clinic: OpenEmrBench, who: str) -> None:
    """Somebody who is not in the calendar, or whom nobody knows, has no hours."""
    clinic.desk.event(who, hour(9), 0, 2)
    assert read(clinic) == ([], [])


def test_hours_and_lunch_every_week_with_days_taken_out(clinic: OpenEmrBench) -> None:
    """Series open, close and take time on their days; a day taken out is none of theirs."""
    for start, category, seconds in ((9, 2, 0), (11, 3, 0), (10, 8, 3600)):
        every_week(clinic, clinic.desk.event("101", hour(start), seconds, category), "20261130")
    assert hours(clinic) == [9.0, 9.25, 9.5, 9.75]
    assert read(clinic, Window(MONDAY + timedelta(days=7), MONDAY + timedelta(days=8)))[0] == []


def test_a_day_taken_out_with_hyphens_counts_for_hours_only(clinic: OpenEmrBench) -> None:
    """The screens still show such a day: no hours are offered on it, and what takes time still takes it."""
    every_week(clinic, clinic.desk.event("101", hour(9), 0, 2), "2026-11-23")
    assert read(clinic)[0] == []
    open_(clinic, 9, 10)
    every_week(clinic, clinic.desk.event("101", hour(9), 1800, 8), "2026-11-23")
    assert hours(clinic) == [9.5, 9.75]


def test_a_series_nobody_can_read_withholds_its_person(clinic: OpenEmrBench) -> None:
    """Nothing of theirs is offered, and check says so."""
    open_(clinic, 9, 10)
    event = clinic.desk.event("101", hour(9), 900, 8)
    clinic.desk.change(str(event), pc_recurrtype=1, pc_recurrspec="nonsense", pc_endDate="2027-12-31")
    assert read(clinic) == ([], ["openemr.series"])


@pytest.mark.parametrize(
    ("start", "seconds", "free"),
    [
        (9, 900, [9.25, 9.5, 9.75]),
        (9, 0, [9.25, 9.5, 9.75]),
        (9 + 1 / 6, 900, [9.5, 9.75]),
        (0, 86400, []),
        (-1, 36900, [9.25, 9.5, 9.75]),
    ],
    ids=["a quarter", "no length: a cell", "off the grid", "all day, to 24:00", "from the evening before"],
)
def test_an_event_takes_its_real_time(clinic: OpenEmrBench, start: float, seconds: int, free: list[float]) -> None:
    """Also the tail of an event off the grid, which OpenEMR's own finder forgets; also past midnight."""
    open_(clinic, 9, 10)
    clinic.desk.event("101", hour(start), seconds)
    assert hours(clinic) == free


def test_an_event_lasts_to_the_later_of_its_two_ends(clinic: OpenEmrBench) -> None:
    """A form that changed one and not the other must not free a time."""
    open_(clinic, 9, 10)
    event = clinic.desk.event("101", hour(9), 900)
    clinic.desk.change(str(event), pc_endTime="09:30:00")
    assert hours(clinic) == [9.5, 9.75]


@pytest.mark.parametrize(
    ("status", "free", "freed"), [("x", True, True), ("%", True, True), ("?", False, False), ("@", False, False)]
)
def test_a_cancelled_time_is_free_and_says_that_it_was_taken(
    clinic: OpenEmrBench, status: str, free: bool, freed: bool
) -> None:
    """OpenEMR's finder never opens it again: whether we do is `cancelled_frees` in the clinic's rules."""
    open_(clinic, 9, 9.25)
    clinic.desk.event("101", hour(9), 900, status=status)
    emr = clinic.adapter()
    slots = emr.slots(DAY).slots
    emr.close()
    assert ([slot.after_cancel for slot in slots] == [True]) is (free and freed)
    assert bool(slots) is free


def test_a_time_that_is_none_blocks_its_day(clinic: OpenEmrBench) -> None:
    """An event without a start takes the day and is reported."""
    open_(clinic, 9, 10)
    clinic.desk.change(str(clinic.desk.event("101", hour(15), 900)), pc_startTime=None)
    assert read(clinic) == ([], ["openemr.odd-time"])


def test_holidays_close_the_clinic_unless_the_file_says_otherwise(clinic: OpenEmrBench) -> None:
    """Imported holidays, and an event of the clinic's own that is nobody's."""
    open_(clinic, 9, 9.25)
    with clinic.base() as base:
        base.execute("INSERT INTO calendar_external(date, description) VALUES('2026-11-23', 'Sainte-Catherine')")
    assert (hours(clinic), hours(clinic, holidays="open")) == ([], [9.0])
    with clinic.base() as base:
        base.execute("DELETE FROM calendar_external")
    clinic.desk.event("0", WALL, 86400, 7)
    assert (hours(clinic), hours(clinic, holidays="open")) == ([], [9.0])


def test_facilities_are_sites(clinic: OpenEmrBench) -> None:
    """Hours at a facility the file does not name are withheld; ours carry the facility's number."""
    clinic.desk.event("101", hour(9), 0, 2, facility=3)
    clinic.desk.event("101", hour(9.25), 0, 2, facility=4)
    clinic.desk.event("101", hour(9.5), 0, 3)
    sites = (SitePart(SiteId("fjord"), "America/Toronto", "3"),)
    assert read(clinic, sites=sites) == ([(9.0, "in_office")], ["openemr.no-site"])
    emr = SqlEmr(OpenEmr(replace(clinic.terms, sites=sites)), clinic.dialect(), Still())
    assert book(emr, at(emr, 9)).outcome is Outcome.BOOKED
    emr.close()
    with clinic.base() as base:
        found = base.execute(
            "SELECT pc_facility, pc_billing_location FROM openemr_postcalendar_events WHERE pc_catid = 5"
        )
        assert tuple(found.fetchone()) == (3, 3)


# ---- writing


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
    every_week(openemr, openemr.desk.event("101", hour(9), 900, 8))
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
    every_week(older, older.desk.event("101", hour(9), 900, 8))
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
