"""What the hub's operator does: create, issue codes and tokens, look, stop, shut out, save.

Rule: plain data in and out; the command line prints, and nothing secret is stored that could be shown again.
"""

import hashlib
import json
import os
import re
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from agent.core.envelope import Code, fingerprint
from agent.core.envelope.enrolment import ALPHABET
from agent.core.errors import Misconfigured, Refused
from agent.core.message import Message, say
from hub import hub as house
from hub import orders, outcomes, ring, view
from hub.clock import Clock, WallClock
from hub.schema import BOOKING, CLINIC, CLINIC_KEY, CODE, CONTACT, HUB_KEY, PORTAL, SLOT, micros, moment
from hub.store import put

CODE_LIFE = timedelta(hours=24)
SILENT = timedelta(minutes=3)
STATES = ("torn", "silent", "degraded", "new", "stopped", "ok")
"""Of a clinic, those that need somebody first; NEEDY: how many."""
NEEDY = 3
_WALL = WallClock()
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def init(folder: Path, origin: str, *, database: str = "", clock: Clock = _WALL) -> str:
    """Create a hub and return the thumbprint of its first key. Raises Misconfigured."""
    if not _is_origin(origin):
        raise Misconfigured(
            say("create a hub"),
            say("{origin} is no https origin", origin=origin),
            say("give scheme, host and port only, as in https://hub.example.org"),
        )
    house.create(folder, origin, clock, database)
    store, _ = house.open_store(folder)
    with closing(store), store.read() as conn:
        return str(conn.scalar(select(HUB_KEY.c.kid)))


def _is_origin(text: str) -> bool:
    """Say whether this is https, a host and perhaps a port, and nothing more."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    if parts.scheme != "https" or not host or port == 0 or not host.isascii() or any(letter <= " " for letter in text):
        return False
    return not (parts.path or parts.query or parts.fragment or "@" in text or text.endswith(":"))


def code(
    folder: Path, clinic: str, name: str = "", *, contact: str = "", takeover: bool = False, clock: Clock = _WALL
) -> str:
    """Return a new one-time code, good for 24 h; shown once.

    `contact`: whom to call, until the clinic's own agent says it; `takeover`: for the replacement of its agent.
    """
    _named(clinic, say("issue a code"))
    made = clock.now()
    handle = "".join(secrets.choice(ALPHABET) for _ in range(4))
    fresh = Code(handle, "".join(secrets.choice(ALPHABET) for _ in range(26)))
    store, _ = house.open_store(folder)
    with closing(store), store.write() as conn:
        if takeover:
            _known(conn, clinic, say("issue a code"))
        conn.execute(delete(CODE).where((CODE.c.expires < micros(made)) | (CODE.c.handle == handle)))
        if contact:
            put(conn, CONTACT, {"clinic": clinic}, {"says": contact})
        known = conn.scalar(select(CLINIC.c.name).where(CLINIC.c.id == clinic))
        conn.execute(
            insert(CODE).values(
                handle=handle,
                secret=fresh.key().hex(),
                clinic=clinic,
                name=name or known or clinic,
                takeover=takeover,
                made=micros(made),
                expires=micros(made + CODE_LIFE),
                tries=0,
            )
        )
    return fresh.shown()


def clinics(folder: Path, *, clock: Clock = _WALL) -> list[dict[str, Any]]:
    """Return every clinic: id, name, contact, state (one of STATES), since when heard, slots offered."""
    store, _ = house.open_store(folder)
    with closing(store), store.read() as conn:
        rows = conn.execute(select(CLINIC).order_by(CLINIC.c.id)).all()
        return [_summary(conn, row, micros(clock.now())) for row in rows]


def clinic(folder: Path, name: str, *, clock: Clock = _WALL) -> dict[str, Any]:
    """Return one clinic: its summary, its agents with fingerprints, its last beat, turn and view. Raises Refused."""
    store, _ = house.open_store(folder)
    with closing(store), store.read() as conn:
        row = _known(conn, name, say("show a clinic"))
        held = ring.held_by(conn, row.id)
        ours = conn.scalar(select(HUB_KEY.c.kid).order_by((HUB_KEY.c.n == held).desc(), HUB_KEY.c.n.desc()).limit(1))
        keys = conn.execute(select(CLINIC_KEY).where(CLINIC_KEY.c.clinic == name).order_by(CLINIC_KEY.c.made)).all()
        agents = [
            {
                "key": key.kid,
                "instance": key.instance,
                "current": key.instance == row.instance and key.retired is None,
                "fingerprint": fingerprint(str(ours), key.kid),
                "software": key.software,
                "since": _time(key.made),
                "retired": _time(key.retired),
            }
            for key in keys
        ]
        turn = {"number": row.turn, "until": _time(row.turn_until)}
        beat = json.loads(row.beat) if row.beat else None
        summary = _summary(conn, row, micros(clock.now()))
        return {**summary, "agents": agents, "turn": turn, "beat": beat, "view": view.held(conn, row)}


def booking(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return every booking of that id: clinic, portal, word, versions, outcomes; never a patient."""
    store, _ = house.open_store(folder)
    with closing(store), store.read() as conn:
        rows = conn.execute(select(BOOKING).where(BOOKING.c.booking == name).order_by(BOOKING.c.clinic)).all()
        return [
            {
                "clinic": row.clinic,
                "booking": name,
                "portal": row.portal,
                "word": outcomes.word(conn, row.clinic, name, row.version),
                "versions": [_dated(order) for order in orders.history(conn, row.clinic, name)],
                "outcomes": outcomes.by_rev(conn, row.clinic, name),
            }
            for row in rows
        ]


