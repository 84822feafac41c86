"""Open SQLite the one safe way: WAL, FULL, settings read back, versions with the WAL-reset bug refused.

Rule: a setting that does not read back as asked is a fault, never a shrug.
"""

import os
from pathlib import Path

import apsw

from agent.core.errors import Misconfigured
from agent.core.message import Message, say

PAGE = 4096
BUSY_MS = 5000
SETTINGS: tuple[tuple[str, str | int], ...] = (
    ("journal_mode", "wal"),
    ("synchronous", 2),  # FULL: NORMAL loses acknowledged rows at a power cut
    ("secure_delete", 1),
    ("foreign_keys", 1),
    ("cache_size", -4096),
    ("journal_size_limit", 4 << 20),
)
DOING = say("open the journal")


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Say whether this SQLite can lose commits in WAL mode (sqlite.org/wal.html#walresetbug)."""
    fixed = (version[:2] == (3, 44) and version[2] >= 6) or (version[:2] == (3, 50) and version[2] >= 7)
    return (3, 7, 0) <= version <= (3, 51, 2) and not fixed


def check_library(version: str | None = None, *, ciphers: bool | None = None) -> None:
    """Raise Misconfigured when the SQLite in use is not the one production was proved with."""
    version = apsw.sqlite_lib_version() if version is None else version
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    if has_wal_reset_bug((major, minor, patch)):
        raise _wrong(say("SQLite {version} can lose commits", version=version))
    # apsw-sqlite3mc installs under the same module name and silently takes its place.
    if hasattr(apsw, "mc_version") if ciphers is None else ciphers:
        raise _wrong(say("the module apsw-sqlite3mc stands in the place of apsw"))


def _wrong(what: Message) -> Misconfigured:
    return Misconfigured(DOING, what, say("install Créneau again in an environment of its own"))


def private(path: Path) -> None:
    """Make folder (0700) and file (0600) before SQLite does; its -wal and -shm take the mode of the database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.name == "posix":
        path.parent.chmod(0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    if os.name == "posix":
        path.chmod(0o600)


def writer(path: Path, *, vfs: str, locking: str) -> apsw.Connection:
    """Open the one connection that writes; raises apsw errors for an unreadable file, Misconfigured for a setting."""
    conn = apsw.Connection(str(path), vfs=vfs or None)
    try:
        conn.set_busy_timeout(BUSY_MS)
        if locking != "normal":
            conn.pragma("locking_mode", locking)  # before WAL: no shared memory is needed then
        for name, value in SETTINGS:
            conn.pragma(name, value)
        _read_back(conn)
    except BaseException:
        conn.close()
        raise
    return conn


def _read_back(conn: apsw.Connection) -> None:
    for name, value in SETTINGS:
        if conn.pragma(name) != value:
            raise Misconfigured(
                DOING,
                say("SQLite does not take the setting {name}", name=name),
                say("keep the journal on a local disk, not on a network share"),
            )


def reader(path: Path) -> apsw.Connection:
    """Open a connection that only reads, for one thread."""
    conn = apsw.Connection(str(path))
    conn.set_busy_timeout(BUSY_MS)
    conn.pragma("cache_size", -1024)
    conn.pragma("query_only", 1)
    return conn
