"""The receive leg: verify, commit, acknowledge by the next cursor."""

from datetime import timedelta
from typing import Any

import pytest

from agent.core.booking import Turn
from agent.core.envelope import Declined, Postponed, sealed_hash
from agent.core.errors import Transient
from agent.legs.receive import Receive

CURSOR = {"log": "log-1", "n": 7}


@pytest.fixture
def leg(house: Any) -> Receive:
    return Receive(house.inbox, house.hub, house.keys, house.dice, house.board, boot="b" * 22)


def entry(order: object, patient: object = None) -> dict[str, object]:
    return {"order": order, "patient": patient, "outcome": None}


def listed(*entries: object, **more: Any) -> dict[str, Any]:
    return {"turn": None, "cursor": CURSOR, "next_call_s": 0, "full": False, "orders": list(entries)} | more


def test_asks_with_cursor_wait_and_boot(house: Any, leg: Receive) -> None:
    """The first call lists everything and is not held open; the next acknowledges what was committed, and waits."""
    house.hub.script = [listed(), listed()]
    leg.step(house.now)
    assert (house.hub.members()["cursor"], house.hub.members()["wait_s"]) == (None, 0)
    assert house.hub.members()["boot"] == "b" * 22
    leg.step(house.now)
    assert (house.hub.members()["cursor"], house.hub.members()["wait_s"]) == (CURSOR, 25)
    assert house.hub.waits == [timedelta(0), timedelta(seconds=25)]


def test_the_first_call_after_a_fault_is_not_held_open(house: Any, leg: Receive) -> None:
    """A quiet hub that is back must not be shown as down for the length of a long poll."""
    house.hub.script = [listed(), {"problem": "rate-limited"}, listed(), listed()]
    leg.step(house.now)
    with pytest.raises(Transient):
        leg.step(house.now)
    leg.step(house.now)
    leg.step(house.now)
    assert [int(wait.total_seconds()) for wait in house.hub.waits] == [0, 25, 0, 25]


def test_the_pace_sets_the_wait(house: Any, leg: Receive) -> None:
    """As long as the last beat's answer said."""
    house.board.pace(50)
    house.hub.script = [listed(), listed()]
    leg.step(house.now)
    leg.step(house.now)
    assert house.hub.members()["wait_s"] == 50


def test_an_order_is_stored_and_wakes_apply(house: Any, leg: Receive) -> None:
    """Order, its own JWS and the JWE, in one take."""
    jwe = "a.b.c.d.e"
    jws = house.order(goal="g" * 22, slot="[]", expires_at="2026-11-23T15:00:00Z", patient_sha256=sealed_hash(jwe))
    house.hub.script = [listed(entry(jws, jwe))]
    step = leg.step(house.now)
    assert (step.did, step.again, step.wakes) == (1, timedelta(0), {"apply"})
    assert house.inbox.orders[0][1:] == (jws, jwe)


def test_a_redelivered_order_wakes_nobody(house: Any, leg: Receive) -> None:
    """Not new, so nothing to apply."""
    jws = house.order()
    house.hub.script = [listed(entry(jws)), listed(entry(jws), full=True)]
    leg.step(house.now)
    step = leg.step(house.now)
    assert (step.did, step.wakes) == (0, frozenset())


def test_a_bad_entry_is_passed_over(house: Any, leg: Receive) -> None:
    """Forged, mis-shaped, mis-sealed or no entry at all: to `bad`, and the good one beside them is taken."""
    forged = house.order(key=house.stranger)
    shapeless = house.order(version=0)
    other_clinic = house.order(aud="clinic-2")
    other_hub = house.order(iss="https://other")
    swapped = house.order(patient_sha256=sealed_hash("x.x.x.x.x"))
    good = house.order(version=2)
    entries = [entry(forged), entry(shapeless), entry(other_clinic), entry(other_hub), entry(swapped, "a.b.c.d.e")]
    house.hub.script = [listed(*entries, entry(house.order(version=3), "a.b.c.d.e"), "rubbish", entry(5), entry(good))]
    assert leg.step(house.now).did == 1
    assert house.inbox.orders[0][1] == good
    assert house.inbox.bad == [forged, shapeless, other_clinic, other_hub, swapped, house.order(version=3), "", ""]
    assert house.inbox.cursor() == CURSOR