def portal(folder: Path, name: str, *, clock: Clock = _WALL) -> str:
    """Return a new bearer token for a portal, shown once; a former one of that name ends."""
    _named(name, say("issue a token"))
    fresh = secrets.token_urlsafe(32)
    values = {"token": hashlib.sha256(fresh.encode()).hexdigest(), "made": micros(clock.now()), "revoked": None}
    store, _ = house.open_store(folder)
    with closing(store), store.write() as conn:
        put(conn, PORTAL, {"name": name}, values)
    return fresh


def revoke_portal(folder: Path, name: str, *, clock: Clock = _WALL) -> bool:
    """End a portal's token; False when there was none."""
    store, _ = house.open_store(folder)
    with closing(store), store.write() as conn:
        live = (PORTAL.c.name == name, PORTAL.c.revoked.is_(None))
        return conn.execute(update(PORTAL).where(*live).values(revoked=micros(clock.now()))).rowcount > 0


def offers(folder: Path, *, start: bool, name: str | None = None) -> int:
    """Stop or restart offering the slots of one clinic, or of all; return how many clinics. Raises Refused."""
    store, _ = house.open_store(folder)
    with closing(store), store.write() as conn:
        if name:
            _known(conn, name, say("stop or restart offering slots"))
        change = update(CLINIC).values(offers=start)
        return conn.execute(change.where(CLINIC.c.id == name) if name else change).rowcount


def revoke(folder: Path, name: str, *, clock: Clock = _WALL) -> int:
    """Shut out every key of a clinic now and stop offering its slots; return how many keys. Raises Refused."""
    store, _ = house.open_store(folder)
    with closing(store), store.write() as conn:
        _known(conn, name, say("shut out a clinic"))
        live = (CLINIC_KEY.c.clinic == name, CLINIC_KEY.c.retired.is_(None))
        ended = conn.execute(update(CLINIC_KEY).where(*live).values(retired=micros(clock.now()))).rowcount
        conn.execute(update(CLINIC).where(CLINIC.c.id == name).values(offers=False, statement=None))
        return ended


