"""The ledger: what left, what came in, who did what; a linear hash chain.

Rule: lines are only ever appended; hash = SHA-256 over the previous hash and every field, each with its length first:
8 bytes big-endian length and the bytes of previous hash (32 zero bytes before the first line), n and at (8 bytes
big-endian, signed), kind, who (UTF-8) and body, in this order. No two different lines give the same bytes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from agent.journal.codec import micros, moment
from agent.journal.tx import Reader, Tx
from agent.ports import LedgerLine

FIRST = bytes(32)


def chained(previous: bytes, n: int, at: int, kind: str, who: str, body: bytes) -> bytes:
    """Return the hash of one line."""
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


def append(tx: Tx, kind: str, body: bytes, at: datetime, who: str = "") -> LedgerLine:
    """Add one line within a transaction."""
    last = head(tx)
    n, previous = (last.n + 1, last.hash) if last else (1, FIRST)
    stamp = micros(at)
    digest = chained(previous, n, stamp, kind, who, body)
    tx.run("INSERT INTO ledger VALUES(?,?,?,?,?,?)", n, stamp, kind, who, body, digest)
    return LedgerLine(n, moment(stamp), kind, who, body, digest)


def head(db: Reader) -> LedgerLine | None:
    """Return the last line."""
    row = db.one("SELECT n, at, kind, who, body, hash FROM ledger ORDER BY n DESC LIMIT 1")
    return None if row is None else _line(row)


def lines(db: Reader, after: int, limit: int) -> Sequence[LedgerLine]:
    """Return lines with n above `after`, in order."""
    sql = "SELECT n, at, kind, who, body, hash FROM ledger WHERE n > ? ORDER BY n LIMIT ?"
    return [_line(row) for row in db.rows(sql, after, limit)]


def first_bad(entries: Iterable[LedgerLine], previous: bytes = FIRST, before: int = 0) -> int | None:
    """Return the n of the first line that does not follow from the one before it; works on an export too."""
    for entry in entries:
        expected = chained(previous, entry.n, micros(entry.at), entry.kind, entry.who, entry.body)
        if entry.n != before + 1 or expected != entry.hash:
            return entry.n
        previous, before = entry.hash, entry.n
    return None


def _line(row: tuple[int, int, str, str, bytes, bytes]) -> LedgerLine:
    n, at, kind, who, body, digest = row
    return LedgerLine(n, moment(at), kind, who, body, digest)
