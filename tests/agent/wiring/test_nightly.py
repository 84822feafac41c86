"""The wall clock of the nightly work."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.core.model import Instant
from agent.wiring.nightly import Hour

MONTREAL = ZoneInfo("America/Toronto")
HALF_PAST_TWO = timedelta(hours=2, minutes=30)


def instant(text: str) -> Instant:
    return Instant(datetime.fromisoformat(text).replace(tzinfo=UTC), timedelta(0))


def test_it_strikes_once_a_local_day() -> None:
    """A look before the minute says no, the first look after it yes, the next ones no until tomorrow's."""
    hour = Hour(HALF_PAST_TWO, MONTREAL, instant("2026-11-20T12:00"))
    looks = ["2026-11-21T07:29:59", "2026-11-21T07:30", "2026-11-21T07:30:30", "2026-11-22T07:29", "2026-11-22T07:31"]
    assert [hour.struck(instant(look)) for look in looks] == [False, True, False, False, True]


def test_a_machine_that_slept_through_it_makes_up_once() -> None:
    """However many nights were slept through, waking up strikes once."""
    hour = Hour(HALF_PAST_TWO, MONTREAL, instant("2026-11-20T12:00"))
    looks = ["2026-11-23T14:00", "2026-11-23T14:01"]
    assert [hour.struck(instant(look)) for look in looks] == [True, False]


def test_a_clock_set_back_does_not_silence_the_nights() -> None:
    """A clock that ran years ahead and was set right strikes the very next night."""
    hour = Hour(HALF_PAST_TWO, MONTREAL, instant("2031-01-01T00:00"))
    looks = ["2026-11-20T12:00", "2026-11-21T07:30"]
    assert [hour.struck(instant(look)) for look in looks] == [False, True]


@pytest.mark.parametrize(
    ("before", "moment"),
    [
        ("2026-03-08T00:00", "2026-03-08T07:30"),  # 2:30 is skipped: struck at 3:30 EDT
        ("2026-11-01T00:00", "2026-11-01T07:30"),  # 1 to 2 comes twice; 2:30 EST once
        ("2026-07-01T06:30", "2026-07-02T06:30"),  # at the very moment: the next one
    ],
)
def test_clock_changes_neither_drop_nor_double_a_night(before: str, moment: str) -> None:
    """The moment is the wall's, summer and winter."""
    hour = Hour(HALF_PAST_TWO, MONTREAL, instant(before))
    assert hour.following(instant(before)) == instant(moment).utc


def test_an_hour_that_comes_twice_strikes_once() -> None:
    """In the night of the autumn change, 1:30 means the first of the two."""
    hour = Hour(timedelta(hours=1, minutes=30), MONTREAL, instant("2026-11-01T05:29"))
    looks = ["2026-11-01T05:30", "2026-11-01T06:30", "2026-11-01T07:30"]
    assert [hour.struck(instant(look)) for look in looks] == [True, False, False]
