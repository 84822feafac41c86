"""The hash chain, and the proof of it, on lines made by hand."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agent.core.chain import FIRST, chained, first_bad
from agent.core.proof import RECENT, Examiner

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A line made by hand."""

    n: int
    at: datetime
    kind: str
    who: str
    body: bytes
    hash: bytes


def lines(count: int, previous: bytes = FIRST, first: int = 1) -> list[Entry]:
    """Return sound lines."""
    made = []
    for n in range(first, first + count):
        at = NOON + timedelta(microseconds=n)
        stamp = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        previous = chained(previous, n, stamp, "start", "", b"")
        made.append(Entry(n, at, "start", "", b"", previous))
    return made


def test_the_first_bad_line_is_named() -> None:
    """Changed, missing, or after another anchor."""
    made = lines(5)
    assert first_bad(made) is None
    assert first_bad(made[2:], made[1].hash, 2) is None
    assert first_bad(made[2:]) == 3
    assert first_bad([*made[:2], replace(made[2], who="x"), *made[3:]]) == 3


def test_an_examiner_begins_at_an_anchor_and_stops_at_the_first_wrong() -> None:
    """What comes after a wrong line is not looked at."""
    made = lines(4, b"a" * 32, 11)
    assert Examiner(b"a" * 32, 10).take(made).last == 14
    proof = Examiner(b"a" * 32, 10).take([made[0], made[2], made[1]])
    assert proof.wrong is not None
    assert (proof.wrong.n, proof.first, proof.last) == (13, 11, 11)


def test_only_recent_heads_are_remembered() -> None:
    """Memory stays bounded however long the ledger."""
    examiner = Examiner()
    examiner.take(lines(RECENT + 7))
    assert len(examiner._heads) == RECENT
