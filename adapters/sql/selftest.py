"""Prove a fresh connection: texts, times, truth values and row counts come back as they were sent.

Rule: a temporary table is all it writes; whatever is not as expected ends the connection with its reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LENGTHS = (127, 128, 129, 300)
"""Characters around the length from which a driver of MariaDB's, left alone, stores other text than it was given."""
LETTERS = ("é", "😀")
"""One beyond ASCII, one beyond U+FFFF, which drivers count as two."""


FACTS = frozenset({"text", "boolean", "rowcount"})
"""What the driver alone can be blamed for; so can each `time …`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How one database is tried.

    `make` and `drop` a temporary table creneau_selftest(n whole number, t text of 400, h time, b truth value). `times`:
    the edges its TIME holds. `settings`: a SELECT of one row, and the row it must give.
    """

    make: str
    drop: str
    times: Sequence[str]
    settings: str
    due: tuple[object, ...]
    as_text: str = "CHAR"


def faults(real: Any, trial: Trial) -> Iterator[str]:
    """Yield what is not as it must be, as a short word for the screen. Raises what the driver raises."""
    seen = tuple(real.execute(trial.settings).fetchone())
    if seen != trial.due:
        yield " ".join(str(value) for value in seen)
        return
    real.execute(trial.make)
    try:
        yield from _texts(real)
        yield from _times(real, trial)
        yield from _truths(real)
        yield from _counts(real)
    finally:
        real.execute(trial.drop)


def _texts(real: Any) -> Iterator[str]:
    given = [(n, letter * n) for n in LENGTHS for letter in LETTERS]
    for pair in given:
        real.execute("INSERT INTO creneau_selftest(n, t) VALUES(?, ?)", pair)
    read = real.execute("SELECT n, t FROM creneau_selftest WHERE t IS NOT NULL").fetchall()
    seen = sorted((int(row[0]), row[1]) for row in read)
    if seen != sorted(given):
        yield "text"


def _times(real: Any, trial: Trial) -> Iterator[str]:
    for number, time in enumerate(trial.times):
        real.execute("INSERT INTO creneau_selftest(n, h) VALUES(?, ?)", (-number, time))
        sql = f"SELECT CAST(h AS {trial.as_text}) FROM creneau_selftest WHERE n = ? AND h IS NOT NULL"  # noqa: S608 - our own words
        seen = str(real.execute(sql, (-number,)).fetchone()[0])
        if seen.partition(".")[0] != time:
            yield f"time {time}"


def _truths(real: Any) -> Iterator[str]:
    real.execute("INSERT INTO creneau_selftest(n, b) VALUES(1001, (1 = 1))")
    real.execute("INSERT INTO creneau_selftest(n, b) VALUES(1002, (1 = 0))")
    for number, due in ((1001, True), (1002, False)):
        value = real.execute("SELECT b FROM creneau_selftest WHERE n = ?", (number,)).fetchone()[0]
        if isinstance(value, str | bytes) or bool(value) is not due:  # "0" and b"\x00" would count as true
            yield "boolean"


def _counts(real: Any) -> Iterator[str]:
    """Guards count the rows they change: one that changes is 1, one that matches nothing 0."""
    for number, due in ((1001, 1), (9999, 0)):
        cursor = real.cursor()
        cursor.execute("UPDATE creneau_selftest SET n = n + 500 WHERE n = ?", (number,))
        if cursor.rowcount != due:
            yield "rowcount"
