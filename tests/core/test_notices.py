"""How often people are written to: once, not again within the hour, and once when it is over."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.message import say
from agent.core.notices import APART, Cause, Notice, Seen, Told, look, notice

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
HUB = Cause("hub", say("creneau status"), over=say("creneau"))
EXPIRY = Cause("expiry", say("creneau status"), again=None)


class Desk:
    """Minutes that pass; `mails` has the minute, the causes and the number of ends of each notice sent."""

    def __init__(self) -> None:
        self.minute = 0
        self.seen: Mapping[str, Seen] = {}
        self.told: Mapping[str, Told] = {}
        self.mails: list[tuple[int, list[str], int]] = []

    def live(self, minutes: int, *causes: Cause, sends: bool = True) -> None:
        for _ in range(minutes):
            now = START + timedelta(minutes=self.minute)
            self.seen = look(self.seen, causes, self.told, now)
            due = notice(causes, self.seen, self.told, now)
            if due is not None and (sends or not (due.holds or due.over)):
                self.keep(due)
            self.minute += 1

    def keep(self, due: Notice) -> None:
        self.told = due.told
        if due.holds or due.over:
            self.mails.append((self.minute, [cause.key for cause in due.holds], len(due.over)))

    def restart(self) -> None:
        self.seen = {}


def test_what_passes_within_five_minutes_is_never_told() -> None:
    """A hub that was away for a moment is nobody's business."""
    desk = Desk()
    desk.live(4, HUB)
    desk.live(60)
    assert desk.mails == []
    assert desk.told == {}


def test_a_cause_is_told_repeated_and_its_end_told() -> None:
    """After five minutes, every four hours while it lasts, and once when it has been over for five minutes."""
    desk = Desk()
    desk.live(600, HUB)
    desk.live(120)
    assert desk.mails == [(5, ["hub"], 0), (245, ["hub"], 0), (485, ["hub"], 0), (605, [], 1)]


def test_an_end_waits_for_the_hour() -> None:
    """The end of what was told ten minutes ago is told when the hour is over."""
    desk = Desk()
    desk.live(15, HUB)
    desk.live(120)
    assert desk.mails == [(5, ["hub"], 0), (65, [], 1)]


def test_a_cause_without_repetition_is_told_once_even_across_restarts() -> None:
    """A reminder of the sharing's end is one e-mail; once over, the next time is told again."""
    desk = Desk()
    desk.live(600, EXPIRY)
    desk.restart()
    desk.live(600, EXPIRY)
    assert [keys for _, keys, _ in desk.mails] == [["expiry"]]
    desk.live(10)
    desk.live(70, EXPIRY)
    assert [keys for _, keys, _ in desk.mails] == [["expiry"], ["expiry"]]


def test_what_ended_while_the_agent_was_down_is_told() -> None:
    """The memory outlives a restart: the end is told five minutes after the agent is back."""
    desk = Desk()
    desk.live(100, HUB)
    desk.restart()
    desk.live(20)
    assert desk.mails == [(5, ["hub"], 0), (105, [], 1)]


def test_what_could_not_be_sent_stays_due() -> None:
    """A mail server that is away loses nothing: the notice leaves when it is back."""
    desk = Desk()
    desk.live(100, HUB, sends=False)
    desk.live(1, HUB)
    assert desk.mails == [(100, ["hub"], 0)]


@given(st.lists(st.tuples(st.integers(1, 90), st.booleans(), st.booleans(), st.booleans()), max_size=40))
@settings(deadline=None, max_examples=60)
def test_no_cause_is_ever_told_twice_within_an_hour(life: list[tuple[int, bool, bool, bool]]) -> None:
    """Whatever flaps and however often the agent restarts: at most one notice a cause and hour, ends included."""
    desk = Desk()
    for minutes, hub, expiry, restart in life:
        if restart:
            desk.restart()
        desk.live(minutes, *([HUB] if hub else []), *([EXPIRY] if expiry else []))
    for key, of in (("hub", lambda mail: "hub" in mail[1] or mail[2]), ("expiry", lambda mail: "expiry" in mail[1])):
        times = [mail[0] for mail in desk.mails if of(mail)]
        apart = [later - earlier for earlier, later in pairwise(times)]
        assert all(gap >= APART / timedelta(minutes=1) for gap in apart), (key, times)
