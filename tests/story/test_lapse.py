"""With the hub out of reach a withdrawal still holds: what the hub is not told lapses by itself."""

from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from agent.wiring.sample import CLINIC, Sample
from hub.clock import WallClock
from hub.serve import start_in_thread


class HandClock:
    """The hub's clock, moved on by the test."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return WallClock().now() + self.ahead


def until(sample: Sample, what: str) -> list[dict[str, str]]:
    """Wait for slots at the hub."""
    ends = sample.time() + timedelta(seconds=120)
    while not (found := sample.portal.slots()):
        assert sample.time() < ends, what
    return found


def test_nothing_withdrawn_is_bookable_ten_minutes_later(tmp_path: Path) -> None:
    """The hub hears nothing of it; by its own clock every slot is gone after ten minutes, and none can be ordered."""
    with Sample(tmp_path) as sample:
        assert sample.hub is not None
        sample.hub.stop()
        clock = HandClock()
        sample.hub = start_in_thread(sample.folder / "hub", clock=clock)
        sample.enrol()
        sample.start()
        slot = until(sample, "slots")[-1]
        assert sample.agent is not None
        sample.agent.stop()  # nothing reaches the hub from here on
        sample.agent = None
        assert sample.ask("sharing-withdraw")["posture"] == "withdrawn"
        assert sample.portal.slots()
        clock.ahead = timedelta(minutes=10)
        assert sample.portal.slots() == []
        patient = {"family": "A", "given": "B", "born": "1990-01-01", "phone": "418"}
        with pytest.raises(httpx.HTTPStatusError):
            sample.portal.book(CLINIC, "late-booking", 1, slot["id"], patient, now=clock.now())
        clock.ahead = timedelta(0)
        sample.start()
        assert sample.agent is not None
        assert sample.agent.state.rules().posture.is_offline
