"""The bench of the conformance kit for the memory adapter, and the shortest example of one.

Rule: it works on the clinic itself, never through the adapter.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from adapters.conformance import NAME, SITE, Opening, Standing, Still
from adapters.memory.clinic import OURS, Clinic
from adapters.memory.clinic import Opening as Cell
from adapters.memory.emr import MemoryEmr
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import EmrRef, SlotKey

LABEL = "Réservé en ligne"


class MemoryBench:
    """A clinic in memory; `emr` is the class under test, so that a sabotaged one can take its place."""

    def __init__(self, _folder: Path, emr: type[MemoryEmr] = MemoryEmr) -> None:
        """Begin with an empty clinic."""
        self._emr = emr
        self._clinic = Clinic()

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Begin again with these cells."""
        self._clinic = Clinic()
        self._clinic.open(_cell(each) for each in openings)

    def adapter(self) -> MemoryEmr:
        """Return an adapter on the clinic."""
        return self._emr(NAME, self._clinic, Still(), LABEL)

    def between(self, act: Callable[[], None]) -> MemoryEmr:
        """Return an adapter that is stepped into once, after its commit."""
        acts = [act]
        return self._emr(NAME, self._clinic, Still(), LABEL, lambda: acts.pop()() if acts else None)

    @contextmanager
    def failing(self) -> Iterator[MemoryEmr]:
        """Let the clinic refuse every new row."""
        whole, self._clinic = self._clinic, _Refusing()
        self._clinic.openings = whole.openings
        yield self.adapter()
        self._clinic = whole

    def appointments(self) -> Sequence[Standing]:
        """Return the active rows."""
        return [
            Standing(row.ref, row.practitioner, row.start, row.creator == OURS, f"{row!r} {row.text}")
            for row in self._clinic.rows.values()
            if row.status != "cancelled"
        ]

    def book(self, opening: Opening) -> EmrRef:
        """Book as a receptionist who has already looked."""
        cell = _cell(opening)
        return self._clinic.insert(cell.practitioner, cell.start, cell.end, "desk")

    def cancel(self, ref: EmrRef) -> None:
        """Cancel any row."""
        self._clinic.receptionist().cancel(ref)

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Put a row into another cell."""
        self._clinic.receptionist().move(ref, _key(opening))

    def receive(self, ref: EmrRef) -> None:
        """Note that the patient is here."""
        self._clinic.receptionist().receive(ref)

    def close(self) -> None:
        """Nothing is held."""


class _Refusing(Clinic):
    """An EMR whose agenda cannot be written."""

    def insert(self, *_row: object, **_words: object) -> EmrRef:
        """Refuse."""
        raise Transient(say("write into the agenda"), say("the made-up EMR refuses on purpose"))


def _cell(opening: Opening) -> Cell:
    end = opening.start + timedelta(minutes=opening.minutes)
    return Cell(SITE.id, opening.practitioner, opening.start, end, opening.type)


def _key(opening: Opening) -> SlotKey:
    return _cell(opening).key
