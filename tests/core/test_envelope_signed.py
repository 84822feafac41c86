"""One compact JWS: every trap of the library and of the format."""

import base64
import contextlib
import json
import zlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from agent.core.envelope import (
    Rejected,
    jws_hash,
    named,
    parties,
    payload_hash,
    peek,
    recall,
    sign,
    split,
    thumbprint,
    verify,
)
from agent.core.envelope.strict import deflate, inflate, read_base64url, read_json, read_time

TYP = "creneau-offer+jws"
KEY = OKPKey.import_key(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
)
"""RFC 8037 appendix A.1."""
KEYS = named([KEY])
CLAIMS = {"v": 1, "text": "é" * 5}


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: str | dict[str, Any], payload: bytes = b'{"v":1}', key: OKPKey = KEY) -> str:
    """Sign any header at all, past the library's checks."""
    text = header if isinstance(header, str) else json.dumps(header)
    signed = f"{segment(text.encode())}.{segment(payload)}"
    private = key.private_key
    assert private is not None
    return f"{signed}.{segment(private.sign(signed.encode()))}"  # type: ignore[call-arg,union-attr]


def header(**more: Any) -> dict[str, Any]:
    return {"alg": "Ed25519", "kid": thumbprint(KEY), "typ": TYP, **more}


def problem(text: str, keys: Any = KEYS) -> str:
    with pytest.raises(Rejected) as caught:
        verify(text, keys, TYP)
    return caught.value.problem


def test_the_thumbprint_is_that_of_the_rfc() -> None:
    """Kid is the RFC 7638 thumbprint; the vector is RFC 8037 appendix A.3."""
    assert thumbprint(KEY) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_what_is_signed_opens() -> None:
    """Members come back, with the hash of the inflated payload."""
    opened = verify(sign(TYP, CLAIMS, KEY), KEYS, TYP)
    assert opened.claims == CLAIMS
    assert opened.payload_sha256 == payload_hash(sign(TYP, CLAIMS, KEY))


def test_only_above_1_kib_is_deflated() -> None:
    """`zip` stands only where it is used, and the hash is of the inflated payload."""
    small, large = {"v": 1, "a": "x" * 900}, {"v": 1, "a": [str(i) for i in range(2000)]}
    assert not split(sign(TYP, small, KEY))[0].zipped
    text = sign(TYP, large, KEY)
    assert split(text)[0].zipped
    assert verify(text, KEYS, TYP).claims == large
    assert payload_hash(text) == payload_hash(sign(TYP, large, KEY, pack=False))


def test_what_deflates_too_well_travels_plain() -> None:
    """A receiver takes more than 200:1 for a bomb, so we send none."""
    text = sign(TYP, {"v": 1, "a": "x" * 500_000}, KEY)
    assert not split(text)[0].zipped
    assert verify(text, KEYS, TYP).claims["a"] == "x" * 500_000


def test_three_megabytes_pass_both_ways() -> None:
    """Joserfc's own limit of 96,000 bytes, which only its receiver checks, is raised."""
    assert verify(sign(TYP, {"v": 1, "a": "x" * 3_000_000}, KEY), KEYS, TYP).claims["v"] == 1


def test_nothing_above_32_mib_is_signed() -> None:
    """The sender keeps the bound of the receiver."""
    with pytest.raises(Rejected, match="too-large"):
        sign(TYP, {"v": 1, "a": "x" * (32 * 1024 * 1024)}, KEY)


@pytest.mark.parametrize("at", [3, 90, 200, -3])
def test_one_changed_character_is_refused(at: int) -> None:
    """Header, payload or signature: any change is bad-signature."""
    text = sign(TYP, {"v": 1, "long": "x" * 90}, KEY)
    place = at % len(text)
    other = "A" if text[place] != "A" else "B"
    assert problem(text[:place] + other + text[place + 1 :]) == "bad-signature"


@pytest.mark.parametrize("tail", ["=", "\n", " ", "é", ".x"])
def test_no_padding_and_no_tail(tail: str) -> None:
    """The compact form is not malleable at its end."""
    assert problem(sign(TYP, CLAIMS, KEY) + tail) == "bad-signature"


