"""Bring a journal to the shape this program knows.

Rule: append only; a published file in schema/ never changes again, and no migration goes back.
"""

from importlib.resources import files

import apsw

from agent.core.errors import Misconfigured
from agent.core.message import say

APPLICATION_ID = 0x43524E4F
"""ASCII "CRNO" in the database header, so that no other file is taken for a journal."""


def steps() -> tuple[tuple[int, str], ...]:
    """Return (number, SQL) of every migration, in order."""
    folder = files(__package__) / "schema"
    found = sorted((int(f.name[:4]), f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))
    return tuple(found)


def migrate(conn: apsw.Connection) -> int:
    """Run what is missing, each step in its own transaction; return how many ran.

    Raises Misconfigured when a newer program wrote this journal.
    """
    known = steps()
    have = int(conn.pragma("user_version"))
    if have > known[-1][0]:
        raise Misconfigured(
            say("open the journal"),
            say("a newer version of Créneau wrote it (shape {have}, known {known})", have=have, known=known[-1][0]),
            say("install that newer version again"),
        )
    missing = [(number, sql) for number, sql in known if number > have]
    for number, sql in missing:
        with conn:
            conn.execute(sql)
            conn.pragma("application_id", APPLICATION_ID)
            conn.pragma("user_version", number)
    return len(missing)
