"""The publish leg: from a reading to the journaled view."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.core.model import (
    EmrName,
    Finding,
    Instant,
    Practitioner,
    Reading,
    Severity,
    SiteId,
    Slot,
    SlotId,
    SlotKey,
    Window,
)
from agent.core.news import News
from agent.core.sharing import (
    Accord,
    Allow,
    Match,
    Offered,
    Posture,
    PublishAs,
    SharedSlot,
    SharingRules,
)
from agent.legs.publish import Publish
from agent.ports import Leg

DME, MAIN = EmrName("dme"), SiteId("principal")
NOW = Instant(datetime(2026, 11, 23, 13, 0, tzinfo=UTC), timedelta(hours=5))
PEOPLE = [(DME, code) for code in ("1", "2", "3")]
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(DME, "s"): "sans-rendez-vous"},
    roster={who: Accord(f"D{who[1]}", date(2026, 1, 1)) for who in PEOPLE},
    allow=(Allow("day", 9, Match(practitioners=frozenset(PEOPLE)), PublishAs("anyone", "urgent", "on-site")),),
    zones={MAIN: "America/Toronto"},
)


def slot(key: str, hours: float = 24, who: str = "1") -> Slot:
    start = NOW.utc + timedelta(hours=hours)
    return Slot(DME, SlotKey(key), MAIN, Practitioner(who), start, start + timedelta(minutes=20), "s")


def later(minutes: float) -> Instant:
    return Instant(NOW.utc + timedelta(minutes=minutes), NOW.age + timedelta(minutes=minutes))


class FakeEmr:
    """An EMR that answers what it was given, or fails as told."""

    name = DME

    def __init__(self) -> None:
        self.slots_now: list[Slot] = []
        self.complete = True
        self.findings: tuple[Finding, ...] = ()
        self.fails: Exception | None = None
        self.asked: list[Window] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def slots(self, window: Window) -> Reading:
        self.asked.append(window)
        if self.fails:
            raise self.fails
        self.meanwhile()
        return Reading(window, window.start, tuple(self.slots_now), self.complete, self.findings)

    def check(self) -> tuple[Finding, ...]:
        return ()

    def close(self) -> None:
        return None


class PacedEmr(FakeEmr):
    """An EMR that asks to be left alone."""

    def __init__(self) -> None:
        super().__init__()
        self.left = timedelta(0)

    def rest(self, now: Instant) -> timedelta:
        return self.left - now.age


@dataclass
class FakeViews:
    """The view in memory, with the promises of the journal."""

    view: dict[SlotKey, tuple[SlotId, SharedSlot]] = field(default_factory=dict)
    entered: dict[SlotKey, datetime] = field(default_factory=dict)
    slots: dict[SlotId, Slot] = field(default_factory=dict)
    holds: frozenset[SlotKey] = frozenset()
    writes: int = 0
    shown: list[frozenset[SlotKey]] = field(default_factory=list)

    def known(self) -> Mapping[SlotKey, tuple[SlotId, SharedSlot]]:
        return dict(self.view)

    def since(self) -> Mapping[SlotKey, datetime]:
        return dict(self.entered)

    def held(self) -> frozenset[SlotKey]:
        return self.holds

    def met(self, window: Window, free: frozenset[SlotKey], at: Instant) -> int:
        self.shown.append(free)
        return 0

    def now(
        self, view: Mapping[SlotKey, tuple[SlotId, SharedSlot]], offered: Mapping[SlotKey, Offered], at: Instant
    ) -> int:
        changed = sum(self.view.get(key) != view.get(key) for key in self.view.keys() | view.keys())
        if changed:
            self.writes += 1
            self.view = dict(view)
            self.entered = {key: self.entered.get(key, at.utc) for key in view}
            self.slots |= {id_: offered[key].slot for key, (id_, _) in view.items()}
        return changed


class FakeBoard:
    """Notes complete reads."""

    def __init__(self, views: FakeViews) -> None:
        self.views = views
        self.reads: list[tuple[EmrName, Instant, int]] = []

    def complete(self, emr: EmrName, now: Instant) -> None:
        self.reads.append((emr, now, self.views.writes))

    def news(self, emr: EmrName, found: tuple[News, ...]) -> None:
        self.told_news = found

    def findings(self, emr: EmrName, found: tuple[Finding, ...]) -> None:
        self.found = {emr: found}

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"publish has no business with Board.{name}")


class House:
    """A publish leg on fakes."""

    def __init__(self) -> None:
        self.emr, self.views, self.rules = FakeEmr(), FakeViews(), RULES
        self.board = FakeBoard(self.views)
        self.leg = self.restarted()

    def restarted(self) -> Publish:
        fresh: Iterator[SlotId] = (SlotId(f"id{n}") for n in count(len(self.views.slots)))
        recall = self.views.slots.get
        return Publish(self.emr, self.views, lambda: self.rules, self.board, fresh, recall, timedelta(minutes=1))

    def published(self) -> dict[str, str]:
        return {key: id_ for key, (id_, _) in self.views.view.items()}


@pytest.fixture
def house() -> House:
    found = House()
    found.emr.slots_now = [slot("a"), slot("b", 25), slot("x", 26, who="9")]
    return found


def test_a_reading_becomes_the_view(house: House) -> None:
    """What may be shared is journaled under fresh ids; deliver is woken, and the source's complete read is noted."""
    leg: Leg = house.leg
    step = leg.step(NOW)
    assert (step.did, step.again, step.wakes) == (2, None, {"deliver"})
    assert house.published() == {"a": "id0", "b": "id1"}
    assert house.board.reads == [(DME, NOW, 1)]
    assert (leg.name, house.leg.interval) == ("publish:dme", timedelta(minutes=1))
    assert leg.longest > timedelta(0)


