"""What holds of the sharing rules for every agenda and every file."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.changes import enter, line
from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotId, SlotKey
from agent.core.sharing import (
    Accord,
    Allow,
    Deny,
    Match,
    Posture,
    PublishAs,
    SharingRules,
    share,
    still_allowed,
)

DME = EmrName("dme")
SITES = {SiteId("principal"): "America/Toronto", SiteId("sablon"): "America/Blanc-Sablon"}
WHO = [(DME, code) for code in ("1", "2", "3", "4")]
TYPES = [(DME, code) for code in ("s", "S", "w")]
NOW = datetime(2026, 10, 29, 13, 7, 31, 250, tzinfo=UTC)  # the clocks go back on 1 November
T = TypeVar("T")
NOBODY: frozenset[SlotKey] = frozenset()


def mostly(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Draw the usual eleven times in twelve: else nearly no drawn file shares anything and the properties are idle."""
    return st.sampled_from([usual] * 11 + [odd]).flatmap(lambda one: one)


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    site = draw(st.sampled_from(sorted(SITES)))
    ahead = draw(mostly(st.integers(24 * 60, 12 * 24 * 60), st.integers(-300, 16 * 24 * 60)))
    start = NOW + timedelta(minutes=ahead)
    end = start + timedelta(minutes=draw(mostly(st.just(20), st.integers(0, 60))))
    zone = draw(st.sampled_from([ZoneInfo(SITES[site]), UTC]))
    return Slot(
        emr=DME,
        key=SlotKey(f"k{draw(st.integers(0, 30))}"),
        site=site,
        practitioner=Practitioner(draw(st.sampled_from([code for _, code in WHO] * 2 + ["9"]))),
        start=start.astimezone(zone),
        end=end.astimezone(zone),
        type=draw(st.sampled_from(["s", "s", "s", "S", "w", "?"])),
        after_cancel=draw(st.booleans()),
    )


agendas = st.lists(slots(), min_size=3, max_size=12, unique_by=lambda one: one.key)


@st.composite
def matches(draw: st.DrawFn) -> Match:
    low = draw(st.integers(0, 1000))
    return Match(
        types=draw(st.none() | st.frozensets(st.sampled_from(TYPES))),
        practitioners=draw(st.none() | st.frozensets(st.sampled_from(WHO), min_size=2)),
        sites=draw(st.none() | st.frozensets(st.sampled_from(sorted(SITES)))),
        days=draw(st.just(frozenset(range(7))) | st.frozensets(st.integers(0, 6))),
        between=draw(st.just((0, 1440)) | st.just((low, low + 400))),
    )


denials = st.builds(Deny, st.just("no"), st.integers(1, 99), matches())
accords = st.builds(
    Accord, st.sampled_from(["A", "B", "C", "D"]), st.sampled_from([None, NOW.date(), date(2027, 1, 1)])
)


@st.composite
def rules(draw: st.DrawFn) -> SharingRules:
    wide = Match(practitioners=frozenset(WHO))
    said = st.builds(PublishAs, st.just("anyone"), st.sampled_from(["urgent", "regular"]), st.just("on-site"))
    allow = st.builds(
        Allow, st.sampled_from(["one", "two"]), st.integers(1, 99), mostly(st.just(wide), matches()), said
    )
    yes = {who: Accord(f"D{n}", date(2026, 1, 1)) for n, who in enumerate(WHO)}
    return SharingRules(
        enabled=draw(mostly(st.just(True), st.just(False))),
        expires=draw(mostly(st.just(date(2027, 6, 30)), st.just(NOW.date() - timedelta(days=1)))),
        types=dict.fromkeys(TYPES, "word"),
        roster=draw(mostly(st.just(yes), st.dictionaries(st.sampled_from(WHO), accords))),
        allow=tuple(draw(st.lists(allow, min_size=1, max_size=3))),
        deny=tuple(draw(mostly(st.just([]), st.lists(denials, max_size=2)))),
        identity=draw(st.sampled_from(["team", "named"])),
        team_min=draw(st.integers(0, 5)),
        times=draw(st.sampled_from(["exact", "half-day"])),
        cancelled_frees=draw(st.booleans()),
        zones=SITES,
        posture=draw(mostly(st.just(Posture.OPEN), st.sampled_from(Posture))),
    )


