"""Keep messages as files: the store of `creneau hl7 listen`, for trials without an agent.

Rule: what keep() returned from is on the disk under its final name; one number, one file.
"""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.core.errors import Transient
from agent.core.message import say
from agent.ports import Kept, RawMessage, Taken

DOING = say("store a message")


class Foldered:
    """A RawStore over a folder; any thread. It reads nothing back but to tell a repeat from a clash."""

    def __init__(self, folder: Path) -> None:
        """Make the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._door = threading.Lock()

    def keep(self, message: RawMessage, answer: bytes) -> Taken:
        """Write message and answer, synced. Raises Transient when the disk does not take them."""
        name = hashlib.sha256(f"{message.peer}|{message.control_id}".encode()).hexdigest()[:24]
        file, reply = self._folder / f"{name}.hl7", self._folder / f"{name}.ack"
        with self._door:
            try:
                if file.exists():
                    same = file.read_bytes() == message.body
                    return Taken(Kept.REPEAT if same else Kept.CLASH, 0, reply.read_bytes() if same else b"")
                _write(reply, answer)
                _write(file, message.body)
            except OSError as cause:
                raise Transient(DOING, say("the file cannot be written")) from cause
        return Taken(Kept.NEW, 0, answer)

    def unread(self, limit: int) -> Sequence[tuple[int, RawMessage]]:
        """Return nothing: a person reads these files."""
        del limit
        return ()

    def settle(self, done: Sequence[int], dead: Mapping[int, str], notes: Mapping[str, bytes | None]) -> None:
        """Settle nothing."""

    def revive(self, numbers: Sequence[int], answer: bytes | None = None) -> int:
        """Revive nothing: nothing is read."""
        del numbers, answer
        return 0


def _write(file: Path, data: bytes) -> None:
    part = file.with_suffix(file.suffix + ".part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
