"""Small named facts: epoch, seq, cursor, posture, instance and the like.

Rule: a fact is text; what is not text (the boxed digest key) is no fact for anyone to read.
"""

from collections.abc import Mapping

from agent.journal.tx import Reader, Tx


def every(db: Reader) -> Mapping[str, str]:
    """Return all facts."""
    return dict(db.rows("SELECT name, value FROM fact WHERE typeof(value) = 'text'"))


def several(db: Reader, *names: str) -> Mapping[str, str]:
    """Return the facts of these names that are there."""
    known = every(db)
    return {name: known[name] for name in names if name in known}


def put(tx: Tx, changes: Mapping[str, str | None]) -> int:
    """Set or (None) forget facts; return how many changed."""
    did = 0
    for name, value in changes.items():
        if value is None:
            did += tx.run("DELETE FROM fact WHERE name = ?", name)
        else:
            did += tx.run(
                "INSERT INTO fact VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2 WHERE value <> ?2",
                name, value,
            )  # fmt: skip
    return did