def ids() -> Iterator[SlotId]:
    return (SlotId(f"id{n}") for n in count())


def seen(agenda: list[Slot], plan: SharingRules) -> list[bytes]:
    """Return everything a hub can read of a view that was empty before, in the order it is put."""
    view = enter({}, share(agenda, plan, NOW, {}, NOBODY).offered, ids())
    return [line(shared, id_) for id_, shared in view.values()]


@settings(max_examples=100, deadline=None)
@given(agendas, agendas, rules())
def test_what_is_not_shared_cannot_be_seen(agenda: list[Slot], others: list[Slot], plan: SharingRules) -> None:
    """Non-interference: exchange every slot that stays for any other that stays, and the hub reads the same bytes."""
    offered = share(agenda, plan, NOW, {}, NOBODY).offered
    kept = [kept.slot for kept in share(others, plan, NOW, {}, NOBODY).withheld]
    swapped = [one for one in agenda if one.key in offered] + [one for one in kept if one.key not in offered]
    assert seen(swapped, plan) == seen(agenda, plan)


@settings(max_examples=100, deadline=None)
@given(agendas, rules(), denials, st.sampled_from(WHO))
def test_a_no_never_shares_more(agenda: list[Slot], plan: SharingRules, no: Deny, who: tuple[EmrName, str]) -> None:
    """Deny rules, vetoes, lost accords, holds, pauses and narrower times take slots out and put none in."""
    before = share(agenda, plan, NOW, {}, NOBODY).offered
    roster = {one: accord for one, accord in plan.roster.items() if one != who}
    narrower = [
        replace(plan, deny=(*plan.deny, no)),
        replace(plan, vetoes=frozenset({who})),
        replace(plan, roster=roster),
        replace(plan, allow=plan.allow[:-1]),
        replace(plan, posture=Posture.FROZEN),
        replace(plan, min_notice=plan.min_notice * 2),
        replace(plan, horizon=plan.horizon / 2),
        replace(plan, team_min=plan.team_min + 1),
        replace(plan, cancelled_frees=False),
        replace(plan, enabled=False),
    ]
    for less in narrower:
        after = share(agenda, less, NOW, {}, NOBODY).offered
        assert after.keys() <= before.keys()
        assert all(after[key] == before[key] for key in after)
    held = frozenset({SlotKey("k1"), SlotKey("k2")})
    assert share(agenda, plan, NOW, {}, held).offered.keys() == before.keys() - held


@settings(max_examples=60, deadline=None)
@given(agendas.flatmap(lambda agenda: st.tuples(st.just(agenda), st.permutations(agenda))), rules())
def test_the_order_of_the_reading_says_nothing(pair: tuple[list[Slot], list[Slot]], plan: SharingRules) -> None:
    """Same input, same bytes, in whatever order the adapter lists its rows."""
    agenda, shuffled = pair
    assert seen(shuffled, plan) == seen(agenda, plan)
    one, two = (share(rows, plan, NOW, {}, NOBODY) for rows in (agenda, shuffled))
    assert one == two
    assert list(one.offered) == list(two.offered)


@settings(max_examples=60, deadline=None)
@given(agendas, rules())
def test_every_slot_is_answered_and_orders_agree(agenda: list[Slot], plan: SharingRules) -> None:
    """A slot is offered or withheld, never lost; what is offered may still be booked in the same second."""
    decision = share(agenda, plan, NOW, {}, NOBODY)
    assert len(decision.offered) + len(decision.withheld) == len(agenda)
    for offered in decision.offered.values():
        assert still_allowed(offered.slot, plan, NOW, on_hold=False)
        start = offered.slot.start.astimezone(UTC)  # within one zone Python compares the hands of the clock
        assert offered.shared.start <= start < offered.shared.end
        assert offered.shared.bookable_from <= NOW
