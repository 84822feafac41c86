"""Memory without a table of ours: a short text in the appointment itself, and one writer at a time.

Rule: nothing is written without the database's session lock; what has no row is not remembered, so a turn is needed.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.sql.applied import PLACED, Applied
from adapters.sql.mapping import Tokened
from adapters.sql.session import Work
from agent.core.booking import Outcome
from agent.core.model import BookingId, EmrRef, SlotKey

LOCK = "creneau"
"""Name of the session lock; a database of its own, a lock of its own."""
_TEXT = re.compile(r"creneau:(?P<booking>[A-Za-z0-9_-]+):(?P<version>\d+)(?P<state>[?!x]):(?P<key>[^\s\]]+)")
_STATES = {PLACED: "?", Outcome.BOOKED: "!", Outcome.CANCELLED: "x"}


@dataclass(frozen=True, slots=True)
class _Mark:
    """One token found: `text` is the token itself."""

    ref: EmrRef
    text: str
    booking: BookingId
    version: int
    outcome: str
    key: SlotKey


class Token:
    """Memory (see write.py) in the appointments. A move has two of them until the new one is verified."""

    def __init__(self, mapping: Tokened) -> None:
        """Take the mapping that knows where a token goes."""
        self._mapping = mapping

    def probe(self, work: Work) -> None:
        """Need nothing beyond the EMR's own tables."""

    def claim(self, work: Work, booking: BookingId, now: datetime) -> Applied:
        """Become the only writer of this database until the connection closes; then look. Raises Transient."""
        work.alone(LOCK)
        return self.recall(work, booking, now) or Applied(booking, 0, "")

    def recall(self, work: Work, booking: BookingId, now: datetime) -> Applied | None:
        """Read the tokens of one booking."""
        return _applied(self._marks(work, booking, now))

    def remembered(self, work: Work, now: datetime) -> list[Applied]:
        """Read every booking whose appointment is not over."""
        marks: dict[BookingId, list[_Mark]] = {}
        for mark in self._marks(work, None, now):
            marks.setdefault(mark.booking, []).append(mark)
        return [known for each in marks.values() if (known := _applied(each)) is not None]

    def remember(self, work: Work, known: Applied, now: datetime) -> None:
        """Bring the tokens up to what was done; a conflict leaves none, an undone row took its own along.

        A mere new version is not written: the appointment may be staff's by now, and theirs is not touched.
        """
        for mark in self._marks(work, known.booking, now):
            left = known.outcome == Outcome.CANCELLED or mark.ref not in (known.ref, known.previous)
            outcome = Outcome.CANCELLED if left else known.outcome if mark.ref == known.ref else mark.outcome
            if outcome in _STATES and outcome != mark.outcome:
                new = replace(mark, version=known.version, outcome=outcome)
                self._mapping.mark(work, mark.ref, mark.text, _text(new))

    def token(self, booking: BookingId, version: int, key: SlotKey) -> str:
        """Return the token of an appointment not yet verified."""
        return _text(_Mark(EmrRef(""), "", booking, version, PLACED, key))

    def _marks(self, work: Work, booking: BookingId | None, now: datetime) -> list[_Mark]:
        like = "creneau:" if booking is None else f"creneau:{booking}:"
        found = [_mark(ref, text) for ref, text in self._mapping.tokens(work, f"%{like}%", now)]
        return [mark for mark in found if mark is not None and booking in (None, mark.booking)]


def _applied(marks: list[_Mark]) -> Applied | None:
    """Return the newest; beside one that is not verified, the appointment it is to replace."""
    if not marks:
        return None
    *older, last = sorted(marks, key=lambda mark: (mark.outcome != Outcome.CANCELLED, mark.version))
    before = older[-1] if older and last.outcome == PLACED and older[-1].outcome != Outcome.CANCELLED else None
    version = max(mark.version for mark in marks)
    if last.outcome == Outcome.CANCELLED:
        return Applied(last.booking, version, Outcome.CANCELLED)
    return Applied(last.booking, version, last.outcome, last.key, last.ref, before.ref if before else None)


def _mark(ref: EmrRef, text: str) -> _Mark | None:
    found = _TEXT.search(text)
    if found is None:
        return None
    outcome = next(word for word, state in _STATES.items() if state == found["state"])
    return _Mark(ref, found[0], BookingId(found["booking"]), int(found["version"]), outcome, SlotKey(found["key"]))


def _text(mark: _Mark) -> str:
    return f"creneau:{mark.booking}:{mark.version}{_STATES[mark.outcome]}:{mark.key}"
