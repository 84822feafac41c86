"""The one loop: pauses, wakes, faults, stop."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import say
from agent.core.model import Instant
from agent.daemon import CAP, SOON, Daemon, Pace, Post, backoff, family
from agent.ports import Step

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class HandClock:
    """Moves only when told."""

    def __init__(self) -> None:
        self.age = timedelta(seconds=30)

    def now(self) -> Instant:
        return Instant(START + self.age, self.age)


class HighDice:
    """Always draws the top, so that a bound is what a test sees."""

    def token(self) -> str:
        return "t" * 22

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        assert low <= high
        return high


class LowDice(HighDice):
    """Always draws the bottom."""

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        assert low <= high
        return low


class Notes:
    """A board that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def ok(self, leg: str, now: Instant) -> None:
        self.lines.append((leg, "ok"))

    def down(self, leg: str, kind: str, now: Instant, fault: object = None) -> None:
        self.lines.append((leg, kind))

    def __getattr__(self, name: str) -> Callable[..., None]:
        raise AssertionError(name)


class Scripted:
    """A leg that does what its script says, then idles."""

    def __init__(self, name: str, *script: Step | Exception) -> None:
        self.name = name
        self.longest = timedelta(seconds=10)
        self.script = list(script)
        self.steps = 0
        self.stepped = threading.Event()

    def step(self, now: Instant) -> Step:
        self.steps += 1
        self.stepped.set()
        move = self.script.pop(0) if self.script else Step(0)
        if isinstance(move, Exception):
            raise move
        return move


def a_daemon(*legs: Scripted) -> tuple[Daemon, list[Post], HandClock, Notes]:
    clock, notes = HandClock(), Notes()
    posts = [Post(leg, Pace(MINUTE)) for leg in legs]
    return Daemon(posts, clock, HighDice(), notes), posts, clock, notes


def until(ready: Callable[[], bool]) -> None:
    """Wait until `ready` is true, at most 60 s."""
    pause = threading.Event()
    for _ in range(6000):
        if ready():
            return
        pause.wait(0.01)
    raise AssertionError("it never came")


def fault(kind: type[CreneauError]) -> CreneauError:
    return kind(say("read slots"), say("login timed out"))


def test_a_good_step_sleeps_to_the_next_grid_moment() -> None:
    """A leg without more to do waits for its grid, here the full minute, not a minute from now."""
    daemon, (post,), clock, _ = a_daemon(Scripted("publish:dme"))
    assert daemon.turn(post, clock.now()) == timedelta(seconds=30)


def test_more_work_steps_at_once_and_never_later_than_the_grid() -> None:
    """`again` shortens the pause and cannot lengthen it."""
    leg = Scripted("apply:dme", Step(1, again=timedelta(0)), Step(0, again=timedelta(hours=1)))
    daemon, (post,), clock, _ = a_daemon(leg)
    assert daemon.turn(post, clock.now()) == timedelta(0)
    assert daemon.turn(post, clock.now()) == timedelta(seconds=30)


def test_the_phase_shifts_the_grid() -> None:
    """Two clinics with different phases never march in step."""
    now = HandClock().now()
    assert Pace(MINUTE, phase=timedelta(seconds=7)).next(now) == timedelta(seconds=67)
    assert Pace(MINUTE, phase=timedelta(seconds=47)).next(now) == timedelta(seconds=47)


def test_transient_faults_back_off_doubling_to_the_cap() -> None:
    """2, 4, 8 ... 300 s is the most a passing fault may wait."""
    waits = [backoff(n, HighDice()) for n in range(1, 12)]
    assert waits[:4] == [2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND]
    assert waits[-1] == CAP


