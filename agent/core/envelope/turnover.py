"""Turn the hub's key set over: set n + 1, signed by a key of n + 1 inside, by a key of n around it.

Rule: a set follows only its direct predecessor; sets never go back and never skip.
"""

from collections.abc import Sequence

from joserfc.jwk import OKPKey

from agent.core.envelope.exchange import whole, word
from agent.core.envelope.keys import jwks, key_set
from agent.core.envelope.shapes import KeySet, Rejected
from agent.core.envelope.signed import VERSION, peek, sign, verify

INNER_TYP = "creneau-keyset+jws"
OUTER_TYP = "creneau-keyset-turn+jws"


def turn_over(n: int, keys: KeySet, *, by_new: OKPKey, by_old: OKPKey, iss: str) -> str:
    """Hub side: sign key set number `n`, as it travels in a beat's `keys`."""
    inner = sign(INNER_TYP, {"iss": iss, "n": n, "keys": jwks(keys), "v": VERSION}, by_new, pack=False)
    return sign(OUTER_TYP, {"iss": iss, "n": n, "next": inner, "v": VERSION}, by_old, pack=False)


def open_turnover(text: str, held: KeySet, n: int, *, iss: str) -> KeySet:
    """Return set n + 1 if a key of the held set n and one of its own signed it. Raises Rejected."""
    outer = verify(text, held, OUTER_TYP).claims
    inner = word(outer, "next")
    keys = key_set(peek(inner).claims.get("keys"))
    claims = verify(inner, keys, INNER_TYP).claims
    if not outer.get("iss") == claims.get("iss") == iss:
        raise Rejected("bad-signature", "another hub")
    if not whole(outer, "n") == whole(claims, "n") == n + 1:
        raise Rejected("schema", "a set that does not follow the one held")
    return keys


def follow(texts: Sequence[str], held: KeySet, n: int, *, iss: str) -> tuple[int, KeySet]:
    """Walk from set `n` as far as `texts` lead, passing over sets already held; nothing new returns (n, held)."""
    for text in texts:
        try:
            number = whole(peek(text).claims, "n")
        except Rejected:
            break
        if number > n:
            held, n = open_turnover(text, held, n, iss=iss), n + 1
    return n, held
