"""The file: settings, versions, damage, rights, room.

Rule: each test opens a journal of its own.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from agent.core.errors import Misconfigured, Refused, Transient
from agent.journal import Journal, Tx
from agent.journal.box import DataBox
from agent.journal.connect import SETTINGS, check_library, has_wal_reset_bug
from agent.journal.disk import BALLAST, FLOOR, Disk
from agent.journal.migrations import APPLICATION_ID, steps


def test_every_setting_is_read_back(journal: Journal) -> None:
    """The writer runs in WAL with FULL, secure_delete, foreign keys, a small cache and a bounded log."""
    seen = journal._store._group.hold(lambda conn: {name: conn.pragma(name) for name, _ in SETTINGS})
    assert seen == dict(SETTINGS)
    assert (seen["journal_mode"], seen["synchronous"]) == ("wal", 2)
    assert journal._store._group.hold(lambda conn: conn.pragma("busy_timeout")) == 5000
    assert journal.read(lambda db: db.value("PRAGMA query_only")) == 1
    assert journal._store._group.hold(lambda conn: conn.pragma("application_id")) == APPLICATION_ID


def test_a_setting_that_does_not_hold_is_a_fault(
    reopen: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk on which SQLite will not use WAL stops the start with a hint."""
    monkeypatch.setattr("agent.journal.connect.SETTINGS", (("journal_mode", "wal"), ("page_size", 12345)))
    with pytest.raises(Misconfigured, match="page_size"):
        reopen()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_only_the_service_may_read_it(journal: Journal, tmp_path: Path, make: SimpleNamespace) -> None:
    """The folder is 0700, every file in it 0600 once SQLite made them."""
    journal.records().line("start", b"", make.at())
    folder = tmp_path / "state"
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.suffix != ".ballast"}
    assert set(modes) == {"journal.db", "journal.db-wal", "journal.db-shm"}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    ("version", "bad"),
    [("3.6.23", False), ("3.7.0", True), ("3.40.1", True), ("3.44.5", True), ("3.44.6", False), ("3.50.6", True),
     ("3.50.7", False), ("3.51.2", True), ("3.51.3", False), ("3.54.1", False)],
)  # fmt: skip
def test_an_sqlite_with_the_wal_reset_bug_is_refused(version: str, *, bad: bool) -> None:
    """The versions of sqlite.org/wal.html#walresetbug stop the start; the fixed ones do not."""
    assert has_wal_reset_bug(tuple(map(int, version.split(".")))) is bad
    if bad:
        with pytest.raises(Misconfigured, match=r"3\.\d+"):
            check_library(version)
    else:
        check_library(version)


def test_the_cipher_build_of_apsw_is_refused() -> None:
    """apsw-sqlite3mc in the place of apsw stops the start."""
    with pytest.raises(Misconfigured, match="sqlite3mc"):
        check_library(ciphers=True)


def test_a_newer_journal_is_refused_and_left_alone(reopen: Callable[..., Journal], tmp_path: Path) -> None:
    """A journal of a newer program stops the start with a hint, and keeps its name and bytes."""
    reopen().write(lambda tx: tx.run("PRAGMA user_version = 999"))
    with pytest.raises(Misconfigured) as caught:
        reopen()
    assert caught.value.hint is not None
    assert (tmp_path / "state" / "journal.db").exists()
    assert not list((tmp_path / "state").glob("*.bad*"))


def test_garbage_is_set_aside_and_never_deleted(reopen: Callable[..., Journal], tmp_path: Path) -> None:
    """Bytes that are no database are renamed; an empty journal begins that says it lost its state."""
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "journal.db").write_bytes(b"not a database at all " * 400)
    journal = reopen()
    assert (folder / "journal-20261123T170000Z.bad").read_bytes().startswith(b"not a database")
    assert journal.records().facts().keys() == {"restart", "lost"}
    assert journal.outbox().standing() == type(journal.outbox().standing())(None, 0, "lost")


