"""Pick files up from a folder somebody else writes into.

Rule: a file that is still being written, or changed while it was read, is not there yet; nothing is moved or deleted.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.core.errors import Transient
from agent.core.message import say

log = logging.getLogger("creneau.files")

DOING = say("read the folder of files")
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
LARGEST = 64 << 20
"""Bytes of one file; an agenda is far smaller."""


@dataclass(frozen=True, slots=True)
class Picked:
    """One file as it was read. `written`: its time of modification, UTC; `digest`: of its bytes."""

    name: str
    written: datetime
    digest: str
    data: bytes = field(repr=False)


def stamps(folder: Path, pattern: str) -> frozenset[tuple[str, int, int]]:
    """Return name, size and time of every file that matches; what a watcher compares. Raises Transient."""
    found = set()
    for path in _matching(folder, pattern):
        try:
            state = path.stat()
        except OSError:
            continue  # gone between the two looks
        found.add((path.name, state.st_size, state.st_mtime_ns))
    return frozenset(found)


def pick(folder: Path, pattern: str, settle: timedelta, now: datetime, *, newest: bool = False) -> list[Picked]:
    """Return the files that are at rest, oldest first; with `newest` only the last of them. Raises Transient."""
    found = sorted(stamps(folder, pattern), key=lambda each: (each[2], each[0]), reverse=True)
    picked: list[Picked] = []
    for name, _, _ in found:
        one = _read(folder / name, settle, now)
        if one is not None:
            picked.append(one)
            if newest:
                break
    return picked[::-1]


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    try:
        names = sorted(path for path in folder.iterdir() if path.match(pattern) and path.is_file())
    except OSError as cause:
        hint = say("check the path and the rights of the service's account")
        raise Transient(DOING, say("the folder cannot be read"), hint) from cause
    for path in names:
        if not path.name.startswith((".", "~")) and not path.name.lower().endswith(_UNFINISHED):
            yield path


def _read(path: Path, settle: timedelta, now: datetime) -> Picked | None:
    try:
        before = path.stat()
        written = datetime.fromtimestamp(before.st_mtime, UTC)
        if abs(now - written) < settle or before.st_size > LARGEST:
            return None
        data = path.read_bytes()
        after = path.stat()
    except OSError as cause:  # held by its writer (Windows), or gone
        log.info("files.not_ready why=%s", type(cause).__name__)
        return None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        return None
    return Picked(path.name, written, hashlib.sha256(data).hexdigest(), data)
