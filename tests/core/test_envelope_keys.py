"""Keys, key sets, enrolment and sealed patients."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey

from agent.core.envelope import (
    Enrolled,
    Envelope,
    Rejected,
    Statement,
    answer,
    enrol_body,
    enrolled_body,
    fingerprint,
    follow,
    import_jwk,
    is_small_order,
    jwks,
    key_set,
    named,
    next_key,
    open_enrol,
    open_enrolled,
    open_next,
    open_order,
    open_statement,
    open_turnover,
    public_jwk,
    read_code,
    resign_order,
    seal,
    seal_patient,
    sealed_to,
    sign,
    sign_order,
    statement,
    thumbprint,
    turn_over,
    unseal,
)
from agent.core.envelope.strict import read_base64url, write_base64url

SIGNING, OTHER, HUB, NEXT = (OKPKey.generate_key("Ed25519") for _ in range(4))
SEALING = OKPKey.generate_key("X25519")
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
ORIGIN = "https://hub.example"
QUICK = timedelta(seconds=1)
P = 2**255 - 19


def little(number: int) -> bytes:
    return number.to_bytes(32, "little")


def test_a_public_jwk_goes_round() -> None:
    """Both curves, with the thumbprint as kid and never the private part."""
    for key, crv in ((SIGNING, "Ed25519"), (SEALING, "X25519")):
        jwk = public_jwk(key)
        assert set(jwk) == {"kty", "crv", "x", "kid"}
        assert thumbprint(import_jwk(jwk, crv)) == thumbprint(key)


@pytest.mark.parametrize(
    "change",
    [
        {"d": "x"},
        {"kty": "EC"},
        {"crv": "X25519"},
        {"x": "AA"},
        {"x": 5},
        {"x": "!" * 43},
        {"kid": "other"},
        {"x": write_base64url(little(1))},
    ],
)
def test_a_jwk_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    """A private key, another curve, a lying kid, a small-order point."""
    with pytest.raises(Rejected):
        import_jwk(public_jwk(SIGNING) | change)


@pytest.mark.parametrize("crv", ["Ed25519", "X25519"])
def test_a_small_order_point_is_refused_whatever_its_kid(crv: str) -> None:
    """The mutation gate saw that only the kid was looked at: here none is given."""
    with pytest.raises(Rejected):
        import_jwk({"kty": "OKP", "crv": crv, "x": write_base64url(little(1))}, crv)


@pytest.mark.parametrize("jwk", [None, [], "x", 5])
def test_what_is_no_jwk_is_refused(jwk: object) -> None:
    """Only an object."""
    with pytest.raises(Rejected):
        import_jwk(jwk)


ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
U_8 = (
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
)


@pytest.mark.parametrize("sign_bit", [0, 0x80])
@pytest.mark.parametrize("point", [little(0), little(1), little(P - 1), little(P), *map(bytes.fromhex, ORDER_8)])
def test_points_of_small_order_sign_nothing(point: bytes, sign_bit: int) -> None:
    """All eight, with either sign, and what is not canonical: else a clinic could repudiate its ledger."""
    assert is_small_order(point[:31] + bytes([point[31] | sign_bit]), "Ed25519")


@pytest.mark.parametrize("point", [little(0), little(1), little(P - 1), little(P + 1), *map(bytes.fromhex, U_8)])
def test_points_of_small_order_seal_nothing(point: bytes) -> None:
    """The shared secret would be zero for everybody."""
    assert is_small_order(point, "X25519")


def test_real_keys_are_not_small() -> None:
    """The test does not refuse everything."""
    assert not any(is_small_order(read_base64url(public_jwk(key)["x"]), "Ed25519") for key in (SIGNING, HUB, NEXT))
    assert not is_small_order(read_base64url(public_jwk(SEALING)["x"]), "X25519")


def test_a_key_set_keeps_its_order() -> None:
    """The hub's proof runs over the thumbprints in order."""
    keys = named([HUB, NEXT, OTHER])
    assert list(key_set(jwks(keys))) == [thumbprint(key) for key in (HUB, NEXT, OTHER)]
    for empty in ([], None, {}):
        with pytest.raises(Rejected):
            key_set(empty)


# ---- key sets turn over


def turned(n: int = 2, by_old: OKPKey = HUB, by_new: OKPKey = NEXT, iss: str = ORIGIN) -> str:
    return turn_over(n, named([NEXT]), by_new=by_new, by_old=by_old, iss=iss)


