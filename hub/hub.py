"""The open hub: its store, its keys, its clock and who waits.

Rule: private keys lie beside the store in files only the hub's account reads, never in the database.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.exc import SQLAlchemyError

from agent.core.envelope import answer, jws_hash
from agent.core.errors import Misconfigured
from agent.core.message import Message, say
from hub.clock import Clock
from hub.limits import Meter, Rate
from hub.ring import Ring, add_key, newest, read_ring
from hub.schema import LEDGER, micros
from hub.store import Store
from hub.waiting import WaitingRoom

WAIT_S = 50
"""How long an `orders` call may be held: the pace."""


@dataclass(slots=True)
class Hub:
    """What every part of the hub leans on. `log` changes whenever the hub lost or restored data."""

    store: Store
    clock: Clock
    folder: Path
    origin: str
    log: str
    ring: Ring
    meter: Meter
    room: WaitingRoom = field(default_factory=WaitingRoom)
    in_work: set[tuple[str, str]] = field(default_factory=set)
    """(iss, jti) of requests being answered; the loop's thread only."""

    def refresh(self, conn: Connection) -> None:
        """Take in a key set that the operator published while we run."""
        if newest(conn) != self.ring.n:
            self.ring = read_ring(conn, self.folder)

    def answer(
        self,
        verb: str,
        body: Mapping[str, Any],
        *,
        aud: str,
        to: str,
        re: str,
        held: int | None = None,
        to_sha256: str = "",
    ) -> str:
        """Sign an answer to the request `to`, or of that hash, for one who holds our key set `held`."""
        return answer(
            verb,
            body,
            self.ring.signing(held),
            iss=self.origin,
            aud=aud,
            jti=token(),
            to=to,
            re=re,
            now=self.clock.now(),
            log=self.log,
            to_sha256=to_sha256,
        )

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def token() -> str:
    """Return 128 random bits, base64url, 22 characters."""
    return secrets.token_urlsafe(16)


def renew_log(store: Store, clock: Clock) -> None:
    """Begin another log: data was lost or brought back, and agents are to tell everything anew."""
    store.set("restored", str(micros(clock.now())))
    store.set("log", token())


def create(folder: Path, origin: str, clock: Clock, database: str = "") -> None:
    """Make a hub in an empty folder: store, first key set, log id. Raises Misconfigured when there is one."""
    if (folder / "hub.json").exists():
        raise Misconfigured(say("create a hub"), say("there is a hub in {folder}", folder=str(folder)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        store = Store(folder, database)
    except (OSError, SQLAlchemyError) as cause:
        raise _closed(say("create a hub"), folder) from cause
    with store.write() as conn:
        add_key(conn, folder, origin, clock.now())
    store.set("log", token())
    store.close()
    (folder / "hub.json").write_text(json.dumps({"origin": origin, "database": database}), encoding="utf-8")


def open_store(folder: Path) -> tuple[Store, str]:
    """Return the store and the origin of the hub in `folder`. Raises Misconfigured when there is none."""
    try:
        held = json.loads((folder / "hub.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(
            say("open the hub"), say("no hub in {folder}", folder=str(folder)), say("creneau hub init")
        ) from None
    except (OSError, ValueError) as cause:
        raise _closed(say("open the hub"), folder) from cause
    try:
        return Store(folder, held["database"]), str(held["origin"])
    except (SQLAlchemyError, KeyError, TypeError) as cause:
        raise _closed(say("open the hub"), folder) from cause


def _closed(doing: Message, folder: Path) -> Misconfigured:
    return Misconfigured(
        doing,
        say("the hub's folder or its database cannot be read or written"),
        say("use the hub's own account and a disk with room; bring back damaged files from a backup"),
        file=str(folder),
    )


def open_hub(folder: Path, clock: Clock, rate: Rate | None = None) -> Hub:
    """Open the hub in `folder`; a store that came back from a backup has no log id and gets a new one."""
    store, origin = open_store(folder)
    if not store.setting("log"):
        renew_log(store, clock)
    with store.read() as conn:
        ring = read_ring(conn, folder)
    return Hub(store, clock, folder, origin, store.setting("log"), ring, Meter(rate or Rate()))


def enter(conn: Connection, hub: Hub, clinic: str, kind: str, subject: str, text: str, *, proof: bool) -> None:
    """Write one ledger line; `proof` keeps the signed text itself, not only its hash."""
    line = {"clinic": clinic, "kind": kind, "subject": subject, "sha256": jws_hash(text)}
    conn.execute(insert(LEDGER).values(at=micros(hub.clock.now()), jws=text if proof else None, **line))
