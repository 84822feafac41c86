"""A request of the agent and the hub's answer to it, both signed, bound by `re` and `re_sha256`.

Rule: an answer counts only for the attempt it belongs to; the agent's wall clock plays no part in that.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey

from agent.core.envelope.shapes import UNKNOWN, Envelope, KeySet, Opened, Rejected
from agent.core.envelope.signed import VERSION, Verified, jws_hash, parties, peek, sign, verify
from agent.core.envelope.strict import read_time, write_time

LIFE = timedelta(minutes=5)
LEEWAY = timedelta(seconds=120)
FRESH = timedelta(seconds=60)

_UNPACKED = frozenset({"enrol"})
"""The proofs inside are read before the key that signed is known."""


def request_typ(verb: str) -> str:
    """Return the `typ` of a request."""
    return f"creneau-{verb}+jws"


def answer_typ(verb: str) -> str:
    """Return the `typ` of an answer."""
    return f"creneau-{verb}-answer+jws"


def seal(verb: str, body: Mapping[str, Any], key: OKPKey, *, iss: str, aud: str, jti: str, now: datetime) -> Envelope:
    """Sign a request of the agent; it may be sent until five minutes after `now`."""
    issued = now.astimezone(UTC).replace(microsecond=0)
    exp = issued + LIFE
    claims = {
        "iss": iss,
        "aud": aud,
        "iat": int(issued.timestamp()),
        "exp": int(exp.timestamp()),
        "jti": jti,
        "path": verb,
        "v": VERSION,
    }
    return Envelope(verb, jti, exp, sign(request_typ(verb), _joined(body, claims), key, pack=verb not in _UNPACKED))


def _joined(body: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    if clash := body.keys() & claims.keys():
        message = f"members of the envelope in a body: {sorted(clash)}"
        raise ValueError(message)
    return {**claims, **body}


def open_request(jws: str, keys: KeySet, *, verb: str, aud: str, now: datetime) -> Opened:
    """Hub side: verify a request; the memory of seen `jti` and whose key it was are the caller's.

    Raises Rejected: bad-signature, clock-skew, schema, too-large.
    """
    signed = verify(jws, keys, request_typ(verb))
    claims = signed.claims
    if claims.get("aud") != aud or claims.get("path") != verb:
        raise Rejected("bad-signature", "another audience or path")
    iat, exp = whole(claims, "iat"), whole(claims, "exp")
    if not 0 <= exp - iat <= LIFE.total_seconds():
        raise Rejected("schema", "lives longer than 5 min")
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if iat - leeway > at or exp + leeway < at:
        raise Rejected("clock-skew", "issued in the future or expired")
    return Opened(
        signed.header.typ, word(claims, "jti"), claims, "", None, "", signed.header.kid, signed.payload_sha256
    )


def word(claims: Mapping[str, Any], member: str) -> str:
    """Return a compulsory text member."""
    value = claims.get(member)
    if not isinstance(value, str) or not value:
        raise Rejected("schema", f"{member} is no text")
    return value


def whole(claims: Mapping[str, Any], member: str, least: int = 0) -> int:
    """Return a compulsory integer member, at least `least`; its 53 bits were checked when it was read."""
    value = claims.get(member)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Rejected("schema", f"{member} is no integer of at least {least}")
    return value


def addressee(jws: str) -> tuple[str, str]:
    """Hub side: return the *unverified* (iss, jti) of a request, "?" for what cannot be read, to address a problem."""
    try:
        claims = peek(jws).claims
        return word(claims, "iss"), word(claims, "jti")
    except Rejected:
        return UNKNOWN, UNKNOWN


def answer(  # noqa: PLR0913 - each is one claim of the protocol
    verb: str,
    body: Mapping[str, Any],
    key: OKPKey,
    *,
    iss: str,
    aud: str,
    jti: str,
    to: str,
    re: str,
    now: datetime,
    log: str,
    to_sha256: str = "",
) -> str:
    """Hub side: sign the answer to the request whose compact JWS is `to` and whose jti is `re`.

    `to_sha256` stands for `to` when that was too large to keep. `verb` is "?" when the path named none. A problem is a body `{"problem": word, "retry_after": s}`.
    """
    claims = {
        "iss": iss,
        "aud": aud,
        "iat": int(now.timestamp()),
        "jti": jti,
        "re": re,
        "re_sha256": to_sha256 or jws_hash(to),
        "hub_time": write_time(now),
        "log": log,
        "v": VERSION,
    }
    return sign(answer_typ(verb), _joined(body, claims), key, pack=verb not in _UNPACKED)


def open_answer(jws: str, keys: KeySet, *, to: Envelope, took: timedelta, within: timedelta = FRESH) -> Opened:
    """Agent side: verify an answer by `re`, `re_sha256` and age; the wall clock plays no part.

    `within`: for `orders` the wait asked for + 30 s. A signed problem stays in the claims. Raises Rejected: then the
    answer changes no state and is "no answer".
    """
    if took >= within:
        raise Rejected("no-answer", "came too late")
    try:
        signed = verify(jws, keys, answer_typ(to.verb))
    except Rejected:
        signed = verify(jws, keys, answer_typ(UNKNOWN))
    claims = signed.claims
    iss, aud = parties(to.jws)
    unread = UNKNOWN if "problem" in claims else None  # the hub could not read what it refuses
    if claims.get("re_sha256") != jws_hash(to.jws) or claims.get("re") not in {to.jti, unread}:
        raise Rejected("no-answer", "answers another request")
    if claims.get("iss") != aud or claims.get("aud") not in {iss, unread}:
        raise Rejected("no-answer", "another sender or addressee")
    if signed.header.typ != answer_typ(to.verb) and unread is None:
        raise Rejected("no-answer", "another verb")
    return _opened(signed)


def _opened(signed: Verified) -> Opened:
    claims = signed.claims
    return Opened(
        signed.header.typ,
        word(claims, "jti"),
        claims,
        word(claims, "re"),
        read_time(claims.get("hub_time")),
        word(claims, "log"),
        signed.header.kid,
        signed.payload_sha256,
    )
