"""The board: health, turn, skew and pace, in memory."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from agent.board import MemoryBoard
from agent.core.booking import Turn
from agent.core.model import EmrName, Instant

START = Instant(datetime(2026, 11, 23, 14, tzinfo=UTC), timedelta(hours=1))


def at(seconds: float, gained: float = 0) -> Instant:
    """Return an instant later by both clocks, the wall having `gained` more."""
    return Instant(START.utc + timedelta(seconds=seconds + gained), START.age + timedelta(seconds=seconds))


def board() -> MemoryBoard:
    return MemoryBoard(START, "boot-1")


def test_a_run_begins_empty() -> None:
    """No leg, no read, no turn, no skew after a restart."""
    health = board().read()
    assert (dict(health.legs), dict(health.reads), health.skew, health.turn) == ({}, {}, None, None)
    assert (health.started, health.boot) == (START, "boot-1")


def test_a_leg_remembers_since_when_and_its_last_good_step() -> None:
    """`since` moves only when the state changes."""
    it = board()
    it.ok("deliver", at(1))
    it.ok("deliver", at(2))
    assert (it.read().legs["deliver"].since, it.read().legs["deliver"].last) == (at(1), at(2))
    it.down("deliver", "transient", at(3))
    it.down("deliver", "transient", at(4))
    leg = it.read().legs["deliver"]
    assert (leg.kind, leg.since, leg.last) == ("transient", at(3), at(2))
    it.down("receive", "misconfigured", at(5))
    assert it.read().legs["receive"].last is None


def test_a_complete_read_is_noted_by_source() -> None:
    """The last one counts."""
    it = board()
    it.complete(EmrName("oscar"), at(1))
    it.complete(EmrName("oscar"), at(2))
    assert it.read().reads == {"oscar": at(2)}


def test_a_picture_does_not_change_under_the_reader() -> None:
    """Values are replaced whole."""
    it = board()
    before = it.read()
    it.ok("deliver", at(1))
    assert not before.legs


def test_skew_is_the_median_of_five_at_mid_flight() -> None:
    """One answer that crawled does not move the clock."""
    it = board()
    took = timedelta(seconds=2)
    for seconds, skew in ((0, 10), (10, 900), (20, 10), (30, 11), (40, 9)):
        applied = (it.read().skew or timedelta(0)).total_seconds()
        sent = at(seconds, gained=applied)  # what SystemClock returns, corrected
        it.heard(START.utc + timedelta(seconds=seconds + 1 + skew), sent, took)
    assert it.read().skew == timedelta(seconds=10)


def test_skew_follows_a_clock_that_was_set() -> None:
    """The first word of the hub after it counts: what was measured before is of another clock."""
    it = board()
    for seconds in range(5):
        it.heard(START.utc + timedelta(seconds=seconds + 60), at(seconds, gained=60 if seconds else 0), timedelta(0))
    assert it.read().skew == timedelta(seconds=60)
    # It gained the minute it was late; the correction of before is added all the same.
    set_right = at(5, gained=60 + 60)
    it.heard(START.utc + timedelta(seconds=65), set_right, timedelta(0))
    assert it.read().skew == timedelta(0)
    assert it.read().heard == Instant(START.utc + timedelta(seconds=65), set_right.age)


def test_skew_follows_a_clock_that_drifts() -> None:
    """Samples of the new truth push the old ones out, each freed of the correction it was taken under."""
    it = board()
    for seconds in range(5):
        it.heard(START.utc + timedelta(seconds=seconds + 20), at(seconds, gained=20 if seconds else 0), timedelta(0))
    assert it.read().skew == timedelta(seconds=20)
    for seconds in range(5, 10):
        applied = (it.read().skew or timedelta(0)).total_seconds()
        it.heard(START.utc + timedelta(seconds=seconds), at(seconds, gained=applied), timedelta(0))
    assert it.read().skew == timedelta(0)


def test_a_turn_is_set_and_read() -> None:
    """The newest counts."""
    it = board()
    assert it.turn() is None
    it.turn(Turn(1, timedelta(hours=2)))
    assert it.turn(Turn(2, timedelta(hours=2))) == it.turn() == it.read().turn == Turn(2, timedelta(hours=2))


def test_a_machine_that_stood_still_loses_its_turn() -> None:
    """Wall time advanced 5 s more than the clock that runs through suspend: somebody else may have the turn."""
    it = board()
    it.heard(START.utc, START, timedelta(0))
    it.turn(Turn(1, timedelta(hours=2)))
    it.ok("apply", at(10, gained=5))
    assert it.turn() is not None
    it.ok("apply", at(20, gained=5.5))
    assert it.turn() is None


def test_pace_is_kept_within_20_to_50() -> None:
    """25 until the hub says otherwise."""
    it = board()
    assert [it.pace(), it.pace(40), it.pace(), it.pace(5), it.pace(500)] == [25, 40, 40, 20, 50]


def test_many_threads_lose_nothing() -> None:
    """Every leg that was noted is there."""
    it = board()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: it.ok(f"leg-{n}", at(n)), range(200)))
    assert len(it.read().legs) == 200
