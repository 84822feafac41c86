"""A clinic on OpenEMR that makes no table for us: word in the appointment, session lock, and the hub's turn."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sql import private
from adapters.sql.openemr.schema import CATEGORIES, SHIPPED
from adapters.sql.openemr_bench import EVENTS, Desk
from agent.clock import SystemClock

CLINIC = "fjord"
PATIENT = {"family": "Canari-Tremblay", "given": "Zoé", "born": "1991-04-12", "nam": "TREZ91541218"}
CODES = {"s": 101, "1": 102, "W": 103}
"""The codes of the sample's rules, as categories of this clinic's own."""


@pytest.fixture
def openemr(tmp_path: Path, town_of: Any) -> Iterator[tuple[Any, private.Server]]:
    """Make a town whose clinic keeps its agenda in OpenEMR, with three people in the calendar for ten days."""
    if why := private.missing():
        pytest.skip(why)
    with private.serving(replace(private.OPENEMR, sidecar=False), durable=True) as server:
        desk, today = Desk(server), datetime.combine(SystemClock().now().utc.date(), time())
        with desk.base() as base:
            own = [(number, word, 900, 0) for word, number in CODES.items()]
            for number, word, seconds, kind in [*SHIPPED, *own]:
                base.execute(f"{CATEGORIES} VALUES(?, ?, ?, ?, ?)", (number, word, word, seconds, kind))
            base.execute(
                "INSERT INTO patient_data(pid, pubpid, DOB, lname, fname) VALUES(7, 'TREZ91541218', '1991-04-12', 'X', 'Y')"
            )
            for who in (101, 102, 103):
                base.execute("INSERT INTO users(id, fname, lname, authorized, calendar) VALUES(?, 'A', 'B', 1, 1)", who)
        for who in ("101", "102", "103"):
            for day in range(10):
                for hour, code in ((8, "s"), (10, "1"), (13, "W")):
                    desk.event(who, today + timedelta(days=day, hours=hour), 0, 2, reserved=CODES[code])
                desk.event(who, today + timedelta(days=day, hours=16), 0, 3)
        with town_of(server, {"emr.mapping": "openemr", "emr.memory": "token"}) as town:
            yield town, server


def test_a_booking_goes_all_the_way_and_back(openemr: Any) -> None:
    """Booked under a turn and found in the calendar with its patient; cancelled, received, all told as it is."""
    town, server = openemr
    town.join()
    first, second = (slot["id"] for slot in town.portal.slots()[-2:])
    for name, slot in (("story-token-1", first), ("story-token-2", second)):
        town.portal.book(CLINIC, name, 1, slot, PATIENT, now=town.time())
        assert town.outcome(name, 1, "booked", "conflict") == "booked", town.log("agent")[-3000:]
    with closing(server.root("openemr")) as root:
        written = f"SELECT pc_eid, pc_hometext, pc_pid FROM {EVENTS} WHERE pc_hometext LIKE '%creneau:%'"  # noqa: S608 - a constant
        rows = root.execute(written).fetchall()
    assert sorted(text.rpartition("creneau:")[2][:15] for _, text, _ in rows) == ["story-token-1:1", "story-token-2:1"]
    assert {patient for _, _, patient in rows} == {"7"}
    town.portal.cancel(CLINIC, "story-token-1", 2)
    assert town.outcome("story-token-1", 2, "cancelled") == "cancelled"
    mine = next(number for number, text, _ in rows if "story-token-2" in text)
    Desk(server).change(str(mine), pc_apptstatus="x")
    town.outcome("story-token-2", 1, "cancelled-by-clinic")
