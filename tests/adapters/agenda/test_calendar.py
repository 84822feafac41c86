"""Calendars: repetitions, exceptions, moved days, whole days, and files that are not whole."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from adapters.agenda import events
from agent.core.errors import Transient
from agent.core.model import Window

MONTREAL = ZoneInfo("America/Toronto")
MONTH = Window(datetime(2027, 3, 1, tzinfo=MONTREAL), datetime(2027, 4, 1, tzinfo=MONTREAL))
ZONE = """BEGIN:VTIMEZONE
TZID:America/Toronto
BEGIN:STANDARD
DTSTART:20261101T020000
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20260308T020000
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
END:DAYLIGHT
END:VTIMEZONE
"""


def calendar(*vevents: str, zone: str = "") -> bytes:
    inner = "".join(
        f"BEGIN:VEVENT\nUID:u{n}\nDTSTAMP:20270101T000000Z\n{body}\nEND:VEVENT\n" for n, body in enumerate(vevents)
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//t//t//\n{zone}{inner}END:VCALENDAR\n".replace(
        "\n", "\r\n"
    ).encode()


def times(data: bytes) -> list[str]:
    return [each.start.astimezone(UTC).strftime("%d %H:%M") for each in events(data, MONTH, MONTREAL)]


def test_a_weekly_event_keeps_its_hour_over_the_change_of_clocks() -> None:
    """09:00 in Montréal is 14:00 UTC before 14 March and 13:00 after; what was taken out or moved is so."""
    body = "DTSTART;TZID=America/Toronto:20270101T090000\nDTEND;TZID=America/Toronto:20270101T100000\n"
    weekly = body + "RRULE:FREQ=WEEKLY;UNTIL=20270327T035959Z\nEXDATE;TZID=America/Toronto:20270312T090000"
    moved = "DTSTART;TZID=America/Toronto:20270320T110000\nDURATION:PT1H\nRECURRENCE-ID;TZID=America/Toronto:20270319T090000"
    data = calendar(weekly, zone=ZONE)
    assert times(data) == ["05 14:00", "19 13:00", "26 13:00"]
    both = calendar(weekly, moved, zone=ZONE).replace(b"UID:u1", b"UID:u0")
    assert sorted(times(both)) == ["05 14:00", "20 15:00", "26 13:00"]


@pytest.mark.parametrize(
    ("body", "due"),
    [
        ("DTSTART:20270305T090000\nDTEND:20270305T100000", ["05 14:00"]),
        ("DTSTART:20270305T090000Z\nDURATION:PT30M", ["05 09:00"]),
        ("DTSTART;VALUE=DATE:20270305", ["05 05:00"]),
        ("DTSTART:20270228T233000\nDTEND:20270301T003000", ["01 04:30"]),
        ("DTSTART:20270228T233000\nDTEND:20270301T000000", []),
        ("DTSTART:20270401T000000\nDTEND:20270401T010000", []),
        ("DTSTART:20270305T090000\nDTEND:20270305T093000\nRRULE:FREQ=DAILY;COUNT=2", ["05 14:00", "06 14:00"]),
    ],
)
def test_a_time_is_on_its_own_clock(body: str, due: list[str]) -> None:
    """Floating on the site's, UTC as it is, whole days from midnight; only what touches the window."""
    assert times(calendar(body)) == due


def test_words_and_weight_of_an_event() -> None:
    """RESOURCES, CATEGORIES before SUMMARY, LOCATION; transparent or cancelled takes no time."""
    body = "DTSTART:20270305T090000\nDTEND:20270305T093000\nRESOURCES:101\nSUMMARY:s"
    data = calendar(body + "\nCATEGORIES:W,x\nLOCATION:A", body + "\nTRANSP:TRANSPARENT", body + "\nSTATUS:CANCELLED")
    found = list(events(data, MONTH, MONTREAL))
    assert [(each.who, each.what, each.where, each.is_busy) for each in found] == [
        ("101", "W", "A", True), ("101", "s", "", False), ("101", "s", "", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [b"", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", calendar("DTSTART:20270305T090000")[:-30], b"rien\r\nEND:VCALENDAR"],
)
def test_a_file_that_is_not_whole_is_not_read(data: bytes) -> None:
    """Half written, or no calendar at all: the last good one stands."""
    with pytest.raises(Transient):
        list(events(data, MONTH, MONTREAL))


def test_an_endless_rule_ends_with_the_window() -> None:
    """Every minute for ever is cut where the window ends."""
    data = calendar("DTSTART:20270331T230000\nDURATION:PT1M\nRRULE:FREQ=MINUTELY")
    assert len(list(events(data, MONTH, MONTREAL))) == 60