@pytest.mark.parametrize(
    ("raised", "wait"),
    [
        (fault(Transient), 2 * SECOND),
        (fault(Ambiguous), 2 * SECOND),
        (fault(Refused), timedelta(seconds=30)),
        (fault(Misconfigured), timedelta(minutes=5)),
        (ValueError("a bug"), 2 * SECOND),
    ],
)
def test_each_kind_of_fault_has_its_own_pause(raised: Exception, wait: timedelta) -> None:
    """The class of an error is its retry policy; a bug is retried like a passing fault."""
    daemon, (post,), clock, _ = a_daemon(Scripted("deliver", raised))
    assert daemon.turn(post, clock.now()) == wait
    assert post.faults == 1


def test_retry_after_is_obeyed_and_clamped() -> None:
    """A hub may ask for time, at most 300 s plus jitter."""
    late = Transient(say("send"), say("rate limited"), after=timedelta(hours=2))
    daemon, (post,), clock, _ = a_daemon(Scripted("deliver", late))
    assert daemon.turn(post, clock.now()) == CAP + timedelta(seconds=0.2)


def test_logs_once_when_down_and_once_when_back(caplog: pytest.LogCaptureFixture) -> None:
    """Three failures in a row are one line; the return says how long it was gone."""
    leg = Scripted("publish:dme", *[fault(Transient)] * 3, Step(2))
    daemon, (post,), clock, notes = a_daemon(leg)
    with caplog.at_level("INFO", "creneau.daemon"):
        for _ in range(4):
            daemon.turn(post, clock.now())
            clock.age += MINUTE
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split()[0] for line in lines] == ["leg.down", "leg.back"]
    assert "gone_s=180" in lines[1]
    assert notes.lines == [("publish:dme", "transient")] * 3 + [("publish:dme", "ok")]


def test_a_bug_is_logged_whole_once(caplog: pytest.LogCaptureFixture) -> None:
    """A traceback is worth one place in the log, not one a second."""
    daemon, (post,), clock, _ = a_daemon(Scripted("beat", *[ZeroDivisionError()] * 3))
    for _ in range(3):
        daemon.turn(post, clock.now())
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_work_handed_on_wakes_the_next_leg_but_not_one_backing_off() -> None:
    """Receive wakes apply; a deliver that is backing off keeps its pause."""
    legs = Scripted("receive", Step(1, wakes=frozenset({"apply", "deliver"}))), Scripted("apply:a"), Scripted("deliver")
    daemon, (receive, apply, deliver), clock, _ = a_daemon(*legs)
    deliver.down = ("transient", clock.now())
    daemon.turn(receive, clock.now())
    assert apply.wake.is_set()
    assert not deliver.wake.is_set()
    daemon.wake("deliver")
    assert deliver.wake.is_set()


def away(daemon: Daemon, clock: HandClock, *posts: Post) -> None:
    """Let each of these fail once on the hub."""
    for post in posts:
        post.peer = "hub"
        daemon.turn(post, clock.now())
        post.wake.clear()


def test_a_peer_that_answers_one_leg_is_asked_by_its_others_within_seconds() -> None:
    """An outage is over for all at once, not when the longest pause is; a pause the peer itself asked for is kept."""
    asked = Transient(say("send"), say("rate limited"), after=MINUTE)
    scripts = (
        *(Scripted("receive", fault(Transient)), Scripted("deliver", fault(Transient)), Scripted("beat", asked)),
        *(Scripted("rotate", fault(Misconfigured)), Scripted("publish:dme", fault(Transient))),
    )
    daemon, posts, clock, _ = a_daemon(*scripts)
    receive, deliver, beat, barred, publish = posts
    away(daemon, clock, receive, deliver, beat, barred)
    daemon.turn(publish, clock.now())
    daemon.turn(receive, clock.now())
    assert [post.wake.is_set() for post in posts] == [False, True, False, False, False]
    assert deliver.soon == SOON
    daemon.turn(deliver, clock.now())
    assert (deliver.soon, receive.wake.is_set()) == (None, False)


