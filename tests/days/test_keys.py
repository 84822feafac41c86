"""Bad days of keys: a sealing key destroyed, a clinic taken over by a new machine."""

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.config import read_plan
from agent.keys import make_root
from agent.wiring import open_door, start
from agent.wiring.catalog import entries
from agent.wiring.sample import CLINIC
from agent.wiring.state import State
from hub import desk


def age(day: Any, **days: int) -> None:
    """Let the sealing keys of the stopped agent grow older, and do the night's work."""
    by = timedelta(**days)
    with State(read_plan(day.sample.file, entries())) as state:
        state.keys._enrolled(
            lambda old: replace(
                old,
                sealing=tuple(
                    replace(one, made=one.made - by, retired=one.retired and one.retired - by) for one in old.sealing
                ),
            )
        )
        state.keys.turn_over(state.clock.now().utc)


def test_what_was_sealed_to_a_retired_key_still_opens(day: Any) -> None:
    """The key turned over between the patient's click and the agent's return: booked as if nothing was."""
    slot = day.open()[3]
    day.stop()
    day.book("days-key-1", 1, slot["id"])
    age(day, days=31)
    day.sample.start()
    assert day.outcome("days-key-1", 1) == "booked"


def test_what_was_sealed_to_a_destroyed_key_is_sealed_anew(day: Any) -> None:
    """Six weeks too late: `refused: reseal`, nobody is booked blind, and the next version goes through."""
    slot = day.open()[3]
    day.stop()
    day.book("days-key-2", 1, slot["id"])
    age(day, days=31)
    age(day, days=15)
    day.sample.start()
    assert day.outcome("days-key-2", 1) == "refused: reseal"
    assert day.ours() == []
    day.until("the new statement", lambda: day.sample.beat() or day.sample.look()["heard"])
    free = day.until("slots", day.portal.slots)[5]

    def again() -> bool:
        version = day.portal.booking(CLINIC, "days-key-2")["version"] + 1
        day.book("days-key-2", version, free["id"])
        return bool(day.outcome("days-key-2", version) == "booked")

    day.until("booked", again)
    assert len(day.ours()) == 1


def test_a_new_machine_takes_over_and_knows_every_booking(day: Any) -> None:
    """The old server is dead: with a takeover code an empty folder learns from hub and EMR, and books none twice."""
    first, second, _ = day.open()[:40:15]
    day.hold("days-over-1", 1, first["id"])
    day.outcome("days-over-1", 1, "held")
    day.book("days-over-1", 2, first["id"])
    day.outcome("days-over-1", 2, "booked")
    day.stop()
    shutil.copy(day.sample.file, day.sample.folder / "neuf.toml")
    new = day.sample.folder / "neuf.toml"
    folder = day.etat.with_name("neuf")
    new.write_text(new.read_text(encoding="utf-8").replace(day.etat.as_posix(), folder.as_posix()), encoding="utf-8")
    make_root(folder)
    plan = read_plan(new, entries())
    with open_door(plan) as door:
        door.ask("enrol", {"code": desk.code(day.hub, CLINIC, takeover=True)}, "anne")
        door.ask("sharing-apply", {"digest": door.ask("sharing-diff", {}, "anne")["digest"]}, "anne")
    agent = start(plan)
    try:
        day.until("known", lambda: agent.state.journal.records().bookings())
        day.until("told", lambda: len(day.portal.booking(CLINIC, "days-over-1")["outcomes"]) == 3)
        assert day.outcome("days-over-1", 2) == "booked"
        assert day.word("days-over-1") == "booked"
        assert len(day.ours()) == 1
        day.cancel("days-over-1", 3)
        assert day.outcome("days-over-1", 3) == "cancelled"
        assert day.word("days-over-1") == "not-booked"
        assert day.ours() == []
        day.book("days-over-2", 1, day.until("slots", lambda: [s for s in day.portal.slots() if s != second])[5]["id"])
        assert day.outcome("days-over-2", 1) == "booked"
    finally:
        agent.stop()
