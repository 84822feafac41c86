"""A source that can be asked cheaply: read earlier, once a change; silent and gentle when it does not answer."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory import Clinic, MemoryEmr
from agent.board import MemoryBoard
from agent.clock import SystemDice
from agent.core.errors import CreneauError, Misconfigured, Transient
from agent.core.message import say
from agent.core.model import EmrName, Instant
from agent.daemon import Daemon, Post
from agent.ports import Step
from agent.wiring.hinting import Hint, hinter, pace

DME = EmrName("dme")
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class HandClock:
    """Moves only when told."""

    def __init__(self) -> None:
        self.age = timedelta(hours=1)

    def now(self) -> Instant:
        return Instant(START + self.age, self.age)


class Telling(MemoryEmr):
    """A clinic in memory that can be asked; `says`: its answers in turn, then no more news."""

    def __init__(self, *says: bool | CreneauError) -> None:
        super().__init__(DME, Clinic(), HandClock())
        self.says = list(says)
        self.asked: list[str | None] = []

    def changed(self, since: str | None) -> tuple[bool, str]:
        self.asked.append(since)
        answer = self.says.pop(0) if self.says else False
        if isinstance(answer, CreneauError):
            raise answer
        return answer, f"c{len(self.asked)}"


class Reading:
    """Stands for a reading leg."""

    longest = MINUTE

    def __init__(self, name: str) -> None:
        self.name = name

    def step(self, now: Instant) -> Step:
        del now
        return Step(0)


def a_daemon(emr: Telling, new: list[str]) -> tuple[Daemon, Post, list[Post], HandClock]:
    leg = hinter(emr, DME, MINUTE, lambda: new.append("new"))
    assert leg is not None
    clock = HandClock()
    asks = Post(leg, pace(MINUTE, timedelta(0)))
    reads = [Post(Reading(f"publish:{name}"), pace(MINUTE, timedelta(0))) for name in ("dme", "autre")]
    board = MemoryBoard(clock.now(), "boot")
    return Daemon([asks, *reads], clock, SystemDice(), board), asks, reads, clock


def test_news_wakes_the_reading_of_its_source_only() -> None:
    """The difference may leave at once, the other source sleeps on; the place is kept from question to question."""
    emr, new = Telling(False, True), list[str]()
    daemon, asks, reads, clock = a_daemon(emr, new)
    daemon.turn(asks, clock.now())
    assert ([post.wake.is_set() for post in reads], new) == ([False, False], [])
    daemon.turn(asks, clock.now())
    assert ([post.wake.is_set() for post in reads], new) == ([True, False], ["new"])
    daemon.turn(asks, clock.now())
    assert (emr.asked, new) == ([None, "c1", "c2"], ["new"])


def test_a_reading_that_backs_off_is_not_woken() -> None:
    """An EMR that is down gets no burst: its reading keeps its pause."""
    daemon, asks, reads, clock = a_daemon(Telling(True), [])
    reads[0].down = ("transient", clock.now())
    daemon.turn(asks, clock.now())
    assert [post.wake.is_set() for post in reads] == [False, False]


@pytest.mark.parametrize(
    ("lost", "quiet"),
    [
        (Transient(say("read"), say("lost")), MINUTE),
        (Transient(say("read"), say("busy"), after=5 * MINUTE), 5 * MINUTE),
        (Misconfigured(say("read"), say("refused")), MINUTE),
    ],
    ids=["lost", "busy", "refused"],
)
def test_an_answer_lost_is_silent(lost: CreneauError, quiet: timedelta, caplog: pytest.LogCaptureFixture) -> None:
    """The leg stays well, nothing is woken, and the EMR is left alone for a whole poll, or as long as it asked."""
    emr = Telling(False, lost, True)
    daemon, asks, reads, clock = a_daemon(emr, [])
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            daemon.turn(asks, clock.now())
        clock.age += quiet - SECOND
        daemon.turn(asks, clock.now())
    assert (emr.asked, asks.down, caplog.text) == ([None, "c1"], None, "")
    clock.age += SECOND
    daemon.turn(asks, clock.now())
    assert (emr.asked[-1], reads[0].wake.is_set()) == ("c1", True)


def test_only_a_source_that_can_be_asked_has_the_post() -> None:
    """One without the ability has none, nor one that is read as often as it would be asked."""
    assert hinter(MemoryEmr(DME, Clinic(), HandClock()), DME, MINUTE, lambda: None) is None
    assert hinter(Telling(), DME, 10 * SECOND, lambda: None) is None
    assert isinstance(hinter(Telling(), DME, 11 * SECOND, lambda: None), Hint)


@pytest.mark.parametrize(
    ("poll", "every"), [(60 * MINUTE, 15 * MINUTE), (MINUTE, 15 * SECOND), (12 * SECOND, 10 * SECOND)]
)
def test_questions_lie_between_the_reads(poll: timedelta, every: timedelta) -> None:
    """A quarter of the poll, at least 10 s, and never at the very moment of the read."""
    when = pace(poll, 7 * SECOND)
    assert (when.every, when.phase) == (every, 7 * SECOND + every / 2)
