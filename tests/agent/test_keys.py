"""The keys of a clinic: enrolment, sealing keys that turn over, patients opened, secrets by name."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from agent.core.envelope import fingerprint, named, open_statement, seal_patient, thumbprint, turn_over
from agent.core.errors import Misconfigured, Refused
from agent.core.model import BookingId
from agent.keys import VaultKeys, fresh_keys, make_root, open_keys

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
DAY = timedelta(days=1)
HUB = "https://hub.example.org"
BOOKING = BookingId("booking-1")
DETAILS = {"booking": BOOKING, "version": 2, "family": "Tremblay", "given": "Manon"}


@pytest.fixture
def keys(tmp_path: Path) -> VaultKeys:
    """Keys of a folder with a root key, not enrolled."""
    make_root(tmp_path)
    return open_keys(tmp_path, {})


@pytest.fixture
def hub() -> OKPKey:
    """Make a hub's signing key."""
    return OKPKey.generate_key("Ed25519")


def enrol(keys: VaultKeys, hub: OKPKey, now: datetime = NOW, clinic: str = "c1") -> VaultKeys:
    keys.adopt_enrolment(keys.candidate(), clinic=clinic, hub=HUB, n=1, keys=named([hub]), now=now)
    return keys


def stated(keys: VaultKeys):  # noqa: ANN201 - the envelope's Statement
    return open_statement(keys.sealing(), named([keys.signing()]), clinic="c1")


def test_before_enrolment_every_key_asks_for_it(keys: VaultKeys) -> None:
    """A clinic that is not enrolled is told which command does it."""
    for ask in (keys.identity, keys.signing, keys.sealing, keys.hub, keys.keyset):
        with pytest.raises(Misconfigured) as wrong:
            ask()
        assert str(wrong.value.hint) == "creneau enrol CODE"
    with pytest.raises(Misconfigured):
        keys.turn_over(NOW)


def test_the_candidate_is_kept_until_adopted(keys: VaultKeys, hub: OKPKey, tmp_path: Path) -> None:
    """A crash between the hub's yes and ours repeats the same keys; adopted, they are ours."""
    first = keys.candidate()
    again = open_keys(tmp_path, {}).candidate()
    assert thumbprint(first.signing) == thumbprint(again.signing)
    assert thumbprint(first.sealing) == thumbprint(again.sealing)
    enrol(keys, hub)
    after = open_keys(tmp_path, {})
    assert thumbprint(after.signing()) == thumbprint(first.signing)
    assert after.signing().as_dict(private=True)["d"] == first.signing.as_dict(private=True)["d"]
    assert after.identity().instance == first.instance
    assert thumbprint(after.candidate().signing) != thumbprint(first.signing)


def test_fresh_keys_are_new_each_time() -> None:
    """Nothing is ever reused by accident, and nothing is shown."""
    one, two = fresh_keys(), fresh_keys()
    assert thumbprint(one.signing) != thumbprint(two.signing)
    assert one.instance != two.instance
    assert one.signing.as_dict(private=True)["d"] not in repr(one)


def test_identity_carries_what_two_people_compare(keys: VaultKeys, hub: OKPKey) -> None:
    """The fingerprint binds the hub's first key and ours."""
    who = enrol(keys, hub).identity()
    assert (who.clinic, who.hub) == ("c1", HUB)
    assert who.fingerprint == fingerprint(thumbprint(hub), thumbprint(keys.signing()))
    assert list(keys.hub()) == [thumbprint(hub)]
    assert keys.keyset() == 1
    assert keys.age(NOW + DAY) == DAY
    assert keys.age(NOW - DAY) == timedelta(0)


