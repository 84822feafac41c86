"""The way to the hub, and the vault that says who we are to it.

Rule: only an Envelope goes in; what comes back is not believed before it is verified.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from joserfc.jwk import OKPKey

from agent.core.envelope import Envelope, KeySet
from agent.core.model import BookingId, Instant, Patient


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, not yet verified. `sent`: both clocks just before the first byte left; `took` by the age."""

    jws: str = field(repr=False)
    sent: Instant
    took: timedelta


class Hub(Protocol):
    """The way to the hub. One call is at most three sends of the same bytes within 15 s."""

    def call(self, envelope: Envelope, wait: timedelta) -> Answer:
        """Send; `wait` is how long the hub may hold the answer. Transient when no application/jose came back."""
        ...

    def close(self) -> None:
        """Any thread; a blocked call returns within 1 s."""
        ...


class Keys(Protocol):
    """The vault: identity and private keys; any thread."""

    def identity(self) -> "Identity":
        """Raise Misconfigured with `creneau enrol` as the hint when not enrolled."""
        ...

    def signing(self) -> OKPKey:
        """Return the current private Ed25519 key, kid = RFC 7638 thumbprint."""
        ...

    def sealing(self) -> str:
        """Return the clinic's signed statement about its current sealing key (compact JWS)."""
        ...

    def hub(self) -> KeySet:
        """Return the hub's keys that may still sign."""
        ...

    def leads(self, texts: Sequence[str]) -> bool:
        """Say whether these key sets of the hub lead to a newer one; nothing is taken. Raises Refused."""
        ...

    def follow(self, texts: Sequence[str]) -> bool:
        """Take newer key sets of the hub, each signed by the one before; True when one was new. Raises Refused."""
        ...

    def rotation(self, *, again: bool) -> "Rotation | None":
        """Return the change of signing key still to be settled with the hub; `again`: the last one, while repeatable."""
        ...

    def rotated(self, rotation: "Rotation", now: datetime) -> None:
        """Sign with the new key from now on: the hub's receipt is in. Durable on return, idempotent."""
        ...

    def patient(self, jwe: str, booking: BookingId, version: int) -> Patient:
        """Unseal with current and retired sealing keys; Refused(reason="reseal") when none opens it."""
        ...

    def secret(self, name: str) -> str:
        """Raise Misconfigured with `creneau secret set NAME` as the hint when absent."""
        ...


@dataclass(frozen=True, slots=True)
class Rotation:
    """One change of signing key. `by`: the old key, which signs the message; `kid`: the new key's thumbprint.

    `next`: the new key's word that it follows the old; `sealing`: the sealing-key statement, signed by the new key.
    """

    by: OKPKey = field(repr=False)
    kid: str
    next: str = field(repr=False)
    sealing: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to the hub. `hub` is its origin, `fingerprint` what two people compare on the phone."""

    clinic: str
    hub: str
    instance: str
    fingerprint: str
