"""Bad days of the EMR: away, locked, another schema, rows of ours gone, brought back from a backup."""

import shutil
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from agent.wiring.sample import CLINIC


def test_an_emr_away_at_the_start_is_named_and_comes_back_by_itself(day: Any, ask: Any) -> None:
    """The agent starts without its EMR, says which connection to mend, and publishes once the file is back."""
    away = day.sample.emr.with_name("ailleurs.db")
    day.sample.enrol()
    day.sample.emr.rename(away)
    day.sample.start()
    day.shows("emr-missing")
    assert day.portal.slots() == []
    away.rename(day.sample.emr)
    day.sample.agent.wake("publish", "apply")
    assert day.offered()
    day.until("well", day.sample.well)


def test_an_emr_that_goes_mid_run_frees_nothing_and_books_nothing(day: Any) -> None:
    """An order that arrives meanwhile waits, and is booked once when the EMR is back."""
    slot = day.open()[3]
    before = len(day.lasting())
    away = day.sample.emr.with_name("ailleurs.db")
    with closing(sqlite3.connect(day.sample.emr)) as base:
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    day.sample.emr.rename(away)
    day.sample.emr.touch()  # a share that mounts empty
    day.book("days-away-1", 1, slot["id"])
    day.until("said", lambda: "the database is not as expected" in day.status())
    assert len(day.lasting()) >= before - 1
    assert day.portal.outcome(CLINIC, "days-away-1") == (0, "")
    assert day.word("days-away-1") == "being-checked"
    away.replace(day.sample.emr)
    day.again()
    assert day.outcome("days-away-1", 1, "booked") == "booked"
    assert len(day.ours()) == 1


def test_a_changed_schema_stops_that_part_and_says_what_to_run(day: Any, ask: Any, caplog: Any) -> None:
    """A column renamed by an upgrade: status names check, the log has it once, and put back it works again."""
    day.open()
    day.until("well", day.sample.well)
    ask(day.sample.emr, "ALTER TABLE appointment RENAME COLUMN start_time TO began")
    day.shows("emr-changed")
    for _ in range(3):
        day.sample.agent.wake("publish")
    assert caplog.text.count("leg.down leg=publish:dme") == 1
    ask(day.sample.emr, "ALTER TABLE appointment RENAME COLUMN began TO start_time")
    day.sample.agent.wake("publish", "apply")
    day.until("well", lambda: day.sample.agent.wake("publish", "apply") or day.sample.well())
    assert caplog.text.count("leg.back leg=publish:dme") == 1


def test_a_hung_emr_holds_up_neither_heartbeat_nor_hub(day: Any) -> None:
    """Somebody keeps the whole database locked: reading waits and says why, contact with the hub goes on."""
    slot = day.open()[3]
    with closing(sqlite3.connect(day.sample.emr, isolation_level=None)) as base:
        base.execute("BEGIN EXCLUSIVE")
        day.book("days-hung-1", 1, slot["id"])
        day.shows("emr-locked")
        assert "Contact with the hub: works" in day.status() or day.sample.beat() is None
        assert "Receiving bookings: works" in day.status()
        base.execute("ROLLBACK")
    day.until("booked", lambda: day.sample.agent.wake("apply") or day.portal.outcome(CLINIC, "days-hung-1")[1])
    assert day.outcome("days-hung-1", 1, "booked") == "booked"
    assert len(day.ours()) == 1


def test_an_emr_brought_back_from_a_backup_stops_all_writing_until_a_person_says_go(day: Any) -> None:
    """Four bookings of ours gone at once: one alarm, frozen, tasks for the desk, nothing re-created; resume goes on."""
    slots = day.open()[:50:10]
    day.stop()
    saved = day.sample.emr.with_name("sauvegarde.db")
    shutil.copy(day.sample.emr, saved)
    day.sample.start()
    for n, slot in enumerate(slots[:4]):
        day.book(f"days-backup-{n}", 1, slot["id"])
    for n in range(4):
        assert day.outcome(f"days-backup-{n}", 1, "booked") == "booked"
    day.stop()
    shutil.copy(saved, day.sample.emr)
    day.sample.start()
    day.shows("rows-vanished")
    for n in range(4):
        assert day.outcome(f"days-backup-{n}", 1, "checking") == "checking"
    assert len(day.sample.ask("tasks-list")["tasks"]) == 4
    day.book("days-backup-9", 1, day.offered()[7]["id"])
    day.until("taken", lambda: len(day.sample.ask("bookings")["bookings"]) == 5)
    assert day.ours() == []
    day.sample.ask("sharing-resume")
    assert day.outcome("days-backup-9", 1, "booked") == "booked"
    assert len(day.ours()) == 1


def test_what_a_receptionist_deletes_is_checked_and_never_made_again(day: Any) -> None:
    """One row of ours vanishes: "being checked" and a task; nobody is booked a second time."""
    slot = day.open()[3]
    day.book("days-gone-1", 1, slot["id"])
    day.outcome("days-gone-1", 1, "booked")
    day.sample.receptionist.delete(day.ours()[0].number)
    assert day.outcome("days-gone-1", 1, "checking") == "checking"
    assert day.word("days-gone-1") == "being-checked"
    assert day.ours() == []
    assert len(day.sample.ask("tasks-list")["tasks"]) == 1
    assert "Tasks to answer (1): creneau tasks list" in day.status()


@pytest.mark.parametrize("day", ["tasks"], indirect=True)
def test_a_garbage_journal_of_a_clinic_that_enters_by_hand_contradicts_nothing(day: Any) -> None:
    """What the desk entered before the loss is not told as a conflict afterwards: a person is asked again."""
    slot = day.open()[3]
    day.book("days-desk-1", 1, slot["id"])
    day.outcome("days-desk-1", 1, "requested")
    (task,) = day.sample.ask("tasks-list")["tasks"]
    day.sample.ask("tasks-done", n=task["n"], answer=True, in_agenda=True)
    day.outcome("days-desk-1", 1, "booked")
    day.stop()
    (day.etat / "journal.db").write_bytes(b"\xffgarbage" * 9999)
    day.sample.start()
    day.until("known", lambda: len(day.sample.ask("bookings")["bookings"]) == 1)
    day.until("told", lambda: len(day.portal.booking(CLINIC, "days-desk-1")["outcomes"]) > 2)
    assert day.word("days-desk-1") == "being-checked"
    (task,) = day.sample.ask("tasks-list")["tasks"]
    assert task["facts"]["start"]
    day.sample.ask("tasks-done", n=task["n"], answer=True, in_agenda=True)
    day.outcome("days-desk-1", 1, "booked")
    assert day.word("days-desk-1") == "booked"
    day.cancel("days-desk-1", 2)
    day.outcome("days-desk-1", 2, "requested")
