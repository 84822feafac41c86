"""The desk and the agent want one time, over and over, in every mapping and with either memory.

`make races` runs a thousand of each instead of a few.
"""

import os
import threading
from collections import Counter
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from adapters.conformance import Opening
from adapters.conformance.bench import MONDAY, book
from adapters.sql.mariadb_bench import MariaBench, OpenEmrBench
from adapters.sql.private import connect
from adapters.sql.write import Point
from agent.core.booking import Effect, Outcome
from agent.core.errors import Transient
from agent.core.model import BookingId, Slot, Window
from agent.ports import Emr

RUNS = int(os.environ.get("CRENEAU_RACES", "24"))
HOURS = [8 + n / 4 for n in range(20)]
Bench = MariaBench | OpenEmrBench


class Desk:
    """One screen, three habits: before, during and after our write."""

    def __init__(self, bench: Bench, base: Any, opening: Opening, when: str) -> None:
        self.bench, self.base, self.opening, self.when = bench, base, opening, when
        self.hers: threading.Thread | None = None

    def step(self, point: Point) -> None:
        if (self.when, point) == ("before", Point.CLAIMED):
            self.bench.unsaved(self.base, self.opening)
            self.hers = threading.Thread(target=self.base.commit)
            self.hers.start()  # our check waits for her commit, or sees it
        elif (self.when, point) == ("during", Point.CHECKED):
            self.hers = threading.Thread(target=self.insert)
            self.hers.start()  # her insert waits for our lock
        elif point is Point.COMMITTED and self.when != "before":
            if self.hers is None:
                self.insert()
            else:
                self.hers.join(120)

    def insert(self) -> None:
        self.bench.unsaved(self.base, self.opening)
        self.base.commit()


def openings(number: int) -> list[Opening]:
    """Return that many free quarters, a few a day."""
    days = -(-number // len(HOURS))
    every = [Opening("101", MONDAY + timedelta(days=day, hours=hour)) for day in range(days) for hour in HOURS]
    return every[:number]


def read(emr: Emr, cells: list[Opening]) -> list[Slot]:
    window = Window(MONDAY, cells[-1].start + timedelta(days=1))
    slots = sorted(emr.slots(window).slots, key=lambda slot: slot.start)
    assert len(slots) == len(cells)
    return slots


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_races_with_the_desk_leave_no_double_booking(any_bench: Bench, when: str) -> None:
    """She books the same time before, during or after our write: hers stands alone, unchanged; ours answers conflict."""
    cells = openings(RUNS)
    any_bench.fresh(cells)
    acts: list[Desk] = []
    emr = any_bench.stepped(lambda point: acts[-1].step(point) if acts else None)
    told = Counter[Outcome]()
    with closing(connect(any_bench.server.desk())) as base:
        for n, (slot, cell) in enumerate(zip(read(emr, cells), cells, strict=True)):
            acts.append(Desk(any_bench, base, cell, when))
            told[book(emr, slot, booking=BookingId(f"race-{n:04}")).outcome] += 1
            if acts[-1].hers is not None:
                acts[-1].hers.join(120)
    emr.close()
    assert told == {Outcome.CONFLICT: RUNS}
    standing = any_bench.appointments()
    assert [row.start for row in sorted(standing, key=lambda row: row.start)] == [cell.start for cell in cells]
    assert not any(row.ours for row in standing)


def test_races_between_two_agents_book_each_time_once(any_bench: Bench) -> None:
    """Two agents want each time: one has it, the other answers conflict, or waits for the session lock."""
    cells = openings(RUNS)
    any_bench.fresh(cells)
    agents = [any_bench.adapter(), any_bench.adapter()]
    slots, gate, told = read(agents[0], cells), threading.Barrier(2), list[tuple[int, Effect | None]]()

    def work(which: int) -> None:
        for n, slot in enumerate(slots):
            gate.wait(120)
            told.append((n, patiently(agents[which], slot, BookingId(f"agent-{which}-{n:04}"))))

    threads = [threading.Thread(target=work, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    for each in agents:
        each.close()
    by_time = [sorted(effect.outcome if effect else "" for m, effect in told if m == n) for n in range(RUNS)]
    loser = Outcome.CONFLICT if any_bench.mode == "sidecar" else ""
    assert all(outcomes == sorted([Outcome.BOOKED, loser]) for outcomes in by_time), Counter(map(str, by_time))
    assert [row.start for row in sorted(any_bench.appointments(), key=lambda row: row.start)] == [
        c.start for c in cells
    ]


def patiently(emr: Any, slot: Slot, booking: BookingId) -> Effect | None:
    """Book as the agent does; None where another agent is the clinic's writer."""
    for _ in range(20):
        try:
            return book(emr, slot, booking=booking)
        except Transient as error:
            if emr.mode == "token" and not emr._session.was_busy(error):
                return None
    raise AssertionError("twenty times in a row the database was busy")