def test_spare_bits_are_refused() -> None:
    """The last character of a signature has four spare bits, which must be zero."""
    text = sign(TYP, CLAIMS, KEY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert problem(text[:-1] + alphabet[alphabet.index(text[-1]) + 1]) == "bad-signature"


@pytest.mark.parametrize(
    "members",
    [
        header(alg="EdDSA"),
        header(alg="none"),
        header(b64=False, crit=["b64"]),
        header(crit=["zip"], zip="DEF"),
        header(jwk={}),
        header(zip="GZ"),
        header(cty="x"),
        header(kid=7),
        header(typ=None),
        {"alg": "Ed25519", "typ": TYP},
    ],
)
def test_a_header_member_that_is_not_ours_is_refused(members: dict[str, Any]) -> None:
    """Only alg (Ed25519), kid, typ and zip (DEF), though the signature holds."""
    assert problem(forged(members)) == "bad-signature"


def test_duplicate_header_members_are_refused() -> None:
    """Joserfc takes the last one; we take none."""
    twice = json.dumps(header())[:-1] + f', "typ": "{TYP}"}}'
    assert problem(forged(twice)) == "bad-signature"


def test_another_typ_is_refused() -> None:
    """A message of one kind never passes for another."""
    assert problem(sign("creneau-beat+jws", CLAIMS, KEY)) == "bad-signature"


def test_hs256_with_the_public_key_is_refused() -> None:
    """The public key is no secret to sign with."""
    public = KEY.public_key
    assert isinstance(public, Ed25519PublicKey)
    secret = OctKey.import_key(public.public_bytes_raw())
    text = jws.serialize_compact(header(alg="HS256"), b'{"v":1}', secret, algorithms=["HS256"])
    assert problem(text) == "bad-signature"


@pytest.mark.parametrize("key", [OKPKey.generate_key("X25519"), OKPKey.generate_key("Ed448"), ECKey.generate_key()])
def test_a_key_of_another_kind_verifies_nothing(key: Any) -> None:
    """A key set that holds a wrong key refuses, it does not crash."""
    assert problem(sign(TYP, CLAIMS, KEY), {thumbprint(KEY): key}) == "bad-signature"


def test_an_unknown_key_and_another_key_are_refused() -> None:
    """By kid, and by signature when the kid lies."""
    stranger = OKPKey.generate_key("Ed25519")
    assert problem(sign(TYP, CLAIMS, stranger)) == "bad-signature"
    assert problem(forged(header(), key=stranger)) == "bad-signature"


def test_sizes_are_checked_before_anything_else() -> None:
    """A header of 513 characters or a payload beyond the bound is not read."""
    assert problem("A" * 513 + ".A.A") == "too-large"
    assert problem("A." + "A" * (45 * 1024 * 1024) + ".A") == "too-large"
    assert problem("no jws") == "bad-signature"


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (zlib.compress(b'{"v":1}'), "schema"),
        (deflate(b'{"v":1}')[:-1], "schema"),
        (deflate(b'{"v":1}') + b"x", "schema"),
        (deflate(b" " * 1_000_000), "too-large"),
        (deflate(b"not json"), "schema"),
    ],
)
def test_a_packed_payload_is_inflated_within_bounds(payload: bytes, word: str) -> None:
    """Zlib's own wrapping, a cut, a tail and a bomb are refused."""
    assert problem(forged(header(zip="DEF"), payload)) == word


def test_nothing_is_inflated_before_the_signature_holds() -> None:
    """A bomb with a bad signature is only a bad signature."""
    text = forged(header(zip="DEF"), deflate(b" " * 1_000_000), OKPKey.generate_key("Ed25519"))
    assert problem(text) == "bad-signature"


def test_another_version_is_refused() -> None:
    """The version stands inside what is signed."""
    assert problem(sign(TYP, {"v": 0}, KEY)) == "schema"
    assert problem(sign(TYP, {}, KEY)) == "schema"


