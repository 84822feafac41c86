"""What the vault keeps of an enrolment, and its one text form.

Rule: candidate and enrolment live in one entry, so that one write changes both or neither.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc.jwk import OKPKey

from agent.core.envelope import KeySet, jwks, key_set
from agent.ports import Identity


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Keys not yet believed by any hub: Ed25519 to sign, X25519 to open, and the name of this installation."""

    signing: OKPKey
    sealing: OKPKey
    instance: str


@dataclass(frozen=True, slots=True, repr=False)
class Sealing:
    """One sealing key. `statement`: signed by the clinic; `retired` None = the current one."""

    key: OKPKey
    n: int
    made: datetime
    statement: str
    retired: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Prior:
    """The signing key before the present one, and since when it is no longer signed with."""

    key: OKPKey
    until: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Enrolment:
    """Who we are: `hub_keys` is the hub's key set number `n`; `sealing` newest first.

    `coming`: the signing key the hub is being told of; `prior`: the one it was told to forget.
    """

    identity: Identity
    signing: OKPKey
    made: datetime
    n: int
    hub_keys: KeySet
    sealing: tuple[Sealing, ...]
    coming: OKPKey | None = None
    prior: Prior | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """The whole entry."""

    candidate: Fresh | None = None
    enrolment: Enrolment | None = None


def read_record(text: str | None) -> Record:
    """Return the record of an entry that the vault opened; absent = empty."""
    if text is None:
        return Record()
    held = json.loads(text)
    fresh, known = held["candidate"], held["enrolment"]
    return Record(_fresh(fresh) if fresh else None, _enrolment(known) if known else None)


def write_record(record: Record) -> str:
    """Return the entry's text."""
    fresh, known = record.candidate, record.enrolment
    held: dict[str, Any] = {"candidate": None, "enrolment": None}
    if fresh is not None:
        held["candidate"] = {
            "signing": _private(fresh.signing),
            "sealing": _private(fresh.sealing),
            "instance": fresh.instance,
        }
    if known is not None:
        held["enrolment"] = {
            "clinic": known.identity.clinic,
            "hub": known.identity.hub,
            "instance": known.identity.instance,
            "fingerprint": known.identity.fingerprint,
            "signing": _private(known.signing),
            "made": known.made.isoformat(),
            "n": known.n,
            "hub_keys": jwks(known.hub_keys),
            "sealing": [
                {
                    "key": _private(one.key),
                    "n": one.n,
                    "made": one.made.isoformat(),
                    "statement": one.statement,
                    "retired": one.retired.isoformat() if one.retired else None,
                }
                for one in known.sealing
            ],
            "coming": _private(known.coming) if known.coming else None,
            "prior": known.prior and {"key": _private(known.prior.key), "until": known.prior.until.isoformat()},
        }
    return json.dumps(held)


def _private(key: OKPKey) -> Mapping[str, Any]:
    return key.as_dict(private=True)


def _key(jwk: Mapping[str, str]) -> OKPKey:
    key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "d")})
    key.ensure_kid()
    return key


def _fresh(held: Mapping[str, Any]) -> Fresh:
    return Fresh(_key(held["signing"]), _key(held["sealing"]), held["instance"])


def _enrolment(held: Mapping[str, Any]) -> Enrolment:
    return Enrolment(
        Identity(held["clinic"], held["hub"], held["instance"], held["fingerprint"]),
        _key(held["signing"]),
        datetime.fromisoformat(held["made"]),
        held["n"],
        key_set(held["hub_keys"]),
        tuple(
            Sealing(
                _key(one["key"]),
                one["n"],
                datetime.fromisoformat(one["made"]),
                one["statement"],
                datetime.fromisoformat(one["retired"]) if one["retired"] else None,
            )
            for one in held["sealing"]
        ),
        _key(coming) if (coming := held.get("coming")) else None,
        Prior(_key(prior["key"]), datetime.fromisoformat(prior["until"])) if (prior := held.get("prior")) else None,
    )
