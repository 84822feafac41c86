"""The way to the hub, and the vault that says who we are to it.

Rule: only an Envelope goes in; what comes back is not believed before it is verified.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
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

    def follow(self, texts: Sequence[str]) -> bool:
        """Take newer key sets of the hub, each signed by the one before; True when one was new. Raises Refused."""
        ...

    def patient(self, jwe: str, booking: BookingId, version: int) -> Patient:
        """Unseal with current and retired sealing keys; Refused(reason="reseal") when none opens it."""
        ...

    def secret(self, name: str) -> str:
        """Raise Misconfigured with `creneau secret set NAME` as the hint when absent."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to the hub. `hub` is its origin, `fingerprint` what two people compare on the phone."""

    clinic: str
    hub: str
    instance: str
    fingerprint: str
