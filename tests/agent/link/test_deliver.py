"""The deliver leg: outcomes first, one offer a tick, and told moves only on a fitting receipt."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from agent.board import MemoryBoard
from agent.core.changes import roots
from agent.core.envelope import Barred, Declined, Postponed
from agent.core.errors import Transient
from agent.core.health import Source
from agent.core.message import say
from agent.core.model import EmrName, SiteId
from agent.legs.deliver import Deliver
from agent.ports import Standing

TICK = timedelta(seconds=60)
NORTH, OSCAR = SiteId("north"), EmrName("oscar")
LOST = Transient(say("talk to the hub"), say("no answer"))


@pytest.fixture
def leg(house: Any) -> Deliver:
    return Deliver(
        outbox=house.outbox,
        hub=house.hub,
        keys=house.keys,
        dice=house.dice,
        board=house.board,
        sites={NORTH: {"id": "north", "name": "Clinique du Nord", "zone": "America/Toronto"}},
        sources={OSCAR: Source(frozenset({NORTH}), TICK)},
        tick=TICK,
    )


@pytest.fixture
def told(house: Any, leg: Deliver) -> Any:
    """Give a house whose hub holds slot 1."""
    house.show("1")
    leg.step(house.now)
    house.hub.calls.clear()
    house.hub.seen.clear()
    house.outbox.log.clear()
    house.later(60)
    return house


def row(n: int) -> dict[str, Any]:
    return {"id": n, "booking": f"booking-{n}", "version": 1, "rev": 1, "outcome": "booked", "kept": False, "at": "x"}


def test_the_first_offer_is_a_snapshot_that_asks_for_an_epoch(house: Any, leg: Deliver) -> None:
    """Epoch null, base 0, seq 1, every slot, every site in full, count and roots."""
    house.show("1", "2")
    leg.step(house.now)
    members = house.hub.members()
    assert (members["epoch"], members["base_seq"], members["seq"], members["count"]) == (None, 0, 1, 2)
    assert [slot["id"][-1] for slot in members["snapshot"]] == ["1", "2"]
    assert members["sites"][0]["name"] == "Clinique du Nord"
    assert members["roots"] == roots(house.outbox.view(), frozenset({NORTH}))
    assert house.outbox.standing() == Standing(41, 1)
    assert house.outbox.told() == house.outbox.view()


def test_the_attempt_is_durable_before_a_byte_leaves(house: Any, leg: Deliver) -> None:
    """Attempt and ledger line first, then the call, then the receipt."""
    house.show("1")
    house.hub.on_call = lambda: house.outbox.log.append("call")
    leg.step(house.now)
    assert house.outbox.log == ["attempt offer 1", "call", "receipt offer"]


def test_a_difference_names_what_comes_and_what_goes(told: Any, leg: Deliver) -> None:
    """Put and del, from the seq the hub holds to the next."""
    told.show("2")
    leg.step(told.now)
    members = told.hub.members()
    assert [slot["id"][-1] for slot in members["changes"]["put"]] == ["2"]
    assert [name[-1] for name in members["changes"]["del"]] == ["1"]
    assert (members["epoch"], members["base_seq"], members["seq"]) == (41, 1, 2)
    assert "sites" not in members
    assert told.outbox.standing() == Standing(41, 2)


def test_nothing_leaves_when_nothing_changed(told: Any, leg: Deliver) -> None:
    """No offer, no attempt, no step counted."""
    assert leg.step(told.now).did == 0
    assert not told.hub.calls


def test_at_most_one_offer_leaves_in_a_tick(told: Any, leg: Deliver) -> None:
    """A second change waits for the next grid moment."""
    told.show("2")
    leg.step(told.now)
    told.show("3")
    leg.step(told.later(59))
    assert len(told.hub.calls) == 1
    leg.step(told.later(1))
    assert len(told.hub.calls) == 2


def test_the_phase_moves_the_grid(house: Any, leg: Deliver) -> None:
    """Moments are phase + n ticks on the age clock."""
    leg.phase = timedelta(seconds=30)
    house.show("1")
    leg.step(house.now)
    house.show("2")
    leg.step(house.later(29))
    assert len(house.hub.calls) == 1
    leg.step(house.later(1))
    assert len(house.hub.calls) == 2


def test_a_withdrawal_goes_at_once(told: Any, leg: Deliver) -> None:
    """Without waiting for the tick, once."""
    told.show("2")
    leg.step(told.now)
    told.show()
    leg.now_at_once()
    leg.step(told.later(1))
    assert told.hub.members()["count"] == 0
    told.show("3")
    leg.step(told.later(1))
    assert len(told.hub.calls) == 2


def test_a_lost_answer_is_asked_for_with_the_same_bytes(told: Any, leg: Deliver) -> None:
    """Until 30 s before its end the attempt is sent again byte for byte, even in the same tick."""
    told.show("1", "2")
    told.hub.script = [LOST]
    with pytest.raises(Transient):
        leg.step(told.now)
    leg.step(told.later(5))
    assert told.hub.calls[0].jws == told.hub.calls[1].jws
    assert told.outbox.standing().seq == 2


def test_an_attempt_that_ran_out_is_sealed_anew(told: Any, leg: Deliver) -> None:
    """New jti, same body."""
    told.show("1", "2")
    told.hub.script = [LOST]
    with pytest.raises(Transient):
        leg.step(told.now)
    leg.step(told.later(271))
    first, second = told.hub.seen
    assert first.jti != second.jti
    assert first.claims["changes"] == second.claims["changes"]


def test_an_attempt_that_offers_what_was_withdrawn_is_given_up(told: Any, leg: Deliver) -> None:
    """The next one deletes what the lost one may have put, under a higher seq from the same base."""
    told.show("1", "2")
    told.hub.script = [LOST]
    with pytest.raises(Transient):
        leg.step(told.now)
    told.show("1")
    leg.step(told.later(5))
    members = told.hub.members()
    assert [name[-1] for name in members["changes"]["del"]] == ["2"]
    assert not members["changes"]["put"]
    assert (members["base_seq"], members["seq"]) == (1, 3)


@pytest.mark.parametrize("word", ["resync", "stale-epoch"])
def test_a_hub_that_holds_other_slots_gets_a_snapshot(told: Any, leg: Deliver, word: str) -> None:
    """Restart, and the snapshot follows at once."""
    told.show("2")
    told.hub.script = [{"problem": word}]
    step = leg.step(told.now)
    assert step.again == timedelta(0)
    leg.step(told.now)
    assert told.hub.members()["epoch"] is None
    assert told.outbox.standing().epoch == 42


def test_a_refused_snapshot_is_left_to_the_daemon(house: Any, leg: Deliver) -> None:
    """No loop of snapshots."""
    house.hub.script = [{"problem": "resync"}]
    with pytest.raises(Declined):
        leg.step(house.now)


@pytest.mark.parametrize("word", ["too-large", "schema", "not-current"])
def test_a_refused_offer_changes_nothing(told: Any, leg: Deliver, word: str) -> None:
    """Told and standing stay, the attempt is forgotten, the alarm is the daemon's."""
    told.show("2")
    told.hub.script = [{"problem": word}]
    before = told.outbox.told(), told.outbox.standing()
    with pytest.raises(Declined) as caught:
        leg.step(told.now)
    assert caught.value.reason == word
    assert (told.outbox.told(), told.outbox.standing()) == before
    assert not told.outbox.attempts