def test_a_set_follows_its_predecessor() -> None:
    """Signed by a key of n and a key of n + 1."""
    assert list(open_turnover(turned(), named([HUB]), 1, iss=ORIGIN)) == [thumbprint(NEXT)]


@pytest.mark.parametrize(
    "text",
    [turned(3), turned(1), turned(by_old=OTHER), turned(by_new=OTHER), turned(iss="https://other")],
    ids=["skips", "back", "not by the old", "not by the new", "another hub"],
)
def test_a_set_never_goes_back_skips_or_stands_alone(text: str) -> None:
    """Downgrade, skipped number, one signature only, another hub."""
    with pytest.raises(Rejected):
        open_turnover(text, named([HUB]), 1, iss=ORIGIN)


def test_following_several_sets() -> None:
    """Sets already held are passed over, rubbish ends the walk."""
    third = turn_over(3, named([OTHER]), by_new=OTHER, by_old=NEXT, iss=ORIGIN)
    n, keys = follow([turned(), third], named([HUB]), 1, iss=ORIGIN)
    assert (n, list(keys)) == (3, [thumbprint(OTHER)])
    assert follow([turned(), "rubbish", third], named([NEXT]), 2, iss=ORIGIN)[0] == 2
    assert follow([], named([HUB]), 1, iss=ORIGIN)[0] == 1


# ---- enrolment

CODE = read_code("abcd-01234-56789-abcde-fghjk-mnpqr-s")


def test_a_code_is_read_as_people_type_it() -> None:
    """Case, dashes, blanks and the twins O, I and L do not matter."""
    assert CODE.shown() == "ABCD-01234-56789-ABCDE-FGHJK-MNPQR-S"
    assert read_code("  abcd OI234 56789 ABCDEFGHJKMNPQRS ") == CODE
    assert CODE.secret not in repr(CODE)


@pytest.mark.parametrize("text", ["", "ABCD-0123", CODE.shown() + "0", CODE.shown().replace("S", "U")])
def test_a_mistyped_code_is_refused(text: str) -> None:
    """Too short, too long, or a character Crockford left out."""
    with pytest.raises(Rejected):
        read_code(text)


def asked(**over: Any) -> Envelope:
    body = dict(enrol_body(CODE, SIGNING, SEALING, aud=ORIGIN, instance="i" * 22, software="creneau 0.1")) | over
    return seal("enrol", body, SIGNING, iss=thumbprint(SIGNING), aud=ORIGIN, jti="j", now=NOW)


def told(to: Envelope, body: Any = None, key: OKPKey = HUB) -> str:
    enrolled = Enrolled("clinic-1", 1, named([HUB, NEXT]), {"tick_s": 30})
    members = enrolled_body(CODE.key(), enrolled, thumbprint(SIGNING)) if body is None else body
    return answer(
        "enrol", members, key, iss=ORIGIN, aud=thumbprint(SIGNING), jti="a", to=to.jws, re="j", now=NOW, log="l"
    )


def test_both_sides_prove_the_code() -> None:
    """The secret is in no message, and each believes the other's keys."""
    envelope = asked()
    applicant = open_enrol(envelope.jws, aud=ORIGIN, now=NOW)
    assert applicant.proves(CODE.key(), ORIGIN)
    assert not applicant.proves(read_code("ABCD" + "0" * 26).key(), ORIGIN)
    assert not applicant.proves(CODE.key(), "https://other")
    enrolled = open_enrolled(told(envelope), to=envelope, code=CODE, took=QUICK)
    assert (enrolled.clinic, enrolled.n, enrolled.policy) == ("clinic-1", 1, {"tick_s": 30})
    assert list(enrolled.keys) == [thumbprint(HUB), thumbprint(NEXT)]


def test_an_applicant_is_its_own_key() -> None:
    """The message is signed by the key inside and names it as iss."""
    body = enrol_body(CODE, SIGNING, SEALING, aud=ORIGIN, instance="i", software="s")
    lying = seal("enrol", body, SIGNING, iss="other", aud=ORIGIN, jti="j", now=NOW)
    foreign = seal("enrol", body, OTHER, iss=thumbprint(SIGNING), aud=ORIGIN, jti="j", now=NOW)
    for envelope in (lying, foreign, asked(sealing={})):
        with pytest.raises(Rejected):
            open_enrol(envelope.jws, aud=ORIGIN, now=NOW)


