"""What becomes of a place a patient gave up online: the clinic's choice.

Rule: a cancel is always applied, however late; the choice is only who may have the place next, and who is told.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from agent.core.booking.model import Booking, Outcome, TaskKind
from agent.core.model import Slot


class Then(StrEnum):
    """[booking] after_cancel."""

    RELEASE = "release"
    KEEP = "keep"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Cancels:
    """The clinic's choice. `until`: a cancel with less notice than this is late."""

    until: timedelta
    then: Then


RELEASED = Cancels(timedelta(0), Then.RELEASE)
"""Every place given up goes back online, and nobody is told."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A place given up: whether it stays out of the offer, and what the desk is told."""

    slot: Slot
    keep: bool
    tasks: tuple[TaskKind, ...]


def given_up(before: Booking, after: Booking, cancels: Cancels, now: datetime) -> GivenUp | None:
    """Return the place an online cancel freed in the EMR by our own hand; None = none, or it is over."""
    slot = before.cur_slot
    cancelled = after.outcome is Outcome.CANCELLED and after.outcome_rev > before.outcome_rev
    if not cancelled or slot is None or before.emr_ref is None or slot.end <= now:
        return None
    if cancels.then is Then.ASK:
        return GivenUp(slot, keep=True, tasks=(TaskKind.AFTER_CANCEL,))
    late = slot.start - now < cancels.until
    return GivenUp(slot, cancels.then is Then.KEEP, (TaskKind.LATE_CANCEL,) if late else ())
