"""The corners of OpenEMR's calendar as a real server keeps them, and what we write into it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.conformance import Still
from adapters.conformance.bench import DAY, MONDAY, at, book
from adapters.sql.emr import SqlEmr
from adapters.sql.mariadb_bench import OpenEmrBench
from adapters.sql.openemr import OpenEmr
from agent.core.booking import Outcome
from agent.core.model import SiteId, Window
from agent.ports import SitePart

WALL = MONDAY.replace(tzinfo=None)


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
        clinic.desk.weekly(clinic.desk.event("101", hour(start), seconds, category), "20261130")
    assert hours(clinic) == [9.0, 9.25, 9.5, 9.75]
    assert read(clinic, Window(MONDAY + timedelta(days=7), MONDAY + timedelta(days=8)))[0] == []


def test_a_day_taken_out_with_hyphens_counts_for_hours_only(clinic: OpenEmrBench) -> None:
    """The screens still show such a day: no hours are offered on it, and what takes time still takes it."""
    clinic.desk.weekly(clinic.desk.event("101", hour(9), 0, 2), "2026-11-23")
    assert read(clinic)[0] == []
    open_(clinic, 9, 10)
    clinic.desk.weekly(clinic.desk.event("101", hour(9), 1800, 8), "2026-11-23")
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


def test_a_date_without_a_day_breaks_no_read(clinic: OpenEmrBench) -> None:
    """A lax server keeps 2026-12-00 between two real days; no screen shows it, and neither do we."""
    open_(clinic, 9, 9.25)
    clinic.desk.change(str(clinic.desk.event("101", hour(9), 900)), pc_eventDate="2026-12-00")
    with clinic.base() as base:
        base.execute("INSERT INTO calendar_external(date, description) VALUES('2026-12-00', 'x')")
    assert read(clinic, Window(MONDAY, MONDAY + timedelta(days=20)))[0] == [(9.0, "in_office")]


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