def test_a_barred_agent_stops(told: Any, leg: Deliver) -> None:
    """bad-signature, key-retired, unknown-clinic: keep everything."""
    told.show("2")
    told.hub.script = [{"problem": "key-retired"}]
    with pytest.raises(Barred):
        leg.step(told.now)


def bend(told: Any, **change: Any) -> Any:
    def receipt(opened: Any) -> Mapping[str, Any]:
        return {**told.hub.receipt(opened), **change}

    return receipt


@pytest.mark.parametrize("change", [{"body_sha256": "0" * 64}, {"epoch": 7}, {"epoch": None}, {"seq": 1}])
def test_a_receipt_that_does_not_fit_settles_nothing(told: Any, leg: Deliver, change: dict[str, Any]) -> None:
    """Another body, epoch or number; the attempt stays alive."""
    told.show("2")
    told.hub.script = [bend(told, **change)]
    with pytest.raises(Transient):
        leg.step(told.now)
    assert told.outbox.standing() == Standing(41, 1)
    assert "offer" in told.outbox.attempts


def test_other_roots_in_a_receipt_start_anew(told: Any, leg: Deliver) -> None:
    """The hub holds something else than it was sent."""
    told.show("2")
    told.hub.script = [bend(told, roots={"north": "0" * 64})]
    with pytest.raises(Transient):
        leg.step(told.now)
    assert told.outbox.standing().epoch is None


def test_an_answer_of_somebody_else_changes_nothing(told: Any, leg: Deliver) -> None:
    """A signature that is not the hub's is no answer."""
    told.show("2")
    told.hub.key = told.stranger
    with pytest.raises(Transient):
        leg.step(told.now)
    assert told.outbox.standing() == Standing(41, 1)