def test_a_turn_counts_from_before_the_request(house: Any, leg: Receive) -> None:
    """Reading before the first byte + 180 s, on the clock that never jumps."""
    house.hub.script = [listed(turn={"number": 3, "seconds": 180}), listed()]
    leg.step(house.now)
    assert house.board.turn() == Turn(3, house.now.age + timedelta(seconds=180))
    leg.step(house.now)
    assert house.board.turn() == Turn(3, house.now.age + timedelta(seconds=180))


def test_a_new_turn_wakes_what_waited_for_it(house: Any, leg: Receive) -> None:
    """A renewed one wakes nobody."""
    house.hub.script = [listed(turn={"number": number, "seconds": 180}) for number in (3, 3, 4)]
    assert [bool(leg.step(house.now).wakes) for _ in range(3)] == [True, False, True]


def test_the_hub_may_ask_for_a_pause(house: Any, leg: Receive) -> None:
    """next_call_s, at most 300 s."""
    house.hub.script = [listed(next_call_s=12), listed(next_call_s=4000), listed(next_call_s="soon")]
    assert [leg.step(house.now).again for _ in range(3)] == [timedelta(seconds=s) for s in (12, 300, 0)]


@pytest.mark.parametrize("change", [{"cursor": None}, {"cursor": {"log": 5, "n": 1}}, {"orders": None}])
def test_an_answer_without_a_list_changes_nothing(house: Any, leg: Receive, change: dict[str, Any]) -> None:
    """Nothing is taken, nothing acknowledged."""
    house.hub.script = [listed(**change)]
    with pytest.raises(Transient):
        leg.step(house.now)
    assert house.inbox.cursor() is None


def test_a_long_poll_is_fresh_for_its_wait_and_30_seconds(house: Any, leg: Receive) -> None:
    """Longer than that is no answer, though the signature holds."""
    house.hub.script = [listed(), listed(), listed()]
    leg.step(house.now)
    house.hub.took = timedelta(seconds=54)
    leg.step(house.now)
    house.hub.took = timedelta(seconds=55)
    with pytest.raises(Transient):
        leg.step(house.now)


def test_only_a_prompt_answer_tells_the_time(house: Any, leg: Receive) -> None:
    """An answer that was held says nothing of the clock at mid-flight."""
    house.hub.script = [listed(), listed()]
    house.hub.took = timedelta(seconds=20)
    leg.step(house.now)
    assert house.board.read().skew is None
    house.hub.took = timedelta(seconds=1)
    leg.step(house.now)
    assert house.board.read().skew == timedelta(0)


def test_not_current_takes_no_orders(house: Any, leg: Receive) -> None:
    """Another instance holds the clinic: an alarm, and nothing stored."""
    house.hub.script = [{"problem": "not-current"}]
    with pytest.raises(Declined):
        leg.step(house.now)
    assert house.inbox.cursor() is None


def test_clock_skew_asks_once_more_at_once(house: Any, leg: Receive) -> None:
    """Then it is the daemon's; a good answer allows it again."""
    skew = {"problem": "clock-skew"}
    house.hub.script = [skew, listed(), skew, skew]
    assert leg.step(house.now).again == timedelta(0)
    leg.step(house.now)
    leg.step(house.now)
    with pytest.raises(Postponed):
        leg.step(house.now)


def test_rate_limited_is_the_daemons(house: Any, leg: Receive) -> None:
    """With the wait the hub named."""
    house.hub.script = [{"problem": "rate-limited", "retry_after": 9}]
    with pytest.raises(Postponed) as caught:
        leg.step(house.now)
    assert caught.value.after == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"rev": 7, "outcome": "booked", "kept": True}, (7, True)),
        ({"rev": 3, "outcome": "requested", "kept": False}, (3, True)),
        ({"rev": 2, "outcome": "conflict", "kept": False}, (2, False)),
        (None, (0, False)),
        ({"rev": True, "kept": True}, (0, False)),
        ({"rev": -1}, (0, False)),
        ({"rev": 2**52}, (0, False)),
        ({}, (0, False)),
    ],
)
def test_the_hubs_last_outcome_comes_with_the_order(house: Any, leg: Receive, outcome: object, told: object) -> None:
    """A booking whose row was lost counts on from what the hub holds; nonsense counts from nothing."""
    house.hub.script = [listed(entry(house.order()) | {"outcome": outcome})]
    leg.step(house.now)
    assert (house.inbox.orders[0][0].told, house.inbox.orders[0][0].stood) == told
