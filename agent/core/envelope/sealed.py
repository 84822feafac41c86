"""Seal patient details to the clinic (compact JWE, RFC 7516) and state which key to seal to.

Rule: one algorithm only, ECDH-ES+A256KW with A256GCM over X25519, never compressed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from agent.core.envelope.exchange import whole, word
from agent.core.envelope.keys import import_jwk, public_jwk, thumbprint
from agent.core.envelope.shapes import KeySet, Rejected
from agent.core.envelope.signed import VERSION, sign, verify
from agent.core.envelope.strict import read_base64url, read_json, read_time, write_json, write_time

STATEMENT_TYP = "creneau-sealing-key+jws"

_ALG, _ENC = "ECDH-ES+A256KW", "A256GCM"
_HEADER_MEMBERS = frozenset({"alg", "enc", "kid", "epk"})
_MOST = 48_000
"""joserfc opens no longer ciphertext; patient details are under 2 kB."""


def seal_patient(claims: Mapping[str, Any], key: OKPKey | Mapping[str, Any]) -> str:
    """Return the JWE of patient details for an X25519 public key or JWK."""
    clear = write_json(claims)
    if len(clear) > _MOST:
        raise Rejected("too-large", "patient details")
    public = key if isinstance(key, OKPKey) else import_jwk(key, "X25519")
    header = {"alg": _ALG, "enc": _ENC, "kid": thumbprint(public)}
    return jwe.encrypt_compact(header, clear, public, algorithms=[_ALG, _ENC])


def sealed_to(text: str) -> str:
    """Return the kid a JWE names, header checked. Raises Rejected("reseal")."""
    try:
        members = read_json(read_base64url(text.split(".", 1)[0]))
        import_jwk(members.get("epk"), "X25519")  # another curve is a plain KeyError in joserfc
    except Rejected:
        raise Rejected("reseal", "no JWE header") from None
    kid = members.get("kid")
    if not members.keys() <= _HEADER_MEMBERS or (members.get("alg"), members.get("enc")) != (_ALG, _ENC):
        raise Rejected("reseal", "a header member or algorithm that is not ours")
    if not isinstance(kid, str):
        raise Rejected("reseal", "no kid")
    return kid


def unseal(text: str, key: OKPKey) -> Mapping[str, Any]:
    """Open patient details sealed to the clinic's X25519 key. Raises Rejected("reseal")."""
    sealed_to(text)
    try:
        clear = jwe.decrypt_compact(text, key, algorithms=[_ALG, _ENC]).plaintext
        return read_json(clear or b"")
    except (JoseError, ValueError):  # four parts instead of five are a plain ValueError
        raise Rejected("reseal", "does not open") from None


def sealed_hash(text: str) -> str:
    """Return the hex SHA-256 of a JWE's ASCII bytes: `patient_sha256`."""
    return hashlib.sha256(text.encode("ascii", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Statement:
    """Which X25519 key to seal to, from when to when; portals refuse a lower `n` than they have seen."""

    clinic: str
    key: OKPKey
    not_before: datetime
    not_after: datetime
    n: int


def statement(said: Statement, key: OKPKey) -> str:
    """Sign, by the clinic's signing key, which key to seal to."""
    claims = {
        "clinic": said.clinic,
        "jwk": public_jwk(said.key),
        "not_before": write_time(said.not_before),
        "not_after": write_time(said.not_after),
        "n": said.n,
        "v": VERSION,
    }
    return sign(STATEMENT_TYP, claims, key, pack=False)


def open_statement(text: str, keys: KeySet, *, clinic: str) -> Statement:
    """Verify a statement by the clinic's signing keys; its dates are the caller's to judge."""
    claims = verify(text, keys, STATEMENT_TYP).claims
    if word(claims, "clinic") != clinic:
        raise Rejected("bad-signature", "another clinic")
    return Statement(
        clinic,
        import_jwk(claims.get("jwk"), "X25519"),
        read_time(claims.get("not_before")),
        read_time(claims.get("not_after")),
        whole(claims, "n", 1),
    )
