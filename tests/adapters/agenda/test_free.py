"""Free slots: whose time an appointment takes, on which day a clock jumps, and the traps met in Québec."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from adapters.agenda import Opening, Record, Weekly, agenda, expand, free, open_time, read_weekly
from adapters.er7 import Kind
from agent.core.errors import Misconfigured
from agent.core.model import Cell, EmrName, SiteId, Window
from agent.ports import SitePart

MONTREAL = ZoneInfo("America/Toronto")
NORTH, SOUTH = SitePart(SiteId("nord"), "America/Toronto", "N"), SitePart(SiteId("sud"), "America/Toronto", "S")
MONDAY = datetime(2027, 3, 15, tzinfo=MONTREAL)
EMR = EmrName("dme")


def opening(hour: float, who: str = "101", site: SitePart = NORTH, place: str = "") -> Opening:
    start = MONDAY + timedelta(hours=hour)
    return Opening(site.id, who, start, start + timedelta(minutes=30), "s", place)


def record(hour: float, hours: float = 0.5, state: Kind = Kind.BUSY, **words: object) -> Record:
    start = (MONDAY + timedelta(hours=hour)).astimezone(UTC)
    base = {"people": (), "places": (), "site": ""}
    return Record("F", "P", "CL", state, start, start, start + timedelta(hours=hours), **{**base, **words})  # type: ignore[arg-type]


HOURS = [opening(9), opening(9.5), opening(9, "102"), opening(9, "103", SOUTH, "salle-3")]


def left(*records: Record) -> list[tuple[str, float]]:
    slots = free(HOURS, records, EMR, (NORTH, SOUTH)).slots
    return [(slot.practitioner.key, (slot.start - MONDAY) / timedelta(hours=1)) for slot in slots]


ALL = [("101", 9), ("101", 9.5), ("102", 9), ("103", 9)]


@pytest.mark.parametrize(
    ("taken", "gone"),
    [
        (record(9, people=("101",)), [("101", 9)]),
        (record(9, 1, people=("101",)), [("101", 9), ("101", 9.5)]),
        (record(8.75, people=("101",)), [("101", 9)]),
        (record(8.5, people=("101",)), []),
        (record(9, people=("101", "102")), [("101", 9), ("102", 9)]),
        (record(9, people=("infirmiere",)), []),
        (record(9, places=("102",)), [("102", 9)]),
        (record(9, places=("salle-3",)), [("101", 9), ("102", 9), ("103", 9)]),
        (record(9, site="S", places=("salle-3",)), [("103", 9)]),
        (record(9, site="S", places=("S",)), [("103", 9)]),
        (record(9, 24 * 3, Kind.BLOCK, site="N", places=("N",)), [("101", 9), ("101", 9.5), ("102", 9)]),
        (record(9, places=("inconnue",)), [("101", 9), ("102", 9), ("103", 9)]),
        (record(9), [("101", 9), ("102", 9), ("103", 9)]),
        (record(9, state=Kind.NO_SHOW, people=("101",)), [("101", 9)]),
        (record(9, state=Kind.GONE, people=("101",)), []),
        (record(9, state=Kind.OPEN, people=("101",)), []),
    ],
)
def test_a_time_is_taken_from_whoever_it_may_be(taken: Record, gone: list[tuple[str, float]]) -> None:
    """By person, room or site; from nobody else when somebody else is named, from all when nobody is."""
    assert left(taken) == [each for each in ALL if each not in gone]


def test_a_slot_free_by_a_cancellation_says_so() -> None:
    """Cancel without release and vanish on cancel are then the sharing rules' to judge."""
    slots = free(HOURS, [record(9, state=Kind.GONE, people=("101",))], EMR, (NORTH, SOUTH)).slots
    assert [slot.after_cancel for slot in slots] == [True, False, False, False]


def test_a_booking_of_another_type_than_its_slot_takes_it() -> None:
    """Ofys: the appointment's own type does not matter, the time does."""
    assert ("101", 9) not in left(record(9, people=("101",)))


def test_a_block_made_after_a_booking_hides_nothing_of_it() -> None:
    """Both stand in the clinic's view; opening the block again frees what the booking left."""
    booked, blocked = record(9, people=("101",)), record(9, 1, Kind.BLOCK, people=("101",))
    rows = agenda(HOURS, [booked, blocked], Window(MONDAY, MONDAY + timedelta(days=1)), (NORTH, SOUTH))
    kinds = [row.cell for row in rows if row.practitioner.key == "101"]
    assert sorted(kinds) == [Cell.BLOCKED, Cell.BUSY]


