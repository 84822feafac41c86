"""Bad days of the clock: the two nights on which the clinic's wall clock jumps, from agenda to hub to booking."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.clock import SystemClock
from agent.core.model import Instant
from agent.wiring.sample import CLINIC
from hub import tls
from hub.clock import WallClock

TORONTO = ZoneInfo("America/Toronto")
NIGHTS = {
    "the hour that comes twice": (datetime(2027, 11, 6, 12, tzinfo=TORONTO), "2027-11-07"),
    "the hour that does not come": (datetime(2027, 3, 13, 12, tzinfo=TORONTO), "2027-03-14"),
}


@pytest.fixture
def night(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put every clock of clinic and hub at noon of the day before; the certificates keep the machine's own time."""
    noon, date = NIGHTS[request.param]
    off = noon.astimezone(UTC) - SystemClock().now().utc
    agents, hubs, files = SystemClock.now, WallClock.now, tls.private_files

    def now(self: SystemClock) -> Instant:
        real = agents(self)
        return Instant(real.utc + off, real.age)

    monkeypatch.setattr(SystemClock, "now", now)
    monkeypatch.setattr(WallClock, "now", lambda self: hubs(self) + off)
    monkeypatch.setattr(tls, "private_files", lambda folder, host, at: files(folder, host, at - off))
    return date


def open_at_night(day: Any, date: str) -> None:
    """Let Dr Gagnon work from midnight to 06:00 of that night, and share it."""
    night = "s" * 24 + "_" * 72
    number = ("101",)
    day.sql("INSERT INTO scheduletemplate(provider_no, name, timecode) VALUES('101', 'Nuit', ?)", night)
    day.sql("DELETE FROM scheduledate WHERE provider_no = ? AND sdate = ?", *number, date)
    columns = "sdate, provider_no, available, reason, hour, status"
    day.sql(f"INSERT INTO scheduledate({columns}) VALUES(?, '101', '1', ?, 'Nuit', 'A')", date, "Clinique du Fjord")
    text = day.sample.file.read_text(encoding="utf-8")
    days = '# days    = ["lun", "mar", "mer", "jeu", "ven"]'
    assert days in text
    text = text.replace(days, 'days    = ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"]')
    day.sample.file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("night", NIGHTS, indirect=True)
def test_a_night_the_clock_jumps_is_sold_by_the_hour_the_patient_reads(night: str, day: Any, ask: Any) -> None:
    """Night visits across the jump: no time is on offer twice or in an hour that is not; booked, moved, the agenda agrees."""
    date = night
    day.sql = lambda text, *values: ask(day.sample.emr, text, *values)
    open_at_night(day, date)
    offered = [slot for slot in day.open() if slot["start"].startswith(date) and slot["start"][11:13] < "06"]
    starts = [datetime.fromisoformat(slot["start"]) for slot in offered]
    instants = [start.astimezone(UTC) for start in starts]
    assert len(set(instants)) == len(instants) > 15
    for start, instant in zip(starts, instants, strict=True):  # the offset is the one the clinic's wall has then
        assert instant.astimezone(TORONTO).replace(tzinfo=None) == start.replace(tzinfo=None)
    hours = {start.hour for start in starts}
    assert (2 in hours) == (date == "2027-11-07")
    by_hour = {start.hour: slot for start, slot in zip(starts, offered, strict=True)}
    first, second = by_hour[1], by_hour[4]
    day.book("days-night-1", 1, first["id"])
    assert day.outcome("days-night-1", 1, "booked", "conflict") == "booked"
    assert _row(day) == datetime.fromisoformat(first["start"]).replace(tzinfo=None)
    (told,) = day.portal.booking(CLINIC, "days-night-1")["outcomes"]
    assert told["slot"]["start"] == first["start"]
    day.book("days-night-1", 2, second["id"])
    assert day.outcome("days-night-1", 2) == "booked"
    assert _row(day) == datetime.fromisoformat(second["start"]).replace(tzinfo=None)
    view = day.sample.agent.state.journal.outbox().view
    day.until("equal", lambda: {slot["id"] for slot in day.portal.slots()} == set(view()))


def _row(day: Any) -> datetime:
    """Return the wall time of our one appointment."""
    (row,) = day.ours()
    start: datetime = row.start
    return start.replace(tzinfo=None)
