"""Values to columns and back.

Rule: a slot of the EMR comes back equal, zone included, on both sides of a clock change; a shared slot comes back
with the same canonical line.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.core.changes import wire
from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotKey
from agent.core.sharing import SharedSlot, revive

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return UTC microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def moment(value: int) -> datetime:
    """Return the UTC datetime of `micros`."""
    return EPOCH + timedelta(microseconds=value)


def maybe_micros(at: datetime | None) -> int | None:
    """Return `micros` of a time that may be absent."""
    return None if at is None else micros(at)


def maybe_moment(value: int | None) -> datetime | None:
    """Return `moment` of a number that may be absent."""
    return None if value is None else moment(value)


def to_json(value: object) -> str:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def time_text(at: datetime) -> str:
    """Return RFC 9557: the offset says which instant, the zone in brackets says whose wall clock."""
    text = at.isoformat()
    return f"{text}[{at.tzinfo.key}]" if isinstance(at.tzinfo, ZoneInfo) and at.tzinfo.key else text


def time_of(text: str) -> datetime:
    """Return the time of `time_text`; the offset decides which of two equal wall times is meant."""
    stamp, _, zone = text.partition("[")
    at = datetime.fromisoformat(stamp)
    return at.astimezone(ZoneInfo(zone[:-1])) if zone else at


def slot_json(slot: Slot) -> str:
    """Return a slot as the EMR had it."""
    who = slot.practitioner
    return to_json(
        [
            slot.emr, slot.key, slot.site, [who.key, who.name, who.label],
            time_text(slot.start), time_text(slot.end), slot.type, slot.after_cancel,
        ]
    )  # fmt: skip


def slot_of(text: str) -> Slot:
    """Return the slot of `slot_json`."""
    emr, key, site, (who, name, label), start, end, kind, after_cancel = json.loads(text)
    return Slot(
        EmrName(emr), SlotKey(key), SiteId(site), Practitioner(who, name, label),
        time_of(start), time_of(end), kind, after_cancel,
    )  # fmt: skip


def maybe_slot(text: str | None) -> Slot | None:
    """Return the slot of a column that may be empty."""
    return None if text is None else slot_of(text)


def shared_json(shared: SharedSlot) -> str:
    """Return the wire members, without id."""
    return to_json(wire(None, shared))


def shared_of(text: str) -> SharedSlot:
    """Return the shared slot of `shared_json`: with the same line, its zone is the bare offset."""
    return revive(json.loads(text))


def wire_time(at: datetime) -> str:
    """Return a time as it stands on the wire: whole seconds, the site's offset."""
    return at.isoformat(timespec="seconds")


def utc_text(at: datetime) -> str:
    """Return RFC 3339 UTC with milliseconds and "Z"."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def facts_of_line(line: bytes | None) -> Mapping[str, Any]:
    """Return what an order's own slot line says, for a slot we do not know: when and where, or nothing."""
    try:
        start, end, _, site, *_ = json.loads(line or b"[]")
    except ValueError:  # the hub signs any text; a task is opened all the same
        return {}
    facts = {"site": site, "start": start, "end": end}
    return {name: value for name, value in facts.items() if isinstance(value, str)}


def facts_of(slot: Slot | None) -> Mapping[str, Any]:
    """Return what a task may say of a slot; the label is for the clinic's own screen."""
    if slot is None:
        return {}
    return {
        "emr": slot.emr,
        "site": slot.site,
        "practitioner": slot.practitioner.label or slot.practitioner.name or slot.practitioner.key,
        "start": wire_time(slot.start),
        "end": wire_time(slot.end),
        "type": slot.type,
    }