def test_the_emr_is_asked_for_now_to_the_horizon(house: House) -> None:
    """Nothing beyond what the rules could share is read."""
    house.leg.step(NOW)
    assert house.emr.asked == [Window(NOW.utc, NOW.utc + timedelta(days=14))]


def test_an_unchanged_poll_writes_nothing(house: House) -> None:
    """A second poll keeps ids and journal as they are, and still wakes deliver, since this is the tick."""
    house.leg.step(NOW)
    before = house.published()
    step = house.leg.step(later(1))
    assert (step.did, step.wakes) == (0, {"deliver"})
    assert house.published() == before
    assert house.views.writes == 1


def test_an_emr_that_was_slow_is_left_alone_for_a_while(house: House) -> None:
    """It is not asked and no read is noted, while rules and the clock still narrow the view; then it is read again."""
    emr = PacedEmr()
    emr.slots_now, house.emr = [slot("a"), slot("b", 25)], emr
    leg = house.restarted()
    leg.step(NOW)
    emr.left = later(3).age
    emr.slots_now = []
    house.rules = replace(RULES, types={})
    assert leg.step(later(1)).wakes == {"deliver"}
    assert (len(emr.asked), house.published(), len(house.board.reads)) == (1, {}, 1)
    leg.step(later(3))
    assert len(emr.asked) == 2


def test_a_booked_slot_leaves_and_comes_back_under_another_id(house: House) -> None:
    """A slot missing from a complete reading is gone; freed again, it is a new slot for the hub."""
    house.leg.step(NOW)
    house.emr.slots_now = [slot("b", 25)]
    assert house.leg.step(later(1)).did == 1
    assert house.published() == {"b": "id1"}
    house.emr.slots_now = [slot("a"), slot("b", 25)]
    house.leg.step(later(2))
    assert house.published() == {"a": "id2", "b": "id1"}


def test_a_slot_in_the_past_leaves(house: House) -> None:
    """Time alone takes a slot out, even one the EMR still lists."""
    house.rules = replace(RULES, min_notice=timedelta(0))
    house.leg.step(NOW)
    house.leg.step(later(24 * 60 + 1))
    assert house.published() == {"b": "id1"}


def test_an_incomplete_reading_makes_nothing_disappear(house: House) -> None:
    """What a stale mirror or a missing page does not show stays, and no complete read is noted: validity lapses."""
    house.leg.step(NOW)
    house.emr.slots_now, house.emr.complete = [slot("c", 30)], False
    house.leg.step(later(1))
    assert house.published() == {"a": "id0", "b": "id1", "c": "id2"}
    assert house.board.reads == [(DME, NOW, 1)]


@pytest.mark.parametrize("away", [True, False])
def test_a_restart_forgets_nothing_of_it(house: House, away: bool) -> None:
    """Also right after a restart an incomplete or failed reading keeps the view, judged by what the journal knows."""
    house.leg.step(NOW)
    house.emr.slots_now, house.emr.complete = [], False
    house.emr.fails = Transient(say("read slots"), say("login timed out")) if away else None
    leg = house.restarted()
    if away:
        with pytest.raises(Transient):
            leg.step(later(1))
    else:
        leg.step(later(1))
    assert house.published() == {"a": "id0", "b": "id1"}


