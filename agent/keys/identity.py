"""The keys the agent works with, kept in the vault.

Rule: a private key is handed out only as a key object, and a destroyed one is gone for good.
"""

import base64
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from joserfc.jwk import OKPKey
from keyring.errors import PasswordDeleteError

from agent.core.envelope import (
    KeySet,
    Rejected,
    Statement,
    fingerprint,
    follow,
    next_key,
    sealed_to,
    statement,
    thumbprint,
    unseal,
)
from agent.core.errors import Misconfigured, Refused
from agent.core.message import say
from agent.core.model import BookingId, Patient
from agent.keys.patient import read_patient
from agent.keys.record import Enrolment, Fresh, Prior, Record, Sealing, read_record, write_record
from agent.keys.vault import ServiceVault
from agent.ports import Identity, Rotation

TURN = timedelta(days=30)
"""A sealing key is replaced at this age,"""
KEPT = timedelta(days=14)
"""opens what is still on its way for so long, and is then destroyed."""
SIGNED = timedelta(days=365)
"""A signing key is replaced at this age,"""
REPEATED = timedelta(days=30)
"""and for so long a hub that came back from a backup can be told once more, by the old one."""
STATED = timedelta(days=37)
"""A portal may seal to it for so long: a week of grace if the agent sleeps, a week to arrive before it is destroyed."""

_SERVICE, _SECRETS = "creneau", "creneau.secret"
_RECORD, _DATA = "keys", "data-key"


def fresh_keys() -> Fresh:
    """Return new keys and a new installation name."""
    return Fresh(_generate("Ed25519"), _generate("X25519"), secrets.token_urlsafe(16))


def _generate(curve: Literal["Ed25519", "X25519"]) -> OKPKey:
    key = OKPKey.generate_key(curve)
    key.ensure_kid()
    return key


class VaultKeys:
    """The Keys of agent.ports, and what enrolment and the nightly work change; any thread."""

    def __init__(self, vault: ServiceVault) -> None:
        """Take an opened vault."""
        self._vault = vault

    # ---- ports.Keys

    def identity(self) -> Identity:
        """Return who we are; raises Misconfigured when not enrolled."""
        return self._enrolment().identity

    def signing(self) -> OKPKey:
        """Return the private Ed25519 key."""
        return self._enrolment().signing

    def sealing(self) -> str:
        """Return the clinic's signed statement about its current sealing key."""
        return self._enrolment().sealing[0].statement

    def hub(self) -> KeySet:
        """Return the hub's keys."""
        return self._enrolment().hub_keys

    def patient(self, jwe: str, booking: BookingId, version: int) -> Patient:
        """Unseal; Refused("reseal") when no key of ours opens it or it was sealed for another order."""
        keys = {thumbprint(one.key): one.key for one in self._enrolment().sealing}
        try:
            return read_patient(unseal(jwe, keys[sealed_to(jwe)]), booking, version)
        except (Rejected, KeyError):
            hint = say("the portal must seal them again to the clinic's current key")
            raise Refused(
                say("open the patient's details"),
                say("they are not sealed to a key of this clinic, or belong to another order"),
                hint,
                reason="reseal",
            ) from None

    def secret(self, name: str) -> str:
        """Return a stored password."""
        value = self._vault.get_password(_SECRETS, name)
        if value is None:
            hint = say("creneau secret set {name}", name=name)
            raise Misconfigured(say("read the vault"), say("the secret {name} is not stored", name=name), hint)
        return value

    # ---- secrets by name

    def names(self) -> tuple[str, ...]:
        """Return the names of stored secrets."""
        return self._vault.names(_SECRETS)

    def put(self, name: str, value: str) -> None:
        """Store a secret."""
        self._vault.set_password(_SECRETS, name, value)

    def drop(self, name: str) -> None:
        """Remove a secret; idempotent."""
        with suppress(PasswordDeleteError):
            self._vault.delete_password(_SECRETS, name)

    def data_key(self) -> bytes:
        """Return the journal's 32-byte data key, made the first time."""

        def once(old: str | None) -> str:
            return old if old is not None else base64.b64encode(os.urandom(32)).decode()

        return base64.b64decode(self._vault.change(_SERVICE, _DATA, once))

    def put_data_key(self, key: bytes) -> None:
        """Take the data key of a journal that came back from a backup."""
        self._vault.set_password(_SERVICE, _DATA, base64.b64encode(key).decode())

    # ---- enrolment and the nightly work

    def candidate(self) -> Fresh:
        """Return the keys to enrol with, kept until adopted: the same code and key repeat the hub's answer."""
        made = fresh_keys()
        return self._change(lambda old: old if old.candidate else replace(old, candidate=made)).candidate or made

    def adopt_enrolment(self, fresh: Fresh, *, clinic: str, hub: str, n: int, keys: KeySet, now: datetime) -> Identity:
        """Become `clinic` at the hub whose origin is `hub` and whose key set `n` is `keys`; in one write."""
        who = Identity(clinic, hub, fresh.instance, fingerprint(next(iter(keys)), thumbprint(fresh.signing)))

        def adopt(old: Record) -> Record:
            before = old.enrolment.sealing if old.enrolment and old.enrolment.identity.clinic == clinic else ()
            retired = tuple(one if one.retired else replace(one, retired=now) for one in before)
            new = _sealing(clinic, fresh.signing, fresh.sealing, before, now)
            return Record(None, Enrolment(who, fresh.signing, now, n, keys, (new, *retired)))

        self._change(adopt)
        return who

    def keyset(self) -> int:
        """Return the number of the hub's key set we hold."""
        return self._enrolment().n

    def leads(self, texts: Sequence[str]) -> bool:
        """Say whether these key sets lead to a newer one; nothing is taken. Raises Refused."""
        held = self._enrolment()
        return _followed(held, texts).n > held.n

    def follow(self, texts: Sequence[str]) -> bool:
        """Take newer key sets of the hub, each signed by the one before; True when one was new. Raises Refused."""
        before = self._enrolment().n
        return self._enrolled(lambda old: _followed(old, texts)).n > before

    def rotation(self, *, again: bool) -> Rotation | None:
        """Return the change of signing key still to be settled with the hub; `again`: the last one, while repeatable."""
        held = self._enrolment()
        if again:
            return _rotation(held, held.prior.key, held.signing) if held.prior else None
        return _rotation(held, held.signing, held.coming) if held.coming else None

    def rotated(self, rotation: Rotation, now: datetime) -> None:
        """Sign with the new key from now on; in one write, idempotent."""

        def turn(old: Enrolment) -> Enrolment:
            if old.coming is None or thumbprint(old.coming) != rotation.kid:
                return old
            who = replace(old.identity, fingerprint=fingerprint(next(iter(old.hub_keys)), rotation.kid))
            current, *older = old.sealing
            stated = _restated(old.identity.clinic, current, old.coming)
            return replace(
                old,
                identity=who,
                signing=old.coming,
                made=now,
                sealing=(stated, *older),
                coming=None,
                prior=Prior(old.signing, now),
            )

        self._enrolled(turn)

    def renew(self, now: datetime) -> bool:
        """Make the next signing key at a year, forget the one before after 30 days; True when the hub is to be told."""

        def turn(old: Enrolment) -> Enrolment:
            late = old.coming is None and now - old.made >= SIGNED
            coming = _generate("Ed25519") if late else old.coming
            stays = old.prior is not None and now - old.prior.until < REPEATED
            return replace(old, coming=coming, prior=old.prior if stays else None)

        return self._enrolled(turn).coming is not None

    def turn_over(self, now: datetime) -> bool:
        """Replace the sealing key at 30 days, destroy the old ones 14 days after; True when something changed."""

        def turn(old: Enrolment) -> Enrolment:
            current, *older = old.sealing
            kept = [one for one in older if one.retired and now - one.retired < KEPT]
            if now - current.made < TURN:
                return replace(old, sealing=(current, *kept))
            new = _sealing(old.identity.clinic, old.signing, _generate("X25519"), old.sealing, now)
            return replace(old, sealing=(new, replace(current, retired=now), *kept))

        before = self._enrolment()
        return [one.n for one in self._enrolled(turn).sealing] != [one.n for one in before.sealing]

    def age(self, now: datetime) -> timedelta:
        """Return the age of the signing key, never negative."""
        return max(now - self._enrolment().made, timedelta(0))

    def leave(self) -> None:
        """Destroy identity and keys; secrets of the EMR stay."""
        self._change(lambda _: Record())

    def _enrolment(self) -> Enrolment:
        return _known(read_record(self._vault.get_password(_SERVICE, _RECORD)))

    def _enrolled(self, work: Callable[[Enrolment], Enrolment]) -> Enrolment:
        return _known(self._change(lambda old: replace(old, enrolment=work(_known(old)))))

    def _change(self, work: Callable[[Record], Record]) -> Record:
        text = self._vault.change(_SERVICE, _RECORD, lambda old: write_record(work(read_record(old))))
        return read_record(text)


