"""Whole copies of a journal: for a backup, and before a migration changes its shape.

Rule: a copy is made by SQLite itself from one consistent picture, in a file only the agent's account reads.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.journal.faults import translated
from agent.journal.migrations import APPLICATION_ID, steps

log = logging.getLogger("creneau.journal")

KEPT = timedelta(days=14)
"""How long a copy from before a migration stays: as long as a retired sealing key would still open what is in it."""


def copy(path: Path, target: Path) -> None:
    """Write a whole copy of the journal at `path` into the new file `target`; writers go on meanwhile."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(apsw.Connection(str(path))) as conn:
            conn.execute("VACUUM INTO ?", (str(target),))
    except apsw.Error as error:
        target.unlink(missing_ok=True)
        raise translated(error) from error


def keep(conn: apsw.Connection, path: Path) -> Path | None:
    """Keep a copy of a journal whose shape is about to change; None when there is nothing to change."""
    have = int(conn.pragma("user_version"))
    if not 0 < have < steps()[-1][0]:
        return None
    target = path.with_name(f"journal-shape-{have}.before")
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    conn.execute("VACUUM INTO ?", (str(target),))
    log.info("journal.kept shape=%d", have)
    return target


def old(folder: Path, now: datetime) -> Iterator[Path]:
    """Yield the copies of a folder that have stayed long enough."""
    for file in folder.glob("journal-*.before"):
        if now.timestamp() - file.stat().st_mtime > KEPT.total_seconds():
            yield file


def examined(file: Path) -> int:
    """Return the shape of a journal that came back. Raises Misconfigured when it is none, damaged, or from a newer program."""
    doing = say("bring back the journal")
    try:
        with closing(apsw.Connection(str(file))) as conn:
            sound = int(conn.pragma("application_id")) == APPLICATION_ID and conn.pragma("quick_check") == "ok"
            have = int(conn.pragma("user_version"))
    except apsw.Error:
        sound, have = False, 0
    if not sound:
        raise Misconfigured(doing, say("the journal in it is damaged"), say("take another copy of the file"))
    known = steps()[-1][0]
    if have > known:
        says = say("a newer version of Créneau wrote it (shape {have}, known {known})", have=have, known=known)
        raise Misconfigured(doing, says, say("install that newer version again"))
    return have
