"""The rights our account needs in an EMR's database, and the table the clinic makes for us.

Rule: tests run with exactly these; a right that no statement of ours uses is not in the list.
"""

from collections.abc import Iterator

from adapters.sql import sidecar as beside
from adapters.sql.dialect import Dialect
from adapters.sql.mapping import Booking, Mapping, Right

SIDECAR: Right = ("SELECT, INSERT, UPDATE", beside.TABLE)


def script(dialect: Dialect, mapping: Mapping, *, sidecar: bool) -> str:
    """Return statements to run once, by whoever may: first to read only, then to write."""
    return "\n".join(_lines(dialect, mapping, sidecar=sidecar)) + "\n"


def _lines(dialect: Dialect, mapping: Mapping, *, sidecar: bool) -> Iterator[str]:
    if read := list(dialect.grants([*dialect.needs, *mapping.reads])):
        yield "-- Lire / to read"
        yield from read
    if not isinstance(mapping, Booking):
        return
    yield '-- Écrire / to write: bookings = "automatic"'
    if sidecar:
        yield f"{beside.table(dialect)};"
    yield from dialect.grants([*([SIDECAR] if sidecar else []), *mapping.writes])
