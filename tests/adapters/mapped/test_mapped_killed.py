"""PostgreSQL dies under us, as a power switch would end it: nothing lost, nothing double.

`make races` does it a hundred times with either memory.
"""

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta

import pytest

from adapters import conformance
from adapters.conformance import Opening
from adapters.conformance.bench import DAY, MONDAY, book, books
from adapters.sql import private, private_postgres
from adapters.sql.grants import script
from adapters.sql.mapped import load, mapped
from adapters.sql.mapped.bench import MappedBench
from adapters.sql.mapped.file import SHIPPED
from adapters.sql.mapped.made import GNUHEALTH
from adapters.sql.places import Clinic
from adapters.sql.postgres import Postgres
from adapters.sql.write import Point
from agent.core.booking import Outcome
from agent.core.errors import Ambiguous, Transient
from agent.core.model import BookingId, Slot

KILLS = int(os.environ.get("CRENEAU_KILLS", "5"))
STEPS = (Point.CLAIMED, Point.CHECKED, Point.WRITTEN, Point.COMMITTED, None)
"""Where it dies: at each step of a booking in turn, then before a poll."""
FILE = load(SHIPPED / "gnuhealth.toml")


@pytest.fixture(scope="module")
def mortal() -> Iterator[private_postgres.Server]:
    """Lend a server whose commits reach the disk."""
    if why := private_postgres.missing():
        pytest.skip(why)
    with private_postgres.serving(durable=True) as made:
        made.database("gnuhealth", GNUHEALTH)
        rights = script(
            made.dialect("gnuhealth"), mapped(FILE, Clinic(conformance.NAME, (conformance.SITE,))), sidecar=True
        )
        with closing(made.screens("gnuhealth")) as desk:
            private.run(desk, rights)
        yield made


@pytest.mark.parametrize("mode", ["sidecar", "token"])
def test_a_dying_server_loses_and_doubles_nothing(mortal: private_postgres.Server, mode: str) -> None:
    """After the restart each order is run again, or looked up, and has exactly one appointment."""
    cells = [Opening("101", MONDAY + timedelta(minutes=10 * n), 10) for n in range(min(KILLS, 140))]
    bench = MappedBench(FILE, lambda: mortal.dialect("gnuhealth"), lambda: _desk(mortal), mode)
    bench.fresh(cells)
    for n, cell in enumerate(cells):
        point, booking = STEPS[n % len(STEPS)], BookingId(f"killed-{mode}-{n:04}")

        def die(now: Point, point: Point | None = point) -> None:
            if now is point:
                mortal.stop(kill=True)

        emr = bench.stepped(die)
        slot = next(each for each in emr.slots(DAY).slots if each.start == cell.start)
        if point is None:
            mortal.stop(kill=True)
            with pytest.raises(Transient):
                emr.slots(DAY)
        else:
            with pytest.raises((Transient, Ambiguous)):
                book(emr, slot, booking=booking)
        mortal.start()
        emr.close()
        assert _settled(bench, slot, booking) is Outcome.BOOKED, point
        standing = bench.appointments()
        assert len(standing) == len({row.start for row in standing}) == n + 1, point
    bench.close()


def _settled(bench: MappedBench, slot: Slot, booking: BookingId) -> Outcome:
    """Run the order again as the agent does: by the sidecar at once, without one after a look."""
    emr = bench.adapter()
    for _ in range(20):
        with suppress(Transient):
            found = None if bench.mode == "sidecar" else books(emr).find(booking)
            outcome = found.outcome if found else book(emr, slot, booking=booking).outcome
            emr.close()
            return outcome
    raise AssertionError("twenty times in a row the database could not answer")


def _desk(server: private_postgres.Server) -> Postgres:
    return Postgres(server.connection("gnuhealth"), private.DESK, lambda: private.DESK_PASSWORD)
