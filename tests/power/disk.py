"""A disk in memory that holds writes until they are synced, and can lose its power at any operation.

Rule: it tears and drops only what SQLite had not synced; a lying disk (`lies`) shows that a test can see loss.
"""
# ruff: noqa: N802 - SQLite names the methods of a VFS

import os
import random
from dataclasses import dataclass, field

import apsw

SECTOR = 512
MODES = ("none", "all", "subset", "torn", "reordered")
"""What of the writes not synced survives: nothing, everything, some, some sectors of some, some in another order."""
Pending = tuple[int, bytes | None]
"""Offset and bytes of a write; a length and None: a truncation."""


@dataclass
class Platter:
    """One file: what survives, what the process sees, and what lies between."""

    durable: bytes = b""
    current: bytearray = field(default_factory=bytearray)
    pending: list[Pending] = field(default_factory=list)


@dataclass
class PowerDisk:
    """A disk that can lose its power at the nth operation."""

    files: dict[str, Platter] = field(default_factory=dict)
    gone: dict[str, Platter] = field(default_factory=dict)
    ops: int = 0
    crash_at: int | None = None
    dead: bool = False
    lies: bool = False

    def tick(self) -> None:
        """Count an operation that changes something; from the cut on nothing has an effect."""
        self.ops += 1
        if self.dead or self.ops == self.crash_at:
            self.dead = True
            raise apsw.IOError("power")

    def cut(self, mode: str, dice: random.Random) -> None:
        """Keep what the mode says of everything not synced."""
        for name, file in tuple(self.gone.items()):
            if name not in self.files and dice.random() < 0.5:
                self.files[name] = file
        for file in self.files.values():
            data = bytearray(file.durable)
            pending = dice.sample(file.pending, len(file.pending)) if mode == "reordered" else file.pending
            for at, what in pending:
                if mode == "all" or (mode != "none" and dice.random() < 0.5):
                    _replay(data, at, what, mode, dice)
            file.durable, file.current, file.pending = bytes(data), data, []
        self.gone, self.dead, self.crash_at, self.ops = {}, False, None, 0


def _replay(data: bytearray, at: int, what: bytes | None, mode: str, dice: random.Random) -> None:
    if what is None:
        del data[at:]
        return
    for start in range(0, len(what), SECTOR if mode == "torn" else len(what)):
        piece = what[start : start + SECTOR] if mode == "torn" else what
        if mode != "torn" or dice.random() < 0.5:
            _splice(data, at + start, piece)


def _splice(data: bytearray, at: int, what: bytes) -> None:
    if len(data) < at:
        data.extend(bytes(at - len(data)))
    data[at : at + len(what)] = what


class PowerFile:
    """What SQLite sees of one file."""

    def __init__(self, disk: PowerDisk, name: str) -> None:
        self.disk, self.name, self.level = disk, name, 0
        self.file = disk.files.setdefault(name, Platter())

    def xRead(self, amount: int, offset: int) -> bytes:
        """Read what the process wrote."""
        return bytes(self.file.current[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write, not yet durable."""
        self.disk.tick()
        _splice(self.file.current, offset, bytes(data))
        self.file.pending.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        """Cut, not yet durable."""
        self.disk.tick()
        del self.file.current[size:]
        self.file.pending.append((size, None))

    def xSync(self, flags: int) -> None:
        """Make durable, unless the disk lies."""
        self.disk.tick()
        if not self.disk.lies:
            self.disk.gone = {}
            self.file.durable, self.file.pending = bytes(self.file.current), []

    def xFileSize(self) -> int:
        """Return the length the process sees."""
        return len(self.file.current)

    def xLock(self, level: int) -> None:
        """Keep the level."""
        self.level = max(self.level, level)

    def xUnlock(self, level: int) -> None:
        """Keep the level."""
        self.level = level

    def xCheckReservedLock(self) -> bool:
        """There is nobody else."""
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        """Know nothing."""
        return False

    def xSectorSize(self) -> int:
        """Return 512."""
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        """Promise nothing."""
        return 0

    def xClose(self) -> None:
        """Do nothing."""


class PowerVFS(apsw.VFS):
    """Files that live in memory, on a PowerDisk."""

    def __init__(self, name: str, disk: PowerDisk) -> None:
        self.name, self.disk = name, disk
        super().__init__(name, base="")

    def xOpen(self, name: object, flags: list[int]) -> PowerFile:
        """Open or make."""
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name or "temp")
        return PowerFile(self.disk, text)

    def xAccess(self, name: str, flags: int) -> bool:
        """Say whether it exists."""
        return name in self.disk.files

    def xFullPathname(self, name: str) -> str:
        """Return it as it is."""
        return name

    def xDelete(self, name: str, sync: bool) -> None:
        """Unlink; without a sync it may come back."""
        self.disk.tick()
        file = self.disk.files.pop(name, None)
        if file is not None and not sync:
            self.disk.gone[name] = file

    def xRandomness(self, amount: int) -> bytes:
        """Return fresh bytes: the log's salts must differ."""
        return os.urandom(amount)
