"""What a mapping's rows become: zones, ends, grids, odd rows and the two nights clocks jump."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.conformance import NAME, SITE
from adapters.sql.mapped import MappingFile
from adapters.sql.mapped.file import SHIPPED, read
from adapters.sql.mapped.mapping import Mapped
from adapters.sql.mapped.picture import Pulled
from adapters.sql.mapped.times import Clockwork, Unreadable
from adapters.sql.places import Clinic, Place
from agent.core.errors import Misconfigured
from agent.core.model import Cell, SiteId, Slot, Window
from agent.ports import SitePart

ZONE = ZoneInfo(SITE.zone)
HOURS = (SHIPPED / "hours-mysql.toml").read_text(encoding="utf-8")
GNUHEALTH = (SHIPPED / "gnuhealth.toml").read_text(encoding="utf-8")


class Rows:
    """Answers each query with the rows laid out for it, by a word of its SQL."""

    def __init__(self, **rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    def rows(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        return next((found for word, found in self._rows.items() if f"FROM {word}" in sql), [])

    locked = rows


def pulled(file: MappingFile, sites: tuple[SitePart, ...] = (SITE,), **rows: Sequence[Sequence[Any]]) -> Pulled:
    return Mapped(file, Clinic(NAME, sites)).read(Rows(**rows), date(2026, 11, 1), date(2027, 3, 31))  # type: ignore[arg-type]


def day(at: date) -> Window:
    start = datetime(at.year, at.month, at.day, tzinfo=ZONE)
    return Window(start, start + timedelta(days=1))


def hours(picture: Pulled, at: date) -> list[str]:
    return [f"{slot.start:%H:%M%z}" for slot in slots(picture, at)]


def slots(picture: Pulled, at: date) -> Sequence[Slot]:
    return sorted(picture.slots(day(at))[0], key=lambda slot: slot.start.astimezone(UTC))


def counts(picture: Pulled, at: date = date(2026, 11, 23)) -> dict[str, int]:
    return {one.code: int(dict(one.says.args)["n"]) for one in picture.slots(day(at))[1]}


def works(on: str, start: str, end: str, who: Any = 101, site: str | None = None, code: str = "s") -> list[Any]:
    return [who, site, code, on, start, end]


def visit(
    on: str, start: str | None, last: str, who: int = 101, state: str = "booked", mark: str = "manon"
) -> list[Any]:
    return [1, who, state, mark, on, start, last]


def test_hours_are_cut_by_the_grid_and_a_rest_is_no_slot() -> None:
    """08:00 to 08:50 by 15 minutes: three slots."""
    picture = pulled(read(HOURS, "m"), working_hours=[works("2026-11-23", "08:00:00", "08:50:00")])
    assert hours(picture, date(2026, 11, 23)) == ["08:00-0500", "08:15-0500", "08:30-0500"]


def test_an_inclusive_end_takes_its_last_minute_and_no_more() -> None:
    """09:00 to 09:14 is the first quarter; a visit of one minute has its end equal to its start."""
    picture = pulled(
        read(HOURS, "m"),
        working_hours=[works("2026-11-23", "08:45:00", "09:45:00")],
        appointments=[visit("2026-11-23", "09:00:00", "09:14:00"), visit("2026-11-23", "09:30:00", "09:30:00")],
    )
    assert hours(picture, date(2026, 11, 23)) == ["08:45-0500", "09:15-0500"]


def test_midnight_may_be_written_24_00() -> None:
    """An evening clinic that ends at 24:00, and a visit until then."""
    picture = pulled(
        read(HOURS, "m"),
        working_hours=[works("2026-11-23", "23:15:00", "24:00:00")],
        appointments=[visit("2026-11-23", "23:45:00", "24:00:00")],
    )
    assert hours(picture, date(2026, 11, 23)) == ["23:15-0500", "23:30-0500"]


def test_a_cancelled_visit_frees_its_slot_and_says_so() -> None:
    """core.sharing decides whether it goes out again."""
    picture = pulled(
        read(HOURS, "m"),
        working_hours=[works("2026-11-23", "09:00:00", "09:30:00")],
        appointments=[visit("2026-11-23", "09:00:00", "09:14:00", state="cancelled")],
    )
    assert [slot.after_cancel for slot in slots(picture, date(2026, 11, 23))] == [True, False]


@pytest.mark.parametrize("start", [None, "noon", "09:00:00 AM", time(9)])
def test_a_visit_without_a_usable_time_withholds_its_practitioner(start: Any) -> None:
    """Nobody guesses where it is; others' slots stay, and a cancelled one blocks nothing."""
    picture = pulled(
        read(HOURS, "m"),
        working_hours=[works("2026-11-23", "09:00:00", "09:15:00"), works("2026-11-23", "09:00:00", "09:15:00", 102)],
        appointments=[visit("2026-11-23", start, "09:14:00"), visit("2026-11-23", start, "x", 102, "cancelled")],
    )
    assert [slot.practitioner.key for slot in slots(picture, date(2026, 11, 23))] == ["102"]
    assert counts(picture)["hours.odd-busy"] == 1


