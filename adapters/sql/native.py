"""What MariaDB's own error numbers mean for whoever asked.

Rule: the number decides, then the SQLSTATE; the Python class never does. A number nobody knew is ODD, never guessed.
"""

import re
from collections.abc import Mapping

from adapters.sql.dialect import Kind

_NATIVE = re.compile(r"\((-?\d+)\) \(SQL")

NUMBERS: Mapping[int, Kind] = {
    1205: Kind.BUSY,  # lock wait timeout: only the last statement was undone
    1213: Kind.BUSY,  # deadlock: all was undone
    1969: Kind.SLOW,  # max_statement_time
    1040: Kind.SLOW,  # too many connections
    1203: Kind.SLOW,  # too many connections of this user
    1226: Kind.SLOW,  # a resource limit of this user
    1290: Kind.ODD,  # read-only: a replica, or maintenance
    1836: Kind.ODD,  # read-only by innodb_read_only
    1317: Kind.STOPPED,  # KILL QUERY, ours or the clinic's
    1053: Kind.LOST,  # the server shuts down
    1927: Kind.LOST,  # KILL CONNECTION
    2002: Kind.LOST,  # nobody listens
    2003: Kind.LOST,
    2005: Kind.ODD,  # unknown host: the network's name service, or a slip
    2006: Kind.LOST,
    2013: Kind.LOST,
    1044: Kind.LOGIN,  # this user may not use this database
    1045: Kind.LOGIN,  # user or password
    1698: Kind.LOGIN,
    1049: Kind.SETUP,  # unknown database
    1054: Kind.SETUP,  # unknown column
    1142: Kind.SETUP,  # no right on a table
    1143: Kind.SETUP,  # no right on a column
    1146: Kind.SETUP,  # unknown table
    1048: Kind.SETUP,  # NULL where the schema forbids it: our mapping is wrong
    1364: Kind.SETUP,
    1452: Kind.SETUP,
    1062: Kind.DATA,
    1264: Kind.DATA,
    1265: Kind.DATA,
    1292: Kind.DATA,
    1366: Kind.DATA,
    1406: Kind.DATA,
    1644: Kind.DATA,  # SIGNAL in a trigger of the clinic's
}
STATES: Mapping[str, Kind] = {
    "08S01": Kind.LOST,
    "08003": Kind.LOST,
    "08001": Kind.LOST,
    "HYT00": Kind.LOST,  # login timeout
    "HYT01": Kind.LOST,
    "28000": Kind.LOGIN,
    "IM002": Kind.SETUP,  # no such data source or driver
    "01000": Kind.SETUP,  # the driver's library cannot be opened
    "HY001": Kind.SETUP,  # the driver, at a text of exactly 128 characters
    "42S02": Kind.SETUP,
    "42S22": Kind.SETUP,
    "40001": Kind.BUSY,
    "22001": Kind.DATA,
    "22003": Kind.DATA,
    "22007": Kind.DATA,
    "23000": Kind.DATA,
}


def kind(error: Exception) -> Kind:
    """Classify. An error with one argument is the driver's "closed connection": a new one mends it."""
    if len(error.args) < 2:
        return Kind.LOST
    number = native(error)
    known = NUMBERS.get(number) if number is not None else None
    return known or by_state(error)


def by_state(error: Exception) -> Kind:
    """Classify by the SQLSTATE alone."""
    return Kind.LOST if len(error.args) < 2 else STATES.get(str(error.args[0]), Kind.ODD)


def native(error: Exception) -> int | None:
    """Return the server's own number, found in the driver's text."""
    found = _NATIVE.search(str(error.args[-1])) if error.args else None
    return int(found[1]) if found else None


def code(error: Exception) -> str:
    """Return e.g. "40001/1213", or the class where there is neither; never the text."""
    if len(error.args) < 2:
        return type(error).__name__
    number = native(error)
    return f"{error.args[0]}/{number}" if number else str(error.args[0])
