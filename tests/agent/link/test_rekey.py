"""The beat leg settles a change of our own signing key before it beats."""

from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.core.envelope import Barred, split, thumbprint
from agent.core.errors import Transient
from agent.core.message import say
from agent.legs.beat import Beat

LOST = Transient(say("talk to the hub"), say("no answer"))


@pytest.fixture
def new(house: Any) -> OKPKey:
    """Make a new key that the hub is still to be told of."""
    house.keys.coming = OKPKey.generate_key("Ed25519")
    return house.keys.coming


@pytest.fixture
def noted() -> list[str]:
    return []


@pytest.fixture
def leg(beating: Any, noted: list[str]) -> Beat:
    made: Beat = beating(noted=lambda kind, _jws, _now: noted.append(kind), rekeyed=lambda: noted.append("rekeyed"))
    return made


def verbs(house: Any) -> list[str]:
    return [envelope.verb for envelope in house.hub.calls]


def test_a_new_key_is_told_by_the_old_one_and_signs_the_next_beat(
    house: Any, leg: Beat, new: OKPKey, noted: list[str]
) -> None:
    """One message, its line in the ledger before it leaves and its receipt after, the other legs woken."""
    leg.step(house.now)
    leg.step(house.now)
    assert verbs(house) == ["rotate", "beat", "beat"]
    assert split(house.hub.calls[1].jws)[0].kid == thumbprint(new)
    assert noted == ["sent", "receipt", "rekeyed"]


def test_a_lost_answer_is_asked_for_again_by_the_old_key(house: Any, leg: Beat, new: OKPKey, noted: list[str]) -> None:
    """Nothing is signed with a key the hub may not know."""
    house.hub.script = [LOST]
    with pytest.raises(Transient):
        leg.step(house.now)
    assert house.keys.coming is new
    leg.step(house.now)
    assert verbs(house) == ["rotate", "rotate", "beat"]
    assert house.hub.seen[0].claims["next"] == house.hub.seen[1].claims["next"]
    assert noted == ["sent", "sent", "receipt", "rekeyed"]


def test_a_receipt_for_something_else_changes_no_key(house: Any, leg: Beat, new: OKPKey) -> None:
    """Another key or another body: no answer."""
    house.hub.script = [{"key": "other", "body_sha256": "x"}]
    with pytest.raises(Transient, match="another message"):
        leg.step(house.now)
    assert house.keys.coming is new


@pytest.mark.parametrize("problem", ["schema", "rate-limited"])
def test_a_hub_that_will_not_now_is_beaten_to_all_the_same(house: Any, leg: Beat, new: OKPKey, problem: str) -> None:
    """The old key goes on, and the hub is asked again an hour later."""
    house.hub.script = [{"problem": problem}]
    leg.step(house.now)
    leg.step(house.later(60))
    assert verbs(house) == ["rotate", "beat", "beat"]
    leg.step(house.later(3600))
    assert verbs(house)[-2:] == ["rotate", "beat"]
    assert thumbprint(house.keys.signing()) == thumbprint(new)


def test_a_hub_that_forgot_the_change_is_told_once_more(house: Any, leg: Beat, noted: list[str]) -> None:
    """Brought back from a backup it knows the key before only; told, it is beaten to at once with the new one."""
    old, house.keys.prior = house.keys.signs, house.keys.signs
    house.keys.signs = OKPKey.generate_key("Ed25519")
    house.hub.knows = [old, house.keys.signs]
    house.hub.script = [{"problem": "unknown-clinic"}]
    assert leg.step(house.now).again == timedelta(0)
    assert verbs(house) == ["beat", "rotate"]
    assert split(house.hub.calls[1].jws)[0].kid == thumbprint(old)
    assert noted == ["sent", "receipt", "rekeyed"]
    leg.step(house.now)
    assert verbs(house)[-1] == "beat"


def test_a_hub_that_knows_neither_key_is_told_no_more_than_once(house: Any, leg: Beat) -> None:
    """No loop: after one repetition it is the operator's business."""
    house.keys.prior = house.keys.signs
    house.hub.script = [{"problem": "unknown-clinic"}, house.hub.receipt, {"problem": "unknown-clinic"}]
    leg.step(house.now)
    with pytest.raises(Barred):
        leg.step(house.now)


def test_any_other_bar_is_raised(house: Any, leg: Beat) -> None:
    """Shut out, or unknown with no key before: the operator is called."""
    house.hub.script = [{"problem": "unknown-clinic"}, {"problem": "key-retired"}]
    for _ in range(2):
        with pytest.raises(Barred):
            leg.step(house.now)
