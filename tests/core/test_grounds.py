"""Every reason why a slot stays: the first is that of `share`, and with all gone it leaves."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.grounds import grounds
from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotKey
from agent.core.sharing import Accord, Allow, Deny, Match, Posture, PublishAs, SharingRules, Why, share

DME, MAIN = EmrName("dme"), SiteId("main")
NOW = datetime(2026, 11, 23, 13, tzinfo=UTC)
START = datetime(2026, 11, 24, 9, tzinfo=ZoneInfo("America/Toronto"))
SLOT = Slot(DME, SlotKey("k"), MAIN, Practitioner("101"), START, START + timedelta(minutes=15), "s", after_cancel=True)
PEOPLE = frozenset({(DME, "101"), (DME, "102")})
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(DME, "s"): "sans"},
    roster={(DME, "101"): Accord("A", date(2026, 1, 1), 5), (DME, "102"): Accord("B", date(2026, 1, 1), 6)},
    allow=(Allow("matin", 12, Match(practitioners=PEOPLE), PublishAs("anyone", "urgent", "on-site")),),
    team_min=2,
    zones={MAIN: "America/Toronto"},
)
CHANGES = {
    Why.WITHDRAWN: {"posture": Posture.WITHDRAWN},
    Why.DISABLED: {"enabled": False},
    Why.EXPIRED: {"expires": date(2026, 1, 1)},
    Why.NEW_TYPE: {"types": {}},
    Why.NEW_PRACTITIONER: {"roster": {(DME, "102"): Accord("B", date(2026, 1, 1))}},
    Why.NO_ACCORD: {"roster": {**RULES.roster, (DME, "101"): Accord("A", None, 5)}},
    Why.VETO: {"vetoes": frozenset({(DME, "101")})},
    Why.CANCELLED: {"cancelled_frees": False},
    Why.NO_RULE: {"allow": ()},
    Why.DENIED: {"deny": (Deny("non", 30, Match()), Deny("jamais", 31, Match()))},
    Why.TEAM_MIN: {"team_min": 3},
    Why.MIN_NOTICE: {"min_notice": timedelta(days=9)},
    Why.HORIZON: {"horizon": timedelta(hours=1)},
    Why.PAUSED: {"posture": Posture.PAUSED},
}
NONE: frozenset[SlotKey] = frozenset()


def test_a_slot_that_leaves_has_no_reason_and_a_rule() -> None:
    """Nothing holds it back."""
    found = grounds(SLOT, RULES, NOW, {}, NONE)
    assert (found.leaves, found.stops, found.rule) == (True, (), RULES.allow[0])


@pytest.mark.parametrize("why", CHANGES)
def test_one_change_is_one_reason(why: Why) -> None:
    """Each reason is found, and two deny rules are both named."""
    found = grounds(SLOT, replace(RULES, **CHANGES[why]), NOW, {}, NONE)
    assert not found.leaves
    assert {stop.why for stop in found.stops} - {Why.TEAM_MIN} <= {why}
    assert why in {stop.why for stop in found.stops}
    if why is Why.DENIED:
        assert [stop.line for stop in found.stops] == [30, 31]


def test_a_site_nobody_named_has_no_further_reason() -> None:
    """Without a zone no rule can be asked."""
    found = grounds(SLOT, replace(RULES, zones={}), NOW, {}, frozenset({SLOT.key}))
    assert ([stop.why for stop in found.stops], found.rule) == ([Why.HELD, Why.NO_RULE], None)


@settings(max_examples=100, deadline=None)
@given(
    st.sets(st.sampled_from(sorted(CHANGES.keys() - {Why.NEW_PRACTITIONER, Why.PAUSED}))),
    st.booleans(),
    st.booleans(),
)
def test_the_first_reason_is_that_of_share(whys: set[Why], held: bool, known: bool) -> None:
    """Whatever holds at once: preview, publish and explain never disagree."""
    rules = RULES
    for why in whys:
        rules = replace(rules, **CHANGES[why])
    since = {SLOT.key: NOW} if known else {}
    busy = frozenset({SLOT.key}) if held else NONE
    decision = share([SLOT], rules, NOW, since, busy)
    found = grounds(SLOT, rules, NOW, since, busy)
    assert found.leaves == bool(decision.offered)
    assert [stop.why for stop in found.stops[:1]] == [kept.why for kept in decision.withheld]