def test_a_second_loss_in_the_same_second_keeps_both_files(reopen: Callable[..., Journal], tmp_path: Path) -> None:
    """No set-aside file is ever overwritten."""
    folder = tmp_path / "state"
    folder.mkdir()
    for text in (b"first ", b"second "):
        reopen().close() if (folder / "journal.db").exists() else None
        (folder / "journal.db").write_bytes(text * 1000)
        reopen()
    kept = sorted(path.read_bytes()[:5] for path in folder.glob("*.bad"))
    assert kept == [b"first", b"secon"]


def test_a_torn_page_is_found_at_open(reopen: Callable[..., Journal], tmp_path: Path, make: SimpleNamespace) -> None:
    """quick_check finds a page that was overwritten, and the file is set aside."""
    journal = reopen()
    for n in range(200):
        journal.records().line("start", b"x" * 500, make.at(seconds=n))
    journal.close()
    path = tmp_path / "state" / "journal.db"
    data = bytearray(path.read_bytes())
    data[4096 * 30 : 4096 * 31] = os.urandom(4096)
    path.write_bytes(data)
    assert reopen().records().facts().keys() == {"restart", "lost"}
    assert len(list((tmp_path / "state").glob("*.bad"))) == 1


def test_another_programs_database_is_set_aside(reopen: Callable[..., Journal], tmp_path: Path) -> None:
    """A sound SQLite file without our mark is not written to."""
    folder = tmp_path / "state"
    folder.mkdir()
    other = sqlite3.connect(folder / "journal.db")
    other.execute("CREATE TABLE theirs(x)")
    other.commit()
    other.close()
    assert reopen().records().facts().keys() == {"restart", "lost"}


@pytest.mark.parametrize("in_the_way", ["state", "state/journal.db/folder"])
def test_a_place_that_cannot_be_opened_is_misconfigured(
    reopen: Callable[..., Journal], tmp_path: Path, in_the_way: str
) -> None:
    """What cannot be opened is a fault to mend, not a loss: nothing is renamed."""
    path = tmp_path / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(Misconfigured, match="data folder"):
        reopen()
    assert path.exists()


def test_another_data_key_is_refused(reopen: Callable[..., Journal]) -> None:
    """A vault that does not belong to this journal is found at the start."""
    reopen()
    with pytest.raises(Misconfigured, match="data key"):
        reopen(box=DataBox(bytes(32)))


def test_what_sqlite_says_becomes_the_family(journal: Journal) -> None:
    """A row against the rules is Refused, and its text holds no value of the row."""
    with pytest.raises(Refused) as caught:
        journal.write(lambda tx: tx.run("INSERT INTO told VALUES(?, NULL, 1, NULL)", "secret-id"))
    assert caught.value.reason == "journal"
    assert "secret-id" not in str(caught.value)
    with pytest.raises(Transient, match="SQLError"):
        journal.read(lambda db: db.rows("SELECT * FROM nowhere"))


def test_appends_stop_at_the_quota_and_settlements_go_on(reopen: Callable[..., Journal], make: SimpleNamespace) -> None:
    """At the page quota a new line is refused as Transient while rows can still be settled in the reserve."""
    journal = reopen(quota_mb=1)
    with pytest.raises(Transient, match="quota"):
        _fill(journal, make)
    assert journal.records().sizes().low
    journal.records().put({"posture": "paused"}, make.at(), kind="sharing", who="manon")
    assert journal.records().facts()["posture"] == "paused"
    with pytest.raises(Transient, match="full"):
        journal.inbox().take([(make.order(), "j.w.s", None)], [], {"log": "a", "n": 1}, make.at())
    assert journal.inbox().cursor() is None


def _fill(journal: Journal, make: SimpleNamespace) -> None:
    for n in range(400):
        journal.records().line("start", b"x" * 8000, make.at(seconds=n))


