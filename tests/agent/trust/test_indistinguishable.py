"""What the hub sees tells nothing of why: equal bytes for every reason, and for every agenda that shares the same.

Rule: both runs draw the same dice and sign with the same keys, so that "equal but for random ids, nonces and
signatures" is plain equality; ids, nonces and signatures are functions of nothing else.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.sharing import Accord, Deny, Match, PublishAs, Why, share

WHO = "101"
CELLS = [(who, n, "s") for who in ("101", "102", "103", "104") for n in range(4)]


def phone(house: Any) -> None:
    """Book every free cell of the doctor by phone."""
    for n in range(4):
        house.clinic.receptionist().book(house.key(WHO, n))


def absent(house: Any) -> None:
    """Take the schedule of the doctor down."""
    for n in range(4):
        del house.clinic.openings[house.key(WHO, n)]


def veto(house: Any) -> None:
    house.rules = replace(house.rules, vetoes=frozenset({(house.DME, WHO)}))


def denied(house: Any) -> None:
    match = Match(practitioners=frozenset({(house.DME, WHO)}))
    house.rules = replace(house.rules, deny=(Deny("non", 30, match),))


def new_type(house: Any) -> None:
    """Give the cells a type nobody named."""
    for n in range(4):
        key = house.key(WHO, n)
        house.clinic.openings[key] = replace(house.clinic.openings[key], type="X")


def no_accord(house: Any) -> None:
    """Take the accord back; the team stays as large as it must be."""
    person = (house.DME, WHO)
    roster = {**house.rules.roster, person: Accord("Dre 101", None)}
    house.rules = replace(house.rules, roster=roster)


REASONS: dict[str, Callable[[Any], None]] = {
    "phone": phone, "absent": absent, "veto": veto, "denied": denied, "new-type": new_type, "no-accord": no_accord,
}  # fmt: skip


def run(houses: Any, reason: str, ticks: int = 3) -> list[tuple[str, str]]:
    """Return every byte sent in a morning in which one doctor's slots go."""
    with houses() as house:
        house.rules = replace(house.rules, team_min=2)
        house.open(*CELLS)
        house.tick()
        REASONS[reason](house)
        for _ in range(ticks):
            house.tick()
        return list(house.hub.seen)


@pytest.mark.parametrize("reason", [name for name in REASONS if name != "phone"])
def test_why_slots_go_cannot_be_read(houses: Any, reason: str) -> None:
    """Booked by phone, absent, vetoed, denied, renamed, no accord: offers and beats are the same bytes."""
    assert run(houses, reason) == run(houses, "phone")


def test_the_comparison_would_see_a_difference(houses: Any) -> None:
    """The test itself is not blind: one slot less gone is other bytes."""
    with houses() as house:
        house.rules = replace(house.rules, team_min=2)
        house.open(*CELLS)
        house.tick()
        house.clinic.receptionist().book(house.key(WHO, 0))
        for _ in range(3):
            house.tick()
        assert house.hub.seen != run(houses, "phone")


# ---- non-interference

Cell = tuple[str, int, str]
PEOPLE = ("101", "102", "103", "104", "999")
cells = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.integers(0, 11), st.sampled_from(["s", "1", "X"])), max_size=14,
    unique_by=lambda cell: cell[:2],
)  # fmt: skip
busy = st.sets(st.tuples(st.sampled_from(PEOPLE), st.integers(0, 11)), max_size=6)
denies = st.lists(
    st.builds(
        Match,
        types=st.one_of(st.none(), st.just(frozenset({("dme", "1")}))),
        days=st.sets(st.integers(0, 6), min_size=1).map(frozenset),
        between=st.sampled_from([(0, 1440), (540, 600), (600, 720)]),
    ),
    max_size=1,
)


@st.composite
def settings_of_a_clinic(draw: Callable[..., Any]) -> dict[str, Any]:
    """Draw sharing rules."""
    return {
        "identity": draw(st.sampled_from(["team", "named"])),
        "times": draw(st.sampled_from(["exact", "half-day"])),
        "team_min": draw(st.sampled_from([2, 3, 4])),
        "cancelled_frees": draw(st.booleans()),
        "deny": tuple(Deny(f"non {n}", 30 + n, match) for n, match in enumerate(draw(denies))),
        "types": draw(st.sampled_from([{("dme", "s"): "a"}, {("dme", "s"): "a", ("dme", "1"): "b"}])),
        "vetoes": draw(st.sampled_from([frozenset(), frozenset({("dme", "102")})])),
    }


TIMELY = {Why.MIN_NOTICE, Why.HORIZON, Why.HELD}
"""Reasons that minutes take away by themselves: such a slot is shareable, later or earlier."""


def morning(houses: Any, rules: dict[str, Any], agenda: list[Cell], taken: set[tuple[str, int]], text: str) -> Any:
    """Return every byte sent, and the cells whose slots the rules share or would share at another minute."""
    with houses() as house:
        house.rules = replace(house.rules, **rules)
        house.open(*agenda)
        for who, n in sorted(taken):
            start = house.MONDAY + timedelta(minutes=20 * n)
            house.clinic.insert(who, start, start + timedelta(minutes=20), "desk", text=text)
        slots = house.emr.slots(house.rules.window(house.now.utc)).slots
        decision = share(slots, house.rules, house.now.utc, {}, frozenset())
        kept = {held.slot.key for held in decision.withheld if held.why in TIMELY} | set(decision.offered)
        house.tick()
        house.tick()
        return list(house.hub.seen), [cell for cell in agenda if house.key(*cell[:2]) in kept]


@settings(max_examples=80, deadline=None)
@given(settings_of_a_clinic(), cells, busy, cells, busy)
def test_only_shareable_free_slots_reach_the_hub(
    houses: Any, rules: dict[str, Any], agenda: list[Cell], taken: set[tuple[str, int]], noise: list[Cell],
    more: set[tuple[str, int]],
) -> None:  # fmt: skip
    """Take away all that may not be shared, put other such things in its place: not one byte changes."""
    seen, shareable = morning(houses, rules, agenda, taken, "TREMBLAY")
    places = {cell[:2] for cell in shareable}
    private = [(who, n, "X") for who, n, _ in noise if (who, n) not in places]
    others = {place for place in more if place not in places}
    again, still = morning(houses, rules, shareable + private, others, "SIMARD")
    assert again == seen
    assert sorted(still) == sorted(shareable)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.sampled_from(["team", "named"]), st.sampled_from(["exact", "half-day"]))
def test_a_name_leaves_only_when_the_rules_publish_it(houses: Any, n: int, identity: str, times: str) -> None:
    """Under "team" no letter of anybody's name, code, type or rule is on the wire."""
    with houses() as house:
        canary = "DreCanari"
        rule = replace(house.rules.allow[0], name="reglecanari", publish_as=PublishAs("anyone", "urgent", "on-site"))
        roster = {who: replace(accord, name=canary) for who, accord in house.rules.roster.items()}
        house.rules = replace(house.rules, identity=identity, times=times, roster=roster, allow=(rule,), team_min=1)
        house.open((WHO, n, "s"))
        house.tick()
        told = str(house.hub.claims)
        assert ("DreCanari" in told) is (identity == "named")
        assert "reglecanari" not in told
        assert "sans-rendez-vous" not in told
        assert house.key(WHO, n) not in told
        assert date(2026, 11, 30).isoformat() in told