def test_a_person_waits_for_no_draw() -> None:
    """A wake by hand steps a leg at once, whatever its peer's return left it to wait."""
    daemon, (receive, deliver), clock, _ = a_daemon(
        *(Scripted(name, fault(Transient)) for name in ("receive", "deliver"))
    )
    away(daemon, clock, receive, deliver)
    daemon.turn(receive, clock.now())
    assert deliver.soon == SOON
    daemon.wake("deliver")
    assert deliver.soon is None
    assert deliver.wake.is_set()


def test_a_leg_whose_peer_came_back_steps_before_its_pause_is_over() -> None:
    """In its thread: woken out of five minutes, it waits its draw and steps; a stop waits for no draw."""
    deliver = Scripted("deliver", Transient(say("send"), say("no answer")))
    receive = Scripted("receive", fault(Transient))
    daemon, posts, clock, _ = a_daemon(deliver, receive)
    away(daemon, clock, posts[1])
    posts[0].peer, posts[0].faults = "hub", 9  # its next pause is the longest
    daemon.posts = posts[:1]
    daemon.start()
    assert deliver.stepped.wait(60)
    until(lambda: posts[0].down is not None and posts[0].stepping is None)
    deliver.stepped.clear()
    daemon.posts, daemon.dice = posts, LowDice()
    daemon.turn(posts[1], clock.now())
    assert deliver.stepped.wait(60)
    daemon.posts = posts[:1]
    daemon.stop()


def test_a_fault_while_stopping_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """A connection we shut ourselves is no news."""
    daemon, (post,), clock, notes = a_daemon(Scripted("receive", fault(Transient)))
    daemon.stop_event.set()
    assert daemon.turn(post, clock.now()) == timedelta(0)
    assert (caplog.records, notes.lines) == ([], [])


def test_threads_run_wake_and_stop() -> None:
    """Started legs step, a wake steps them again, stop frees what blocks them and ends every thread."""
    closed = threading.Event()
    legs = Scripted("publish:a"), Scripted("apply:a")
    daemon, posts, _, _ = a_daemon(*legs)
    posts[0].close = closed.set
    assert not daemon.alive()
    daemon.start()
    assert all(leg.stepped.wait(60) for leg in legs)
    legs[1].stepped.clear()
    daemon.wake()
    assert legs[1].stepped.wait(60)
    assert daemon.alive()
    daemon.stop()
    assert closed.is_set()
    assert not any(post.thread and post.thread.is_alive() for post in posts)


def test_a_hung_step_is_not_alive_and_does_not_hold_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    """The watchdog stops being petted after twice `longest`; stop gives up on the leg after its time."""
    entered, leave = threading.Event(), threading.Event()

    class Hung(Scripted):
        def step(self, now: Instant) -> Step:
            entered.set()
            leave.wait(60)
            return Step(0)

    daemon, (post,), clock, _ = a_daemon(Hung("publish:a"))
    daemon.start()
    assert entered.wait(60)
    assert daemon.alive()
    clock.age += timedelta(seconds=20)
    assert not daemon.alive()

    post.close = lambda: setattr(clock, "age", clock.age + timedelta(seconds=10))  # time passes while it hangs
    daemon.stop()
    assert "leg.stuck" in caplog.text
    leave.set()
    assert post.thread is not None
    post.thread.join(60)


def test_a_first_step_may_wait_for_another_leg() -> None:
    """Deliver waits for the first read, and no longer than its time: a wake cuts the wait short."""
    leg = Scripted("deliver")
    daemon, (post,), _, _ = a_daemon(leg)
    post.first = timedelta(minutes=10)
    daemon.start()
    assert not leg.stepped.is_set()
    daemon.nudge(frozenset({"deliver"}))
    assert leg.stepped.wait(60)
    daemon.stop()


def test_a_subclass_is_shown_by_its_family() -> None:
    """What a link refines stays one of the four kinds a person knows."""

    class Barred(Misconfigured):
        pass

    assert family(Barred(say("send"), say("shut out"))) == "misconfigured"
    assert family(fault(Ambiguous)) == "ambiguous"
