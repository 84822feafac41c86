"""The bench of the conformance kit for a folder of files: an EMR that exports its agenda as CSV after every change.

Rule: it works on the EMR itself, never through the adapter.
"""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from adapters.catalog import ENTRIES
from adapters.conformance import NAME, Opening, Standing, tools
from adapters.conformance.bench import NOW
from adapters.files import FilesEmr, open_
from agent.core.model import EmrRef

COLUMNS = ("id", "practitioner", "start", "end", "type", "status")


@dataclass(frozen=True, slots=True)
class Row:
    """One appointment of the made-up EMR."""

    ref: str
    who: str
    start: datetime
    end: datetime
    status: str = "pris"


class FilesBench:
    """An EMR whose only way out is an export."""

    def __init__(self, folder: Path) -> None:
        """Begin with an empty agenda."""
        self._folder = folder
        self._clock = count(1)
        self.fresh([])

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Begin again with these free cells."""
        self._openings = list(openings)
        self.rows: dict[str, Row] = {}
        self._numbers = count(1)
        self._tools = tools()
        self._export()

    def options(self) -> dict[str, object]:
        """Return what the configuration would hold."""
        given = {option.key: option.default for option in ENTRIES["files"].options}
        words = {"free_words": ["libre"], "cancelled_words": ["annulé"], "settle": timedelta(0)}
        return {**given, **words, "folder": self._folder}

    def adapter(self) -> FilesEmr:
        """Return an adapter on the folder."""
        return open_(NAME, self.options(), self._tools)

    def between(self, act: Callable[[], None]) -> FilesEmr:
        """Return an adapter: there is no write to step into."""
        del act
        return self.adapter()

    @contextmanager
    def failing(self) -> Iterator[FilesEmr]:
        """Return an adapter: there is no write to refuse."""
        yield self.adapter()

    def appointments(self) -> Sequence[Standing]:
        """Return the rows that are not cancelled."""
        return [
            Standing(EmrRef(row.ref), row.who, row.start, ours=False, content=repr(row))
            for row in self.rows.values()
            if row.status != "annulé"
        ]

    def book(self, opening: Opening) -> EmrRef:
        """Book by the screen."""
        ref = f"RV{next(self._numbers)}"
        end = opening.start + timedelta(minutes=opening.minutes)
        self._put(Row(ref, opening.practitioner, opening.start, end))
        return EmrRef(ref)

    def cancel(self, ref: EmrRef) -> None:
        """Cancel by the screen."""
        self._put(replace(self.rows[ref], status="annulé"))

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Move by the screen."""
        end = opening.start + timedelta(minutes=opening.minutes)
        self._put(replace(self.rows[ref], who=opening.practitioner, start=opening.start, end=end))

    def receive(self, ref: EmrRef) -> None:
        """Set to arrived."""
        self._put(replace(self.rows[ref], status="arrivé"))

    def close(self) -> None:
        """Nothing is held."""

    def _put(self, row: Row) -> None:
        self.rows[row.ref] = row
        self._export()

    def _export(self) -> None:
        part = self._folder / "agenda.csv.part"
        with part.open("w", encoding="cp1252", newline="") as stream:
            table = csv.writer(stream, delimiter=";")
            table.writerow(COLUMNS)
            for each in self._openings:
                end = each.start + timedelta(minutes=each.minutes)
                table.writerow(("", each.practitioner, _local(each.start), _local(end), each.type, "libre"))
            for row in self.rows.values():
                table.writerow((row.ref, row.who, _local(row.start), _local(row.end), "", row.status))
        at = NOW.timestamp() + next(self._clock)
        os.utime(part, (at, at))
        part.replace(self._folder / "agenda.csv")


def _local(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")
