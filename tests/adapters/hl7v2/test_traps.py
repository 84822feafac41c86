"""What Québec's and Canada's EMRs are known to do to whoever listens, each as its messages tell it."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from adapters import conformance
from adapters.catalog import ENTRIES
from adapters.conformance import NAME, SITE
from adapters.conformance.bench import DAY, MONDAY, NOW
from adapters.er7 import Terms
from adapters.hl7v2 import Hl7Emr, open_
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.reconcile import State, compared
from adapters.hl7v2.whole import Whole
from agent.core.model import AgendaRow, Slot, Window
from agent.ports import Tools

HOURS = {"practitioner": "101", "type": "s", "days": ["lun"], "from": "08:00", "to": "12:00", "minutes": 60}


@pytest.fixture
def tools() -> Tools:
    return conformance.tools()


def emr(tools: Tools, **options: object) -> Hl7Emr:
    given = {option.key: option.default for option in ENTRIES["hl7"].options}
    return open_(NAME, {**given, "openings": [HOURS], "loaded": NOW.date(), **options}, tools)


def tell(
    tools: Tools, event: str, hour: int, *, type_: str = "s", who: str = "101", filler: str = "F1", at: int = 0
) -> None:
    body = (
        f"MSH|^~\\&|DME|CL|||202611201200{at:02}||SIU^{event}|{filler}.{event}.{at}|P|2.5\r"
        f"SCH||{filler}||||||{type_}|||^^60^20261123{hour:02}0000\rAIP|1|A|{who}\r"
    )
    Intake(tools.raw, Terms((SITE,)), tools.clock, tools.dice).take(body.encode())


def slots(source: Hl7Emr) -> Mapping[int, Slot]:
    reading = source.slots(DAY)
    assert reading.complete
    return {slot.start.hour: slot for slot in reading.slots}


def rows(source: Hl7Emr) -> list[AgendaRow]:
    return [row for row in source.rows(DAY) if row.cell.value != "free"]


def test_a_colour_block_no_interface_shows_is_kept_back_by_the_clinic_alone(tools: Tools) -> None:
    """TELUS through Ocean: no message tells of it, so the hour looks free; only openings and closed days hold it back."""
    assert set(slots(emr(tools))) == {8, 9, 10, 11}
    morning = {**HOURS, "to": "10:00"}
    assert set(slots(emr(tools, openings=[morning]))) == {8, 9}
    assert slots(emr(tools, closed=[MONDAY.date()])) == {}


def test_an_appointment_that_vanishes_on_cancel_is_taken_until_two_looks_miss_it(tools: Tools) -> None:
    """Omnimed: "completely disappears", no S15 comes; what it leaves is flagged as freed by a cancellation."""
    tell(tools, "S12", 9)
    source = emr(tools)
    state = State()
    for look in (1, 2):
        whole = Whole((), Window(NOW, NOW + timedelta(days=30)), None, NOW + timedelta(minutes=10 * look))
        with source._schedule.open(NOW) as mirror:
            done = compared(mirror, dict(mirror.records), whole, state, frozenset(), 30)
            state = done.state
        assert (done.gone, len(state.missing)) == ((0, 1), (1, 0))[look - 1]
    assert slots(source)[9].after_cancel


def test_a_cancel_without_release_frees_nothing_by_itself(tools: Tools) -> None:
    """Omnimed's newer pilot: S15 comes, then the desk keeps the hour closed by a block; the block counts."""
    tell(tools, "S12", 9)
    tell(tools, "S15", 9, at=1)
    source = emr(tools)
    assert slots(source)[9].after_cancel, "the sharing rules decide: cancelled_frees"
    tell(tools, "S23", 9, filler="B1", at=2)
    assert 9 not in slots(source)
    tell(tools, "S24", 9, filler="B1", at=3)
    assert slots(source)[9].after_cancel


def test_a_booking_of_another_type_takes_the_slot_all_the_same(tools: Tools) -> None:
    """Ofys: the appointment says suivi where the slot says walk-in; the time is taken, the slot's type is its own."""
    tell(tools, "S12", 9, type_="suivi")
    found = slots(emr(tools))
    assert set(found) == {8, 10, 11}
    assert {slot.type for slot in found.values()} == {"s"}


def test_a_new_person_or_type_opens_nothing(tools: Tools) -> None:
    """A provider added in the EMR has appointments and no opening: listed for the clinic, offered to nobody."""
    tell(tools, "S12", 8)
    tell(tools, "S12", 9, who="NOUVELLE", type_="nouveau", filler="F2")
    source = emr(tools)
    assert set(slots(source)) == {9, 10, 11}
    assert ("practitioner", "NOUVELLE", 0) in {(one.kind, one.code, one.free) for one in source.names(DAY)}


def test_a_block_created_after_a_booking_keeps_both(tools: Tools) -> None:
    """Omnimed, "patients booked in blocked schedules": both stand in the clinic's view, and neither frees the other."""
    tell(tools, "S12", 9)
    tell(tools, "S23", 9, filler="B1", at=1)
    source = emr(tools)
    assert sorted(row.cell.value for row in rows(source)) == ["blocked", "busy"]
    tell(tools, "S24", 9, filler="B1", at=2)
    assert 9 not in slots(source)