@pytest.mark.parametrize(
    "narrower",
    [
        {"vetoes": frozenset(PEOPLE)},
        {"allow": ()},
        {"posture": Posture.WITHDRAWN},
        {"enabled": False},
        {"expires": date(2026, 11, 22)},
    ],
)
@pytest.mark.parametrize("error", [None, Transient(say("read slots"), say("down")), Misconfigured(say("a"), say("b"))])
def test_narrowing_needs_no_emr(house: House, narrower: dict[str, Any], error: Exception | None) -> None:
    """Rules made narrower take their slots out at the next step, though the EMR be away or half read."""
    house.leg.step(NOW)
    house.rules = replace(RULES, **narrower)
    house.emr.slots_now, house.emr.complete, house.emr.fails = [], False, error
    if error is None:
        house.leg.step(later(1))
    else:
        with pytest.raises(type(error)):
            house.leg.step(later(1))
    assert house.published() == {}


def test_an_emr_that_is_away_frees_nothing_in_the_past(house: House) -> None:
    """Slots that pass the minimum notice while the EMR is away leave all the same."""
    house.leg.step(NOW)
    house.emr.fails = Transient(say("read slots"), say("down"))
    with pytest.raises(Transient):
        house.leg.step(later(22 * 60 + 1))
    assert house.published() == {"b": "id1"}


def test_a_slot_nobody_remembers_is_not_kept(house: House) -> None:
    """A slot that can be neither read nor recalled cannot be judged, so it is not shared."""
    house.leg.step(NOW)
    house.views.slots.pop(SlotId("id0"))
    house.emr.slots_now, house.emr.complete = [], False
    house.leg.step(later(1))
    assert house.published() == {"b": "id1"}


def test_a_held_slot_is_not_in_the_view(house: House) -> None:
    """A live hold or an undecided order takes its slot out, complete reading or not."""
    house.leg.step(NOW)
    house.views.holds = frozenset({SlotKey("a")})
    house.leg.step(later(1))
    assert house.published() == {"b": "id1"}
    house.emr.complete = False
    house.leg.step(later(2))
    assert house.published() == {"b": "id1"}


def test_an_order_settled_during_the_read_still_counts(house: House) -> None:
    """The read may have seen the slot free before the order was written: it is not offered again from that read."""
    house.views.holds = frozenset({SlotKey("a")})
    house.emr.meanwhile = lambda: setattr(house.views, "holds", frozenset({SlotKey("b")}))
    house.leg.step(NOW)
    assert house.published() == {}


def test_rules_that_change_during_the_read_count(house: House) -> None:
    """A veto laid while the EMR was being read holds for that very reading."""
    house.emr.meanwhile = lambda: setattr(house, "rules", replace(RULES, vetoes=frozenset({PEOPLE[0]})))
    house.leg.step(NOW)
    assert house.published() == {}


def test_bookable_from_is_kept_from_poll_to_poll(house: House) -> None:
    """A slot is bookable from the minute it entered, however long it stays."""
    house.leg.step(NOW)
    house.emr.slots_now.append(slot("c", 30))
    house.leg.step(later(7.5))
    told = {key: shared.bookable_from.isoformat() for key, (_, shared) in house.views.view.items()}
    assert told == {
        "a": "2026-11-23T08:00:00-05:00",
        "b": "2026-11-23T08:00:00-05:00",
        "c": "2026-11-23T08:07:00-05:00",
    }


def test_findings_of_the_last_read_are_kept(house: House) -> None:
    """`creneau status` can show what the adapter noticed; a failed read leaves the last ones."""
    noticed = Finding("oscar.two-schedules-one-day", Severity.WARN, say("two schedules on one day"))
    house.emr.findings = (noticed,)
    house.leg.step(NOW)
    house.emr.fails = Transient(say("read slots"), say("down"))
    with pytest.raises(Transient):
        house.leg.step(later(1))
    assert house.board.found == {DME: (noticed,)}


def test_the_log_counts_and_names_nobody(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """One event when something changed, with counts only; none when nothing did."""
    with caplog.at_level(logging.INFO, "creneau.publish"):
        house.leg.step(NOW)
        house.leg.step(later(1))
        house.emr.slots_now = []
        house.leg.step(later(2))
    assert [record.getMessage() for record in caplog.records] == [
        "slots.published source=dme added=2 gone=0",
        "slots.published source=dme added=0 gone=2",
    ]
