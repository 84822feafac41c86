"""Bad days of the machine: garbage, clones, kills, clocks; no booking is made twice and none is forgotten."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.clock import SystemClock
from agent.config import read_plan
from agent.core.booking import Outcome
from agent.core.model import Instant
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
    day.shows("rules-lost")
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
    day.shows("copy")
    day.sample.ask("enrol", code=desk.code(day.hub, CLINIC, takeover=True))
    day.until("whole", lambda: day.sample.beat() or day.sample.look()["state"] == "ok")
    day.book("days-clone-1", 1, day.offered()[0]["id"])
    day.outcome("days-clone-1", 1, "booked")
    assert len(day.ours()) == 1
    assert slots


OFFERS = ["before-offer", "after-offer", "before-told", "after-told"]


@pytest.mark.parametrize("point", OFFERS)
def test_killed_while_the_view_is_told_both_sides_end_up_equal(day: Any, point: str) -> None:
    """Killed with -9 around the attempt and the receipt of the slots: started again, the hub offers just what it should."""
    day.sample.enrol()
    runner = Path(__file__).with_name("kill_at.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(day.sample.file), point], capture_output=True, timeout=180, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    day.sample.start()
    view = day.sample.agent.state.journal.outbox().view
    day.until("equal", lambda: view() and {slot["id"] for slot in day.portal.slots()} == set(view()))
    assert day.sample.agent.state.journal.records().verify() is None


POINTS = ["before-T1", "after-T1", "T2", "T3", "T4", "before-attempt", "after-attempt", "before-T5", "after-T5"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_patient_is_booked_once_and_told_so(day: Any, point: str) -> None:
    """Killed with -9 before or after each durable act of a booking: started again, one appointment, one answer, "booked"."""
    slot = day.open()[3]
    day.stop()
    day.book("days-kill-1", 1, slot["id"])
    runner = Path(__file__).with_name("kill_at.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(day.sample.file), point], capture_output=True, timeout=180, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert day.canaries() == []
    day.sample.start()
    assert day.outcome("days-kill-1", 1, "booked") == "booked"
    assert day.word("days-kill-1") == "booked"
    assert len(day.ours()) == 1
    assert day.sample.agent.state.journal.records().verify() is None


class Clock:
    """The system's clock, wrong by `off`."""

    off = timedelta(0)

    def __init__(self, *args: Any) -> None:
        self.real = SystemClock(*args)

    def now(self) -> Instant:
        right = self.real.now()
        return Instant(right.utc + self.off, right.age)


