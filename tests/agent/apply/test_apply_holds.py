"""Holds: kept from others, confirmed, ended, shown where the EMR can."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from agent.core.booking import Outcome
from agent.core.errors import Transient
from agent.core.model import BookingId, Slot
from agent.core.sharing import Posture, SharingRules
from tests.agent.apply.scene import EMR, FAILURE, OPEN, S1, S2, Agenda, Clinic, Journal, at


def test_a_hold_is_kept_from_others_and_confirmed(clinic: Clinic) -> None:
    """No write for a hold; another booking gets conflict; the confirm is written; the leg wakes for its end."""
    clinic.journal.order(S1, hold=True)
    clinic.journal.order(S1, name="booking-2")
    assert clinic.leg.step(at()).again == timedelta(minutes=10)
    assert clinic.booking().outcome is Outcome.HELD
    assert clinic.booking("booking-2").outcome is Outcome.CONFLICT
    clinic.journal.order(S1, 2)
    clinic.settle(minutes=20)
    assert clinic.booking().outcome is Outcome.BOOKED


@pytest.mark.parametrize(
    ("minutes", "rules"),
    [
        (10, OPEN),
        (1, replace(OPEN, posture=Posture.FROZEN)),
        (1, replace(OPEN, posture=Posture.WITHDRAWN)),
        (1, replace(OPEN, vetoes=frozenset({(EMR, "101")}))),
    ],
)
def test_a_hold_ends(clinic: Clinic, minutes: int, rules: SharingRules) -> None:
    """By its hour, also across a restart; by a freeze, a withdrawal or a veto."""
    clinic.journal.order(S1, hold=True)
    clinic.settle()
    clinic.restart()
    clinic.rules = rules
    clinic.settle(minutes=minutes)
    assert clinic.booking().outcome is Outcome.EXPIRED


@dataclass
class Showing(Agenda):
    """An agenda that can show a hold."""

    shown: dict[BookingId, Slot] = field(default_factory=dict)
    unable: bool = False

    def hold(self, booking: BookingId, slot: Slot, until: datetime) -> bool:
        if self.unable:
            raise Transient(*FAILURE)
        self.shown[booking] = slot
        return True

    def drop(self, booking: BookingId) -> None:
        self.shown.pop(booking, None)


def test_a_hold_is_shown_where_the_emr_can() -> None:
    """Marked, unmarked for the confirm or at its end; an EMR that fails there changes nothing."""
    emr = Showing({S1.key: S1, S2.key: S2})
    clinic = Clinic(emr, Journal())
    clinic.journal.order(S1, hold=True)
    clinic.settle()
    assert emr.shown == {"booking-1": S1}
    emr.unable = True
    clinic.journal.order(S2, name="booking-2", hold=True)
    clinic.journal.order(S1, 2)
    clinic.settle()
    assert (clinic.booking().outcome, clinic.booking("booking-2").outcome) == (Outcome.BOOKED, Outcome.HELD)
    assert emr.shown == {}
    clinic.settle(minutes=11)
    assert clinic.booking("booking-2").outcome is Outcome.EXPIRED
