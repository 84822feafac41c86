"""How the account is shown: SMART Backend Services against SEKMET, a bearer token, mutual TLS."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey, RSAKey

from adapters.conformance import NAME, Still, tools
from adapters.conformance.bench import DAY
from adapters.fhir.access import Bearer, Smart, lines_of, signing_key, trust
from adapters.fhir.factory import open_, terms_of
from adapters.fhir.line import Line, Open
from agent.clock import SystemClock
from agent.core.errors import Misconfigured, Transient
from agent.core.model import Instant
from agent.ports import Tools
from tests.adapters.fhir.conftest import Place, another
from tests.adapters.fhir.hostile import Handler, Hostile, running


class Moving(Still):
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.age, self.skew = timedelta(hours=1), timedelta(0)

    def now(self) -> Instant:
        return Instant(SystemClock().now().utc + self.skew, self.age)


class Heard(Line):
    """A line that keeps what went to the authorization server."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.assertions: list[dict[str, Any]] = []

    def token(self, url: str, form: Any) -> Any:
        claims = form["client_assertion"].split(".")[1]
        self.assertions.append(json.loads(base64.urlsafe_b64decode(claims + "==")))
        return super().token(url, form)


@pytest.fixture
def sekmet(places: Callable[[str], Place]) -> Place:
    """Lend SEKMET, with SMART on."""
    return places("sekmet")


@pytest.fixture
def other(sekmet: Place) -> Tools:
    """Lend the tools of an agent that has signed in nowhere yet."""
    return another(sekmet)


def smart(place: Place, given: Tools, **more: Any) -> Smart:
    options = place.server.options
    words = {"client": options["client_id"], "secret": lambda: given.secret(NAME), "scopes": options["scopes"]}
    return Smart(**{**words, "clock": given.clock, "dice": given.dice, "kid": "kit", **more})


def test_a_token_is_renewed_before_its_end(sekmet: Place, other: Tools) -> None:
    """One token serves until 80 % of its life; each assertion has its own number and lives under 5 minutes."""
    clock = Moving()
    access = smart(sekmet, replace(other, clock=clock))
    line = Heard(sekmet.server.base, access, clock)
    for age, fetched in ((0, 1), (2870, 1), (2890, 2)):  # SEKMET's tokens live an hour
        clock.age = timedelta(hours=1, seconds=age)
        assert line.read("Slot").is_good
        assert len(line.assertions) == fetched
    assert len({claims["jti"] for claims in line.assertions}) == 2
    assert all(claims["exp"] - claims["iat"] < 300 and claims["iss"] == claims["sub"] for claims in line.assertions)
    assert all(claims["aud"].endswith("/auth/token") for claims in line.assertions)
    line.close()


def test_a_refused_token_is_fetched_anew_once(sekmet: Place, other: Tools) -> None:
    """A server that forgot our token gets a new one in the same call."""
    access = smart(sekmet, replace(other, clock=Moving()))
    line = Heard(sekmet.server.base, access, access.clock)
    assert line.read("Slot").is_good
    access._token = "forgotten"
    assert line.read("Slot").is_good
    assert len(line.assertions) == 2
    line.close()


@pytest.mark.parametrize("skew", [-timedelta(hours=3), timedelta(days=2)])
def test_a_wrong_clock_is_made_up_for(skew: timedelta, sekmet: Place, other: Tools) -> None:
    """Assertions are dated by the server's own clock."""
    clock = Moving()
    clock.skew = skew
    line = Line(sekmet.server.base, smart(sekmet, replace(other, clock=clock)), clock)
    assert line.read("Slot").is_good
    line.close()


def test_each_try_has_a_number_of_its_own(sekmet: Place, other: Tools) -> None:
    """The clock jumped since the last token: the refused assertion is made anew by the server's time, never re-sent."""
    clock = Moving()
    access = smart(sekmet, replace(other, clock=clock))
    line = Heard(sekmet.server.base, access, clock)
    assert line.read("Slot").is_good
    clock.skew = -timedelta(hours=3)
    assert access.renew()
    assert line.read("Slot").is_good
    assert len(line.assertions) == len({claims["jti"] for claims in line.assertions}) == 3
    line.close()


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"client": "stranger"}, "invalid_client"),
        ({"secret": lambda: ECKey.generate_key("P-384").as_pem(private=True).decode()}, "invalid_client"),
        ({"scopes": "system/Observation.rs"}, "invalid_scope"),
    ],
)
def test_who_may_not_come_in_is_told_why(more: dict[str, Any], word: str, sekmet: Place, other: Tools) -> None:
    """A wrong name, key or right is a person's to mend, with the server's own word."""
    access = smart(sekmet, replace(other, clock=Moving()), **more)
    line = Line(sekmet.server.base, access, access.clock)
    with pytest.raises(Misconfigured, match=word):
        line.read("Slot")
    line.close()


def test_a_right_that_was_not_given_is_told(sekmet: Place, other: Tools) -> None:
    """403 is Misconfigured, not a reason to try again."""
    access = smart(sekmet, replace(other, clock=Moving()))
    line = Line(sekmet.server.base, access, access.clock)
    with pytest.raises(Misconfigured, match="403"):
        line.read("Observation")
    line.close()


def test_rs384_signs_too(sekmet: Place, other: Tools) -> None:
    """The other algorithm of the guide, with a key that the server knows by its own client."""
    access = smart(sekmet, replace(other, clock=Moving()), client="creneau-rs", algorithm="RS384", kid="rs")
    access.secret = lambda: other.secret("rs")
    line = Line(sekmet.server.base, access, access.clock)
    assert line.read("Slot").is_good
    line.close()


