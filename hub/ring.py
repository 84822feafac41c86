"""The hub's own keys: which set an agent holds, and which key to sign with so that it believes us.

Rule: a set holds the newest key and the one before, so what was signed under one set still verifies under the next.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from joserfc.jwk import OKPKey
from sqlalchemy import Connection, func, insert, select

from agent.core.envelope import KeySet, import_jwk, named, public_jwk, thumbprint, turn_over
from agent.core.errors import Misconfigured
from agent.core.message import say
from hub.schema import HELD_SET, HUB_KEY, HUB_TURN, micros
from hub.store import put


@dataclass(frozen=True, slots=True)
class Ring:
    """Every key the hub ever had, by the number of the set it came with; `n` is the present set.

    `turns`: the signed way from set n - 1 to set n, by n.
    """

    n: int
    public: Mapping[int, OKPKey]
    private: Mapping[int, OKPKey] = field(repr=False)
    turns: Mapping[int, str] = field(repr=False)

    def keys(self, n: int | None = None) -> KeySet:
        """Return key set `n`, by default the present one: its own key first, then the one before."""
        n = self.n if n is None else n
        return named(self.public[one] for one in (n, n - 1) if one in self.public)

    def signing(self, n: int | None = None) -> OKPKey:
        """Return the private key to sign with for somebody who holds set `n`, or a set we do not know: the present."""
        return self.private[self.n if n is None or n not in self.private else n]

    def after(self, n: int) -> list[str]:
        """Return the way from set `n` to the next, if there is one.

        One at a time: until the clinic says that it followed we sign with the key of the set it left, which only the
        very next set still holds.
        """
        return [self.turns[n + 1]] if n + 1 in self.turns else []


def held_by(conn: Connection, clinic: str) -> int | None:
    """Return the number of our key set that the clinic was last heard to hold; None = nobody we know."""
    n = conn.scalar(select(HELD_SET.c.n).where(HELD_SET.c.clinic == clinic))
    return None if n is None else int(n)


def heard(conn: Connection, clinic: str, n: int) -> None:
    """Remember which of our key sets the clinic holds."""
    if held_by(conn, clinic) != n:
        put(conn, HELD_SET, {"clinic": clinic}, {"n": n})


def newest(conn: Connection) -> int:
    """Return the number of the present set."""
    return int(conn.scalar(select(func.max(HUB_KEY.c.n))) or 0)


def read_ring(conn: Connection, folder: Path) -> Ring:
    """Return the keys as the store and the folder hold them. Raises Misconfigured when a private key is gone."""
    public = {row.n: import_jwk(json.loads(row.public)) for row in conn.execute(select(HUB_KEY))}
    turns = {row.n: row.jws for row in conn.execute(select(HUB_TURN))}
    private = {n: _private(folder, thumbprint(key)) for n, key in public.items()}
    return Ring(max(public), public, private, turns)


def add_key(conn: Connection, folder: Path, origin: str, now: datetime) -> str:
    """Publish the next key set, signed by the present one, and return the new key's thumbprint; the first has none."""
    key = OKPKey.generate_key("Ed25519")
    _keep_private(folder, key)
    n = newest(conn) + 1
    row = {"kid": thumbprint(key), "n": n, "public": json.dumps(public_jwk(key)), "made": micros(now)}
    if n > 1:
        old = read_ring(conn, folder)
        following: Sequence[OKPKey] = (key, old.public[old.n])
        jws = turn_over(n, named(following), by_new=key, by_old=old.signing(), iss=origin)
        conn.execute(insert(HUB_TURN).values(n=n, jws=jws))
    conn.execute(insert(HUB_KEY).values(row))
    return thumbprint(key)


def _keep_private(folder: Path, key: OKPKey) -> None:
    """Write the private key to a new file of mode 0600."""
    path = folder / "keys"
    path.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(path / f"{thumbprint(key)}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(key.as_dict(private=True), file)
        file.flush()
        os.fsync(file.fileno())


def _private(folder: Path, kid: str) -> OKPKey:
    try:
        text = (folder / "keys" / f"{kid}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Misconfigured(
            say("open the hub"),
            say("the private key {kid} is missing", kid=kid),
            say("bring back the folder keys from where you keep it apart from the backups"),
        ) from None
    return OKPKey.import_key(json.loads(text))
