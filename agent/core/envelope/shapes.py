"""What a signed message is before and after it travels.

Rule: an Envelope is made by sealing and an Opened by verifying, nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from joserfc.jwk import OKPKey

KeySet = Mapping[str, OKPKey]
"""kid (RFC 7638 thumbprint) -> public Ed25519 key; retired kids absent."""

UNKNOWN = "?"
"""Stands for an `aud`, `re` or verb that could not be read from a request that did not verify."""


class Rejected(ValueError):  # noqa: N818 - the family is named by what happened to the message
    """A message that does not hold. `problem` is the protocol's word for it, the text a scrubbed reason for the log.

    `said`: the hub's own word for why, where it gave one.
    """

    def __init__(self, problem: str, why: str, *, said: str = "") -> None:
        """Keep the words apart from the reason."""
        super().__init__(f"{problem}: {why}")
        self.problem = problem
        self.said = said


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed message, ready to leave. The only thing Hub.call accepts."""

    verb: str
    jti: str
    exp: datetime
    jws: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message whose signature and binding hold.

    `re` is the jti of the request an answer belongs to. `payload_sha256` is the hex SHA-256 of the inflated payload:
    a receipt's `body_sha256` must equal it.
    """

    typ: str
    jti: str
    claims: Mapping[str, Any] = field(repr=False)
    re: str
    hub_time: datetime | None
    log: str
    kid: str = ""
    payload_sha256: str = ""