def test_a_patient_opens_for_their_own_order(keys: VaultKeys, hub: OKPKey) -> None:
    """Details sealed to the stated key come out whole."""
    enrol(keys, hub)
    sealed = seal_patient({**DETAILS, "born": "1980-02-29", "note": "x" * 1000}, stated(keys).key)
    patient = keys.patient(sealed, BOOKING, 2)
    assert (patient.family, patient.given, patient.born) == ("Tremblay", "Manon", date(1980, 2, 29))
    assert patient.nam == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"booking": "booking-2"}, "reseal"),
        ({"version": 3}, "reseal"),
        ({"family": ""}, "schema"),
        ({"family": 5}, "schema"),
        ({"given": "x" * 201}, "schema"),
        ({"note": "x" * 1001}, "schema"),
        ({"phone": "a\0"}, "schema"),
        ({"born": "29-02-1980"}, "schema"),
        ({"born": 1980}, "schema"),
    ],
)
def test_details_that_do_not_fit_are_refused(
    keys: VaultKeys, hub: OKPKey, change: dict[str, object], reason: str
) -> None:
    """Details of another order, or of another shape, are refused and never shown."""
    enrol(keys, hub)
    sealed = seal_patient({**DETAILS, **change}, stated(keys).key)
    with pytest.raises(Refused) as wrong:
        keys.patient(sealed, BOOKING, 2)
    assert wrong.value.reason == reason
    assert "Tremblay" not in f"{wrong.value!r} {wrong.value.__cause__!r}"


@pytest.mark.parametrize("text", ["", "a.b.c.d.e", "x" * 99])
def test_what_is_no_seal_is_refused(keys: VaultKeys, hub: OKPKey, text: str) -> None:
    """Anything else asks the portal to seal again."""
    with pytest.raises(Refused) as wrong:
        enrol(keys, hub).patient(text, BOOKING, 2)
    assert wrong.value.reason == "reseal"


def test_details_sealed_to_a_stranger_are_refused(keys: VaultKeys, hub: OKPKey) -> None:
    """A seal to another clinic's key does not open here."""
    sealed = seal_patient(DETAILS, OKPKey.generate_key("X25519"))
    with pytest.raises(Refused) as wrong:
        enrol(keys, hub).patient(sealed, BOOKING, 2)
    assert wrong.value.reason == "reseal"


def test_the_sealing_key_turns_over_and_dies(keys: VaultKeys, hub: OKPKey) -> None:
    """At 30 days a new key is stated; the old one opens 14 days longer and is then gone for good."""
    enrol(keys, hub)
    old = stated(keys)
    sealed = seal_patient(DETAILS, old.key)
    assert keys.turn_over(NOW + 29 * DAY) is False
    assert keys.turn_over(NOW + 30 * DAY) is True
    new = stated(keys)
    assert new.n > old.n
    assert new.not_before == NOW + 30 * DAY
    assert new.not_after <= NOW + 30 * DAY + 30 * DAY + 14 * DAY
    assert thumbprint(new.key) != thumbprint(old.key)
    assert keys.turn_over(NOW + 43 * DAY) is False
    assert keys.patient(sealed, BOOKING, 2).family == "Tremblay"
    assert keys.turn_over(NOW + 44 * DAY) is True
    with pytest.raises(Refused):
        keys.patient(sealed, BOOKING, 2)
    assert keys.patient(seal_patient(DETAILS, new.key), BOOKING, 2).family == "Tremblay"


def test_a_new_enrolment_of_the_same_clinic_still_opens_what_is_on_its_way(keys: VaultKeys, hub: OKPKey) -> None:
    """Enrolled again, the clinic states a higher number and keeps its old sealing key for its time."""
    enrol(keys, hub)
    before = stated(keys)
    sealed = seal_patient(DETAILS, before.key)
    enrol(keys, hub)
    assert stated(keys).n > before.n
    assert keys.patient(sealed, BOOKING, 2).given == "Manon"


def test_numbers_grow_even_when_the_vault_was_lost(keys: VaultKeys, hub: OKPKey, tmp_path: Path) -> None:
    """A replaced computer states a number portals have not seen yet."""
    enrol(keys, hub)
    before = stated(keys).n
    make_root(tmp_path / "new")
    assert stated(enrol(open_keys(tmp_path / "new", {}), hub, NOW + DAY)).n > before


def test_another_clinic_inherits_no_sealing_key(keys: VaultKeys, hub: OKPKey) -> None:
    """What was sealed to one clinic does not open once the machine serves another."""
    enrol(keys, hub, clinic="c1")
    sealed = seal_patient(DETAILS, stated(keys).key)
    enrol(keys, hub, clinic="c2")
    with pytest.raises(Refused):
        keys.patient(sealed, BOOKING, 2)


