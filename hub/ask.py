"""One verified request of an agent, as the verbs see it.

Rule: who asks comes from the key that signed, never from a member of the message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from agent.core.envelope import Opened
from hub.hub import Hub


@dataclass(frozen=True, slots=True)
class Ask:
    """`clinic` and `key` are rows, locked for this transaction; `text` the compact JWS; `now` in microseconds.

    `last`: an `orders` call that has waited, or will not.
    """

    hub: Hub
    conn: Connection
    clinic: Row[Any]
    key: Row[Any]
    opened: Opened = field(repr=False)
    text: str = field(repr=False)
    now: int
    last: bool = True

    @property
    def claims(self) -> Mapping[str, Any]:
        """Return the members of the request."""
        return self.opened.claims

    @property
    def as_of(self) -> int:
        """Return the moment this request speaks of, in microseconds: what arrives late proves nothing of today."""
        return as_of(self.claims, self.now)

    @property
    def iat(self) -> int:
        """Return when the agent signed, in seconds."""
        return int(self.opened.claims["iat"])


def as_of(claims: Mapping[str, Any], now: int) -> int:
    """Return when a request was signed, to the end of that second, at the latest now; in microseconds."""
    return min(now, (int(claims["iat"]) + 1) * 1_000_000)


@dataclass(frozen=True, slots=True)
class Wait:
    """No order yet: hold the call for so long, at most."""

    seconds: int