def test_a_hub_without_the_code_is_not_believed() -> None:
    """Wrong proof, missing keys, or a right proof signed by a key outside the set."""
    envelope = asked()
    good = dict(enrolled_body(CODE.key(), Enrolled("clinic-1", 1, named([HUB])), thumbprint(SIGNING)))
    fakes = [good | {"proof": "0" * 64}, good | {"clinic": "clinic-2"}, good | {"keys": 5}]
    for body in fakes:
        with pytest.raises(Rejected):
            open_enrolled(told(envelope, body), to=envelope, code=CODE, took=QUICK)
    with pytest.raises(Rejected):
        open_enrolled(told(envelope, good, OTHER), to=envelope, code=CODE, took=QUICK)
    assert open_enrolled(told(envelope, good | {"policy": 5}), to=envelope, code=CODE, took=QUICK).policy == {}


@pytest.mark.parametrize(("why", "word"), [("used", "used"), ("<b>", ""), (None, "")])
def test_the_hubs_word_for_why_a_code_is_refused_comes_along(why: object, word: str) -> None:
    """A plain word only: it is not proved, and a person reads a sentence made of it."""
    code = read_code("7K2M-" + "-".join(["12345"] * 5) + "-1")
    body = enrol_body(code, SIGNING, SEALING, aud=ORIGIN, instance="i" * 22, software="x", clinic="c1", contact="Manon")
    assert (body["clinic"], body["contact"]) == ("c1", "Manon")
    envelope = seal("enrol", body, SIGNING, iss=thumbprint(SIGNING), aud=ORIGIN, jti="j" * 22, now=NOW)
    refusal = {"problem": "unknown-clinic", "why": why}
    names = {"iss": ORIGIN, "aud": thumbprint(SIGNING), "jti": "h" * 22, "re": "j" * 22, "log": "l"}
    jws = answer("enrol", refusal, HUB, to=envelope.jws, now=NOW, **names)
    with pytest.raises(Rejected) as wrong:
        open_enrolled(jws, to=envelope, code=code, took=QUICK)
    assert (wrong.value.problem, wrong.value.said) == ("unknown-clinic", word)


def test_an_order_is_signed_anew_only_for_who_lacks_its_key() -> None:
    """Byte for byte the same payload: the same order to whom it came before."""
    claims = {"iss": ORIGIN, "aud": "c1", "booking": "booking-1", "version": 1, "goal": None, "slot": None}
    whole = claims | {"firmness": "firm", "until": None, "expires_at": None, "patient_sha256": None}
    jws = sign_order(whole, HUB)
    assert resign_order(jws, named([HUB, NEXT]), NEXT) == jws
    again = resign_order(jws, named([NEXT]), NEXT)
    old, new = open_order(jws, named([HUB]), aud="c1"), open_order(again, named([NEXT]), aud="c1")
    assert old.body_hash == new.body_hash


@pytest.mark.parametrize(("said", "word"), [("bad-code", "bad-code"), ("<b>", "no-answer"), (5, "no-answer")])
def test_a_refused_enrolment_says_why(said: object, word: str) -> None:
    """The word comes back unproved, for the person at the keyboard."""
    envelope = asked()
    with pytest.raises(Rejected) as caught:
        open_enrolled(told(envelope, {"problem": said}), to=envelope, code=CODE, took=QUICK)
    assert caught.value.problem == word
    with pytest.raises(Rejected):
        open_enrolled(envelope.jws, to=envelope, code=CODE, took=QUICK)


def test_the_fingerprint_is_short_and_both_sides_have_it() -> None:
    """20 hex digits in groups of four, other for other keys."""
    text = fingerprint(thumbprint(HUB), thumbprint(SIGNING))
    assert [len(part) for part in text.split("-")] == [4] * 5
    assert text != fingerprint(thumbprint(NEXT), thumbprint(SIGNING))


# ---- sealed patients


def test_a_sealed_patient_opens_only_here() -> None:
    """Sealed to a key or a JWK, opened by its private half and no other."""
    for public in (SEALING, public_jwk(SEALING)):
        text = seal_patient({"booking": "b", "family": "Tremblay"}, public)
        assert sealed_to(text) == thumbprint(SEALING)
        assert unseal(text, SEALING) == {"booking": "b", "family": "Tremblay"}
        with pytest.raises(Rejected) as caught:
            unseal(text, OKPKey.generate_key("X25519"))
        assert caught.value.problem == "reseal"


