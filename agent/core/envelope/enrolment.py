"""Enrolment: two sides that share a one-time code believe each other's keys.

Rule: the secret of the code is never sent, and the hub's proof is checked before its keys are believed.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey

from agent.core.envelope.exchange import answer_typ, open_answer, open_request, whole, word
from agent.core.envelope.keys import import_jwk, key_set, named, public_jwk, thumbprint
from agent.core.envelope.shapes import Envelope, KeySet, Opened, Rejected
from agent.core.envelope.signed import parties, peek

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford base32."""
_HANDLE, _SECRET, _GROUP = 4, 26, 5
_TWINS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


@dataclass(frozen=True, slots=True, repr=False)
class Code:
    """A one-time code. `handle` finds it at the hub; `secret`, 130 bits, never leaves."""

    handle: str
    secret: str

    def key(self) -> bytes:
        """Return the HMAC key both sides prove: all the hub needs to keep."""
        return hashlib.sha256(self.secret.encode("ascii")).digest()

    def shown(self) -> str:
        """Return the code as a person types it: HHHH-XXXXX-XXXXX-..."""
        groups = [self.secret[i : i + _GROUP] for i in range(0, _SECRET, _GROUP)]
        return "-".join([self.handle, *groups])


def read_code(text: str) -> Code:
    """Return a typed code; case, dashes and blanks do not matter, O is 0, I and L are 1. Raises Rejected("schema")."""
    plain = text.strip().upper().translate(_TWINS)
    if len(plain) != _HANDLE + _SECRET or not set(plain) <= set(ALPHABET):
        raise Rejected("schema", "no one-time code")
    return Code(plain[:_HANDLE], plain[_HANDLE:])


def agent_proof(key: bytes, signing: OKPKey, sealing: OKPKey, aud: str) -> str:
    """Return the agent's proof that it knows the code, over both its keys and the hub's origin."""
    return _proof(key, (thumbprint(signing), thumbprint(sealing), aud))


def hub_proof(key: bytes, n: int, hub_thumbs: Iterable[str], clinic: str, signing_thumb: str) -> str:
    """Return the hub's proof over its key set number, keys in order, the clinic id and the agent's key."""
    return _proof(key, (str(n), *hub_thumbs, clinic, signing_thumb))


def _proof(key: bytes, parts: Sequence[str]) -> str:
    return hmac.new(key, "|".join(parts).encode("ascii", "backslashreplace"), hashlib.sha256).hexdigest()


def same_proof(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def fingerprint(hub_thumb: str, signing_thumb: str) -> str:
    """Return what two people compare on the phone: 20 hex digits in groups of 4."""
    digits = hashlib.sha256(f"{hub_thumb}|{signing_thumb}".encode("ascii", "backslashreplace")).hexdigest()[:20]
    return "-".join(digits[i : i + 4] for i in range(0, 20, 4))


def enrol_body(
    code: Code,
    signing: OKPKey,
    sealing: OKPKey,
    *,
    aud: str,
    instance: str,
    software: str,
    clinic: str = "",
    contact: str = "",
) -> Mapping[str, Any]:
    """Return the members of an `enrol`, to be sealed with `iss` = the signing thumbprint.

    `clinic`: who the agent is at this hub already; a code made for another clinic is then refused unused. `contact`:
    whom the hub's operator calls.
    """
    more = {name: text for name, text in (("clinic", clinic), ("contact", contact)) if text}
    return more | {
        "handle": code.handle,
        "proof": agent_proof(code.key(), signing, sealing, aud),
        "signing": public_jwk(signing),
        "sealing": public_jwk(sealing),
        "instance": instance,
        "software": software,
    }


@dataclass(frozen=True, slots=True)
class Applicant:
    """Hub side: who asks to be enrolled; the proof is still to be compared."""

    opened: Opened
    signing: OKPKey
    sealing: OKPKey

    def proves(self, key: bytes, aud: str) -> bool:
        """Say whether the applicant knows the code whose key this is."""
        expected = agent_proof(key, self.signing, self.sealing, aud)
        return same_proof(expected, word(self.opened.claims, "proof"))


def open_enrol(jws: str, *, aud: str, now: datetime) -> Applicant:
    """Hub side: verify an `enrol` by the key inside it. Raises Rejected."""
    inside = peek(jws).claims
    signing = import_jwk(inside.get("signing"))
    opened = open_request(jws, named([signing]), verb="enrol", aud=aud, now=now)
    if opened.claims.get("iss") != thumbprint(signing):
        raise Rejected("bad-signature", "iss is not the signing key")
    return Applicant(opened, signing, import_jwk(opened.claims.get("sealing"), "X25519"))


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a believed answer gives the agent: its clinic id, the hub's key set number and keys, the policy."""

    clinic: str
    n: int
    keys: KeySet
    policy: Mapping[str, Any] = field(default_factory=dict)


def enrolled_body(key: bytes, enrolled: Enrolled, signing_thumb: str) -> Mapping[str, Any]:
    """Hub side: return the members of the answer to an `enrol`."""
    return {
        "clinic": enrolled.clinic,
        "keys": {"n": enrolled.n, "keys": [public_jwk(hub_key) for hub_key in enrolled.keys.values()]},
        "policy": dict(enrolled.policy),
        "proof": hub_proof(key, enrolled.n, enrolled.keys, enrolled.clinic, signing_thumb),
    }


def open_enrolled(jws: str, *, to: Envelope, code: Code, took: timedelta) -> Enrolled:
    """Agent side: check the hub's proof, then its signature by the keys so proved.

    Raises Rejected. A problem cannot be proved before the hub's keys are known: its word comes back as
    `Rejected.problem`, and it changes no state.
    """
    seen = peek(jws)
    if seen.header.typ != answer_typ("enrol") or "problem" in seen.claims:
        problem, said = _told(seen.claims, "problem"), _told(seen.claims, "why")
        raise Rejected(problem or "no-answer", "the hub did not enrol this agent (not proved)", said=said)
    held = seen.claims.get("keys")
    if not isinstance(held, Mapping):
        raise Rejected("schema", "no key set")
    n, keys, clinic = whole(held, "n", 1), key_set(held.get("keys")), word(seen.claims, "clinic")
    expected = hub_proof(code.key(), n, keys, clinic, parties(to.jws)[0])
    if not same_proof(expected, word(seen.claims, "proof")):
        raise Rejected("bad-signature", "the hub does not know the code")
    policy = open_answer(jws, keys, to=to, took=took).claims.get("policy")
    return Enrolled(clinic, n, keys, policy if isinstance(policy, Mapping) else {})


def _told(claims: Mapping[str, Any], member: str) -> str:
    said = claims.get(member)
    return said if isinstance(said, str) and said.replace("-", "").isalpha() else ""