def rotate_keys(folder: Path, *, clock: Clock = _WALL) -> Mapping[str, Any]:
    """Publish the next key set, signed by the present one; return {n, key}. A hub that runs takes it in by itself."""
    store, origin = house.open_store(folder)
    with closing(store), store.write() as conn:
        try:
            kid = ring.add_key(conn, folder, origin, clock.now())
        except OSError as cause:
            says, hint = say("the file cannot be written"), say("choose a folder this account may write to, with room")
            raise Misconfigured(say("publish the next keys"), says, hint, file=str(folder / "keys")) from cause
        return {"n": ring.newest(conn), "key": kid}


def backup(folder: Path, file: Path) -> None:
    """Save the store into a new file; patients in it stay sealed, private keys are not in it.

    Restored, it gets a new log id. Raises Refused when the file exists, Misconfigured when it cannot be written.
    """
    store, _ = house.open_store(folder)
    store.close()
    if not store.file.exists():
        raise Refused(say("save the hub"), say("the hub keeps its data in a database server: use its own backup"))
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(store.file)) as source, closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
            copy.execute("DELETE FROM setting WHERE name = 'log'")
            copy.commit()
    except FileExistsError as cause:
        hint = say("choose another name, or move it away first")
        raise Refused(say("save the hub"), say("the file exists already"), hint, reason="exists") from cause
    except (OSError, sqlite3.Error) as cause:
        says, hint = say("the file cannot be written"), say("choose a folder this account may write to, with room")
        raise Misconfigured(say("save the hub"), says, hint, file=str(file)) from cause


def restored(folder: Path, *, clock: Clock = _WALL) -> None:
    """Say that the store came back from a backup by other means: agents then tell everything anew."""
    store, _ = house.open_store(folder)
    house.renew_log(store, clock)
    store.close()


def _summary(conn: Connection, row: Row[Any], now: int) -> dict[str, Any]:
    offered = select(func.count()).select_from(view.joined()).where(SLOT.c.clinic == row.id, view.offered(now))
    waiting = select(func.count()).select_from(BOOKING).where(BOOKING.c.clinic == row.id, BOOKING.c.final.is_(None))
    return {
        "clinic": row.id,
        "name": row.name,
        "contact": conn.scalar(select(CONTACT.c.says).where(CONTACT.c.clinic == row.id)) or "",
        "state": _state(row, now),
        "heard": _time(row.beat_at),
        "offered": conn.scalar(offered),
        "undecided": conn.scalar(waiting),
        "version": json.loads(row.beat)["version"] if row.beat else None,
    }


def _state(row: Row[Any], now: int) -> str:
    if row.torn:
        return "torn"
    if not row.offers:
        return "stopped"
    if row.beat_at is None:
        return "new"
    if moment(row.beat_at) + SILENT < moment(now):
        return "silent"
    heard: Mapping[str, Any] = json.loads(row.beat)
    well = set(heard["legs"].values()) <= {"ok"} and heard["disk"] == "ok" and heard["emr_read"] == "<2min"
    return "ok" if well else "degraded"


def _dated(order: Mapping[str, Any]) -> dict[str, Any]:
    return {**order, "at": _time(order["at"])}


def _time(value: int | None) -> str | None:
    return None if value is None else outcomes.rfc3339(moment(value))


def _known(conn: Connection, name: str, doing: Message) -> Row[Any]:
    """Return the clinic; a mistyped name must never look like a thing done."""
    row = conn.execute(select(CLINIC).where(CLINIC.c.id == name)).one_or_none()
    if row is None:
        raise Refused(
            doing, say("no clinic {clinic}", clinic=name), say("creneau hub clinics"), reason="unknown-clinic"
        )
    return row


def _named(name: str, doing: Message) -> None:
    if not _NAME.fullmatch(name):
        raise Refused(doing, say("a name has 1 to 64 letters, digits, dots, dashes"), reason="schema")
