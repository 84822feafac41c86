"""Half-days, and the nights the clocks change: what a time tells and how it is judged."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.core.judging import published
from agent.core.sharing import Why
from tests.core.sharing_scene import MAIN, MORNING, ROSTER, RULES, START, TORONTO, decide, shared, slot, why

HALF = replace(RULES, times="half-day", horizon=timedelta(days=365), allow=(MORNING,))


def bounds(start: datetime, zone: str) -> tuple[str, str]:
    rules = replace(HALF, zones={MAIN: zone})
    begin, end, precision = published(replace(slot(), start=start, end=start + timedelta(minutes=20)), rules)
    assert precision == "half-day"
    return begin.isoformat(), end.isoformat()


@pytest.mark.parametrize(
    ("zone", "day", "midnight", "noon", "next_"),
    [
        ("America/Toronto", (2026, 11, 1), "-04:00", "-05:00", "-05:00"),
        ("America/Toronto", (2027, 3, 14), "-05:00", "-04:00", "-04:00"),
        ("America/Toronto", (2026, 10, 31), "-04:00", "-04:00", "-04:00"),
        ("America/Blanc-Sablon", (2026, 11, 1), "-04:00", "-04:00", "-04:00"),
        ("America/Blanc-Sablon", (2027, 3, 14), "-04:00", "-04:00", "-04:00"),
    ],
)
def test_half_days_are_bounded_by_local_midnight_and_noon(
    zone: str, day: tuple[int, int, int], midnight: str, noon: str, next_: str
) -> None:
    """[00:00, 12:00) and [12:00, 24:00) at the site, with the offset of each bound, on both days the clocks change."""
    here, tomorrow = ZoneInfo(zone), date(*day) + timedelta(days=1)
    morning = (f"{date(*day)}T00:00:00{midnight}", f"{date(*day)}T12:00:00{noon}")
    afternoon = (f"{date(*day)}T12:00:00{noon}", f"{tomorrow}T00:00:00{next_}")
    assert bounds(datetime(*day, 0, 0, tzinfo=here), zone) == morning
    assert bounds(datetime(*day, 11, 59, 59, tzinfo=here), zone) == morning
    assert bounds(datetime(*day, 12, 0, tzinfo=here), zone) == afternoon
    assert bounds(datetime(*day, 23, 59, tzinfo=here).astimezone(UTC), zone) == afternoon


def test_a_midnight_that_does_not_exist_is_the_first_moment_of_the_day() -> None:
    """In a zone that skips 00:00 the half-day begins at the hour the clocks show next."""
    start = datetime(2026, 9, 6, 9, 0, tzinfo=ZoneInfo("America/Santiago"))
    assert bounds(start, "America/Santiago")[0] == "2026-09-06T01:00:00-03:00"


def test_any_word_but_exact_hides_the_time() -> None:
    """A word we do not know for `times` gives the coarser of the two."""
    assert shared(slot(), replace(RULES, times="?")).precision == "half-day"


def test_a_half_day_enters_as_one() -> None:
    """No slot of a half-day appears before the horizon covers it all: else its first minute would tell its hour."""
    rules = replace(RULES, times="half-day")
    slots = [slot(str(hour), datetime(2026, 11, 24, hour, 0, tzinfo=TORONTO)) for hour in (0, 8, 9, 11)]
    covered = datetime(2026, 11, 10, 12, 0, tzinfo=TORONTO)
    rules = replace(rules, roster={who: replace(a, agreed=date(2026, 1, 1)) for who, a in ROSTER.items()})
    early = decide(*slots, rules=rules, now=covered - timedelta(seconds=1))
    assert {kept.why for kept in early.withheld} == {Why.HORIZON}
    assert not early.offered
    assert len(decide(*slots, rules=rules, now=covered).offered) == 4


def test_a_half_day_leaves_as_one() -> None:
    """Minimum notice counts from the half-day's beginning: the minute a slot vanishes tells nothing of its hour."""
    rules = replace(RULES, times="half-day")
    slots = [slot(str(hour), datetime(2026, 11, 24, hour, 0, tzinfo=TORONTO)) for hour in (12, 16, 23)]
    last = datetime(2026, 11, 24, 10, 0, tzinfo=TORONTO)
    assert len(decide(*slots, rules=rules, now=last).offered) == 3
    late = decide(*slots, rules=rules, now=last + timedelta(seconds=1))
    assert {kept.why for kept in late.withheld} == {Why.MIN_NOTICE}
    assert not late.offered


def test_two_slots_of_a_half_day_look_alike() -> None:
    """Under half-day times nothing but the random id tells two slots of one rule and half-day apart."""
    rules = replace(RULES, times="half-day")
    one, two = slot("k1"), slot("k2", START + timedelta(hours=1), minutes=45, who="102")
    assert shared(one, rules) == shared(two, rules)


def test_the_repeated_hour_keeps_its_two_halves_apart() -> None:
    """01:30 happens twice on 2026-11-01: each slot leaves with its own offset, and both fit 01:00 to 02:00."""
    rule = replace(MORNING, match=replace(MORNING.match, between=(60, 120)))
    rules = replace(RULES, allow=(rule,), horizon=timedelta(days=60))
    now = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
    rules = replace(rules, roster={who: replace(a, agreed=date(2026, 1, 1)) for who, a in ROSTER.items()})
    first = datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO)
    one, two = slot("k1", first), slot("k2", first.replace(fold=1))
    assert shared(one, rules, now).start.isoformat() == "2026-11-01T01:30:00-04:00"
    assert shared(two, rules, now).start.isoformat() == "2026-11-01T01:30:00-05:00"
    across = slot("k3", datetime(2026, 11, 1, 1, 50, tzinfo=TORONTO))
    assert shared(across, rules, now).end.isoformat() == "2026-11-01T01:10:00-05:00"


def test_the_skipped_hour_is_judged_by_the_clock_on_the_wall() -> None:
    """On 2027-03-14 a slot 30 minutes after 01:45 begins at 03:15 and does not fit 02:00 to 03:00."""
    now = datetime(2027, 3, 10, 12, 0, tzinfo=UTC)
    start = datetime(2027, 3, 14, 6, 45, tzinfo=UTC) + timedelta(minutes=30)
    rule = replace(MORNING, match=replace(MORNING.match, between=(120, 180)))
    assert why(slot(start=start), replace(RULES, allow=(rule,)), now) == (Why.NO_RULE, 0)
    assert shared(slot(start=start), now=now).start.isoformat() == "2027-03-14T03:15:00-04:00"


def test_notice_is_elapsed_time_across_a_clock_change() -> None:
    """Two hours' notice over the repeated hour is two hours that pass, not two on the wall."""
    rules = replace(RULES, roster={who: replace(a, agreed=date(2026, 1, 1)) for who, a in ROSTER.items()})
    start = datetime(2026, 11, 1, 2, 30, tzinfo=TORONTO)  # 07:30Z
    assert decide(slot(start=start), rules=rules, now=datetime(2026, 11, 1, 5, 30, tzinfo=UTC)).offered
    assert decide(slot(start=start), rules=rules, now=datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO)).offered
    assert why(slot(start=start), rules, datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO, fold=1)) == (Why.MIN_NOTICE, 0)