def test_peek_reads_no_packed_payload() -> None:
    """Before the signature is checked nothing is inflated."""
    assert peek(sign(TYP, CLAIMS, KEY)).claims == CLAIMS
    large = sign(TYP, {"v": 1, "a": [str(i) for i in range(2000)]}, KEY)
    with pytest.raises(Rejected):
        peek(large)


def test_a_stored_message_is_read_again_packed_or_not() -> None:
    """What was verified before it was stored needs no key."""
    for claims in (CLAIMS, {"v": 1, "a": [str(i) for i in range(2000)]}):
        assert recall(sign(TYP, claims, KEY)).claims == claims


@pytest.mark.parametrize("more", [[], [str(i) for i in range(50_000)]])
def test_sender_and_hub_are_read_from_the_start(more: list[str]) -> None:
    """Packed or not, a message of our own says from whom to whom without being parsed."""
    text = sign(TYP, {"iss": 'a"\\é', "aud": "https://hub", "v": 1, "more": more}, KEY)
    assert parties(text) == ('a"\\é', "https://hub")
    with pytest.raises(Rejected):
        parties(sign(TYP, {"v": 1, "more": more}, KEY))


def test_jws_hash_takes_any_text() -> None:
    """Hashing what a stranger sent never fails."""
    assert len(jws_hash("é")) == 64


def test_the_library_alone_would_let_these_pass() -> None:
    """The traps are real: without our own checks joserfc takes duplicates and b64."""
    registry = JWSRegistry(header_registry={"zip": HeaderParameter("z", "str")}, algorithms=["Ed25519"])
    twice = json.dumps(header())[:-1] + ', "typ": "x"}'
    assert jws.deserialize_compact(forged(twice), KEY, registry=registry).headers()["typ"] == "x"


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1.5}',
        b'{"a":1e400}',
        b'{"a":9007199254740992}',
        b'{"a":-9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"[1]",
        b'"x"',
        b"",
        b"{",
        b'{"a":1}x',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a":"\\ud800"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b'{"a":' * 40 + b"1" + b"}" * 41,
    ],
)
def test_json_is_read_without_leeway(text: bytes) -> None:
    """Duplicates, NaN, fractions, integers beyond 53 bits, lone surrogates and deep nesting are refused."""
    with pytest.raises(Rejected) as caught:
        read_json(text)
    assert caught.value.problem == "schema"


@pytest.mark.parametrize(
    "value",
    [
        {"a": "[[[[{{{{" * 40, "b": '"[' * 50, "c": "\\[" * 50, "d": '\\"[' * 50},
        {"a": 9007199254740991, "b": -9007199254740991},
        {"emoji": "\U0001f600", "n": None, "t": True},
        {"deep": [[[[[[[[[[1]]]]]]]]]]},
    ],
)
def test_brackets_in_text_are_no_nesting(value: dict[str, Any]) -> None:
    """Depth is counted outside strings only."""
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), JSON, max_size=5))
def test_every_json_object_comes_back(value: dict[str, Any]) -> None:
    """What is signed is what is read."""
    claims = {**value, "v": 1}
    assert verify(sign(TYP, claims, KEY), KEYS, TYP).claims == claims


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_deflate_and_back(data: bytes) -> None:
    """Inflating undoes deflating, and garbage is refused as Rejected only."""
    if len(data) <= 200 * len(deflate(data)):
        assert inflate(deflate(data)) == data
    with contextlib.suppress(Rejected):
        assert len(inflate(data)) <= 200 * len(data)


@pytest.mark.parametrize("text", ["A", "AB", "A=", "A+", "AAAAA", "é"])
def test_base64url_has_one_spelling(text: str) -> None:
    """Padding, foreign characters, impossible lengths and spare bits are refused."""
    with pytest.raises(Rejected):
        read_base64url(text)


@pytest.mark.parametrize(
    "text", ["2026-11-23", "2026-11-23T09:00:00", "2026-13-23T09:00:00Z", "2026-11-23 09:00:00Z", 5, None]
)
def test_times_are_rfc_3339(text: object) -> None:
    """No date alone, no naive time, no month 13."""
    with pytest.raises(Rejected):
        read_time(text)
