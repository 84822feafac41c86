"""Leaving a hub: withdraw, settle, then destroy the keys; never while a patient waits."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.core.errors import Misconfigured
from agent.ports import Identity, Outgoing, Standing


def enrolled(place: Any) -> None:
    place.vault.who = Identity("fjord", "https://hub.example.org", "i-1", "1a2b-3c4d")


def test_nothing_is_destroyed_while_something_is_open(place: Any, booked: Callable[..., None]) -> None:
    """The first call withdraws and names what waits; keys and rules stay."""
    enrolled(place)
    booked()
    answer = place.ask("leave")
    assert (answer["left"], answer["waits"]["slots"], answer["waits"]["tasks"]) == (False, 3, 1)
    assert answer["next"][-1]["id"] == "Then once more: creneau leave"
    assert place.journal.records().facts()["posture"] == "withdrawn"
    assert place.vault.who is not None


def test_a_clinic_at_rest_leaves(place: Any) -> None:
    """Keys gone, facts of the hub gone, one ledger line with who; people are told what is left to them."""
    enrolled(place)
    place.publish()
    outbox = place.journal.outbox()
    outbox.receipted(Outgoing("offer", {}, 2, told={}), "receipt", Standing(1, 2), place.now)
    answer = place.ask("leave")
    assert (answer["left"], answer["fingerprint"]) == (True, "1a2b-3c4d")
    assert place.vault.who is None
    assert not {"epoch", "seq", "sharing_applied"} & place.journal.records().facts().keys()
    kind, who, body = place.ledger()[-1]
    assert (kind, who, json.loads(body)["clinic"]) == ("left", place.WHO, "fjord")
    assert place.journal.records().verify() is None
    assert "creneau hub revoke" in str(answer["next"])
    with pytest.raises(Misconfigured):
        place.ask("leave")


def test_a_hub_that_is_gone_for_good_can_be_left_anyway(
    place: Any, booked: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was open is in the ledger line; an SQL source is told what to drop."""
    enrolled(place)
    booked()
    house = type(place).house
    plan = place.house().plan()
    sql = replace(plan, emrs=(replace(plan.emrs[0], adapter="sql"),))
    monkeypatch.setattr(type(place), "house", lambda self: replace(house(self), plan=lambda: sql))
    answer = place.ask("leave", anyway=True)
    assert answer["left"]
    assert "DROP TABLE creneau_applied" in str(answer["next"])
    assert json.loads(place.ledger()[-1][2])["waited"]["slots"] == 3
