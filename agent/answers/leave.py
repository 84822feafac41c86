"""`leave`: take everything offline, settle what is open, then forget the hub for good.

Rule: nothing is destroyed while a patient waits for an answer; kept appointments stay in the EMR, the ledger stays.
"""

import json
from collections.abc import Mapping
from typing import Any

from agent.answers.bookings import UNDER_WAY
from agent.answers.house import Asked, House
from agent.answers.shape import sentence
from agent.answers.sharing import withdraw
from agent.core.message import Message, say
from agent.core.sharing import Posture

FORGOTTEN = ("epoch", "seq", "restart", "cursor", "sharing_applied", "rules", "release", "release_heard")
"""Facts that belong to this hub and the rules for it."""


def leave(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {left, waits, next, fingerprint}.

    The first call withdraws every slot and says what is still open: `waits` {slots, bookings, answers, tasks}. A call
    that finds nothing open, or with `anyway` true, destroys the clinic's keys; `left` is then true. `next`: what only
    people can do.
    """
    identity = house.keys.identity()
    posture = Posture(house.records.facts().get("posture", Posture.OPEN))
    if not posture.is_offline:
        withdraw(house, asked)
    waits = _waits(house)
    if any(waits.values()) and not asked.args.get("anyway", False):
        return {"left": False, "waits": waits, "next": [sentence(one) for one in _settling(waits)], "fingerprint": None}
    told = {"hub": identity.hub, "clinic": identity.clinic, "fingerprint": identity.fingerprint, "waited": waits}
    house.records.put(dict.fromkeys(FORGOTTEN, None), asked.now)
    house.records.line("left", json.dumps(told, sort_keys=True).encode(), asked.now, who=asked.who)
    house.vault.leave()
    house.reload()
    return {
        "left": True,
        "waits": waits,
        "next": [sentence(one) for one in _after(house)],
        "fingerprint": identity.fingerprint,
    }


def _waits(house: House) -> Mapping[str, int]:
    """Count what is still open between clinic, hub and patients."""
    rows = house.records.bookings()
    return {
        "slots": len(house.records.told()),
        "bookings": sum(row.state in UNDER_WAY for row in rows),
        "answers": sum(row.reported_rev < row.outcome_rev for row in rows),
        "tasks": len(house.records.tasks()),
    }


def _settling(waits: Mapping[str, int]) -> list[Message]:
    steps = {
        "slots": say("Slots the hub still holds ({n}): they leave with the next message", n=waits["slots"]),
        "bookings": say("Bookings under way ({n}): they end by themselves, creneau bookings", n=waits["bookings"]),
        "answers": say("Answers the hub has not received ({n}): they leave by themselves", n=waits["answers"]),
        "tasks": say("Tasks to answer ({n}): creneau tasks list", n=waits["tasks"]),
    }
    return [*(step for name, step in steps.items() if waits[name]), say("Then once more: creneau leave")]


def _after(house: House) -> list[Message]:
    """Return what is left for people: the hub's operator, the EMR's administrator, the machine."""
    sources = (source.id for source in house.plan().emrs if source.adapter == "sql")
    dropping = (
        say("In the EMR {emr}, drop our table and our account: DROP TABLE creneau_applied", emr=emr) for emr in sources
    )
    return [
        say("Ask the hub operator to shut out this clinic's key: creneau hub revoke"),
        *dropping,
        say("Keep the ledger as long as your policy says: creneau ledger export"),
        say("Then remove the data folder: {folder}", folder=str(house.plan().service.data_dir)),
    ]
