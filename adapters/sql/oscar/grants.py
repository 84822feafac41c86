"""The rights our account needs in OSCAR's database, and the table the clinic makes for us.

Rule: tests run with exactly these; a right that no statement of ours uses is not in the list.
"""

from collections.abc import Iterator

from adapters.sql.dialect import Dialect
from adapters.sql.oscar.applied import SIDECAR

READ = (
    ("CREATE TEMPORARY TABLES", "*"),  # the self-test at each connect
    ("SELECT", "appointment"),
    ("SELECT", "scheduledate"),
    ("SELECT", "scheduletemplate"),
    ("SELECT", "scheduletemplatecode"),
    ("SELECT", "scheduleholiday"),
    ("SELECT", "site"),
    ("SELECT (provider_no, last_name, first_name)", "provider"),
)
WRITE = (
    ("SELECT, INSERT, UPDATE", "creneau_applied"),
    ("INSERT, UPDATE, DELETE", "appointment"),
    ("SELECT (appointment_no), INSERT", "appointmentArchive"),
    (
        "SELECT (demographic_no, last_name, first_name, year_of_birth, month_of_birth, date_of_birth, hin)",
        "demographic",
    ),
)


def script(dialect: Dialect) -> str:
    """Return statements to run once, by whoever may: first to read only, then to write."""
    return "\n".join(_lines(dialect)) + "\n"


def _lines(dialect: Dialect) -> Iterator[str]:
    if read := list(dialect.grants(READ)):
        yield "-- Lire / to read"
        yield from read
    yield '-- Écrire / to write: bookings = "automatic"'
    yield f"{SIDECAR[dialect.name]};"
    yield from dialect.grants(WRITE)
