"""Turn what SQLite says into the family of errors.

Rule: the sentence names the kind of fault only, never SQL, a parameter or a value.
"""

import apsw

from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.message import Message, say

BROKEN = (apsw.FullError, apsw.IOError, apsw.NoMemError)
"""After these SQLite has rolled back the whole transaction, or must be told to."""

RUINED = (apsw.NotADBError, apsw.CorruptError, apsw.FormatError)
"""The file itself is no longer a sound database."""

DOING = say("keep the journal")


def translated(cause: BaseException) -> BaseException:
    """Return the error a caller sees: family errors and strangers' unchanged, SQLite's by kind."""
    if not isinstance(cause, apsw.Error):
        return cause
    made = _kind(cause)
    made.__cause__ = cause
    return made


def _kind(cause: apsw.Error) -> CreneauError:
    check: Message = say("creneau check machine")
    if isinstance(cause, apsw.FullError):
        return Transient(DOING, say("the disk or the journal's quota is full"), say("free some disk space"))
    if isinstance(cause, RUINED):
        return Misconfigured(DOING, say("the journal file is damaged"), say("restart the service, then call support"))
    if isinstance(cause, apsw.ConstraintError):
        return Refused(DOING, say("the journal refuses a row that breaks its rules"), check, reason="journal")
    if isinstance(cause, apsw.IOError):
        return Transient(DOING, say("the disk answers with an error"), check)
    if isinstance(cause, (apsw.BusyError, apsw.LockedError)):
        return Transient(DOING, say("another program holds the journal"), check)
    return Transient(DOING, say("SQLite says {kind}", kind=type(cause).__name__), check)