def test_an_opening_that_is_unclear_is_withheld_and_counted() -> None:
    """No time, no site of that code, the same time twice."""
    picture = pulled(
        read(HOURS, "m"),
        (SitePart(SiteId("nord"), SITE.zone, "N"), SitePart(SiteId("sud"), SITE.zone, "S")),
        working_hours=[
            works("2026-11-23", "nine", "09:15:00", site="N"),
            works("2026-11-23", "09:00:00", "09:15:00", site="X"),
            works("2026-11-23", "09:00:00", "09:15:00", site="N"),
            works("2026-11-23", "09:00:00", "09:15:00", site="S"),
        ],
    )
    assert [slot.site for slot in slots(picture, date(2026, 11, 23))] == ["nord"]
    assert counts(picture) == {"hours.odd-open": 1, "hours.no-site": 1, "hours.twice": 1}


def test_a_double_booking_beside_ours_is_told() -> None:
    """Saved after our last look: nothing prevents it, the next read says so."""
    picture = pulled(
        read(HOURS, "m"),
        appointments=[
            visit("2026-11-23", "09:00:00", "09:14:00", mark="[creneau]"),
            visit("2026-11-23", "09:10:00", "09:24:00"),
            visit("2026-11-23", "10:00:00", "10:14:00", mark="[creneau]"),
        ],
    )
    assert counts(picture) == {"hours.double": 1}


def test_clocks_that_jump_in_local_time() -> None:
    """No slot in the hour March skips, one in the hour November repeats."""
    picture = pulled(
        read(HOURS, "m"),
        working_hours=[
            works("2027-03-14", "02:30:00", "02:45:00"),
            works("2027-03-14", "01:45:00", "02:00:00"),
            works("2026-11-01", "01:30:00", "01:45:00"),
        ],
    )
    assert hours(picture, date(2027, 3, 14)) == ["01:45-0500"]
    assert hours(picture, date(2026, 11, 1)) == ["01:30-0400"]
    assert counts(picture, date(2026, 11, 1)) == {"hours.no-hour": 1, "hours.hour-twice": 1}


def test_clocks_that_jump_in_utc() -> None:
    """05:30 and 06:30 UTC are both half past one in Montréal: the first is offered, the second has no name of its own."""
    row = [101, None, "s"]
    times = [datetime(2026, 11, 1, hour, 30) for hour in (5, 6, 7)]  # noqa: DTZ001 - naive UTC, as the EMR keeps it
    free = [[*row, at, at + timedelta(minutes=15)] for at in times]
    rows = {"gnuhealth_appointment WHERE state = 'free'": free}
    picture = pulled(read(GNUHEALTH, "m"), **rows)
    assert hours(picture, date(2026, 11, 1)) == ["01:30-0400", "02:30-0500"]
    assert counts(picture, date(2026, 11, 1)) == {"gnuhealth.hour-twice": 2}


def test_the_agenda_shows_blocks_without_a_patient() -> None:
    """Free, busy and ours, in order; a practitioner without hours that day stands at the first site."""
    picture = pulled(
        read(HOURS, "m"),
        working_hours=[works("2026-11-23", "09:00:00", "09:30:00")],
        appointments=[
            visit("2026-11-23", "09:00:00", "09:14:00", mark="[creneau]"),
            visit("2026-11-23", "10:00:00", "10:14:00", who=102),
            visit("2026-11-23", "11:00:00", "11:14:00", state="cancelled"),
        ],
    )
    rows = [(row.practitioner.key, row.cell, f"{row.start:%H:%M}") for row in picture.agenda(day(date(2026, 11, 23)))]
    assert rows == [("101", Cell.OURS, "09:00"), ("101", Cell.FREE, "09:15"), ("102", Cell.BUSY, "10:00")]


