"""What the operator's commands do when the operator is wrong: a bad folder, a mistyped clinic, a file in the way."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.core.errors import Misconfigured, Refused
from hub import desk

ORIGIN = "https://hub.example.org"


@pytest.mark.parametrize(
    "origin",
    [
        "hub.example.org",
        "http://hub.example.org",
        "https://",
        "https://:8443",
        "https://hub.example.org:99999",
        "https://hub.example.org:0",
        "https://hub.example.org:",
        "https://hub.example.org:port",
        "https://hub example.org",
        "https://me@hub.example.org",
        "https://hub.example.org/path",
        "https://[::1",
    ],
)
def test_an_address_that_is_no_origin_makes_no_hub(tmp_path: Path, origin: str) -> None:
    """Scheme, host and port only; nothing is left behind."""
    with pytest.raises(Misconfigured, match="no https origin"):
        desk.init(tmp_path / "hub", origin)
    assert not (tmp_path / "hub").exists()


def test_a_folder_that_cannot_be_is_said_plainly(tmp_path: Path) -> None:
    """A file where the folder should be, or a parent that is one."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "hub"):
        with pytest.raises(Misconfigured, match="cannot be read or written"):
            desk.init(folder, ORIGIN)
        with pytest.raises(Misconfigured):
            desk.clinics(folder)


@pytest.mark.parametrize("name", ["hub.json", "hub.db"])
@pytest.mark.parametrize("bytes_", [b"garbage" * 100, b"[]", b"\xff\xfe"])
def test_damaged_files_of_the_hub_are_said_plainly(tmp_path: Path, name: str, bytes_: bytes) -> None:
    """Garbage in the settings or in the store is an error with a remedy, not a fault of ours."""
    desk.init(tmp_path, ORIGIN)
    (tmp_path / name).write_bytes(bytes_ * 20)
    with pytest.raises(Misconfigured, match="cannot be read or written"):
        desk.clinics(tmp_path)


def test_a_mistyped_clinic_is_never_a_thing_done(tmp_path: Path) -> None:
    """Shutting out nobody would look like having shut out a stolen agent."""
    desk.init(tmp_path, ORIGIN)
    for act in (
        lambda: desk.revoke(tmp_path, "fjordd"),
        lambda: desk.offers(tmp_path, start=False, name="fjordd"),
        lambda: desk.code(tmp_path, "fjordd", takeover=True),
    ):
        with pytest.raises(Refused, match="no clinic fjordd"):
            act()


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    """Neither a file of the operator nor the store itself; one that cannot be written is said plainly."""
    desk.init(tmp_path, ORIGIN)
    before = (tmp_path / "hub.db").read_bytes()
    with pytest.raises(Refused, match="exists already"):
        desk.backup(tmp_path, tmp_path / "hub.db")
    assert (tmp_path / "hub.db").read_bytes() == before
    with pytest.raises(Misconfigured, match="cannot be written"):
        desk.backup(tmp_path, tmp_path / "nowhere" / "copy.db")
    desk.backup(tmp_path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM hub_key").fetchone() == (1,)
