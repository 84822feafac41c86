"""The made-up parts under a simulated clinic: time, chance, the lock of its EMR, the death of a process.

Rule: inside `seeded` every random byte comes from the seed, so that one seed is one life, byte for byte.
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import OKPKey

from agent.core.envelope.strict import write_base64url
from agent.core.model import Instant
from agent.core.sharing import SharingRules
from agent.keys import ServiceVault, VaultKeys
from agent.keys.record import Enrolment, Record

_CURVES: dict[str, Any] = {"Ed25519": Ed25519PrivateKey, "X25519": X25519PrivateKey}


class Boom(BaseException):
    """The process dies here; no `except Exception` may swallow it."""


class Time:
    """Virtual time; the hub's clock too."""

    def __init__(self, start: datetime) -> None:
        self.start, self.passed = start, timedelta(0)

    def now(self) -> datetime:
        """Return the time that is right."""
        return self.start + self.passed


class SkewedClock:
    """An agent's clocks: a wall clock that is off, corrected by what the board measured."""

    def __init__(self, time: Time, off: timedelta, skew: Callable[[], timedelta | None]) -> None:
        self.time, self.off, self.skew = time, off, skew

    def now(self) -> Instant:
        """Return both clocks."""
        wall = self.time.now() + self.off + (self.skew() or timedelta(0))
        return Instant(wall, timedelta(hours=1) + self.time.passed)


class Dice:
    """Randomness from the seed."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def token(self) -> str:
        """Return 22 characters."""
        return f"{self.random.getrandbits(128):022x}"[-22:].rjust(22, "0")

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        """Return a uniform draw."""
        return low + (high - low) * self.random.random()


class Lock:
    """One transaction of the EMR: before and after it, never within, the EMR may be away or the agent may die."""

    def __init__(self, fault: Callable[[str], None]) -> None:
        self.fault, self.depth = fault, 0

    def __enter__(self) -> None:
        if self.depth == 0:
            self.fault("before")
        self.depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.depth -= 1
        if kind is None and self.depth == 0:
            self.fault("after")


class Rules:
    """The sharing rules in force."""

    def __init__(self, rules: SharingRules) -> None:
        self.rules = rules

    def __call__(self) -> SharingRules:
        """Return them."""
        return self.rules

    def renew(self, _plan: object) -> None:
        """Stay the same."""


class Keys(VaultKeys):
    """The vault, read once: reading it at every step is most of a simulated step."""

    def __init__(self, vault: ServiceVault) -> None:
        super().__init__(vault)
        self._known: Enrolment | None = None

    def _enrolment(self) -> Enrolment:
        if self._known is None:
            self._known = super()._enrolment()
        return self._known

    def _change(self, work: Callable[[Record], Record]) -> Record:
        self._known = None
        return super()._change(work)


@contextmanager
def seeded(seed: str) -> Iterator[None]:
    """Let every random byte of this process come from the seed: tokens, nonces, keys."""
    source = random.Random(seed)

    def generate(crv: Literal["Ed25519", "X25519"] = "Ed25519", **_: object) -> OKPKey:
        secret = source.randbytes(32)
        public = _CURVES[crv].from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        held = {"kty": "OKP", "crv": crv, "d": write_base64url(secret), "x": write_base64url(public)}
        return OKPKey.import_key(held)

    with (
        patch.object(os, "urandom", source.randbytes),
        patch.object(random, "_urandom", source.randbytes),
        patch.object(OKPKey, "generate_key", staticmethod(generate)),
    ):
        yield
