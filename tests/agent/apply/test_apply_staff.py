"""What the clinic does to our appointments: told, checked, and when too many vanish everything stops."""

from dataclasses import replace

import pytest

from agent.core.booking import Effect, Outcome, State
from agent.core.errors import Misconfigured
from agent.core.model import BookingId, EmrRef
from tests.agent.apply.scene import S1, S2, S3, Clinic, at, cell, refuse


def booked(clinic: Clinic, count: int) -> None:
    for number, slot in enumerate((S1, S2, S3, cell("s4", 27))[:count], start=1):
        clinic.emr.free[slot.key] = slot
        clinic.journal.order(slot, name=f"booking-{number}")
    clinic.settle()


def test_staff_changes_are_told(clinic: Clinic) -> None:
    """Once an interval our appointments are compared with the agenda."""
    booked(clinic, 1)
    name = BookingId("booking-1")
    clinic.emr.has[name] = replace(clinic.emr.has[name], outcome=Outcome.CANCELLED, theirs=True)
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED
    clinic.settle(minutes=1)
    assert clinic.booking().outcome is Outcome.CANCELLED_BY_CLINIC
    assert ("booking-1", "staff-changed") in clinic.journal.tasks


def test_a_few_that_vanish_are_checked(clinic: Clinic) -> None:
    """Never made again; writes go on."""
    booked(clinic, 3)
    name = BookingId("booking-1")
    clinic.emr.has = {name: replace(clinic.emr.has[name], outcome=Outcome.CHECKING)}
    clinic.settle(minutes=1)
    assert {row.state for row in clinic.journal.rows.values()} == {State.UNSURE}
    assert clinic.frozen == 0
    clinic.settle(minutes=2)


@pytest.mark.parametrize("freezes", [True, False])
def test_many_that_vanish_at_once_stop_all_writes(clinic: Clinic, freezes: bool) -> None:
    """One alarm; every one is a task; nothing is written until a person resumes."""
    booked(clinic, 4)
    if not freezes:
        clinic.leg.freeze = None
    clinic.emr.has.clear()
    clinic.journal.order(None, 2)
    before = len(clinic.emr.writes)
    with pytest.raises(Misconfigured, match="4 appointments"):
        clinic.leg.step(at(1))
    clinic.settle(minutes=3)
    assert len(clinic.emr.writes) == before
    assert clinic.frozen == int(freezes)


def test_an_appointment_nobody_told_of_is_checked(clinic: Clinic) -> None:
    """A late write after a conflict stands in the agenda: it is seen."""
    clinic.emr.before = refuse("rule")
    clinic.journal.order(S1)
    clinic.settle()
    name = BookingId("booking-1")
    clinic.emr.has[name] = Effect(name, 1, Outcome.BOOKED, EmrRef("late"), S1.key)
    clinic.settle(minutes=1)
    assert clinic.booking().state is State.UNSURE
