"""`unsold`: published slots nobody can book now, for the front desk to fill by phone.

Rule: a slot is listed only when the agent knows why it cannot be sold; no list means "all can be booked".
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.shape import moment, sentence, since
from agent.answers.sharing import posture_of
from agent.core.message import Message, say
from agent.core.model import EmrName
from agent.ports import Health, ToldRow

VALID = timedelta(minutes=10)
"""How long the hub offers a slot after its last renewal (protocol, validity)."""
HUB_LEGS = ("beat", "deliver", "receive")

Stopped = tuple[Message, datetime | None]


def listing(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {unsold: [{when, until, who, site, type, why, since}]}, by start, of slots still to come."""
    rows = [row for row in house.records.told() if row.shared.start > asked.now.utc and row.gone is None]
    found = []
    for row in rows:
        stopped = blocked(house, asked, row)
        if stopped is not None:
            found.append(_one(row, *stopped))
    return {"unsold": found, "published": len(rows)}


def blocked(house: House, asked: Asked, row: ToldRow) -> Stopped | None:
    """Return why this slot cannot be booked now and since when, None when it can."""
    posture = posture_of(house.records.facts())
    if posture.is_offline:
        return say("the clinic took its slots offline"), None
    if posture.is_frozen:
        return say("the clinic lets nothing be written into the EMR"), None
    if house.board is None:
        return say("the agent is stopped"), None
    health = house.board.read()
    hub = _hub_away(health, asked)
    if hub is not None:
        return say("the hub does not answer"), hub
    if row.slot is not None:
        stale = _stale(health, row.slot.emr, asked)
        if stale is not None:
            return say("the EMR does not answer"), stale
    return None


def _hub_away(health: Health, asked: Asked) -> datetime | None:
    """Return since when the hub leg that matters most has been down."""
    for name in HUB_LEGS:
        leg = health.legs.get(name)
        if leg is not None and leg.kind != "ok":
            return since(leg.since, asked.now)
    return None


def _stale(health: Health, emr: EmrName, asked: Asked) -> datetime | None:
    last = health.reads.get(emr, health.started)
    return since(last, asked.now) if asked.now.age - last.age > VALID else None


def _one(row: ToldRow, why: Message, at: datetime | None) -> Mapping[str, Any]:
    slot = row.slot
    return {
        "when": moment(slot.start if slot else row.shared.start),
        "until": moment(slot.end if slot else row.shared.end),
        "who": (slot.practitioner.label or slot.practitioner.key) if slot else row.shared.practitioner,
        "site": row.shared.site,
        "type": slot.type if slot else None,
        "why": sentence(why),
        "since": moment(at),
    }