def test_a_query_that_gives_other_columns_than_named_says_so() -> None:
    """After an upgrade of the EMR: Misconfigured, with the line to mend."""
    with pytest.raises(Misconfigured) as told:
        pulled(read(HOURS, "m"), working_hours=[[101, None, "s"]])
    assert told.value.key == "open.columns"
    assert told.value.line > 0


def test_minutes_and_a_grid_of_the_row_are_understood() -> None:
    """An end given as minutes, and a slot length that each row of hours brings itself."""
    text = HOURS.replace(
        '"practitioner", "site", "type", "day", "start_time", "end_time"]',
        '"practitioner", "grid", "type", "day", "start_time", "minutes"]',
        1,
    )
    rows = [
        [101, 20, "s", "2026-11-23", "09:00", 60],
        [102, None, "s", date(2026, 11, 23), "09:00:00", "30"],
        [103, "x", "s", "2026-11-23", "09:00", 60],
    ]
    picture = pulled(read(text, "m"), working_hours=rows)
    assert [(slot.practitioner.key, f"{slot.start:%H:%M}") for slot in slots(picture, date(2026, 11, 23))] == [
        ("101", "09:00"),
        ("102", "09:00"),
        ("102", "09:15"),
        ("101", "09:20"),
        ("101", "09:40"),
    ]
    assert counts(picture) == {"hours.odd-open": 1}


@pytest.mark.parametrize(
    ("utc", "inclusive", "start", "end", "until"),
    [
        (False, True, "2026-11-23T09:00:00", "2026-11-23T09:14:00", "2026-11-23T09:15:00"),
        (True, False, "2026-11-23T14:00:00", "2026-11-23T14:15:00", "2026-11-23T14:15:00"),
    ],
)
def test_a_place_is_written_as_the_database_keeps_it(
    utc: bool, inclusive: bool, start: str, end: str, until: str
) -> None:
    """Local or UTC, inclusive or not."""
    words = Clockwork(utc, inclusive).words(Place("101", date(2026, 11, 23), 540), 15, ZONE, 60)
    assert (words["start"], words["end"], words["until"]) == (start, end, until)
    assert words["since"] == f"{datetime.fromisoformat(start) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"


def test_the_edges_of_a_day_as_times_of_a_day() -> None:
    """A search that reaches into yesterday begins at midnight; an end at midnight is 24:00."""
    words = Clockwork(utc=False, inclusive=False).words(Place("101", date(2026, 11, 23), 1425), 15, ZONE, 1440)
    assert (words["since_time"], words["until_time"], words["end_time"]) == ("00:00:00", "24:00:00", "24:00:00")


def test_a_place_in_the_hour_that_is_skipped_is_still_a_question() -> None:
    """Looking for what overlaps there finds nothing, and raises nothing."""
    words = Clockwork(utc=False, inclusive=False).words(Place("101", date(2027, 3, 14), 150), 15, ZONE)
    assert str(words["start"]).startswith("2027-03-14T0")


@pytest.mark.parametrize(
    "row",
    [
        {"start": "x"},
        {"start": None},
        {"day": "2026", "start_time": "09:00"},
        {"day": None, "start_time": "09:00"},
        {"day": "2026-11-23", "start_time": "nine"},
    ],
)
def test_what_is_no_time_is_never_guessed(row: dict[str, Any]) -> None:
    """Nor is any of it repeated."""
    with pytest.raises(Unreadable):
        Clockwork(utc=False, inclusive=False).start(row, ZONE)


def test_a_time_of_the_driver_itself_is_understood() -> None:
    """Datetime and date objects as they come; minutes that are no number are refused."""
    clock = Clockwork(utc=False, inclusive=False)
    start = clock.start({"start": datetime(2026, 11, 23, 9)}, ZONE)  # noqa: DTZ001 - as a driver gives it
    assert start == datetime(2026, 11, 23, 9, tzinfo=ZONE)
    assert clock.start({"day": datetime(2026, 11, 23), "start_time": "09:00"}, ZONE) == start  # noqa: DTZ001
    with pytest.raises(Unreadable):
        clock.end({"minutes": "many"}, start, ZONE)
