"""`preview`: the clinic's agenda on the left, what the hub would read on the right.

Rule: the right side is made by the same `core.sharing` that publishes; this file decides nothing about sharing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from agent.answers import columns, words
from agent.answers.columns import Column, Row
from agent.answers.house import Asked, House
from agent.answers.reading import opened
from agent.answers.shape import sentence
from agent.core.message import Message
from agent.core.model import AgendaRow, Cell, EmrName, Reading, Slot, Window
from agent.core.sharing import Decision, Why, rehearse
from agent.ports import Agenda

NEW = {Why.NEW_TYPE: "type", Why.NEW_PRACTITIONER: "practitioner"}


def preview(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {columns, rows, new, counts, rehearsal, applied, posture, complete}.

    Arguments: `days` from now, at most the horizon of the rules; `who`: part of a person's code or label, "" = all.
    Looking at one person is a ledger line. Rows hold no patient; the values of a column are text, sentences or null.
    """
    days, who = asked.number("days", 7, least=1, most=90), asked.text("who", "")
    sharing = house.file()
    window = Window(asked.now.utc, asked.now.utc + min(timedelta(days=days), sharing.rules.horizon))
    rows: list[Row] = []
    complete = True
    for source in sharing.plan.emrs:
        reading, agenda = look(house, source.id, window)
        views = house.views(source.id)
        decision = rehearse(reading.slots, sharing.rules, asked.now.utc, views.since(), views.held())
        rows += _joined(agenda, decision)
        complete = complete and reading.complete
    if who:
        people = [(row, row.agenda.practitioner) for row in rows]
        rows = [row for row, one in people if named(one.key, one.label or one.name or "", who)]
        house.records.line("viewed", who.encode(), asked.now, who=asked.who)
    rows.sort(key=lambda row: (row.agenda.start, row.agenda.practitioner.key))
    applied = house.applied()
    return {
        "columns": [_heading("agenda", column) for column in columns.AGENDA]
        + [_heading("leaves", column) for column in columns.LEAVES],
        "rows": [_cells(row) for row in rows],
        "new": _new(rows),
        "counts": {
            "leaves": sum(row.offered is not None for row in rows),
            "stays": sum(row.withheld is not None for row in rows),
        },
        "rehearsal": not sharing.rules.enabled,
        "applied": applied is not None and applied.digest == sharing.rules.digest,
        "posture": {"word": sharing.rules.posture.value, "says": sentence(words.POSTURE[sharing.rules.posture])},
        "complete": complete,
    }


def look(house: House, name: EmrName, window: Window) -> tuple[Reading, tuple[AgendaRow, ...]]:
    """Read one source: its free slots, and its agenda if it can show one."""
    with opened(house, name) as emr:
        agenda = tuple(emr.rows(window)) if isinstance(emr, Agenda) else ()
        return emr.slots(window), agenda


def _joined(agenda: Iterable[AgendaRow], decision: Decision) -> list[Row]:
    """Put each decision beside its row of the agenda; a source without an agenda shows its free slots alone."""
    free = {place(item.slot): Row(_own(item.slot), offered=item) for item in decision.offered.values()}
    free |= {place(item.slot): Row(_own(item.slot), withheld=item) for item in decision.withheld}
    rows = []
    for row in agenda:
        match = free.pop((row.practitioner.key, row.site, row.start), None) if row.cell is Cell.FREE else None
        rows.append(Row(row, match.offered, match.withheld) if match else Row(row))
    return rows + list(free.values())


def place(slot: Slot) -> tuple[object, ...]:
    """Return what joins a slot to its row of the agenda."""
    return slot.practitioner.key, slot.site, slot.start


def _own(slot: Slot) -> AgendaRow:
    return AgendaRow(slot.practitioner, slot.site, slot.start, slot.end, Cell.FREE, slot.type)


def named(key: str, label: str, who: str) -> bool:
    """Say whether `who` means this person: their code, or part of the label; "" means everybody."""
    return who == key or who.casefold() in label.casefold()


def _heading(side: str, column: Column) -> Mapping[str, Any]:
    return {"key": column.key, "side": side, "title": sentence(column.title), "wide": column.wide}


def _cells(row: Row) -> Mapping[str, Any]:
    found = {column.key: column.value(row) for column in columns.AGENDA + columns.LEAVES}
    return {key: sentence(value) if isinstance(value, Message) else value for key, value in found.items()}


def _new(rows: Iterable[Row]) -> list[Mapping[str, Any]]:
    """Count the types and people the file does not name yet."""
    found: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        kind = NEW.get(row.withheld.why) if row.withheld else None
        if row.withheld and kind:
            slot = row.withheld.slot
            found[kind, slot.emr, slot.type if kind == "type" else slot.practitioner.key] += 1
    return [{"kind": kind, "emr": emr, "code": code, "free": n} for (kind, emr, code), n in sorted(found.items())]
