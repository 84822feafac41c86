"""What PostgreSQL's SQLSTATEs mean for whoever asked (PostgreSQL manual, appendix A; psqlODBC passes them on).

Rule: the state decides; only where one state means two things do words decide, in the two languages a server here speaks.
"""

import re
from collections.abc import Mapping

from adapters.sql.dialect import Kind

STATES: Mapping[str, Kind] = {
    "40P01": Kind.BUSY,  # deadlock
    "40001": Kind.BUSY,  # serialization failure
    "55P03": Kind.BUSY,  # lock_timeout
    "53300": Kind.SLOW,  # too many connections
    "53400": Kind.SLOW,
    "57P03": Kind.SLOW,  # the server starts
    "57P01": Kind.LOST,  # the administrator ends the connection
    "57P02": Kind.LOST,
    "57P05": Kind.LOST,
    "08S01": Kind.LOST,
    "08001": Kind.LOST,
    "08003": Kind.LOST,
    "08006": Kind.LOST,
    "08007": Kind.LOST,
    "HYT00": Kind.LOST,
    "25006": Kind.ODD,  # read-only: a replica, or maintenance
    "28000": Kind.LOGIN,
    "28P01": Kind.LOGIN,
    "3D000": Kind.SETUP,  # unknown database
    "42P01": Kind.SETUP,  # unknown table
    "42S02": Kind.SETUP,
    "42703": Kind.SETUP,  # unknown column
    "42S22": Kind.SETUP,
    "42501": Kind.SETUP,  # no right
    "42601": Kind.SETUP,  # the mapping's SQL
    "42883": Kind.SETUP,  # no such operator or function: a type of the mapping's is wrong
    "42804": Kind.SETUP,
    "IM002": Kind.SETUP,
    "01000": Kind.SETUP,  # the driver's library cannot be opened
    "23502": Kind.SETUP,  # NULL where the schema forbids it
    "23503": Kind.SETUP,
    "23505": Kind.DATA,
    "23P01": Kind.DATA,
    "23514": Kind.DATA,
    "P0001": Kind.DATA,  # RAISE in a trigger of the clinic's
}
CLASSES: Mapping[str, Kind] = {
    "08": Kind.LOST,
    "22": Kind.DATA,
    "23": Kind.DATA,
    "28": Kind.LOGIN,
    "42": Kind.SETUP,
    "53": Kind.SLOW,
}
"""By the two first characters, for what is not named above."""

_ANSWERED = re.compile(r"\bFATAL\b")
_LATER = re.compile(
    r"starting up|shutting down|recovery|too many|connection slots|d\u00e9marr|arr\u00eat|restauration|trop de|connexions restantes"
)
_UNKNOWN = re.compile(r"database .* does not exist|base de donn\u00e9es .* n'existe pas")
_ASKED = re.compile(r"user request|demande de l'utilisateur")
_SHUT = re.compile(r"terminating connection|server closed the connection|no connection to the server")


def kind(error: Exception) -> Kind:
    """Classify. An error with one argument is the driver's "closed connection": a new one mends it."""
    if len(error.args) < 2:
        return Kind.LOST
    state, text = str(error.args[0]), str(error.args[1])
    if state == "57014":
        return Kind.STOPPED if _ASKED.search(text) else Kind.SLOW
    if state == "08001" and _ANSWERED.search(text):
        return Kind.SLOW if _LATER.search(text) else Kind.SETUP if _UNKNOWN.search(text) else Kind.LOGIN
    if state in ("HY000", "08S01", "42S02") and _SHUT.search(text):
        return Kind.LOST
    return STATES.get(state) or CLASSES.get(state[:2], Kind.ODD)


def code(error: Exception) -> str:
    """Return the SQLSTATE, or the class where there is none; never the text."""
    return str(error.args[0]) if len(error.args) > 1 else type(error).__name__
