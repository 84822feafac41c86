"""Exhaustive: whatever is lost, late or repeated, nothing withdrawn is sold for longer than the validity.

`make prove` runs the larger searches; the counterexamples once found are played here step by step.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.model.sync.world import Scene, Sync


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the legs' logs: thousands of lives of them would only slow the search."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def played(*steps: str) -> tuple[Sync, Scene]:
    """Take these steps one after the other, what each scene holds being judged; return where they lead."""
    sync = Sync(ticks=6, changes=3)
    scene = sync.begin()
    for says in steps:
        found = {step: after for step, _, after in sync.after(scene)}
        assert says in found, f"{says!r} cannot follow; what can: {sorted(found)}"
        scene = found[says]
        sync.rests(scene)
    return sync, scene


TIME = "time passes (301 s)"
READS = "the agent reads the agenda"
BEAT, DIFFERENCE = "the agent's beat is answered", "the agent's difference is answered"


def sold(sync: Sync, scene: Scene) -> int:
    return len(sync.side.offers(sync._hub(scene), scene.tick))


@pytest.mark.parametrize(("ticks", "changes", "faults"), [(2, 1, 0), (1, 1, 1)])
def test_no_order_of_events_sells_what_was_withdrawn(ticks: int, changes: int, faults: int) -> None:
    """Told and now, renewal, withdrawal, lapse, epochs, restores; and in the end both sides are equal."""
    report = Sync(ticks=ticks, changes=changes, faults=faults).run()
    print(report)
    assert report.violation is None, str(report)
    assert report.settled


def test_a_beat_revives_nothing_that_was_withdrawn_during_an_outage() -> None:
    """The hub had ceased to offer it; the beat that comes before the difference must not bring it back."""
    sync, scene = played(TIME, TIME, "the clinic withdraws everything", BEAT)
    assert sold(sync, scene) == 0


def test_a_difference_renews_nothing_that_was_not_read() -> None:
    """s2 was taken while the agenda could not be read; the withdrawal of s1 must not prolong its sale."""
    sync, scene = played("s1 is taken by phone", READS, "s2 is taken by phone", TIME, DIFFERENCE, TIME)
    assert sold(sync, scene) == 0


def test_a_request_long_under_way_renews_as_of_when_it_was_signed() -> None:
    """A beat that arrives five minutes late proves nothing of those five minutes."""
    late = "request 1 of those under way reaches the hub"
    under_way = "the agent's beat stays under way, the agent hears nothing"
    sync, scene = played("s1 is taken by phone", under_way, TIME, late, TIME)
    assert sold(sync, scene) == 0


def test_an_attempt_too_old_to_be_sent_may_have_arrived() -> None:
    """The answer to what was put is lost and its attempt dies; a withdrawal then still reaches the hub."""
    sync, scene = played(
        "the agent loses its journal",
        DIFFERENCE,
        READS,
        TIME,
        "the agent's difference is done, the answer is lost",
        "the clinic withdraws everything, the agenda away",
        TIME,
        DIFFERENCE,
    )
    assert sold(sync, scene) == 0
    assert not sync._hub(scene).slots


def test_a_counterexample_reads_as_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing lapses, the search tells in words how a slot taken by phone comes to be sold too long."""
    monkeypatch.setattr("hub.view.VALIDITY", timedelta(hours=1))
    report = Sync(ticks=2, changes=1, faults=0).run()
    assert report.violation is not None
    assert "ticks after it" in str(report)
    assert TIME in report.steps
