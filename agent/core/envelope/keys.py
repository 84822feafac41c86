"""Take in public keys and turn a key set over.

Rule: a key is named by its RFC 7638 thumbprint alone, and a point of small order is no key.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from joserfc.jwk import OKPKey

from agent.core.envelope.shapes import KeySet, Rejected
from agent.core.envelope.strict import read_base64url

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_MEMBERS = frozenset({"kty", "crv", "x", "kid", "use", "alg"})
_KEY_BYTES = 32


def thumbprint(key: OKPKey) -> str:
    """Return the RFC 7638 SHA-256 thumbprint, base64url, 43 characters."""
    return key.thumbprint()


def public_jwk(key: OKPKey) -> dict[str, str]:
    """Return the public JWK (RFC 8037) as it travels, `kid` included."""
    members = key.as_dict(private=False)
    return {"kty": "OKP", "crv": str(members["crv"]), "x": str(members["x"]), "kid": thumbprint(key)}


def import_jwk(jwk: object, crv: str = "Ed25519") -> OKPKey:
    """Return a public key of curve `crv` ("Ed25519" signs, "X25519" seals). Raises Rejected("schema")."""
    if not isinstance(jwk, Mapping) or not jwk.keys() <= _MEMBERS or (jwk.get("kty"), jwk.get("crv")) != ("OKP", crv):
        raise Rejected("schema", f"no public {crv} JWK")
    x = jwk.get("x")
    data = read_base64url(x) if isinstance(x, str) else b""
    if len(data) != _KEY_BYTES or is_small_order(data, crv):
        raise Rejected("schema", "a point that is no key")
    key = OKPKey.import_key({"kty": "OKP", "crv": crv, "x": str(x)})
    if jwk.get("kid", thumbprint(key)) != thumbprint(key):
        raise Rejected("schema", "kid is not the thumbprint")
    return key


def is_small_order(point: bytes, crv: str) -> bool:
    """Say whether an encoded point has order 1, 2, 4 or 8 or is not canonical (RFC 7748, RFC 8032).

    On -x^2 + y^2 = 1 + d x^2 y^2 these are y = 0, y = 1, y = -1, and what doubles to y = 0: d y^4 + 2 y^2 = 1.
    A Montgomery u is judged by its y = (u - 1) / (u + 1); u = -1 lies on the twist and has order 4.
    """
    number = int.from_bytes(point, "little")
    if crv == "Ed25519":
        number &= 2**255 - 1
    if number >= _P:
        return True
    if crv == "X25519":
        if number == _P - 1:
            return True
        number = (number - 1) * pow(number + 1, -1, _P) % _P
    squared = number * number % _P
    return squared in {0, 1} or (_D * squared * squared + 2 * squared - 1) % _P == 0


def key_set(jwks: object) -> KeySet:
    """Return public signing keys by kid, in their order; an empty set is refused."""
    if not isinstance(jwks, list) or not jwks:
        raise Rejected("schema", "no key set")
    return named(import_jwk(jwk) for jwk in jwks)


def named(keys: Iterable[OKPKey]) -> KeySet:
    """Return keys by kid, in their order."""
    return {thumbprint(key): key for key in keys}


def jwks(keys: KeySet) -> list[dict[str, Any]]:
    """Return a key set as it travels."""
    return [public_jwk(key) for key in keys.values()]
