"""`bookings`: the appointments made online and where each one stands.

Rule: no patient here; who it is stands in the EMR, or behind `tasks show`.
"""

from collections.abc import Mapping
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.shape import moment, sentence
from agent.answers.words import OUTCOME, STATE
from agent.core.booking import Booking, State
from agent.core.message import Message
from agent.core.model import Slot

UNDER_WAY = {State.QUEUED, State.INTENT, State.UNSURE, State.QUARANTINE}


def listing(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {bookings: [{booking, version, stands, says, when, until, who, site, type}]}, by start.

    `past`: true lists those whose slot has ended too.
    """
    past = bool(asked.args.get("past", False))
    rows = [(row, row.cur_slot or row.goal_slot) for row in house.records.bookings()]
    kept = [(row, slot) for row, slot in rows if past or slot is None or slot.end > asked.now.utc]
    kept.sort(key=lambda pair: (pair[1].start.isoformat() if pair[1] else "", pair[0].booking))
    return {"bookings": [_one(row, slot) for row, slot in kept]}


def stands(row: Booking) -> Message:
    """Say where a booking stands: what is under way first, else the last outcome."""
    if row.state in UNDER_WAY or row.outcome is None:
        return STATE[row.state]
    return OUTCOME[row.outcome]


def _one(row: Booking, slot: Slot | None) -> Mapping[str, Any]:
    return {
        "booking": row.booking,
        "version": row.seen_ver,
        "stands": row.state.value if row.state in UNDER_WAY or row.outcome is None else row.outcome.value,
        "says": sentence(stands(row)),
        "when": moment(slot.start) if slot else None,
        "until": moment(slot.end) if slot else None,
        "who": (slot.practitioner.label or slot.practitioner.key) if slot else None,
        "site": slot.site if slot else None,
        "type": slot.type if slot else None,
    }
