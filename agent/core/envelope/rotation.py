"""Replace the signing key of an agent: the new key says whom it follows, a message by the old key carries that.

Rule: a key takes over only when both it and the one it follows have signed for it.
"""

from joserfc.jwk import OKPKey

from agent.core.envelope.exchange import word
from agent.core.envelope.keys import import_jwk, named, public_jwk, thumbprint
from agent.core.envelope.shapes import Rejected
from agent.core.envelope.signed import VERSION, peek, sign, verify

NEXT_TYP = "creneau-next-key+jws"


def next_key(key: OKPKey, *, prior: str, iss: str, aud: str) -> str:
    """Agent side: sign, by the new key, that it follows the key `prior` (a thumbprint): the `next` of a `rotate`."""
    claims = {"iss": iss, "aud": aud, "prior": prior, "jwk": public_jwk(key), "v": VERSION}
    return sign(NEXT_TYP, claims, key, pack=False)


def open_next(text: str, *, prior: str, iss: str, aud: str) -> OKPKey:
    """Hub side: return the public key that takes over from `prior`. Raises Rejected."""
    key = import_jwk(peek(text).claims.get("jwk"))
    claims = verify(text, named([key]), NEXT_TYP).claims
    if (claims.get("iss"), claims.get("aud")) != (iss, aud):
        raise Rejected("bad-signature", "another clinic or hub")
    if word(claims, "prior") != prior or thumbprint(key) == prior:
        raise Rejected("bad-signature", "it follows another key")
    return key