def test_a_server_without_a_place_to_sign_in_is_misconfigured() -> None:
    """No discovery document, or a token address that is not https: nothing is sent there."""
    given = tools("", {NAME: "x"})
    with running(frozenset()) as (_, base):
        access = Smart("c", lambda: "x", "s", Still(), given.dice)
        line = Line(base, access, Still())
        with pytest.raises(Misconfigured, match="smart-configuration"):
            line.read("Slot")
        line.close()


def test_keys_are_read_as_jwk_or_pem_on_one_line() -> None:
    """A vault's secret is one line: PEM with spaces for line ends is given its lines back."""
    elliptic, rsa = ECKey.generate_key("P-384"), RSAKey.generate_key(2048)
    for key, algorithm in ((elliptic, "ES384"), (rsa, "RS384")):
        for text in (json.dumps(key.as_dict(private=True)), key.as_pem(private=True).decode().replace("\n", " ")):
            assert signing_key(text, algorithm).thumbprint() == key.thumbprint()
    for wrong in ("", "{}", "nonsense", json.dumps(elliptic.as_dict(private=False))):
        with pytest.raises(Misconfigured, match="ES384"):
            signing_key(wrong, "ES384")


def test_a_bearer_token_is_shown() -> None:
    """As the vault has it, and only a person can renew it."""
    bearer = Bearer(lambda: " word \n")
    with running(frozenset()) as (_, base):
        line = Line(base, bearer, Still())
        assert (bearer.headers(line), bearer.renew()) == ({"Authorization": "Bearer word"}, False)
        line.close()


class Asking(Hostile):
    """A server that lets nobody in without the word."""

    def handle(self, method: str, path: str, params: Any, body: Any, headers: Any) -> tuple[int, Any]:
        if headers.get("Authorization") != "Bearer word":
            return 401, {}
        return super().handle(method, path, params, body, headers)


def test_a_server_that_asks_for_a_token_is_read_with_the_vaults() -> None:
    """Every request bears it; a wrong one is a person's to mend."""
    with running(frozenset(), Asking(frozenset())) as (_, base):
        for word, good in (("word", True), ("another", False)):
            emr = open_(NAME, {"server": base, "auth": "bearer"}, tools("", {NAME: word}))
            if good:
                assert emr.slots(DAY).complete
            else:
                with pytest.raises(Misconfigured, match="401"):
                    emr.slots(DAY)
            emr.close()


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"server": "http://dme.example.org/fhir"}, "server"),
        ({"server": "https://a:b@dme.example.org/fhir"}, "server"),
        ({"server": "https://h/fhir", "auth": "smart"}, "client_id"),
        ({"server": "https://h/fhir", "guide": "sas"}, "practitioners"),
        ({"server": "https://h/fhir", "search": ["status"]}, "search"),
        ({"server": "https://h/fhir", "ca_file": "/absent.pem"}, "ca_file"),
        ({"server": "https://h/fhir", "certificate": "/absent.pem"}, "certificate"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, object], key: str) -> None:
    """Before anything is connected, with the key to mend."""
    with pytest.raises(Misconfigured) as told:
        open_(NAME, options, tools("", {f"{NAME}.tls": "x", NAME: "x"}))
    assert told.value.key == key


def test_options_reach_the_adapter() -> None:
    """A bearer token and a sample of validation, with R4 as the guide."""
    emr = open_(NAME, {"server": "https://h/fhir", "auth": "bearer", "validate": "outbound", "page": 0}, tools())
    assert isinstance(emr._line.access, Bearer)
    assert terms_of(NAME, {"server": "https://h/fhir", "page": 7}, tools()).page == 7
    emr.close()


# ---- mutual TLS


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """Make a self-signed certificate; return its file and its key as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SystemClock().now().utc - timedelta(days=1))
        .not_valid_after(SystemClock().now().utc + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return str(file), key.private_bytes(*form).decode()


class Quiet(ThreadingHTTPServer):
    """A client that is turned away at the door is no news."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Serve over TLS to who shows the clinic's certificate; yield base, authority, certificate and key."""
    (theirs, their_key), (ours, our_key) = certificate(tmp_path, "server"), certificate(tmp_path, "clinic")
    key_file = tmp_path / "server.key"
    key_file.write_text(their_key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(theirs, key_file)
    context.load_verify_locations(ours)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Quiet(("127.0.0.1", 0), type("Bound", (Handler,), {"hostile": Hostile(frozenset())}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://localhost:{server.server_address[1]}/fhir", theirs, ours, our_key
    server.shutdown()
    server.server_close()
    thread.join()


def test_our_certificate_opens_the_door(locked: tuple[str, str, str, str]) -> None:
    """The key comes from the vault as one line; without the certificate nothing is read."""
    base, authority, ours, key = locked
    given = tools("", {f"{NAME}.tls": key.replace("\n", " ")})
    known = open_(NAME, {"server": base, "ca_file": authority, "certificate": ours}, given)
    assert known.slots(DAY).complete
    known.close()
    unknown = open_(NAME, {"server": base, "ca_file": authority}, given)
    with pytest.raises(Transient):
        unknown.slots(DAY)
    unknown.close()
    stranger = open_(NAME, {"server": base}, given)
    with pytest.raises(Transient, match="reached"):
        stranger.slots(DAY)
    stranger.close()


def test_a_key_that_is_not_the_certificates_is_refused(locked: tuple[str, str, str, str], tmp_path: Path) -> None:
    """Before anything is connected."""
    _, _, ours, _ = locked
    _, other_key = certificate(tmp_path, "another")
    with pytest.raises(Misconfigured, match="belong together"):
        trust("", ours, lambda: other_key)
    assert lines_of(other_key.replace("\n", "")).decode() == other_key
    assert (Open().renew(), trust("", "", str).minimum_version) == (False, ssl.TLSVersion.TLSv1_2)