def test_outcomes_go_first(told: Any, leg: Deliver) -> None:
    """Facts before slots, and the leg comes back at once for the offer."""
    told.show("2")
    told.outbox.rows = [row(1), row(2)]
    step = leg.step(told.now)
    assert (step.did, step.again) == (2, timedelta(0))
    assert [opened.claims["path"] for opened in told.hub.seen] == ["outcomes"]
    assert not told.outbox.rows
    leg.step(told.now)
    assert told.hub.members()["path"] == "offer"


def test_one_bad_outcome_is_set_aside_alone(told: Any, leg: Deliver) -> None:
    """Batches are halved until the bad one is found; the others arrive, and then rows travel together again."""
    told.outbox.rows = [row(1), row(2), row(3)]

    def hub(opened: Any) -> Mapping[str, Any]:
        bad = any(sent["id"] == 2 for sent in opened.claims["outcomes"])
        return {"problem": "schema"} if bad else told.hub.receipt(opened)

    told.hub.script = [hub] * 5
    for _ in range(5):
        leg.step(told.now)
    assert [body["outcomes"][0]["id"] for body, _ in told.outbox.set_aside] == [2]
    assert not told.outbox.rows
    told.outbox.rows = [row(4), row(5)]
    leg.step(told.now)
    assert len(told.hub.members()["outcomes"]) == 2


def test_outcomes_refused_otherwise_stay(told: Any, leg: Deliver) -> None:
    """No refusal deletes an outbox row."""
    told.outbox.rows = [row(1)]
    told.hub.script = [{"problem": "not-current"}]
    with pytest.raises(Declined):
        leg.step(told.now)
    assert told.outbox.rows


def test_replayed_gets_one_new_attempt(told: Any, leg: Deliver) -> None:
    """Sealed anew at once; a second time is the daemon's alarm."""
    told.show("2")
    told.hub.script = [{"problem": "replayed"}]
    leg.step(told.now)
    assert len({envelope.jti for envelope in told.hub.calls}) == 2
    told.show("3")
    told.hub.script = [{"problem": "replayed"}, {"problem": "replayed"}]
    with pytest.raises(Postponed):
        leg.step(told.later(60))


def test_clock_skew_is_corrected_and_sealed_anew(house: Any, leg: Deliver) -> None:
    """The second attempt is signed with the hub's time."""
    house.show("1")
    house.hub.ahead = timedelta(seconds=90)
    house.hub.script = [{"problem": "clock-skew"}]
    leg.step(house.now)
    first, second = (opened.claims["iat"] for opened in house.hub.seen)
    assert second - first == 90
    assert house.board.read().skew == timedelta(seconds=90)


def test_first_still_in_work_asks_for_the_same_bytes(told: Any, leg: Deliver) -> None:
    """425 keeps the attempt, and the hub's wait is handed on."""
    told.show("2")
    told.hub.script = [{"problem": "in-work", "retry_after": 1}]
    with pytest.raises(Postponed) as caught:
        leg.step(told.now)
    assert caught.value.after == timedelta(seconds=1)
    leg.step(told.later(1))
    assert told.hub.calls[0].jws == told.hub.calls[1].jws


def test_rate_limited_waits_as_told(told: Any, leg: Deliver) -> None:
    """The daemon gets the wait; the body stays."""
    told.show("2")
    told.hub.script = [{"problem": "rate-limited", "retry_after": 20}]
    with pytest.raises(Postponed) as caught:
        leg.step(told.now)
    assert caught.value.after == timedelta(seconds=20)


def test_beyond_15_minutes_of_skew_nothing_is_published(told: Any, leg: Deliver) -> None:
    """Outcomes still go, offers resume when the clock is right again."""
    told.show("2")
    told.outbox.rows = [row(1)]
    leg.board = MemoryBoard(told.now, "b")
    leg.board.heard(told.now.utc + timedelta(minutes=16), told.now, timedelta(0))
    for _ in range(3):
        leg.step(told.now)
    assert [opened.claims["path"] for opened in told.hub.seen] == ["outcomes"]
    leg.board = MemoryBoard(told.now, "b")
    leg.step(told.now)
    assert told.hub.members()["path"] == "offer"


def test_a_lost_snapshot_is_sent_again(house: Any, leg: Deliver) -> None:
    """A snapshot whose answer was lost is sent again byte for byte, and names one epoch."""
    house.show("1")
    house.hub.script = [LOST]
    with pytest.raises(Transient):
        leg.step(house.now)
    leg.step(house.later(5))
    assert house.hub.calls[0].jws == house.hub.calls[1].jws
    assert house.outbox.standing() == Standing(41, 1)
