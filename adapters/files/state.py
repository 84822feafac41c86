"""What the files told us so far: the accepted agenda, times that vanished once, a file that is held back.

Rule: a taken time is free again only when two files in a row leave it out; when many vanish at once a person looks.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from adapters.agenda import Opening, Record
from adapters.agenda.mirror import load
from adapters.agenda.openings import as_row, of_row
from adapters.agenda.vanish import HELD_FOR, too_many
from adapters.er7 import Kind
from adapters.files.rows import Content


@dataclass(frozen=True, slots=True)
class State:
    """`digests`: of the files it comes from; `written`: when the newest of them was, UTC.

    `missing`: keys left out by the last file, still taken; `held`: files in a row held back, with their digests.
    """

    digests: tuple[str, ...] = ()
    written: datetime | None = None
    free: tuple[Opening, ...] = ()
    taken: tuple[Record, ...] = ()
    missing: frozenset[str] = frozenset()
    held: tuple[str, ...] = ()
    left_out: int = 0

    def dump(self) -> bytes:
        """Return it as a note."""
        row: dict[str, Any] = {
            "digests": self.digests,
            "written": self.written.isoformat() if self.written else None,
            "free": [as_row(each) for each in self.free],
            "taken": [each.dump().decode() for each in self.taken],
            "missing": sorted(self.missing),
            "held": self.held,
            "left_out": self.left_out,
        }
        return zlib.compress(json.dumps(row, separators=(",", ":")).encode())


def read_state(note: bytes | None, zones: Mapping[str, ZoneInfo]) -> State:
    """Read a note; `zones`: site id -> ZoneInfo, since a stored time has only its offset. None = nothing yet."""
    if note is None:
        return State()
    row = json.loads(zlib.decompress(note))
    free = tuple(of_row(each, zones) for each in row["free"])
    return State(
        digests=tuple(row["digests"]),
        written=datetime.fromisoformat(row["written"]) if row["written"] else None,
        free=free,
        taken=tuple(load(each.encode()) for each in row["taken"]),
        missing=frozenset(row["missing"]),
        held=tuple(row["held"]),
        left_out=row["left_out"],
    )


def after(
    state: State, content: Content, digests: tuple[str, ...], written: datetime, now: datetime, most: int
) -> State:
    """Return the state after one complete reading of the files; `most`: per cent of coming times that may vanish."""
    if _vanished(state, content, now, most) and len(state.held) + 1 < HELD_FOR:
        return replace(state, held=(*state.held, digests[-1]))
    there = {each.key: each for each in content.taken}
    gone = {each.key: each for each in state.taken if each.key not in there and each.end and each.end > now}
    once = {key for key, each in gone.items() if each.is_standing and key not in state.missing}
    kept = [
        each if key in once or not each.is_standing else replace(each, state=Kind.GONE) for key, each in gone.items()
    ]
    return State(
        digests=digests,
        written=written,
        free=content.free,
        taken=(*content.taken, *kept),
        missing=frozenset(once),
        left_out=content.left_out,
    )


def _vanished(state: State, content: Content, now: datetime, most: int) -> bool:
    """Say whether too many coming times are gone at once: half an export, or the wrong file."""
    had = _coming(
        ((each.key, each.end) for each in state.taken if each.is_standing and each.key not in state.missing), now
    )
    has = {each.key for each in content.taken}
    opened = _coming(((str(each.key), each.end) for each in state.free), now)
    still = {str(each.key) for each in content.free}
    return too_many(had, has, most) or too_many(opened, still, most)


def _coming(pairs: Iterable[tuple[str, datetime | None]], now: datetime) -> set[str]:
    return {key for key, end in pairs if end is not None and end > now}
