"""Bad days of the machine: garbage, clones, kills, clocks; no booking is made twice and none is forgotten."""

import shutil
from typing import Any

import pytest

from agent.config import read_plan
from agent.wiring import start
from agent.wiring.catalog import entries
from agent.wiring.sample import CLINIC
from hub import desk


def test_a_journal_of_garbage_is_set_aside_and_rebuilt(day: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Booked before, garbage now: looked up in the EMR, told as booked, a later cancel and move still go through."""
    first, second, third = day.open()[:40:15]
    day.hold("days-garbage-1", 1, first["id"])
    day.outcome("days-garbage-1", 1, "held")
    day.book("days-garbage-1", 2, first["id"])
    day.book("days-garbage-2", 1, second["id"])
    day.outcome("days-garbage-1", 2, "booked")
    day.outcome("days-garbage-2", 1, "booked")
    before = [row.number for row in day.ours()]
    day.stop()
    day.book("days-garbage-3", 1, third["id"])
    (day.etat / "journal.db").write_bytes(b"\xffgarbage" * 9999)
    day.sample.start()
    assert "journal.lost" in caplog.text
    assert len(list(day.etat.glob("journal-*.bad"))) == 1
    day.until("bookings known again", lambda: len(day.sample.ask("bookings")["bookings"]) == 3)
    assert [row.number for row in day.ours()][:2] == before
    day.sample.ask("sharing-apply", digest=day.sample.ask("sharing-diff")["digest"])
    day.offered()
    assert day.outcome("days-garbage-1", 2) == "booked"
    assert day.word("days-garbage-1") == "booked"
    day.cancel("days-garbage-1", 3)
    day.outcome("days-garbage-1", 3, "cancelled")
    assert day.word("days-garbage-1") == "not-booked"
    free = day.offered()[5]
    day.book("days-garbage-2", 2, free["id"])
    day.outcome("days-garbage-2", 2, "booked")
    assert day.word("days-garbage-2") == "booked"
    assert len(day.ours()) == 1 + (day.portal.outcome(CLINIC, "days-garbage-3") == (1, "booked"))


def test_two_agents_on_copies_of_one_folder_both_lose_the_turn_until_a_person_picks_one(day: Any) -> None:
    """A, B, A: the hub calls the clinic torn, bookings by tasks or turn wait; a takeover code makes one of them whole."""
    slots = day.open()
    day.until("a beat heard", lambda: day.sample.look()["heard"] or day.sample.beat())
    day.stop()
    copy = day.etat.with_name("copie")
    shutil.copytree(day.etat, copy)
    day.sample.start()
    day.until("A heard", lambda: day.sample.look()["turn"]["number"])
    twin_file = day.sample.folder / "copie.toml"
    twin_file.write_text(
        day.sample.file.read_text(encoding="utf-8").replace(day.etat.as_posix(), copy.as_posix()), encoding="utf-8"
    )
    twin = start(read_plan(twin_file, entries()))
    try:
        day.until("torn", lambda: day.sample.agent.wake("receive", "beat") or day.sample.look()["state"] == "torn")
        assert day.until("said", lambda: "torn" in [one["state"] for one in desk.clinics(day.hub)])
    finally:
        twin.stop()
    print(day.status())
    print(day.status("fr"))
    day.sample.ask("enrol", code=desk.code(day.hub, CLINIC, takeover=True))
    day.until("whole", lambda: day.sample.beat() or day.sample.look()["state"] == "ok")
    day.book("days-clone-1", 1, day.offered()[0]["id"])
    day.outcome("days-clone-1", 1, "booked")
    assert len(day.ours()) == 1
    assert slots
