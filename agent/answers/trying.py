"""`emr try`: read a source, with another mapping file if one is given, and show samples beside counts.

Rule: reads only; a faulty file is told whole, with every line to mend.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.shape import finding, moment
from agent.answers.source import source_of
from agent.core.model import Cell, Reading, Slot, Window
from agent.core.sheet import Faults
from agent.ports import Agenda, Emr

SAMPLES = 10


def trying(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {emr, days, free, taken, types, people, samples, findings} or {emr, faults}; `file`: another mapping."""
    source, days = source_of(house, asked), asked.number("days", 14, least=1, most=366)
    file = asked.text("file", "")
    try:
        emr = house.open_with(source.id, {"mapping": file} if file else {})
    except Faults as faults:
        return {"emr": source.id, "faults": [_fault(one) for one in faults.faults]}
    window = Window(asked.now.utc, asked.now.utc + timedelta(days=days))
    with closing(emr):
        return {"emr": source.id, "days": days, **_seen(emr, window)}


def _seen(emr: Emr, window: Window) -> Mapping[str, Any]:
    reading = emr.slots(window)
    taken = None
    if isinstance(emr, Agenda):
        taken = sum(row.cell is not Cell.FREE for row in emr.rows(window))
    return {
        "free": len(reading.slots),
        "taken": taken,
        "types": Counter(slot.type for slot in reading.slots),
        "people": Counter(slot.practitioner.key for slot in reading.slots),
        "samples": [_slot(slot) for slot in _spread(reading)],
        "findings": [finding("emr", one) for one in reading.findings],
    }


def _spread(reading: Reading) -> Sequence[Slot]:
    """Return a few slots from the whole window, not its first morning only."""
    slots = sorted(reading.slots, key=lambda slot: (slot.start, slot.practitioner.key))
    step = max(1, len(slots) // SAMPLES)
    return slots[::step][:SAMPLES]


def _slot(slot: Slot) -> Mapping[str, Any]:
    return {
        "start": moment(slot.start),
        "end": moment(slot.end),
        "practitioner": slot.practitioner.key,
        "label": slot.practitioner.label,
        "type": slot.type,
        "site": slot.site,
        "after_cancel": slot.after_cancel,
    }


def _fault(one: Any) -> Mapping[str, Any]:
    says = {"id": one.says.id, "args": dict(one.says.args)}
    hint = None if one.hint is None else {"id": one.hint.id, "args": dict(one.hint.args)}
    return {"file": one.file, "line": one.line, "key": one.key, "value": one.value, "says": says, "hint": hint}
