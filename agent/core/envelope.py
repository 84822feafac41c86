"""Sign and open what travels: compact JWS (RFC 7515, Ed25519 of RFC 9864) and JWE (RFC 7516).

Rule: the only file that imports a JOSE library, and nothing is read before its signature holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey

from agent.core.booking import Order

KeySet = Mapping[str, OKPKey]
"""kid (RFC 7638 thumbprint) -> public Ed25519 key; retired kids absent."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed message, ready to leave. The only thing Hub.call accepts."""

    verb: str
    jti: str
    exp: datetime
    jws: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A message whose signature and binding hold. `re` is the jti of the request an answer belongs to."""

    typ: str
    jti: str
    claims: Mapping[str, Any]
    re: str
    hub_time: datetime | None
    log: str


def seal(verb: str, body: Mapping[str, Any], key: OKPKey, *, iss: str, aud: str, jti: str, now: datetime) -> Envelope:
    """Sign a request of the agent."""
    raise NotImplementedError


def open_request(jws: str, keys: KeySet, *, verb: str, aud: str, now: datetime) -> Opened:
    """Hub side: verify a request; the memory of seen `jti` is the caller's."""
    raise NotImplementedError


def open_answer(jws: str, keys: KeySet, *, to: Envelope, took: timedelta) -> Opened:
    """Agent side: verify an answer by `re`, `re_sha256` and age; the wall clock plays no part."""
    raise NotImplementedError


def open_order(jws: str, keys: KeySet, *, aud: str) -> Order:
    """Agent side: verify an order, which has no exp, jti or path."""
    raise NotImplementedError


def unseal(jwe: str, key: OKPKey) -> Mapping[str, Any]:
    """Open patient details sealed to the clinic's X25519 key."""
    raise NotImplementedError
