"""Compare the mirror with the EMR's whole agenda: what it lacks is added, what vanished goes.

Rule: what changed while the EMR was asked stays; what vanished goes at the second complete look, many at once never.
"""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.agenda import Mirror, Record
from adapters.agenda.openings import within
from adapters.agenda.vanish import HELD_FOR, too_many
from adapters.er7 import Kind
from adapters.hl7v2.doubt import Held
from adapters.hl7v2.whole import Whole
from agent.core.model import Window

NOTE = "whole"
MARGIN = timedelta(days=7)
"""How far beyond the horizon is looked: so long may comparing fail before a day nobody compared comes into sight."""


@dataclass(frozen=True, slots=True)
class State:
    """`at`: the last complete look that was believed, `until` when it reached, `tried`: the last one, UTC.

    `mark`: of its file; `missing`: records it did not show, still taken; `held`: looks in a row from which too many
    had vanished; `whom`: who was asked about, None = everybody.
    """

    at: datetime | None = None
    until: datetime | None = None
    tried: datetime | None = None
    mark: str = ""
    missing: frozenset[str] = frozenset()
    held: int = 0
    whom: frozenset[str] | None = None

    def knows(self, end: datetime, whom: AbstractSet[str]) -> bool:
        """Say whether everything of these people until `end` was once seen."""
        return self.until is not None and end <= self.until and (self.whom is None or whom <= self.whom)

    def dump(self) -> bytes:
        """Return it as a note."""
        row: dict[str, Any] = asdict(self) | {
            "missing": sorted(self.missing),
            "whom": None if self.whom is None else sorted(self.whom),
        }
        return json.dumps(row, default=lambda at: at.isoformat(), separators=(",", ":")).encode()


def read_state(note: bytes | None) -> State:
    """Read a note; None = nothing was compared yet."""
    if note is None:
        return State()
    row = json.loads(note)
    at, until, tried = (datetime.fromisoformat(row[name]) if row[name] else None for name in ("at", "until", "tried"))
    whom = None if row["whom"] is None else frozenset(row["whom"])
    return State(at, until, tried, row["mark"], frozenset(row["missing"]), row["held"], whom)


@dataclass(frozen=True, slots=True)
class Compared:
    """What one look did. `notes`: changed records by key, None = forgotten; the counts are records."""

    state: State
    notes: Mapping[str, Record | None]
    added: int
    moved: int
    gone: int


def compared(
    mirror: Mirror, before: Mapping[str, Record], whole: Whole, state: State, ours: AbstractSet[str], most: int
) -> Compared:
    """Take a complete look into the mirror. `before`: the records as they were when the EMR was asked.

    `ours`: keys of our bookings: one that vanished is forgotten, not called cancelled. `most`: per cent.
    """
    notes: dict[str, Record | None] = {}
    shown: set[str] = set()
    added = moved = 0
    for each in whole.changes:
        old = mirror.find(each)
        if old is not None and before.get(old.key) != old:
            shown.add(old.key)  # a notice came meanwhile, and is newer
            continue
        changed = mirror.take(replace(each, sent=old.sent if old is not None else min(each.sent, whole.at)))
        notes |= changed
        shown.add(mirror.of(each).key)
        added += bool(changed) and old is None
        moved += bool(changed) and old is not None
    had = {key for key, each in before.items() if mirror.records.get(key) == each and _is_meant(each, whole)}
    had |= shown & before.keys()
    held = state.held + 1 if too_many(had - state.missing, shown, most) else 0
    if 0 < held < HELD_FOR:
        return Compared(replace(state, tried=whole.at, mark=whole.mark, held=held), notes, added, moved, 0)
    lost = had - shown
    gone = lost if held else lost & state.missing
    for key in gone:
        notes |= _let_go(mirror, key, is_ours=key in ours)
    until = whole.window.end.astimezone(UTC)
    new = State(whole.at, until, whole.at, whole.mark, frozenset(lost - gone), whom=whole.whom)
    return Compared(new, notes, added, moved, len(gone))


def after(doubt: Held, window: Window, at: datetime) -> Held | None:
    """Return what remains in doubt once the EMR showed all of a window at `at`: what lies beyond it, None = nothing."""
    if doubt.received >= at:
        return doubt
    end = window.end.astimezone(doubt.start.tzinfo)
    if doubt.end is not None and doubt.end <= end:
        return None
    return replace(doubt, start=max(doubt.start, end))


def _is_meant(record: Record, whole: Whole) -> bool:
    """Say whether a complete look would show a record if it still stood."""
    if not record.is_standing or record.start is None or not within(whole.window, record.start):
        return False
    return whole.whom is None or bool(whole.whom & set(record.people))


def _let_go(mirror: Mirror, key: str, *, is_ours: bool) -> dict[str, Record | None]:
    if is_ours:
        mirror.drop(key)
        return {key: None}
    mirror.records[key] = replace(mirror.records[key], state=Kind.GONE)
    return {key: mirror.records[key]}
