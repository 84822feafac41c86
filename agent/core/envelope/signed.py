"""Sign and verify one compact JWS (RFC 7515, Ed25519 of RFC 9864).

Rule: nothing of a payload is used before its signature holds, save where a function is called `peek`.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from agent.core.envelope.keys import thumbprint
from agent.core.envelope.shapes import KeySet, Rejected
from agent.core.envelope.strict import (
    MOST_BYTES,
    MOST_RATIO,
    deflate,
    inflate,
    read_base64url,
    read_json,
    write_json,
)

VERSION = 1
"""The member `v` of every message."""

_ALG = "Ed25519"
_DEFLATE_ABOVE = 1024
_HEADER_MEMBERS = frozenset({"alg", "kid", "typ", "zip"})
_HEADER_MOST = 512
_PAYLOAD_MOST = MOST_BYTES * 4 // 3 + 4
_START = 2048
"""Characters of a payload that surely hold iss and aud; a multiple of four."""
_PARTIES = re.compile(rb'\{"iss":(?P<iss>"(?:[^"\\]|\\.)*"),"aud":(?P<aud>"(?:[^"\\]|\\.)*"),')


def _registry() -> JWSRegistry:
    """Both sides use these limits: joserfc signs what its own defaults then refuse to verify."""
    registry = JWSRegistry(header_registry={"zip": HeaderParameter("Compression", "str")}, algorithms=[_ALG])
    registry.max_payload_length = _PAYLOAD_MOST
    return registry


_REGISTRY = _registry()


@dataclass(frozen=True, slots=True)
class Header:
    """The protected header, checked. `zipped`: the payload is raw DEFLATE."""

    kid: str
    typ: str
    zipped: bool


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified message: header, members, and the hex SHA-256 of the inflated payload."""

    header: Header
    claims: Mapping[str, Any] = field(repr=False)
    payload_sha256: str


def sign(typ: str, claims: Mapping[str, Any], key: OKPKey, *, pack: bool = True) -> str:
    """Return the compact JWS of `claims`; `pack` False keeps the payload readable before the key is known."""
    payload = write_json(claims)
    if len(payload) > MOST_BYTES:
        raise Rejected("too-large", "a message of more than 32 MiB")
    header = {"alg": _ALG, "kid": thumbprint(key), "typ": typ}
    if pack and len(payload) > _DEFLATE_ABOVE:
        packed = deflate(payload)
        if len(packed) * MOST_RATIO >= len(payload):  # beyond that the receiver takes it for a bomb
            header["zip"], payload = "DEF", packed
    return jws.serialize_compact(header, payload, key, registry=_REGISTRY)


def verify(text: str, keys: KeySet, typ: str) -> Verified:
    """Return the message if one of `keys` signed it as `typ`. Raises Rejected: bad-signature, schema, too-large."""
    header, _ = split(text)
    if header.typ != typ:
        raise Rejected("bad-signature", "another typ")
    key = keys.get(header.kid)
    if key is None:
        raise Rejected("bad-signature", "unknown kid")
    try:
        signed = jws.deserialize_compact(text, key, registry=_REGISTRY)
    except (JoseError, ValueError):
        raise Rejected("bad-signature", "the signature does not hold") from None
    return _verified(header, signed.payload)


def split(text: str) -> tuple[Header, str]:
    """Return header and payload segment, sizes and header members checked, nothing verified."""
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():
        raise Rejected("bad-signature", "no compact JWS")
    if len(parts[0]) > _HEADER_MOST or len(parts[1]) > _PAYLOAD_MOST:
        raise Rejected("too-large", "header or payload")
    return _header(parts[0]), parts[1]


def _header(segment: str) -> Header:
    """Read the header ourselves: joserfc takes duplicates (last wins) and `b64: false` (RFC 7797)."""
    try:
        members = read_json(read_base64url(segment))
    except Rejected:
        raise Rejected("bad-signature", "no JWS header") from None
    kid, typ = members.get("kid"), members.get("typ")
    if not members.keys() <= _HEADER_MEMBERS or members.get("alg") != _ALG or members.get("zip", "DEF") != "DEF":
        raise Rejected("bad-signature", "a header member or algorithm that is not ours")
    if not isinstance(kid, str) or not isinstance(typ, str):
        raise Rejected("bad-signature", "no kid or typ")
    return Header(kid, typ, "zip" in members)


def _verified(header: Header, payload: bytes) -> Verified:
    clear = inflate(payload) if header.zipped else payload
    claims = read_json(clear)
    if claims.get("v") != VERSION:
        raise Rejected("schema", "another protocol version")
    return Verified(header, claims, hashlib.sha256(clear).hexdigest())


def peek(text: str) -> Verified:
    """Return an *unverified* message whose payload is not packed: to find a key, a proof or whom to answer."""
    header, segment = split(text)
    if header.zipped:
        raise Rejected("schema", "packed, and not yet verified")
    return _verified(header, read_base64url(segment))


def recall(text: str) -> Verified:
    """Return the members of a message whose origin is beyond doubt: our own, or one verified before it was stored."""
    header, segment = split(text)
    return _verified(header, read_base64url(segment))


def payload_hash(text: str) -> str:
    """Return the hex SHA-256 of the inflated payload of a message we signed ourselves: a receipt's `body_sha256`."""
    header, segment = split(text)
    payload = read_base64url(segment)
    return hashlib.sha256(inflate(payload) if header.zipped else payload).hexdigest()


def parties(text: str) -> tuple[str, str]:
    """Return (iss, aud) of a message we signed ourselves, from its first bytes: a snapshot is not parsed again."""
    header, segment = split(text)
    start = read_base64url(segment[:_START])
    if header.zipped:
        start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(start, _START)
    found = _PARTIES.match(start)
    if found is None:
        raise Rejected("schema", "not a message of ours")
    return str(json.loads(found["iss"])), str(json.loads(found["aud"]))


def jws_hash(text: str) -> str:
    """Return the hex SHA-256 of the compact JWS itself: `re_sha256`."""
    return hashlib.sha256(text.encode("ascii", "replace")).hexdigest()
