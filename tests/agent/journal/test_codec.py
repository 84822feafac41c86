"""Values to columns and back.

Rule: equality is asked of the instant and of the wall clock.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.changes import line
from agent.journal.codec import (
    facts_of,
    micros,
    moment,
    shared_json,
    shared_of,
    slot_json,
    slot_of,
    time_of,
    time_text,
    utc_text,
)

ZONES = ("America/Toronto", "America/Halifax", "America/Blanc-Sablon", "UTC")


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), allow_imaginary=False),  # noqa: DTZ001 - hypothesis wants it naive
    st.sampled_from(ZONES),
    st.integers(0, 1),
)
@settings(max_examples=100, deadline=None)
def test_a_time_keeps_instant_wall_clock_and_zone(at: datetime, zone: str, fold: int) -> None:
    """Also in the repeated hour, where only the offset tells the two apart."""
    at = at.replace(tzinfo=ZoneInfo(zone), fold=fold)
    back = time_of(time_text(at))
    assert back.astimezone(UTC) == at.astimezone(UTC)
    assert (back.replace(tzinfo=None), back.utcoffset()) == (at.replace(tzinfo=None), at.utcoffset())
    assert back.tzinfo is at.tzinfo
    assert moment(micros(at)) == at.astimezone(UTC)


def test_a_bare_offset_stays_a_bare_offset() -> None:
    """A time without a named zone comes back with its offset."""
    at = datetime(2026, 11, 23, 9, tzinfo=timezone(timedelta(hours=-5)))
    assert time_text(at) == "2026-11-23T09:00:00-05:00"
    assert time_of(time_text(at)).utcoffset() == timedelta(hours=-5)


@pytest.mark.parametrize("fold", [0, 1])
def test_slots_come_back_equal_in_the_repeated_hour(make: SimpleNamespace, fold: int) -> None:
    """The EMR's slot with its zone, the shared one with its canonical line."""
    start = datetime(2026, 11, 1, 1, 30, fold=fold, tzinfo=ZoneInfo("America/Toronto"))
    slot = replace(make.slot(), start=start, end=start.replace(minute=45), after_cancel=True)
    assert slot_of(slot_json(slot)) == slot
    assert slot_of(slot_json(slot)).start.utcoffset() == start.utcoffset()
    shared = make.shared(slot)
    assert line(shared_of(shared_json(shared)), None) == line(shared, None)


def test_a_task_names_people_as_the_clinic_does(make: SimpleNamespace) -> None:
    """The label, else the name, else the key; nothing of an unknown slot."""
    slot = make.slot()
    assert facts_of(slot)["practitioner"] == "Gagnon"
    unlabelled = replace(slot.practitioner, label="")
    assert facts_of(replace(slot, practitioner=unlabelled))["practitioner"] == "Dre A. Gagnon"
    assert facts_of(replace(slot, practitioner=replace(unlabelled, name=None)))["practitioner"] == "101"
    assert facts_of(None) == {}


def test_utc_text_has_milliseconds_and_z() -> None:
    """As outcomes carry it."""
    assert utc_text(datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("America/Toronto"))) == "2026-11-23T17:00:00.000Z"
