"""The hash chain of the ledger: what one line's hash covers, and whether lines follow from one another.

Rule: hash = SHA-256 over the previous hash and every field, each with its length first: 8 bytes big-endian length and
the bytes of previous hash (32 zero bytes before the first line), n and at (8 bytes big-endian, signed; at in UTC
microseconds since 1970), kind, who (UTF-8) and body, in this order. No two different lines give the same bytes.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

FIRST = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Line(Protocol):
    """One line, wherever it was read from."""

    @property
    def n(self) -> int:
        """Return its number, from 1 on."""
        ...

    @property
    def at(self) -> datetime:
        """Return when it was written."""
        ...

    @property
    def kind(self) -> str:
        """Return the stable word for what happened."""
        ...

    @property
    def who(self) -> str:
        """Return the OS account, "" for the agent itself."""
        ...

    @property
    def body(self) -> bytes:
        """Return the exact bytes sent, received or recorded."""
        ...

    @property
    def hash(self) -> bytes:
        """Return what chains it to the one before."""
        ...


def chained(previous: bytes, n: int, at: int, kind: str, who: str, body: bytes) -> bytes:
    """Return the hash of one line; `at` in UTC microseconds."""
    fields = (
        previous,
        n.to_bytes(8, "big", signed=True),
        at.to_bytes(8, "big", signed=True),
        kind.encode(),
        who.encode(),
        body,
    )
    digest = hashlib.sha256()
    for part in fields:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def follows(line: Line, previous: bytes, before: int) -> bool:
    """Say whether this line is the one after number `before`, whose hash is `previous`."""
    at = (line.at - _EPOCH) // timedelta(microseconds=1)
    return line.n == before + 1 and line.hash == chained(previous, line.n, at, line.kind, line.who, line.body)


def first_bad(lines: Iterable[Line], previous: bytes = FIRST, before: int = 0) -> int | None:
    """Return the n of the first line that does not follow from the one before it."""
    for line in lines:
        if not follows(line, previous, before):
            return line.n
        previous, before = line.hash, line.n
    return None