def test_too_much_is_not_sealed() -> None:
    """What the other side could not open is not made."""
    with pytest.raises(Rejected, match="too-large"):
        seal_patient({"note": "x" * 50_000}, SEALING)
    assert unseal(seal_patient({"note": "x" * 47_900}, SEALING), SEALING)


def sealed(alg: str, enc: str, key: Any, **header: Any) -> str:
    algorithms = [alg, enc, *([header["zip"]] if "zip" in header else [])]
    return jwe.encrypt_compact({"alg": alg, "enc": enc, "kid": "k", **header}, b"{}", key, algorithms=algorithms)


@pytest.mark.parametrize(
    "text",
    [
        sealed("dir", "A256GCM", OctKey.generate_key(256)),
        sealed("ECDH-ES", "A256GCM", SEALING),
        sealed("ECDH-ES+A256KW", "A128GCM", SEALING),
        sealed("ECDH-ES+A256KW", "A256GCM", SEALING, zip="DEF"),
        sealed("ECDH-ES+A256KW", "A256GCM", SEALING, apu="QQ"),
        sealed("ECDH-ES+A256KW", "A256GCM", ECKey.generate_key("P-256")),
        seal_patient({"a": 1}, SEALING).rsplit(".", 1)[0],
        seal_patient({"a": 1}, SEALING)[:-4] + "AAAA",
        "rubbish",
        "",
        sealed("ECDH-ES+A256KW", "A256GCM", SEALING).replace(".", "..", 1),
        jwe.encrypt_compact(
            {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}, b"{}", SEALING, algorithms=["ECDH-ES+A256KW", "A256GCM"]
        ),
        jwe.encrypt_compact(
            {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": "k"},
            b"[]",
            SEALING,
            algorithms=["ECDH-ES+A256KW", "A256GCM"],
        ),
    ],
    ids=[
        "dir",
        "no key wrap",
        "128 bits",
        "zip",
        "apu",
        "P-256",
        "four parts",
        "altered tag",
        "no JWE",
        "empty",
        "six parts",
        "no kid",
        "no object",
    ],
)
def test_everything_else_must_be_sealed_anew(text: str) -> None:
    """dir, zip, apu, another curve, four parts, an altered tag, no kid, no object: `reseal`, never a crash."""
    with pytest.raises(Rejected) as caught:
        unseal(text, SEALING)
    assert caught.value.problem == "reseal"


SAID = Statement("clinic-1", SEALING, NOW, NOW + timedelta(days=30), 3)


def test_the_clinic_states_its_sealing_key() -> None:
    """Signed by the clinic, with dates and a number that only grows."""
    opened = open_statement(statement(SAID, SIGNING), named([SIGNING]), clinic="clinic-1")
    assert (opened.not_before, opened.not_after, opened.n) == (SAID.not_before, SAID.not_after, 3)
    assert thumbprint(opened.key) == thumbprint(SEALING)


def test_a_statement_of_somebody_else_is_refused() -> None:
    """Another clinic, another key, another shape."""
    text = statement(SAID, SIGNING)
    for keys, clinic in ((named([SIGNING]), "clinic-2"), (named([OTHER]), "clinic-1")):
        with pytest.raises(Rejected):
            open_statement(text, keys, clinic=clinic)
    with pytest.raises(Rejected):
        open_statement(
            sign("creneau-sealing-key+jws", {"clinic": "clinic-1", "v": 1}, SIGNING),
            named([SIGNING]),
            clinic="clinic-1",
        )


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"prior": "other"}, "bad-signature"),
        ({"iss": "other"}, "bad-signature"),
        ({"aud": "https://other.example"}, "bad-signature"),
        ({}, ""),
    ],
)
def test_a_next_key_counts_only_for_the_key_clinic_and_hub_it_names(said: dict[str, str], problem: str) -> None:
    """Signed by itself, and following another key than itself."""
    whole = {"prior": thumbprint(SIGNING), "iss": "c1", "aud": ORIGIN}
    text = next_key(OTHER, **(whole | said))
    if not problem:
        assert thumbprint(open_next(text, **whole)) == thumbprint(OTHER)
        with pytest.raises(Rejected):
            open_next(next_key(SIGNING, **whole), **whole)
        return
    with pytest.raises(Rejected) as wrong:
        open_next(text, **whole)
    assert wrong.value.problem == problem
