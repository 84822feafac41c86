"""How an account is shown to the server: a bearer token, SMART Backend Services, a client certificate.

Rule: keys come out of the vault and go into memory, nowhere else; every assertion has a number of its own.
"""

import json
import os
import re
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adapters.fhir.answer import Answer
from adapters.fhir.line import Line
from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.ports import Clock, Dice

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

DOING = say("sign in at the FHIR server")
LIFE = timedelta(minutes=4)
"""An assertion may live 5 minutes (SMART App Launch 2.2, Backend Services)."""
RENEW = 0.8
"""Part of a token's life after which a new one is fetched."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass
class Bearer:
    """A token the vendor gave, kept in the vault."""

    secret: Callable[[], str] = field(repr=False)

    def headers(self, line: Line) -> Mapping[str, str]:
        """Return the header."""
        del line
        return {"Authorization": f"Bearer {self.secret().strip()}"}

    def renew(self) -> bool:
        """Only a person can."""
        return False


@dataclass
class Smart:
    """SMART Backend Services: a signed assertion for a short token.

    `secret` gives the private key, as a JWK or PEM. `algorithm`: ES384 or RS384. Raises Misconfigured when the server
    refuses the account, Transient when it does not answer.
    """

    client: str
    secret: Callable[[], str] = field(repr=False)
    scopes: str
    clock: Clock
    dice: Dice
    algorithm: str = "ES384"
    kid: str = ""
    _token: str = field(init=False, default="", repr=False)
    _until: timedelta = field(init=False, default=timedelta(0))
    _skew: timedelta = field(init=False, default=timedelta(0))
    _where: str = field(init=False, default="")

    def headers(self, line: Line) -> Mapping[str, str]:
        """Return the header, with a new token once 80 % of the old one's life is over."""
        if not self._token or self.clock.now().age >= self._until:
            self._fetch(line)
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """Forget the token."""
        had, self._token = bool(self._token), ""
        return had

    def _fetch(self, line: Line) -> None:
        where = self._where or self._discover(line)
        began = self.clock.now().age
        answer = line.token(where, self._form(where))
        skew = self._skew_of(answer)
        if answer.status in (400, 401) and abs(skew - self._skew) > timedelta(seconds=5):
            self._skew = skew  # its clock and ours differ: date the next assertion by its own
            answer = line.token(where, self._form(where))
        if not answer.is_good:
            self._refused(answer)
        found = answer.json()
        self._token = str(found.get("access_token", ""))
        lives = found.get("expires_in", 300)
        self._until = began + timedelta(seconds=(lives if isinstance(lives, int | float) else 300) * RENEW)
        if not self._token:
            raise Transient(DOING, say("the authorization server gave no token"))

    def _discover(self, line: Line) -> str:
        answer = line.plain(".well-known/smart-configuration")
        self._skew = self._skew_of(answer)
        where = str(answer.json().get("token_endpoint", "")) if answer.is_good else ""
        parts = urlsplit(where)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if not where or not safe:
            if answer.status >= 500:
                raise Transient(DOING, say("the FHIR server failed (HTTP {code})", code=answer.status))
            what = say("the FHIR server names no safe place to sign in (.well-known/smart-configuration)")
            raise Misconfigured(DOING, what, say("ask the vendor whether SMART Backend Services is on"), key="auth")
        self._where = where
        return where

    def _form(self, where: str) -> Mapping[str, str]:
        from joserfc import jws

        now = self.clock.now().utc + self._skew
        claims = {
            "iss": self.client,
            "sub": self.client,
            "aud": where,
            "jti": self.dice.token(),
            "iat": int(now.timestamp()),
            "exp": int((now + LIFE).timestamp()),
        }
        head = {"alg": self.algorithm, "typ": "JWT", **({"kid": self.kid} if self.kid else {})}
        key = signing_key(self.secret(), self.algorithm)
        assertion = jws.serialize_compact(head, json.dumps(claims).encode(), key, algorithms=[self.algorithm])
        return {
            "grant_type": "client_credentials",
            "scope": self.scopes,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }

    def _skew_of(self, answer: Answer) -> timedelta:
        return self._skew if answer.at is None else answer.at - self.clock.now().utc

    def _refused(self, answer: Answer) -> None:
        if answer.status >= 500 or answer.status == 429:
            raise Transient(DOING, say("the authorization server failed (HTTP {code})", code=answer.status))
        word = str(answer.json().get("error", "")) if answer.body[:1] == b"{" else ""
        word = word if re.fullmatch(r"[a-z_]{1,40}", word) else ""
        what = say("the authorization server refuses us (HTTP {code} {word})", code=answer.status, word=word)
        raise Misconfigured(DOING, what, say("compare client_id, scopes and public key with the vendor's"), key="auth")


def signing_key(text: str, algorithm: str) -> "ECKey | RSAKey":
    """Read a private key: a JWK, or PEM whose lines may have become spaces. Raises Misconfigured."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    kind: Any = RSAKey if algorithm.startswith("RS") else ECKey
    try:
        if text.lstrip().startswith("{"):
            made: ECKey | RSAKey = kind.import_key(json.loads(text))
        else:
            made = kind.import_key(lines_of(text))
        private = made.is_private
    except (JoseError, ValueError, TypeError, KeyError) as cause:
        raise _no_key(algorithm) from cause
    if not private:
        raise _no_key(algorithm)
    return made


def _no_key(algorithm: str) -> Misconfigured:
    what = say("the vault's secret is no private key for {algorithm}", algorithm=algorithm)
    return Misconfigured(DOING, what, say("store it again, as one line: creneau secret set NAME"), key="algorithm")


def lines_of(pem: str) -> bytes:
    """Give PEM its lines back: a vault's secret is one line."""
    whole = re.sub(r"\s+", "", re.sub(r"-----[A-Z ]+-----", "", pem))
    name = next(iter(re.findall(r"-----BEGIN ([A-Z ]+)-----", pem)), "PRIVATE KEY")
    rows = "\n".join(whole[at : at + 64] for at in range(0, len(whole), 64))
    return f"-----BEGIN {name}-----\n{rows}\n-----END {name}-----\n".encode()


def trust(ca_file: str, certificate: str, secret: Callable[[], str]) -> ssl.SSLContext:
    """Return the system's trust with an authority beside it, and our certificate with its key out of the vault.

    Python reads a private key from a file only: it is written encrypted under a password of the moment, and removed.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    doing = say("set up TLS for the FHIR server")
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as cause:
            what = say("{file} is missing or holds no PEM certificate", file=ca_file)
            raise Misconfigured(doing, what, key="ca_file") from cause
    if certificate:
        try:
            _present(context, certificate, lines_of(secret()))
        except (OSError, ssl.SSLError, ValueError, TypeError) as cause:
            what = say("{file} and the key in the vault do not belong together", file=certificate)
            raise Misconfigured(doing, what, say("creneau secret set NAME.tls"), key="certificate") from cause
    return context


def _present(context: ssl.SSLContext, certificate: str, pem: bytes) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    word = os.urandom(32).hex()
    key = load_pem_private_key(pem, None)
    shut = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(word.encode()))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "key.pem"
        file.write_bytes(shut)
        context.load_cert_chain(certificate, str(file), word)