def _followed(old: Enrolment, texts: Sequence[str]) -> Enrolment:
    """Walk the hub's key sets; what two people compare on the phone follows."""
    try:
        n, keys = follow(texts, old.hub_keys, old.n, iss=old.identity.hub)
    except Rejected as error:
        says = say("a key set is not signed by the keys we hold")
        hint = say("call the hub's operator and compare fingerprints")
        raise Refused(say("take the hub's new keys"), says, hint, reason=error.problem) from None
    who = replace(old.identity, fingerprint=fingerprint(next(iter(keys)), thumbprint(old.signing)))
    return replace(old, identity=who, n=n, hub_keys=keys)


def _rotation(held: Enrolment, old: OKPKey, new: OKPKey) -> Rotation:
    """Return what the hub is told, the same every time: a repetition must be harmless."""
    who = held.identity
    said = next_key(new, prior=thumbprint(old), iss=who.clinic, aud=who.hub)
    return Rotation(old, thumbprint(new), said, _restated(who.clinic, held.sealing[0], new).statement)


def _restated(clinic: str, current: Sealing, signing: OKPKey) -> Sealing:
    """State the same sealing key under another signing key; the number grows, because portals refuse a lower one."""
    n = current.n + 1
    said = statement(Statement(clinic, current.key, current.made, current.made + STATED, n), signing)
    return replace(current, n=n, statement=said)


def _known(record: Record) -> Enrolment:
    if record.enrolment is None:
        raise Misconfigured(
            say("read the vault"), say("this clinic is not enrolled with a hub"), say("creneau enrol CODE")
        )
    return record.enrolment


def _sealing(clinic: str, signing: OKPKey, key: OKPKey, before: Sequence[Sealing], now: datetime) -> Sealing:
    """Make a key current. `n` is never below the seconds of the epoch: it grows even when the vault was lost."""
    n = max([int(now.timestamp()), *(one.n + 1 for one in before)])
    said = statement(Statement(clinic, key, now, now + STATED, n), signing)
    return Sealing(key, n, now, said)
