"""Whose slots and bookings a message spoke of: kept at the clinic, because the message itself never says it.

Rule: one line beside the `sent` line it belongs to; it alone lets a doctor's month be added up years later.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from agent.core.changes import View
from agent.journal.codec import slot_of, to_json
from agent.journal.tx import Reader
from agent.ports import Outgoing

Person = tuple[str, str, str]
"""EMR, the EMR's key of the practitioner, the allow rule."""


def whose(db: Reader, jti: str, out: Outgoing, told: View) -> bytes | None:
    """Return the line's body, None when the message names nobody's slot.

    {"re": jti, "salt": 128 random bits, "slots": {id: [emr, key, rule]}, "gone": [ids], "bookings": {booking: [emr,
    key, rule]}}. Without the salt the head that the hub countersigns could be searched for who is behind a slot.
    """
    body: dict[str, Any] = {"re": jti, "salt": secrets.token_hex(16)}
    if out.told is not None:
        changed = [id_ for id_, shared in out.told.items() if told.get(id_) != shared]
        gone = sorted(told.keys() - out.told.keys())
        body["slots"] = dict(_slots(db, (*changed, *gone)))
        body["gone"] = gone
    else:
        named = [str(entry["booking"]) for entry in out.body.get("outcomes", ())]
        body["bookings"] = dict(_bookings(db, named))
    return to_json(body).encode() if any(body.get(name) for name in ("slots", "gone", "bookings")) else None


def read(body: bytes) -> Mapping[str, Any]:
    """Return a line's members."""
    found: Mapping[str, Any] = json.loads(body)
    return found


def _slots(db: Reader, ids: Iterable[str]) -> Iterable[tuple[str, Person]]:
    sql = "SELECT id, slot, rule FROM slot WHERE id IN (SELECT value FROM json_each(?))"
    for id_, slot, rule in db.rows(sql, json.dumps(list(ids))):
        one = slot_of(slot)
        yield id_, (one.emr, one.practitioner.key, rule)


def _bookings(db: Reader, names: Iterable[str]) -> Iterable[tuple[str, Person]]:
    sql = (
        "SELECT booking, coalesce(cur_slot, goal_slot, intent_slot), rule FROM booking"
        " WHERE booking IN (SELECT value FROM json_each(?))"
    )
    for booking, slot, rule in db.rows(sql, json.dumps(list(names))):
        if slot is not None:
            one = slot_of(slot)
            yield booking, (one.emr, one.practitioner.key, rule)
