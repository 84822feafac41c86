"""Hardware is lost, programs change, support asks: what is saved, what comes back, what never leaves."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from agent.clock import SystemClock
from agent.config import read_plan
from agent.core.errors import Misconfigured, Refused
from agent.journal import Journal
from agent.journal.box import KEY_BYTES, DataBox
from agent.journal.copying import KEPT, examined, old
from agent.journal.migrations import APPLICATION_ID, steps
from agent.keys import make_root
from agent.keys.sealedfile import SealedReader, SealedWriter
from agent.wiring import running
from agent.wiring.catalog import entries
from agent.wiring.restore import restore
from agent.wiring.sample import CLINIC, Sample
from agent.wiring.state import State
from hub import desk, releases

PASSPHRASE = "une longue phrase"
CANARY = "Canari"
PATIENT = {"family": CANARY, "given": f"Zoé{CANARY}", "born": "1991-04-12", "phone": "418 555-0187"}


def until(sample: Sample, ready: Callable[[], Any]) -> Any:
    """Return the first true answer within 120 s."""
    ends = sample.time() + timedelta(seconds=120)
    while not (found := ready()):
        assert sample.time() < ends, sample.ask("status")
        sample.agent and sample.agent.state.stop.wait(0.05)
    return found


def book(sample: Sample, booking: str) -> None:
    """Book a slot for the canary and wait until it is in the agenda."""
    until(sample, lambda: sample.look()["heard"] or sample.beat())
    slot = until(sample, sample.portal.slots)[4]
    sample.portal.book(CLINIC, booking, 1, slot["id"], PATIENT, now=sample.time())
    assert until(sample, lambda: sample.portal.outcome(CLINIC, booking)[1]) == "booked"


def ours(sample: Sample) -> int:
    """Return how many live appointments are ours, read past the agent."""
    return sum(row.creator == "creneau" and row.is_active for row in sample.rows())


def test_lost_hardware_is_replaced_from_a_backup_and_books_nobody_twice(sample: Sample) -> None:
    """New machine, old backup, takeover code: the rules and the ledger are back, the old agent is out, no double."""
    sample.enrol()
    sample.start()
    book(sample, "booked-before-1")
    saved = Path(sample.ask("backup", passphrase=PASSPHRASE)["file"])
    file = sample.folder / "ailleurs.creneau"
    shutil.move(saved, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert CANARY.encode() not in file.read_bytes()
    with pytest.raises(Refused, match="runs on this state"):
        restore(file, PASSPHRASE, sample.file, "anne")
    book(sample, "booked-after-1")
    ledger = len(sample.trail("sharing"))
    sample.agent.stop()  # type: ignore[union-attr]
    shutil.rmtree(sample.folder / "etat")

    with pytest.raises(Refused, match="passphrase"):
        restore(file, "une autre phrase", sample.file, "anne")
    found = restore(file, PASSPHRASE, sample.file, "anne")
    assert (found.version, found.aside) == ("0.1.0", "")
    assert "creneau enrol" in json.dumps(sample.ask("check", part="hub"))
    sample.ask("enrol", code=desk.code(sample.folder / "hub", CLINIC, takeover=True), replace=True)
    sample.start()
    assert len(sample.trail("sharing")) == ledger
    assert b"restored" in sample.trail("start")
    assert [agent["current"] for agent in sample.look()["agents"]] == [False, True]
    until(sample, lambda: sample.agent and sample.agent.is_well())
    book(sample, "booked-anew-1")
    assert ours(sample) == 3
    assert sample.portal.outcome(CLINIC, "booked-after-1") == (1, "booked")


def test_a_restore_on_the_same_machine_keeps_what_stood_there(sample: Sample) -> None:
    """The identity stays in the vault, the former journal beside the new one."""
    sample.enrol()
    saved = Path(sample.ask("backup", passphrase=PASSPHRASE)["file"])
    sample.ask("freeze")
    found = restore(saved, PASSPHRASE, sample.file, "anne")
    assert Path(found.aside).exists()
    with State(read_plan(sample.file, entries())) as state:
        assert "posture" not in state.journal.records().facts()
    sample.start()
    until(sample, lambda: sample.agent and sample.agent.is_well())


def test_the_configuration_comes_back_where_there_is_none(sample: Sample) -> None:
    """An empty machine needs only the file and the passphrase."""
    saved = sample.folder / "ailleurs"
    shutil.move(sample.ask("backup", passphrase=PASSPHRASE)["file"], saved)
    text = sample.file.read_bytes()
    sample.file.unlink()
    restore(saved, PASSPHRASE, sample.file, "anne")
    assert sample.file.read_bytes() == text


def test_what_is_no_backup_says_so(sample: Sample, tmp_path: Path) -> None:
    """A short passphrase, a cut file, a changed byte, another file: one sentence each, nothing touched."""
    with pytest.raises(Refused, match="at least"):
        sample.ask("backup", passphrase="court")
    saved = Path(sample.ask("backup", passphrase=PASSPHRASE)["file"])
    whole = saved.read_bytes()
    for wrong in (whole[:-1], whole[: len(whole) // 2], whole[:200] + b"\0" + whole[201:], b"PK" + whole, b""):
        (tmp_path / "wrong").write_bytes(wrong)
        with pytest.raises(Refused):
            restore(tmp_path / "wrong", PASSPHRASE, sample.file, "anne")
    with SealedWriter(tmp_path / "other", PASSPHRASE) as out:
        out.write(b"not an archive")
    with pytest.raises(Refused, match="no backup"):
        restore(tmp_path / "other", PASSPHRASE, sample.file, "anne")
    with pytest.raises(Misconfigured, match="cannot be read"):
        restore(tmp_path / "absent", PASSPHRASE, sample.file, "anne")


def test_a_sealed_file_of_many_pieces_comes_back(tmp_path: Path) -> None:
    """Pieces are sealed in order, the last one as the last: dropping it, or any other, is noticed."""
    data = bytes(range(256)) * 12_000
    with SealedWriter(tmp_path / "f", PASSPHRASE) as out:
        for at in range(0, len(data), 300_001):
            out.write(data[at : at + 300_001])
    with (tmp_path / "f").open("rb") as stream:
        reader = SealedReader(stream, PASSPHRASE)
        assert b"".join(iter(lambda: reader.read(70_000), b"")) == data
    whole = (tmp_path / "f").read_bytes()
    piece = 24 + 4 + (1 << 20) + 16
    for cut in (whole[:piece], whole[:24] + whole[piece:]):
        (tmp_path / "g").write_bytes(cut)
        with (tmp_path / "g").open("rb") as stream, pytest.raises(Refused):
            SealedReader(stream, PASSPHRASE).read(len(data))
    with pytest.raises(ZeroDivisionError), SealedWriter(tmp_path / "h", PASSPHRASE):
        raise ZeroDivisionError
    assert not (tmp_path / "h").exists()


def test_a_journal_of_an_older_shape_is_kept_before_it_changes(tmp_path: Path) -> None:
    """The copy opens with the older program; a fortnight later it goes."""
    number, sql = steps()[0]
    with closing(apsw.Connection(str(tmp_path / "journal.db"))) as conn:
        conn.execute(sql)
        conn.pragma("application_id", APPLICATION_ID)
        conn.pragma("user_version", number)
    now = SystemClock().now()
    Journal.open(tmp_path, DataBox(os.urandom(KEY_BYTES)), now=now).close()
    kept = tmp_path / f"journal-shape-{number}.before"
    assert examined(kept) == number
    assert examined(tmp_path / "journal.db") == steps()[-1][0]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list(old(tmp_path, now.utc)) == []
    assert list(old(tmp_path, now.utc + KEPT + timedelta(minutes=1))) == [kept]


def test_a_journal_from_a_newer_program_does_not_come_back(tmp_path: Path) -> None:
    """A downgrade is refused in words, and so is a damaged file."""
    with closing(sqlite3.connect(tmp_path / "newer.db")) as conn:
        conn.execute("CREATE TABLE t(x)")
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        conn.execute("PRAGMA user_version = 9999")
    with pytest.raises(Misconfigured, match="newer version"):
        examined(tmp_path / "newer.db")
    (tmp_path / "bad.db").write_bytes(b"x" * 5000)
    with pytest.raises(Misconfigured, match="damaged"):
        examined(tmp_path / "bad.db")


def test_the_night_lets_old_copies_go(sample: Sample) -> None:
    """What a migration kept stays a fortnight and no longer."""
    sample.enrol()
    sample.start()
    until(sample, lambda: sample.agent and sample.agent.state.board.read().skew is not None)
    stale = sample.folder / "etat" / "journal-shape-1.before"
    stale.write_bytes(b"")
    os.utime(stale, (0, 0))
    sample.agent._nightly.night()  # type: ignore[union-attr]
    assert not stale.exists()


def test_the_support_archive_holds_nothing_of_anybody(sample: Sample) -> None:
    """Names in the file, the agenda, a booking and the log: none of it goes in, nor a date or hour of the agenda."""
    text = sample.file.read_text(encoding="utf-8")
    for name in ("Gagnon", "Simard", "Clinique du Fjord", "Manon Tremblay", "sans-rendez-vous", "Saguenay"):
        assert name in text
    sample.enrol()
    sample.start()
    book(sample, "bundle-canary-1")
    log = [
        f"2001-02-03 10:00:00,123 INFO creneau.apply booking.applied emr=dme outcome={CANARY} rev=1",
        "2001-02-03 10:00:01,123 INFO creneau.publish slots.published source=dme added=17 gone=3",
        f"2001-02-03 10:00:02,123 WARNING creneau.daemon leg.down leg=publish:dme kind=transient doing='{CANARY}' what='{CANARY}'",
        f"somebody else said {CANARY}",
    ]
    files = sample.ask("bundle", log=log)["files"]
    whole = "\n".join(files.values())
    day = sample.portal.slots()[-1]["start"][:10]  # the archive bears its own date: not a slot of today
    hidden = (CANARY, "Gagnon", "Simard", "Côté", "Fjord", "fjord", "Tremblay", "418", "Saguenay", "rendez-vous", "101",
              "bundle-canary", day, "added=17", "sqlite://", "127.0.0.1", "dme")  # fmt: skip
    assert [word for word in hidden if word in whole] == []
    assert "leg.down leg=publish kind=transient" in files["log.txt"]
    assert "booking.applied" in files["log.txt"]
    assert json.loads(files["agent.json"])["legs"]["publish"] == "ok"
    sample.file.write_text(text.replace("enabled = true", f"enabled = '{CANARY}'"), encoding="utf-8")
    door = running(sample.file)
    assert door is not None
    assert json.loads(door.ask("bundle", {}, "")["files"]["configuration.json"]) == {"faults": 1}


def test_a_newer_version_is_told_once_and_never_backwards(sample: Sample) -> None:
    """The hub's signed line reaches `update check` and the heartbeat; a hub that goes back is not believed."""
    assert sample.ask("update")["state"] == "unknown"
    sample.enrol()
    hub = sample.folder / "hub"
    releases.tell(hub, "9.0", "", {"creneau.deb": "ab" * 32})
    sample.start()
    told = until(sample, lambda: sample.beat() or _known(sample.ask("update")))
    assert (told["state"], told["version"]) == ("too-old", "9.0")
    assert told["files"] == {"creneau.deb": "ab" * 32}
    until(sample, lambda: sample.beat() or (sample.look()["beat"] or {}).get("update"))
    assert sample.look()["version"] == "0.1.0"
    with pytest.raises(Refused, match="never goes back"):
        releases.tell(hub, "8.0", "", {})
    for wrong in ("neuf", "0.1"):
        with pytest.raises(Refused):
            releases.tell(hub, wrong, "0.2" if wrong == "0.1" else "", {})


def _known(told: Any) -> Any:
    return told if told["state"] != "unknown" else None


def test_states_of_an_update(sample: Sample) -> None:
    """Newer, current, too old, and a hub that fell silent: each has its word."""

    def put(n: int, version: str, minimum: str, heard: str) -> str:
        with State(read_plan(sample.file, entries())) as state:
            fact = json.dumps({"n": n, "version": version, "minimum": minimum, "files": {}})
            state.journal.records().put({"release": fact, "release_heard": heard}, state.clock.now())
        return str(sample.ask("update")["state"])

    now = sample.time().isoformat(timespec="seconds")
    assert put(1, "0.2", "0.1", now) == "newer"
    assert put(2, "0.2", "0.2", now) == "too-old"
    assert put(3, "0.1.0", "0.1", now) == "current"
    assert put(4, "0.1.0", "0.1", "2020-01-01T00:00:00+00:00") == "silent"
    assert make_root(sample.folder / "etat") is False
