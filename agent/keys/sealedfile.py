"""A file that only its passphrase opens: what a backup is kept in.

Rule: nothing is written in the clear on the way, and a file that was cut, changed or put together anew does not open.

Scrypt (RFC 7914) makes the key from the passphrase and the file's own salt; ChaCha20-Poly1305 (RFC 8439) seals each
piece under a nonce of its number and whether it is the last.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agent.core.errors import Refused
from agent.core.message import say

MAGIC = b"CRENEAU1"
PIECE = 1 << 20
_SALT, _TAG, _SIZE = 16, 16, 4
_HEAD = len(MAGIC) + _SALT


class SealedWriter:
    """A new file of mode 0600 to write into; context manager. Raises FileExistsError. Left by an error, it is removed."""

    def __init__(self, file: Path, passphrase: str) -> None:
        self._file = file
        self._head = MAGIC + os.urandom(_SALT)
        self._aead = _aead(passphrase, self._head)
        self._rest = bytearray()
        self._n = 0

    def __enter__(self) -> Self:
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        self._out: BinaryIO = os.fdopen(handle, "wb")
        self._out.write(self._head)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._seal(bytes(self._rest), last=True)
                self._out.flush()
                os.fsync(self._out.fileno())
        finally:
            self._out.close()
            if kind is not None:
                self._file.unlink(missing_ok=True)

    def write(self, data: bytes) -> int:
        """Take bytes; they reach the disk sealed, a piece at a time."""
        self._rest += data
        while len(self._rest) > PIECE:
            self._seal(bytes(self._rest[:PIECE]), last=False)
            del self._rest[:PIECE]
        return len(data)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        shut = self._aead.encrypt(_nonce(self._n, last=last), piece, self._head)
        self._out.write(len(shut).to_bytes(_SIZE, "big") + shut)
        self._n += 1


class SealedReader:
    """What a SealedWriter wrote. Raises Refused: wrong passphrase, or a file that was changed or cut."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        self._pieces = _opened(source, passphrase)
        self._rest = bytearray()

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, b"" at the end."""
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        found = bytes(self._rest[:size])
        del self._rest[:size]
        return found


def _opened(source: BinaryIO, passphrase: str) -> Iterator[bytes]:
    head = source.read(_HEAD)
    if len(head) != _HEAD or not head.startswith(MAGIC):
        raise _bad()
    aead, n, last = _aead(passphrase, head), 0, False
    while not last:
        size = int.from_bytes(source.read(_SIZE), "big")
        shut = source.read(size) if _TAG <= size <= PIECE + _TAG else b""
        ahead = source.peek(1) if hasattr(source, "peek") else b""
        last = not ahead
        try:
            yield aead.decrypt(_nonce(n, last=last), shut, head)
        except (InvalidTag, ValueError):
            raise _bad() from None
        n += 1


def _aead(passphrase: str, head: bytes) -> ChaCha20Poly1305:
    salt = head[len(MAGIC) :]
    return ChaCha20Poly1305(Scrypt(salt, 32, 1 << 15, 8, 1).derive(passphrase.encode()))


def _nonce(n: int, *, last: bool) -> bytes:
    return n.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _bad() -> Refused:
    return Refused(
        say("open the backup"),
        say("the passphrase is not the one it was made with, or the file was changed or cut"),
        say("type it again, or take another copy of the file"),
        reason="backup",
    )
