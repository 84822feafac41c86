"""An order: a versioned goal, signed once by the hub and redelivered verbatim.

Rule: an order has no exp, jti or path, so it means the same whenever it is read.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from joserfc.jwk import OKPKey

from agent.core.booking import Firmness, Order
from agent.core.envelope.exchange import whole, word
from agent.core.envelope.shapes import KeySet, Rejected
from agent.core.envelope.signed import VERSION, recall, sign, split, verify
from agent.core.envelope.strict import read_time
from agent.core.model import BookingId, SlotId

ORDER_TYP = "creneau-order+jws"
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of an order that never expires: a goal of none without `expires_at`."""

_BOOKING = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SLOT = re.compile(r"[A-Za-z0-9_-]{22}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def sign_order(claims: Mapping[str, Any], key: OKPKey) -> str:
    """Hub side: sign {iss, aud, booking, version, goal, slot, firmness, until, expires_at, patient_sha256}."""
    return sign(ORDER_TYP, {**claims, "v": VERSION}, key)


def resign_order(jws: str, keys: KeySet, key: OKPKey) -> str:
    """Hub side: return the order as one who holds only `keys` can verify it; `key`, one of them, signs it if needed.

    The payload stays the same byte for byte, so that it is the same order to whom it came before.
    """
    header, _ = split(jws)
    return jws if header.kid in keys else sign(ORDER_TYP, recall(jws).claims, key)


def open_order(jws: str, keys: KeySet, *, aud: str, iss: str | None = None) -> Order:
    """Agent side: verify an order. Raises Rejected: bad-signature, schema, too-large."""
    signed = verify(jws, keys, ORDER_TYP)
    claims = signed.claims
    if claims.get("aud") != aud or (iss is not None and claims.get("iss") != iss):
        raise Rejected("bad-signature", "another audience or sender")
    goal = _matched(claims, "goal", _SLOT)
    firmness = _firmness(claims)
    sealed = _matched(claims, "patient_sha256", _SHA256)
    until = _time(claims, "until")
    line = claims.get("slot")
    if (firmness is Firmness.HOLD) != (until is not None) or (goal is None and firmness is Firmness.HOLD):
        raise Rejected("schema", "firmness, goal and until do not fit")
    if goal is not None and (not isinstance(line, str) or (firmness is Firmness.FIRM and sealed is None)):
        raise Rejected("schema", "a goal without slot or patient")
    return Order(
        booking=BookingId(_booking(claims)),
        version=whole(claims, "version", 1),
        goal=None if goal is None else SlotId(goal),
        firmness=firmness,
        until=until,
        expires_at=_expiry(claims, goal),
        slot_line=line.encode() if isinstance(line, str) else None,
        patient_sha256=None if sealed is None else bytes.fromhex(sealed),
        body_hash=bytes.fromhex(signed.payload_sha256),
    )


def _booking(claims: Mapping[str, Any]) -> str:
    name = word(claims, "booking")
    if not _BOOKING.fullmatch(name):
        raise Rejected("schema", "booking")
    return name


def _matched(claims: Mapping[str, Any], member: str, pattern: re.Pattern[str]) -> str | None:
    value = claims.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Rejected("schema", member)
    return value


def _firmness(claims: Mapping[str, Any]) -> Firmness:
    try:
        return Firmness(word(claims, "firmness"))
    except ValueError:
        raise Rejected("schema", "firmness") from None


def _time(claims: Mapping[str, Any], member: str) -> datetime | None:
    value = claims.get(member)
    return None if value is None else read_time(value)


def _expiry(claims: Mapping[str, Any], goal: str | None) -> datetime:
    at = _time(claims, "expires_at")
    if at is None and goal is not None:
        raise Rejected("schema", "expires_at")
    return NEVER if at is None else at