@pytest.mark.parametrize("off", [timedelta(minutes=10), -timedelta(minutes=10)])
def test_a_clock_ten_minutes_off_is_corrected_and_named(
    day: Any, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    """The hub's signed time is used instead: bookings go on, and status names the clock and the remedy."""
    day.sample.enrol()
    monkeypatch.setattr(Clock, "off", off)
    monkeypatch.setattr("agent.wiring.state.SystemClock", Clock)
    day.sample.start()
    slot = day.offered()[3]
    day.book("days-clock-1", 1, slot["id"])
    assert day.outcome("days-clock-1", 1, "booked") == "booked"
    day.shows("clock")


@pytest.mark.parametrize("off", [timedelta(days=3652), -timedelta(days=3652)])
def test_a_clock_ten_years_off_publishes_nothing_and_says_so(
    day: Any, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    """No offer leaves and no booking is written by such a clock; set right and started again, all goes on."""
    slot = day.open()[3]
    day.stop()
    day.book("days-clock-2", 1, slot["id"])
    with monkeypatch.context() as wrong:
        wrong.setattr(Clock, "off", off)
        wrong.setattr("agent.wiring.state.SystemClock", Clock)
        day.sample.start()
        day.until("said", lambda: "clock is" in day.status())
        assert "Créneau is working." not in day.status()
        assert day.ours() == []
        day.stop()
    day.sample.start()
    told = day.outcome("days-clock-2", 1, "booked", "conflict")  # ten years on, every slot offered was long over
    assert len(day.ours()) == (told == "booked")


def test_a_clock_set_while_the_hub_is_away_decides_nothing(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fourteen minutes ahead, a hold would be over and nobody could say so: it stands until the hub tells the time again."""
    monkeypatch.setattr("agent.wiring.state.SystemClock", Clock)
    slot = day.open()[3]
    day.hold("days-clock-3", 1, slot["id"])
    day.outcome("days-clock-3", 1, "held")
    day.sample.cut()
    monkeypatch.setattr(Clock, "off", timedelta(minutes=14))
    day.shows("clock-set")
    (row,) = day.sample.agent.state.journal.records().bookings()
    assert row.outcome is Outcome.HELD
    day.sample.restore()
    day.book("days-clock-3", 2, slot["id"])
    assert day.outcome("days-clock-3", 2, "booked") == "booked"


def test_an_idle_hour_leaves_the_disk_alone(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strace of one hour on a clock 120 times as fast: polls, beats and questions, and not one durable write."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    monkeypatch.setattr(sys.modules["hub.verbs.orders"], "WAIT_S", 0.2)
    text = quiet(day)
    day.sample.file.write_text(text.replace('poll       = "1s"', 'poll       = "60s"'), encoding="utf-8")
    day.sample.enrol()
    trace, runner = day.sample.folder / "trace", Path(__file__).with_name("idle_hour.py")
    calls = "fsync,fdatasync,sync_file_range,pwrite64,pwritev,rename,renameat2,unlink,ftruncate"
    words = ["strace", "-f", "-y", "-e", f"trace={calls}", "-o", str(trace), sys.executable, str(runner)]
    done = subprocess.run([*words, str(day.sample.file), "120"], capture_output=True, timeout=300, check=False)
    if "ptrace" in done.stderr.decode():
        pytest.skip(f"only on a machine that lets us trace: {done.stderr.decode()[:200]}")
    assert done.returncode == 0, done.stderr.decode()
    steps = dict(pair.split("=") for pair in done.stdout.decode().split())
    assert int(steps["publish"]) > 20
    assert int(steps["beat"]) > 20
    before, _, hour = trace.read_text(encoding="utf-8", errors="replace").partition("/nowhere/hour-begins")
    hour, ends, _ = hour.partition("/nowhere/hour-ends")
    assert ends
    assert str(day.etat) in before  # what was written while it settled is seen: the trace is not blind
    assert [line for line in hour.splitlines() if str(day.etat) in line] == []


def quiet(day: Any) -> str:
    """Let the notice reach to the small hours, so that no slot goes offline while a test measures; return the file."""
    text: str = day.sample.file.read_text(encoding="utf-8")
    usual = '# min_notice      = "2h" '
    assert usual in text
    hour = day.sample.time().astimezone(ZoneInfo("America/Toronto")).hour
    text = text.replace(usual, f'min_notice = "{(25 - hour) % 24 + 2}h" ')
    day.sample.file.write_text(text, encoding="utf-8")
    return text


def test_unchanged_polls_write_nothing(day: Any) -> None:
    """Told once, three more readings of the same agenda leave the journal's pages as they are."""
    quiet(day)
    day.open()
    agent = day.sample.agent
    day.until("a beat", lambda: agent.state.board.read().legs.get("beat") or agent.wake("beat"))
    day.until("a countersigned beat", lambda: day.sample.trail("countersigned") or day.sample.beat())
    day.until("all told", lambda: agent.state.journal.outbox().told() == agent.state.journal.outbox().view())
    day.until("well", day.sample.well)
    with closing(sqlite3.connect(day.etat / "journal.db")) as base:
        before = base.execute("PRAGMA data_version").fetchone()
        seen = set()

        def polls() -> bool:
            seen.update(read.age for read in agent.state.board.read().reads.values())
            return len(seen) > 3

        day.until("three polls", polls)
        assert base.execute("PRAGMA data_version").fetchone() == before
