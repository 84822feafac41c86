"""Two canaries, a patient and a doctor, stand nowhere they should not: also after a kill -9, an outage, an error."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.core.envelope import Rejected, recall

CLINIC = "fjord"
DOCTOR = "Zyxdocteur"
PATIENT = {"family": "Zyxpatient", "given": "Qwvprenom", "born": "1987-02-03", "nam": "ZYXP87520312", "phone": "418 555-0163",
           "email": "zyx@example.org", "note": "zyxnote"}  # fmt: skip
JWS = re.compile(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{80,}")


def rename(emr: Path) -> None:
    """Give the first doctor of the EMR the canary's name."""
    with closing(sqlite3.connect(emr)) as base, base:
        base.execute("UPDATE provider SET last_name = ?, first_name = ? WHERE provider_no = '101'", (DOCTOR, DOCTOR))


def opened(base: Path) -> str:
    """Return every cell of a database with each signed message in it unpacked."""
    return "\n".join(_told(base))


def _told(base: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{base}?mode=ro", uri=True)) as read:
        for (table,) in read.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            for row in read.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - names of its own schema
                for cell in row:
                    text = cell.decode("latin-1") if isinstance(cell, bytes) else str(cell)
                    yield text
                    for found in JWS.findall(text):
                        yield _message(found)


def _message(text: str) -> str:
    try:
        return str(recall(text).claims)
    except (Rejected, ValueError):
        return ""


def files(*folders: Path) -> Iterator[Path]:
    """Yield every file below."""
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


def test_neither_canary_stands_where_it_should_not(town: Any) -> None:
    """No log, error, hub table, beat or page of the journal holds the patient; no log, beat or hub table the doctor."""
    rename(town.emr)
    town.start("hub")
    code = town.creneau("hub", "code", CLINIC, "--folder", str(town.hub_folder), "--name", "Fjord")["code"]
    town.creneau("enrol", code)
    town.creneau("sharing", "apply", "--yes")
    town.start("agent")
    first, second = town.offered()[:20:10]
    town.portal.book(CLINIC, "canary-one", 1, first["id"], PATIENT, now=town.time())
    assert town.outcome("canary-one", 1) == "booked"
    errors = [
        str(town.creneau(*words.split(), code=None)) for words in ("explain soon", "veto add Qqq", "tasks show 99")
    ]
    town.portal.book(CLINIC, "canary-two", 1, second["id"], PATIENT, now=town.time())
    town.until("the order to be known", lambda: len(town.creneau("bookings", code=None)["bookings"]) > 1)
    town.stop("agent", signal.SIGKILL)
    killed = [path.read_bytes() for path in files(town.data)]
    away = town.emr.with_suffix(".away")
    town.emr.rename(away)
    town.start("agent")
    town.until("the outage to be logged", lambda: "leg.down" in town.log("agent"))
    away.rename(town.emr)
    town.stop("agent")
    town.start("agent")
    assert town.outcome("canary-two", 1) == "booked"
    town.portal.book(CLINIC, "canary-three", 1, town.offered()[-1]["id"], PATIENT, now=town.time())
    assert town.outcome("canary-three", 1) == "booked"
    shown = town.creneau("status", code=None)
    beat = town.until("a beat", lambda: town.creneau("hub", "clinic", CLINIC, "--folder", str(town.hub_folder)))
    town.stop("agent")
    town.stop("hub")

    needles = [value.encode() for value in PATIENT.values()]
    everything = killed + [path.read_bytes() for path in files(town.data, town.hub_folder)]
    assert not [needle for needle in needles if any(needle in page for page in everything)]
    hub = "".join(opened(path) for path in files(town.hub_folder) if path.suffix == ".db")
    journal = opened(town.data / "journal.db")
    logs = town.log("agent") + town.log("hub")
    assert "canary-one" in hub
    assert DOCTOR in journal  # the clinic's own: the journal knows whose slot it was
    for value in PATIENT.values():
        assert value not in hub + journal + logs + str(errors) + str(shown) + str(beat)
    for where in (hub, logs, str(beat), *errors[:1], str(shown)):
        assert DOCTOR not in where
