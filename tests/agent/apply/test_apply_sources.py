"""A clinic with two EMRs: the memory of one fences no write into the other, so apply looks there too.

Each case is a life that the simulation lost: an old journal, an older hub, and a second appointment.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.core.booking import Effect, Outcome, State
from agent.core.errors import Transient
from agent.core.model import BookingId, EmrName, EmrRef, SlotKey
from tests.agent.apply.scene import FAILURE, S1, S2, S3, Agenda, Clinic, Journal, at

ME, OTHER = BookingId("booking-1"), EmrName("autre")


@pytest.fixture
def other() -> Agenda:
    """Return an EMR where the booking stands already."""
    there = Effect(ME, 2, Outcome.BOOKED, EmrRef("apt-9"), SlotKey("elsewhere"))
    return Agenda({}, name=OTHER, has={ME: there})


@pytest.fixture
def clinic(other: Agenda) -> Clinic:
    """Return a clinic whose other source it is."""
    made = Clinic(Agenda({slot.key: slot for slot in (S1, S2, S3)}), Journal())
    made.restart(others={OTHER: other})
    return made


def test_what_stands_in_another_source_is_not_booked_here_too(clinic: Clinic) -> None:
    """The journal knows nothing of it and the order is an old one: a person looks, nothing is written."""
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.emr.writes == []
    assert (clinic.booking().state, clinic.booking().outcome) == (State.UNSURE, Outcome.CHECKING)


def test_a_cancel_goes_to_the_source_where_the_appointment_stands(clinic: Clinic) -> None:
    """After a lost journal the first source to look hands it on, and tells nobody that it is cancelled."""
    clinic.journal.order(None, 3, told=2, stood=True)
    clinic.settle()
    assert (clinic.emr.writes, clinic.journal.told) == ([], [])
    assert (clinic.booking().emr, clinic.booking().state) == (OTHER, State.QUEUED)


def test_an_older_end_here_says_nothing_of_the_other_source(clinic: Clinic) -> None:
    """Cancelled here, then booked there, then the journal was lost: the mark of the cancel is not taken for the whole."""
    clinic.emr.has[ME] = Effect(ME, 2, Outcome.CANCELLED)
    clinic.journal.order(S1, 3, told=2)
    clinic.settle()
    assert clinic.emr.writes == []
    assert (clinic.booking().state, clinic.booking().outcome) == (State.UNSURE, Outcome.CHECKING)


@pytest.mark.parametrize("gone", [Outcome.CANCELLED, Outcome.CANCELLED_BY_CLINIC])
def test_what_ended_in_another_source_is_booked(clinic: Clinic, other: Agenda, gone: Outcome) -> None:
    """Nothing stands there any more."""
    other.has[ME] = replace(other.has[ME], outcome=gone)
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED


def test_another_source_that_is_down_stops_bookings_only_after_a_lost_journal(clinic: Clinic, other: Agenda) -> None:
    """Else the journal knows where a booking is, and one EMR's outage is not the other's."""
    other.down = Transient(*FAILURE)
    clinic.journal.order(S1)
    clinic.settle()
    assert clinic.booking().outcome is Outcome.BOOKED
    clinic.restart(others={OTHER: other}, enquire=lambda: True)
    clinic.journal.order(S2, name="booking-2")
    with pytest.raises(Transient):
        clinic.leg.step(at())
    other.down = None
    clinic.settle()
    assert clinic.booking("booking-2").outcome is Outcome.BOOKED
    assert clinic.leg.step(at(minutes=1)).again != timedelta(0)
