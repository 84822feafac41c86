"""The beat leg: health out; turn, pace and newer keys in."""

from datetime import timedelta
from typing import Any

import pytest

from agent.core.booking import Turn
from agent.core.envelope import Declined, Postponed
from agent.core.errors import Transient
from agent.core.health import Vitals
from agent.core.message import say
from agent.core.model import EmrName, SiteId
from agent.legs.beat import Beat
from agent.ports import Outgoing, Standing

NORTH, OSCAR, TICK = SiteId("north"), EmrName("oscar"), timedelta(seconds=60)
VITALS = Vitals("0.1.0", "linux", "i" * 22, "ok", 3, False, 1, "sealing.statement.jws")


@pytest.fixture
def kept() -> list[str]:
    return []


@pytest.fixture
def leg(house: Any, beating: Any, kept: list[str]) -> Beat:
    house.show("1")
    house.outbox.holds = house.outbox.shows
    house.board.complete(OSCAR, house.now)
    house.board.ok("deliver", house.now)
    made: Beat = beating(countersigned=lambda jws, _now: kept.append(jws))
    return made


def test_a_beat_says_how_we_are_and_renews(house: Any, leg: Beat) -> None:
    """Health in buckets, and what the hub confirmed as renewal."""
    house.inbox.at = {"log": "log-1", "n": 3}
    assert leg.step(house.now).did == 1
    members = house.hub.members()
    assert members["renew"]["seq"] == 5
    assert set(members["renew"]["roots"]) == {"north"}
    assert (members["legs"], members["hub"], members["log"]) == ({"deliver": "ok"}, "<2min", "log-1")
    assert members["boot"] == "b" * 22


def test_a_stale_read_renews_nothing(house: Any, leg: Beat) -> None:
    """Three polls without a complete read."""
    leg.step(house.later(180))
    assert house.hub.members()["renew"] is None
    assert house.hub.members()["log"] is None


def test_an_offer_on_its_way_renews_nothing(house: Any, leg: Beat) -> None:
    """The hub may already hold more than was confirmed; the epoch is said all the same."""
    from agent.core.envelope import Envelope

    sealed = Envelope("offer", "j", house.now.utc + timedelta(minutes=5), "x")
    house.outbox.attempts["offer"] = Outgoing("offer", {}, 6, {}, sealed)
    leg.step(house.now)
    assert (house.hub.members()["renew"], house.hub.members()["epoch"]) == (None, 41)


def test_turn_pace_and_keys_are_taken_in(house: Any, leg: Beat) -> None:
    """Turn from before the request, pace to the board, key sets to the vault."""
    answer = {"turn": {"number": 2, "seconds": 180}, "pace": {"wait_s": 45}, "keys": ["set-2", 5]}
    house.hub.script = [answer, {"pace": None, "keys": None}, {"keys": ["set-2"]}]
    house.board.turn(Turn(2, timedelta(0)))
    leg.step(house.now)
    assert house.board.turn() == Turn(2, house.now.age + timedelta(seconds=180))
    assert (house.board.pace(), house.keys.followed) == (45, ["set-2"])
    leg.step(house.now)
    leg.step(house.now)
    assert (house.board.pace(), house.keys.followed) == (45, ["set-2"])


def test_a_new_turn_is_not_taken_from_a_beat(house: Any, leg: Beat) -> None:
    """It comes with the whole list of orders: else an old version is written over one another agent has applied."""
    house.hub.script = [{"turn": {"number": 3, "seconds": 180}}] * 2
    leg.step(house.now)
    assert house.board.turn() is None
    house.board.turn(Turn(2, timedelta(hours=9)))
    leg.step(house.now)
    assert house.board.turn() == Turn(2, timedelta(hours=9))


def test_every_beat_is_a_sample_of_the_hubs_clock(house: Any, leg: Beat) -> None:
    """Taken at mid-flight."""
    house.hub.ahead = timedelta(seconds=4)
    leg.step(house.now)
    assert house.board.read().skew == timedelta(seconds=4)


def test_the_hub_countersigns_the_ledger(house: Any, leg: Beat, kept: list[str]) -> None:
    """The whole signed answer is kept, but only when a head was sent."""
    house.hub.script = [{"countersigned": "ab"}, {"countersigned": "ab"}, {}]
    leg.step(house.now)
    assert not kept
    leg.vitals = lambda _now: Vitals("0.1.0", "linux", "i" * 22, "ok", 3, False, 1, "s", ledger_head="ab")
    leg.step(house.now)
    leg.step(house.now)
    assert len(kept) == 1


def test_without_a_keeper_the_answer_is_let_go(house: Any, leg: Beat) -> None:
    """The collaborator is optional."""
    plain = Beat(
        leg.outbox,
        leg.inbox,
        leg.hub,
        leg.keys,
        leg.dice,
        leg.board,
        leg.sites,
        leg.sources,
        lambda _now: Vitals("0.1.0", "linux", "i" * 22, "ok", 3, False, 1, "s", ledger_head="ab"),
    )
    house.hub.script = [{"countersigned": "ab"}]
    assert plain.step(house.now).did == 1


def test_a_hub_that_holds_other_slots_starts_anew(house: Any, leg: Beat) -> None:
    """resync: the next offer is a snapshot, and deliver is woken."""
    house.hub.script = [{"problem": "resync"}]
    assert leg.step(house.now).wakes == {"deliver"}
    assert house.outbox.standing().epoch is None


def test_an_overtaken_beat_starts_nothing(house: Any, leg: Beat) -> None:
    """An offer was confirmed while the beat travelled: its roots were bound to differ."""

    def overtake() -> None:
        house.outbox.stands = Standing(41, 6)

    house.hub.on_call = overtake
    house.hub.script = [{"problem": "resync"}]
    assert not leg.step(house.now).wakes
    assert house.outbox.standing() == Standing(41, 6)


def test_other_refusals_are_the_daemons(house: Any, leg: Beat) -> None:
    """not-current is an alarm, no answer a pause."""
    house.hub.script = [{"problem": "not-current"}, Transient(say("talk to the hub"), say("no answer"))]
    with pytest.raises(Declined):
        leg.step(house.now)
    with pytest.raises(Transient):
        leg.step(house.now)


def test_clock_skew_beats_once_more_at_once(house: Any, leg: Beat) -> None:
    """Then it is the daemon's."""
    house.hub.script = [{"problem": "clock-skew"}, {"problem": "clock-skew"}]
    assert leg.step(house.now).again == timedelta(0)
    with pytest.raises(Postponed):
        leg.step(house.now)
