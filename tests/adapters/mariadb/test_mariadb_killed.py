"""The database server dies under us, as a power switch would end it: nothing lost, nothing double.

`make races` does it a hundred times in every mapping and with either memory.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance import Opening
from adapters.conformance.bench import DAY, MONDAY, book
from adapters.sql.mariadb_bench import MariaBench, OpenEmrBench
from adapters.sql.private import OPENEMR, OSCAR, Server, missing, serving
from adapters.sql.write import Point
from agent.core.booking import Effect, Outcome
from agent.core.errors import Ambiguous, CreneauError, Transient
from agent.core.model import BookingId, Slot
from agent.ports import Emr

KILLS = int(os.environ.get("CRENEAU_KILLS", "5"))
STEPS = (Point.CLAIMED, Point.CHECKED, Point.WRITTEN, Point.COMMITTED, None)
"""Where it dies: at each step of a booking in turn, then in the middle of a poll."""


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """Lend a server whose commits reach the disk."""
    if why := missing():
        pytest.skip(why)
    with serving(durable=True) as made:
        yield made


@pytest.fixture
def bench(mortal: Server, way: str, tmp_path: Path) -> MariaBench | OpenEmrBench:
    """Lend each way's bench, its database made anew."""
    emr, _, token = way.partition("-")
    base = {"oscar": OSCAR, "openemr": OPENEMR}[emr]
    server = mortal if way == "oscar" else mortal.beside(replace(base, name=f"{emr}{token}", sidecar=not token))
    return MariaBench(server, tmp_path) if emr == "oscar" else OpenEmrBench(server)


def test_a_dying_server_loses_and_doubles_nothing(mortal: Server, bench: MariaBench | OpenEmrBench) -> None:
    """Killed mid-poll and at each step of a booking: after the restart each order has exactly one appointment."""
    cells = [Opening("101", MONDAY + timedelta(hours=n / 4)) for n in range(min(KILLS, 96))]
    bench.fresh(cells)
    with_orders = 0
    for n in range(KILLS):
        if n and n % 96 == 0:  # the day is full
            bench.fresh(cells)
            with_orders = 0
        point = STEPS[n % len(STEPS)]
        booking, cell = BookingId(f"killed-{n:04}"), cells[n % 96]

        def die(now: Point, point: Point | None = point) -> None:
            if now is point:
                mortal.stop(kill=True)

        emr = bench.stepped(die)
        slot = next(each for each in emr.slots(DAY).slots if each.start == cell.start)
        if point is None:
            after_one_answer(emr, lambda: mortal.stop(kill=True))
            with pytest.raises(Transient):
                emr.slots(DAY)
        else:
            with pytest.raises((Transient, Ambiguous)):
                book(emr, slot, booking=booking)
        mortal.start()
        effect = settled(bench.adapter, slot, booking)
        with_orders += 1
        assert effect.outcome is Outcome.BOOKED, (point, effect)
        emr.close()
        standing = bench.appointments()
        assert len(standing) == len({row.start for row in standing}) == with_orders, point


def after_one_answer(emr: Any, act: Callable[[], None]) -> None:
    """Step into the next poll between its first question and its second."""
    read = emr._mapping.read

    def stepped(work: Any, *days: Any) -> Any:
        rows = work.rows

        def first(*words: Any) -> Any:
            found = rows(*words)
            work.rows = rows
            act()
            return found

        work.rows = first
        return read(work, *days)

    emr._mapping.read = stepped


def settled(make: Callable[[], Emr], slot: Slot, booking: BookingId) -> Effect:
    """Do as the agent does after a restart: look it up where a look is proof, else write again."""
    emr = make()
    try:
        found = emr.find(booking) if hasattr(emr, "find") else None
        if found is not None and not found.pending:
            return found
        return book(emr, slot, booking=booking)
    except CreneauError as error:
        raise AssertionError("the server is back, and still no answer") from error
    finally:
        emr.close()