def test_the_ballast_is_spent_on_a_full_disk_and_laid_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk gives 1 MiB back once; it is laid again only when there is room beyond the floor."""
    room = {"free": FLOOR + BALLAST}
    usage = shutil._ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, room["free"]))
    disk = Disk(tmp_path)
    assert not disk.low()
    assert (tmp_path / "journal.ballast").stat().st_size == BALLAST
    room["free"] = FLOOR
    assert disk.spend()
    assert not disk.spend()
    assert disk.low()
    monkeypatch.setattr("shutil.disk_usage", _no_disk)
    assert disk.free() == 0
    assert not Disk(None).low()


def _no_disk(_: object) -> None:
    raise OSError("gone")


def test_a_disk_full_below_the_quota_spends_the_ballast(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLITE_FULL although the quota is not reached means the disk: the ballast goes, the work runs again."""
    ballast = tmp_path / "state" / "journal.ballast"
    runs: list[int] = []

    def work(tx: Tx) -> str:
        runs.append(1)
        if len(runs) == 1:
            raise apsw.FullError("disk")
        return "done"

    assert ballast.exists()
    assert journal.write(work) == "done"
    assert not ballast.exists()
    with monkeypatch.context() as full:
        full.setattr(journal._store.disk, "free", lambda: 0)
        assert journal.records().sizes().low
    assert not journal.records().sizes().low


def test_a_published_migration_never_changes() -> None:
    """The hash of each migration is written here when it is published, and stays."""
    published = {
        1: "4734f4efe0fdde0bd6c3d531f80f983abc8cc572ae9e955530eba3e60ce399f6",
        2: "76a044fb891afa93fa60f8ae500d9191d2e3d0c14385e68d37dbc25205651bcc",
        3: "62fbd7e5e07cef2adc1875cc1e32a9085fc655cd7364e6a309daab64e15e31de",
    }
    assert {n: hashlib.sha256(sql.encode()).hexdigest() for n, sql in steps()} == published


def test_migrations_run_in_order_and_once(
    reopen: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch, make: SimpleNamespace
) -> None:
    """A journal of one shape gets the next at the next open and keeps its rows; a failing step leaves the shape as it was."""
    shape = len(steps()) + 1
    reopen().records().put({"posture": "open"}, make.at())
    more = (
        *steps(),
        (shape, "CREATE TABLE later(x TEXT) STRICT; INSERT INTO later VALUES('a'); SELECT bad FROM nowhere;"),
    )
    monkeypatch.setattr("agent.journal.migrations.steps", lambda: more)
    with pytest.raises(Transient):
        reopen()
    good = (*steps(), (shape, "CREATE TABLE later(x TEXT) STRICT;"))
    monkeypatch.setattr("agent.journal.migrations.steps", lambda: good)
    for _ in range(2):
        journal = reopen()
        assert journal.read(lambda db: db.value("PRAGMA user_version")) == shape
        assert journal.records().facts()["posture"] == "open"
    assert journal.read(lambda db: db.rows("SELECT * FROM later")) == []


def test_a_closed_journal_says_so(journal: Journal) -> None:
    """After close every call is refused as Transient, and closing again does nothing."""
    journal.close()
    journal.close()
    with pytest.raises(Transient):
        journal.read(lambda db: db.rows("SELECT 1"))
    with pytest.raises(Transient):
        journal.write(lambda tx: tx.run("DELETE FROM fact"))


def test_a_disk_full_at_the_start_spends_the_ballast(
    reopen: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The start is tried once more with the ballast's room; without a ballast it is Transient."""
    reopen()
    calls: list[int] = []

    def full_once(conn: apsw.Connection) -> int:
        calls.append(1)
        if len(calls) != 2:
            raise apsw.FullError("disk")
        return 0

    monkeypatch.setattr("agent.journal.store.migrate", full_once)
    usage = shutil._ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 0))
    reopen()
    assert not (tmp_path / "state" / "journal.ballast").exists()
    with pytest.raises(Transient, match="full"):
        reopen()


@pytest.mark.parametrize(
    ("cause", "kind"),
    [(apsw.CorruptError("x"), Misconfigured), (apsw.IOError("x"), Transient), (apsw.BusyError("x"), Transient)],
)
def test_each_kind_of_trouble_has_its_policy(journal: Journal, cause: apsw.Error, kind: type[Exception]) -> None:
    """Damage stops the part, a busy or failing disk is tried again."""

    def look(db: object) -> None:
        raise cause

    with pytest.raises(kind) as caught:
        journal.read(look)
    assert caught.value.__cause__ is cause
    journal._store._group.conn.close()
    with pytest.raises(Transient):
        journal._store.truncate()