def test_people_that_no_opening_knows_are_counted() -> None:
    """A new person in the EMR makes no slot; if nobody at all is known, the codes are not the same."""
    found = free(HOURS, [record(9, people=("nouveau",)), record(9, people=("101",))], EMR, (NORTH, SOUTH))
    assert (found.known, found.strangers) == (1, 1)


def test_the_same_person_at_two_sites_has_two_slots() -> None:
    """Two names for two places, and never more than 80 ASCII characters."""
    long = "Dr-Étienne-" * 9
    both = [opening(9, long), opening(9, long, SOUTH)]
    keys = [slot.key for slot in free(both, [], EMR, (NORTH, SOUTH)).slots]
    assert len(set(keys)) == 2
    assert all(key.isascii() and len(key) <= 80 for key in keys)


WEEKLY = Weekly(NORTH.id, "101", "s", frozenset({0, 6}), time(0, 30), time(4), timedelta(minutes=30))


def starts(day: date) -> list[str]:
    begin = datetime.combine(day, time(), MONTREAL)
    found = expand([WEEKLY], Window(begin, begin + timedelta(days=1)), (NORTH,))
    return [each.start.strftime("%H:%M%z") for each in found]


def test_the_spring_night_has_no_missing_hour() -> None:
    """02:00 to 03:00 does not exist on 14 March 2027: no slot there, and none longer than it is."""
    assert starts(date(2027, 3, 14)) == ["00:30-0500", "01:00-0500", "01:30-0500", "03:00-0400", "03:30-0400"]


def test_the_autumn_night_has_its_hour_twice() -> None:
    """01:00 to 02:00 comes twice on 7 November 2027, under two names."""
    seen = starts(date(2027, 11, 7))
    assert seen[1:5] == ["01:00-0400", "01:30-0400", "01:00-0500", "01:30-0500"]
    assert len(set(seen)) == len(seen) == 9


def test_closed_days_bounds_and_short_rests_are_left_out() -> None:
    """A holiday, a season, and the last minutes that make no whole cell."""
    week = Window(MONDAY, MONDAY + timedelta(days=21))
    season = Weekly(
        NORTH.id, "101", "s", frozenset({0}), time(9), time(9, 50), timedelta(minutes=30),
        since=date(2027, 3, 22), until=date(2027, 3, 29),
    )  # fmt: skip
    assert [each.start.day for each in expand([season], week, (NORTH,))] == [22, 29]
    assert [each.start.day for each in expand([season], week, (NORTH,), frozenset({date(2027, 3, 22)}))] == [29]


def test_open_time_counts_from_the_first_opening_to_the_last() -> None:
    """Lunch is open, nights are not."""
    openings = [opening(9), opening(16)]
    at = [(MONDAY + timedelta(hours=hour)).astimezone(UTC) for hour in (0, 12, 40)]
    assert open_time(openings, at[0], at[1]) == timedelta(hours=3)
    assert open_time(openings, at[1], at[2]) == timedelta(hours=4.5)
    assert open_time(openings, at[2], at[2] + timedelta(days=2)) == timedelta()


GOOD = {"practitioner": "101", "type": "s", "days": ["lun", "fri"], "from": "08:00", "to": "12:00", "minutes": 15}


def test_hours_are_read_as_they_are_written() -> None:
    """Days in either language, weekdays by default, the only site without being named."""
    (one,) = read_weekly([{**GOOD, "since": date(2027, 1, 4), "place": "A"}], (NORTH,))
    assert (one.days, one.site, one.since, one.place) == ({0, 4}, "nord", date(2027, 1, 4), "A")
    (two,) = read_weekly([{**{k: v for k, v in GOOD.items() if k != "days"}, "site": "S"}], (NORTH, SOUTH))
    assert (two.days, two.site) == ({0, 1, 2, 3, 4}, "sud")


@pytest.mark.parametrize(
    "bad",
    [
        "lundi", {}, {**GOOD, "mintues": 15}, {**GOOD, "minutes": 0}, {**GOOD, "minutes": True}, {**GOOD, "from": "8h"},
        {**GOOD, "to": "07:00"}, {**GOOD, "days": ["lundi"]}, {**GOOD, "days": []}, {**GOOD, "practitioner": " "},
        {**GOOD, "since": "2027-01-04"}, {**GOOD, "site": "ailleurs"},
    ],
)  # fmt: skip
def test_hours_that_are_wrong_are_said(bad: object) -> None:
    """With the key, before anything is read."""
    with pytest.raises(Misconfigured):
        read_weekly([bad], (NORTH,))


def test_a_source_with_two_sites_must_name_one() -> None:
    """Otherwise the hours would be anywhere."""
    with pytest.raises(Misconfigured):
        read_weekly([GOOD], (NORTH, SOUTH))