def test_the_hubs_keys_are_followed_step_by_step(keys: VaultKeys, hub: OKPKey) -> None:
    """A set signed by the one before is taken; a stranger's is refused and changes nothing."""
    enrol(keys, hub)
    second, stranger = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
    forged = turn_over(2, named([stranger]), by_new=stranger, by_old=stranger, iss=HUB)
    with pytest.raises(Refused) as wrong:
        keys.follow([forged])
    assert wrong.value.reason == "bad-signature"
    assert list(keys.hub()) == [thumbprint(hub)]
    real = turn_over(2, named([second]), by_new=second, by_old=hub, iss=HUB)
    assert keys.follow([real]) is True
    assert (keys.keyset(), list(keys.hub())) == (2, [thumbprint(second)])
    assert keys.follow([real]) is False


def test_secrets_are_kept_by_name(keys: VaultKeys) -> None:
    """A password is stored, listed by name, replaced and dropped; an absent one names its command."""
    keys.put("dme", "hunter2")
    keys.put("dme", "hunter3")
    assert keys.secret("dme") == "hunter3"
    assert keys.names() == ("dme",)
    keys.drop("dme")
    keys.drop("dme")
    with pytest.raises(Misconfigured) as wrong:
        keys.secret("dme")
    assert str(wrong.value.hint) == "creneau secret set dme"


def test_the_data_key_is_made_once(keys: VaultKeys, tmp_path: Path) -> None:
    """The journal's key stays the same from the first start on."""
    key = keys.data_key()
    assert len(key) == 32
    assert open_keys(tmp_path, {}).data_key() == key


def test_leaving_destroys_identity_and_keeps_passwords(keys: VaultKeys, hub: OKPKey) -> None:
    """After `creneau leave` nothing can be signed or opened any more."""
    enrol(keys, hub).put("dme", "x")
    keys.leave()
    with pytest.raises(Misconfigured):
        keys.signing()
    assert keys.secret("dme") == "x"


def test_nothing_private_stands_in_the_file(keys: VaultKeys, hub: OKPKey, tmp_path: Path) -> None:
    """Neither a private key nor the clinic's name can be read from the vault's file."""
    enrol(keys, hub)
    raw = (tmp_path / "vault.json").read_text()
    assert keys.signing().as_dict(private=True)["d"] not in raw
    assert HUB not in raw


def test_a_signing_key_a_year_old_is_replaced_once_the_hub_has_it(keys: VaultKeys, hub: OKPKey, tmp_path: Path) -> None:
    """Made and kept before the hub is told, the same after a crash, in force with the receipt; the old one stays 30 days."""
    enrol(keys, hub)
    old, was = keys.signing(), keys.identity().fingerprint
    assert not keys.renew(NOW + 364 * DAY)
    assert keys.rotation(again=False) is None
    assert keys.renew(NOW + 365 * DAY)
    first, second = keys.rotation(again=False), open_keys(tmp_path, {}).rotation(again=False)
    assert first is not None
    assert second is not None
    assert (first.next, first.sealing) == (second.next, second.sealing)
    assert thumbprint(keys.signing()) == thumbprint(first.by) == thumbprint(old)
    n = stated(keys).n
    for _ in range(2):
        keys.rotated(first, NOW + 365 * DAY)
    assert thumbprint(keys.signing()) == first.kid
    assert stated(keys).n > n
    assert keys.identity().fingerprint == fingerprint(thumbprint(hub), first.kid) != was
    assert keys.age(NOW + 366 * DAY) == DAY
    again = keys.rotation(again=True)
    assert again is not None
    assert (again.kid, again.next, thumbprint(again.by)) == (first.kid, first.next, thumbprint(old))
    assert not keys.renew(NOW + 394 * DAY)
    assert keys.rotation(again=True) is not None
    keys.renew(NOW + 395 * DAY)
    assert keys.rotation(again=True) is None


def test_the_fingerprint_follows_the_hubs_keys(keys: VaultKeys, hub: OKPKey) -> None:
    """What two people compare on the phone stays equal on both sides after the hub's keys changed."""
    enrol(keys, hub)
    newer = OKPKey.generate_key("Ed25519")
    text = turn_over(2, named([newer, hub]), by_new=newer, by_old=hub, iss=HUB)
    assert keys.leads([text])
    assert keys.follow([text])
    assert not keys.leads([text])
    assert keys.identity().fingerprint == fingerprint(thumbprint(newer), thumbprint(keys.signing()))
