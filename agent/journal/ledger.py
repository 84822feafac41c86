"""The ledger: what left, what came in, who did what; a linear hash chain in yearly segments.

Rule: lines are only ever appended; a whole year is let go at once, and what is left still proves itself from the
head of that year on. What a hash covers stands in core/chain.py.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.core.chain import FIRST, chained
from agent.journal.codec import micros, moment
from agent.journal.tx import Reader, Tx
from agent.ports import LedgerLine

PIECE = 5000
"""Lines let go in one transaction: nobody waits long behind it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One year. `previous`: the head of the year before, FIRST for the first."""

    year: int
    first: int
    previous: bytes


def append(tx: Tx, kind: str, body: bytes, at: datetime, who: str = "") -> LedgerLine:
    """Add one line within a transaction; the first of a new year opens its segment, linked to the last head."""
    stamp = micros(at)
    year = moment(stamp).year
    last = tx.one("SELECT n, hash FROM ledger ORDER BY n DESC LIMIT 1")
    n, previous = (int(last[0]), bytes(last[1])) if last else (0, FIRST)
    opened = tx.value("SELECT max(year) FROM segment")
    if opened is None or year > opened:
        tx.run("INSERT INTO segment VALUES(?,?,?,NULL)", year, n + 1, previous)
        if opened is not None:
            link = json.dumps({"year": year, "last": n, "head": previous.hex()}).encode()
            n, previous = _put(tx, previous, n + 1, stamp, "year", "", link)
    n, digest = _put(tx, previous, n + 1, stamp, kind, who, body)
    return LedgerLine(n, moment(stamp), kind, who, body, digest)


def _put(tx: Tx, previous: bytes, n: int, stamp: int, kind: str, who: str, body: bytes) -> tuple[int, bytes]:
    digest = chained(previous, n, stamp, kind, who, body)
    tx.run("INSERT INTO ledger VALUES(?,?,?,?,?,?)", n, stamp, kind, who, body, digest)
    return n, digest


def head(db: Reader) -> LedgerLine | None:
    """Return the last line."""
    row = db.one("SELECT n, at, kind, who, body, hash FROM ledger ORDER BY n DESC LIMIT 1")
    return None if row is None else _line(row)


def lines(db: Reader, after: int, limit: int) -> Sequence[LedgerLine]:
    """Return lines with n above `after`, in order; what is being let go is gone already."""
    sql = "SELECT n, at, kind, who, body, hash FROM ledger WHERE n > ? ORDER BY n LIMIT ?"
    return [_line(row) for row in db.rows(sql, max(after, anchor(db)[0]), limit)]


def anchor(db: Reader) -> tuple[int, bytes]:
    """Return number and hash of the line before the first that is kept: (0, FIRST) while nothing was let go."""
    row = db.one("SELECT first, previous FROM segment WHERE pruned IS NULL ORDER BY year LIMIT 1")
    return (0, FIRST) if row is None else (int(row[0]) - 1, bytes(row[1]))


def prune(tx: Tx, now: datetime, months: int) -> int:
    """Let the oldest year go if its youngest line is older than `months`; return its year, 0 = none is due.

    Never the open year, and one a call: a clock that is wrong one night costs one year at most. The lines themselves
    go with `sweep`.
    """
    found = [
        Segment(*row) for row in tx.rows("SELECT year, first, previous FROM segment WHERE pruned IS NULL ORDER BY year")
    ]
    if len(found) < 2 or _ends(found[0].year, months) > now.astimezone(UTC):
        return 0
    old, following = found[:2]
    tx.run("UPDATE segment SET pruned = ? WHERE year = ?", micros(now), old.year)
    said = {"year": old.year, "first": old.first, "last": following.first - 1, "head": following.previous.hex()}
    append(tx, "pruned", json.dumps(said).encode(), now)
    return old.year


def sweep(tx: Tx) -> int:
    """Delete a piece of the lines that were let go; return how many."""
    return tx.run(
        "DELETE FROM ledger WHERE n IN (SELECT n FROM ledger WHERE n <= ? ORDER BY n LIMIT ?)", anchor(tx)[0], PIECE
    )


def _ends(year: int, months: int) -> datetime:
    """Return when a year's lines have all been kept for `months`."""
    years, month = divmod(months, 12)
    return datetime(year + 1 + years, 1 + month, 1, tzinfo=UTC)


def _line(row: tuple[int, int, str, str, bytes, bytes]) -> LedgerLine:
    n, at, kind, who, body, digest = row
    return LedgerLine(n, moment(at), kind, who, body, digest)
