"""What leaves, what stays and why: one behaviour a test."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.core.judging import published
from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotKey
from agent.core.sharing import (
    Accord,
    Allow,
    Decision,
    Deny,
    Match,
    Posture,
    PublishAs,
    SharedSlot,
    SharingRules,
    Why,
    matching,
    rehearse,
    share,
    still_allowed,
)

DME = EmrName("dme")
MAIN = SiteId("principal")
TORONTO = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)  # Monday, 08:00 in Toronto
START = datetime(2026, 11, 24, 9, 0, tzinfo=TORONTO)
PEOPLE = frozenset((DME, code) for code in ("101", "102", "103"))
ANYONE = PublishAs("anyone", "urgent", "on-site")
MORNING = Allow("morning", 40, Match(types=frozenset({(DME, "s")}), practitioners=PEOPLE), ANYONE)
NAMES = {"101": "Dre A. Gagnon", "102": "Dr B. Simard", "103": "C. Côté, IPSPL"}
ROSTER = {(DME, code): Accord(name, date(2026, 11, 16), 20 + n) for n, (code, name) in enumerate(NAMES.items())}
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(DME, "s"): "sans-rendez-vous"},
    roster=ROSTER,
    allow=(MORNING,),
    zones={MAIN: "America/Toronto"},
)


def slot(key: str = "k1", start: datetime = START, *, minutes: int = 20, who: str = "101", **more: Any) -> Slot:
    end = (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(start.tzinfo)
    defaults: dict[str, Any] = {"emr": DME, "site": MAIN, "type": "s"}
    return Slot(key=SlotKey(key), practitioner=Practitioner(who), start=start, end=end, **(defaults | more))


def decide(
    *slots: Slot,
    rules: SharingRules = RULES,
    now: datetime = NOW,
    since: Mapping[SlotKey, datetime] | None = None,
    held: frozenset[SlotKey] = frozenset(),
) -> Decision:
    return share(slots, rules, now, since or {}, held)


def shared(one: Slot, rules: SharingRules = RULES, now: datetime = NOW, **more: Any) -> SharedSlot:
    return decide(one, rules=rules, now=now, **more).offered[one.key].shared


def why(one: Slot, rules: SharingRules = RULES, now: datetime = NOW, **more: Any) -> tuple[Why, int]:
    decision = decide(one, rules=rules, now=now, **more)
    assert not decision.offered
    (kept,) = decision.withheld
    assert kept.slot == one
    return kept.why, kept.line


def accords(**agreed: date | None) -> SharingRules:
    changed = {(DME, who.strip("p")): replace(ROSTER[DME, who.strip("p")], agreed=day) for who, day in agreed.items()}
    return replace(RULES, roster={**ROSTER, **changed})


def denying(*matches: Match, allow: tuple[Allow, ...] = (MORNING,)) -> SharingRules:
    return replace(RULES, allow=allow, deny=tuple(Deny(f"no {n}", 60 + n, match) for n, match in enumerate(matches)))


def test_what_leaves_is_the_vocabulary_and_nothing_else() -> None:
    """A shared slot holds the wire members: no key, no EMR word, no practitioner under "team"."""
    decision = decide(slot())
    offered = decision.offered[SlotKey("k1")]
    assert offered.rule == "morning"
    assert offered.slot == slot()
    assert decision.withheld == ()
    assert offered.shared == SharedSlot(
        start=START,
        end=datetime(2026, 11, 24, 9, 20, tzinfo=TORONTO),
        precision="exact",
        site=MAIN,
        confirmation="request",
        practitioner=None,
        bookable_from=datetime(2026, 11, 23, 8, 0, tzinfo=TORONTO),
        clientele="anyone",
        reason="urgent",
        redirect=None,
        mode="on-site",
    )


def test_members_stand_in_the_order_of_the_protocol() -> None:
    """The fields of a shared slot are the members of the canonical line less `id`, in its order."""
    assert [field.name for field in fields(SharedSlot)] == [
        "start", "end", "precision", "site", "confirmation", "practitioner", "bookable_from", "clientele", "reason",
        "redirect", "mode",
    ]  # fmt: skip


def test_named_gives_the_name_of_the_roster() -> None:
    """Under "named" the hub reads the name the practitioner agreed to, never what the EMR calls them."""
    one = replace(slot(), practitioner=Practitioner("101", name="GAGNON ANNE 12345", label="AG"))
    assert shared(one, replace(RULES, identity="named")).practitioner == "Dre A. Gagnon"


@pytest.mark.parametrize("identity", ["team", "pseudonym", ""])
def test_only_the_word_named_publishes_a_name(identity: str) -> None:
    """Any other word for identity means the team."""
    assert shared(slot(), replace(RULES, identity=identity)).practitioner is None


def test_the_rule_says_what_is_published() -> None:
    """Clientele, reason, mode, redirect and confirmation come from the rules, not from the EMR."""
    rule = replace(MORNING, publish_as=PublishAs("enrolled-at-site", "pediatric", "video", "811"))
    found = shared(slot(), replace(RULES, allow=(rule,), confirmation={DME: "instant"}))
    assert (found.clientele, found.reason, found.mode, found.redirect, found.confirmation) == (
        "enrolled-at-site", "pediatric", "video", "811", "instant",
    )  # fmt: skip


def test_the_first_allow_rule_that_matches_wins() -> None:
    """The order of the file decides what a slot is published as and which rule it belongs to."""
    second = replace(MORNING, name="second", publish_as=PublishAs("anyone", "regular", "phone"))
    assert decide(slot(), rules=replace(RULES, allow=(MORNING, second))).offered[SlotKey("k1")].rule == "morning"
    assert shared(slot(), replace(RULES, allow=(second, MORNING))).mode == "phone"


def test_times_are_told_in_the_zone_of_the_site_in_whole_seconds() -> None:
    """An adapter that answers in UTC with fractions gives the same slot as one in the clinic's zone."""
    one = replace(slot(), start=START.astimezone(UTC) + timedelta(microseconds=9), end=slot().end.astimezone(UTC))
    assert shared(one).start.isoformat() == "2026-11-24T09:00:00-05:00"
    assert shared(one).end.isoformat() == "2026-11-24T09:20:00-05:00"


def test_bookable_from_is_the_minute_of_first_publication() -> None:
    """It is the minute the slot entered, kept while it stays, rounded down so that it is never in the future."""
    entered = datetime(2026, 10, 31, 12, 34, 56, 789, tzinfo=UTC)
    rules = replace(RULES, horizon=timedelta(days=60))
    assert (
        shared(slot(), rules, since={SlotKey("k1"): entered}).bookable_from.isoformat() == "2026-10-31T08:34:00-04:00"
    )
    assert shared(slot(), now=NOW + timedelta(seconds=59)).bookable_from.isoformat() == "2026-11-23T08:00:00-05:00"


# ---- the order of the reasons: each case also breaks every rule that comes after it

WITHDRAWN = replace(RULES, posture=Posture.WITHDRAWN, enabled=False, expires=date(2026, 1, 1))
UNKNOWN_TYPE = replace(slot(start=NOW, who="900"), type="S")


def test_held_comes_first() -> None:
    """A slot under a hold is withheld as such, whatever else would keep it."""
    assert why(UNKNOWN_TYPE, WITHDRAWN, held=frozenset({SlotKey("k1")})) == (Why.HELD, 0)


def test_withdrawn_comes_before_disabled_expired_and_unknown() -> None:
    """The clinic's own order is the reason shown."""
    assert why(UNKNOWN_TYPE, WITHDRAWN) == (Why.WITHDRAWN, 0)
    assert why(UNKNOWN_TYPE, replace(WITHDRAWN, posture=Posture.OPEN)) == (Why.DISABLED, 0)
    assert why(UNKNOWN_TYPE, replace(WITHDRAWN, posture=Posture.OPEN, enabled=True)) == (Why.EXPIRED, 0)
    assert why(UNKNOWN_TYPE) == (Why.NEW_TYPE, 0)


def test_the_last_day_of_sharing_is_a_whole_day_at_the_site() -> None:
    """`expires` still counts at 23:59 local time, though UTC is a day further, and no more at midnight."""
    rules = replace(RULES, expires=date(2026, 11, 23), min_notice=timedelta(0))
    assert decide(slot(), rules=rules, now=datetime(2026, 11, 24, 4, 59, tzinfo=UTC)).offered
    assert why(slot(), rules, datetime(2026, 11, 24, 5, 0, tzinfo=UTC)) == (Why.EXPIRED, 0)


@pytest.mark.parametrize("code", ["S", " s", "", "W"])
def test_a_type_the_file_does_not_name_stays(code: str) -> None:
    """EMR codes are compared verbatim: "S" is not "s"."""
    assert why(replace(slot(), type=code)) == (Why.NEW_TYPE, 0)


def test_a_code_belongs_to_its_source() -> None:
    """The same code in another EMR is another type and another person."""
    other = EmrName("autre")
    assert why(replace(slot(), emr=other)) == (Why.NEW_TYPE, 0)
    rules = replace(RULES, types={**RULES.types, (other, "s"): "sans-rendez-vous"})
    assert why(replace(slot(), emr=other), rules) == (Why.NEW_PRACTITIONER, 0)


def test_a_person_without_a_valid_accord_stays() -> None:
    """Not in the roster, no date, or a date still to come at the site: nothing of theirs leaves."""
    assert why(slot(who="104")) == (Why.NEW_PRACTITIONER, 0)
    assert why(slot(), accords(p101=None)) == (Why.NO_ACCORD, 20)
    assert why(slot(), accords(p101=date(2026, 11, 24))) == (Why.NO_ACCORD, 20)
    assert decide(slot(), rules=accords(p101=date(2026, 11, 23))).offered


def test_an_accord_begins_at_midnight_at_the_site() -> None:
    """At 23:59 in Toronto it is tomorrow in UTC, and tomorrow's accord does not hold yet."""
    late = datetime(2026, 11, 24, 4, 59, tzinfo=UTC)
    assert why(slot(), accords(p101=date(2026, 11, 24)), late) == (Why.NO_ACCORD, 20)


def test_a_veto_wins_over_the_managers_file() -> None:
    """A doctor's no holds their slots alone, and the rest of the team stays a team."""
    rules = replace(RULES, vetoes=frozenset({(DME, "101")}))
    assert why(slot(), rules) == (Why.VETO, 0)
    assert decide(slot(who="102"), rules=rules).offered


def test_a_freed_slot_stays_when_cancellations_do_not_free() -> None:
    """`cancelled_frees = false` keeps slots that are free only because someone cancelled."""
    rules = replace(RULES, cancelled_frees=False, allow=())
    assert why(replace(slot(), after_cancel=True), rules) == (Why.CANCELLED, 0)
    assert why(slot(), rules) == (Why.NO_RULE, 0)
    assert decide(replace(slot(), after_cancel=True)).offered


@pytest.mark.parametrize(
    "match",
    [
        Match(types=frozenset({(DME, "W")})),
        Match(practitioners=frozenset({(DME, "102")})),
        Match(sites=frozenset({SiteId("ailleurs")})),
        Match(days=frozenset({0, 2, 3, 4, 5, 6})),
        Match(between=(541, 1440)),
        Match(between=(0, 540)),
        Match(types=frozenset()),
    ],
)
def test_a_rule_must_match_on_every_count(match: Match) -> None:
    """One condition that fails is enough: no allow rule, no sharing; and such a deny rule denies nothing."""
    assert why(slot(), replace(RULES, allow=(replace(MORNING, match=match),))) == (Why.NO_RULE, 0)
    assert decide(slot(), rules=denying(match)).offered


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(types=frozenset({(DME, "s")})),
        Match(practitioners=frozenset({(DME, "101")})),
        Match(sites=frozenset({MAIN})),
        Match(days=frozenset({1})),
        Match(between=(540, 541)),
    ],
)
def test_no_always_wins(match: Match) -> None:
    """A deny rule that matches holds the slot, with its line; the first one that matches is shown."""
    assert why(slot(), denying(Match(days=frozenset()), match, Match())) == (Why.DENIED, 61)
    assert why(slot(), denying(match, allow=())) == (Why.NO_RULE, 0)


def test_deny_comes_before_the_team() -> None:
    """The rule someone wrote is a better reason than a number."""
    assert why(slot(), replace(denying(Match()), team_min=9)) == (Why.DENIED, 60)


def test_a_team_counts_the_people_the_rule_names() -> None:
    """Fewer named people with an accord than `team_min`: the rule's slots stay, with the rule's line."""
    two = replace(MORNING, match=replace(MORNING.match, practitioners=frozenset({(DME, "101"), (DME, "102")})))
    assert why(slot(), replace(RULES, allow=(two,))) == (Why.TEAM_MIN, 40)
    assert decide(slot(), rules=replace(RULES, allow=(two,), team_min=2)).offered
    assert decide(slot(), rules=replace(RULES, allow=(two,), identity="named")).offered


@pytest.mark.parametrize("agreed", [None, date(2026, 11, 24)])
def test_a_name_without_accord_makes_no_team(agreed: date | None) -> None:
    """Only people who said yes, and whose yes has begun, count."""
    assert why(slot(), accords(p103=agreed)) == (Why.TEAM_MIN, 40)


def test_a_rule_that_names_nobody_or_strangers_has_no_team() -> None:
    """Neither "anyone" nor codes outside the roster are people."""
    anyone = replace(MORNING, match=replace(MORNING.match, practitioners=None))
    assert why(slot(), replace(RULES, allow=(anyone,), team_min=1)) == (Why.TEAM_MIN, 40)
    strangers = replace(MORNING.match, practitioners=frozenset({(DME, "101"), (DME, "8"), (DME, "9")}))
    assert why(slot(), replace(RULES, allow=(replace(MORNING, match=strangers),))) == (Why.TEAM_MIN, 40)


def test_one_person_in_two_sources_counts_once() -> None:
    """A doctor the rule names by two EMR codes is still one of the team."""
    twin = (EmrName("autre"), "7")
    rule = replace(MORNING, match=replace(MORNING.match, practitioners=frozenset({(DME, "101"), (DME, "102"), twin})))
    rules = replace(RULES, allow=(rule,), roster={**ROSTER, twin: ROSTER[DME, "101"]})
    assert why(slot(), rules) == (Why.TEAM_MIN, 40)


def test_who_works_that_day_changes_nothing() -> None:
    """A team whose other members have no slot at all is still the team the rule names."""
    assert decide(slot()).offered.keys() == {"k1"}


def test_minimum_notice_and_horizon_are_half_open() -> None:
    """A slot exactly two hours ahead leaves, one second sooner stays; one exactly at the horizon stays."""
    assert decide(slot(start=NOW + timedelta(hours=2))).offered
    assert why(slot(start=NOW + timedelta(hours=2, seconds=-1))) == (Why.MIN_NOTICE, 0)
    assert decide(slot(start=NOW + timedelta(days=14, seconds=-1))).offered
    assert why(slot(start=NOW + timedelta(days=14))) == (Why.HORIZON, 0)
    assert why(slot(start=NOW - timedelta(hours=1)), replace(RULES, min_notice=timedelta(0))) == (Why.MIN_NOTICE, 0)


def test_the_window_asked_of_the_emr_ends_at_the_horizon() -> None:
    """Slots beyond the horizon are not even read."""
    window = RULES.window(NOW)
    assert (window.start, window.end) == (NOW, NOW + timedelta(days=14))


@pytest.mark.parametrize("posture", [Posture.PAUSED, Posture.FROZEN])
def test_a_pause_lets_nothing_new_in_and_nothing_out(posture: Posture) -> None:
    """Under a pause or a freeze what is published stays by the same rules, and nothing enters."""
    rules = replace(RULES, posture=posture)
    assert why(slot(), rules) == (Why.PAUSED, 0)
    since = {SlotKey("k1"): NOW - timedelta(hours=1)}
    assert decide(slot(), rules=rules, since=since).offered
    assert why(slot(), replace(rules, vetoes=frozenset({(DME, "101")})), since=since) == (Why.VETO, 0)
    assert why(slot(start=NOW + timedelta(hours=1)), rules) == (Why.MIN_NOTICE, 0)


def test_a_rehearsal_shows_what_would_leave() -> None:
    """With `enabled = false` nothing leaves, and the rehearsal decides as if it were on."""
    off = replace(RULES, enabled=False)
    assert why(slot(), off) == (Why.DISABLED, 0)
    assert rehearse([slot()], off, NOW, {}, frozenset()) == decide(slot())


def test_a_site_without_a_zone_shares_nothing() -> None:
    """A slot of a site the file does not name stays, as no rule can speak of its hours."""
    assert why(slot(), replace(RULES, zones={})) == (Why.NO_RULE, 0)
    assert matching(slot(), replace(RULES, zones={})) == (None, None)


@pytest.mark.parametrize(
    "bad",
    [
        replace(slot(), end=START),
        replace(slot(), end=START - timedelta(minutes=5)),
        replace(slot(), start=START.replace(tzinfo=None)),
        replace(slot(), end=START.replace(tzinfo=None)),
        replace(slot(), end=START + timedelta(microseconds=5)),
    ],
)
def test_a_slot_that_does_not_last_or_has_no_zone_stays(bad: Slot) -> None:
    """A fault of an adapter is not published."""
    assert why(bad) == (Why.NO_RULE, 0)


def test_matching_tells_both_rules() -> None:
    """`explain` can show the allow rule that would have shared a slot beside the deny rule that held it."""
    rules = denying(Match(days=frozenset({4})), Match())
    assert matching(slot(), rules) == (MORNING, rules.deny[1])
    assert matching(slot(), RULES) == (MORNING, None)


def test_one_key_given_twice_is_decided_the_same_way_in_any_order() -> None:
    """A faulty adapter cannot make the view flap."""
    one, two = slot(), slot(start=START + timedelta(hours=1))
    assert decide(one, two) == decide(two, one)


# ---- while orders are in flight


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, allow=()),
        denying(Match()),
        replace(RULES, vetoes=frozenset({(DME, "101")})),
        accords(p101=None),
        accords(p103=None),
        replace(RULES, types={}),
        replace(RULES, zones={}),
        replace(RULES, posture=Posture.WITHDRAWN),
        replace(RULES, enabled=False),
        replace(RULES, expires=date(2026, 11, 22)),
    ],
)
@pytest.mark.parametrize("on_hold", [True, False])
def test_a_narrower_rule_ends_it(rules: SharingRules, on_hold: bool) -> None:
    """Rule, veto, accord, withdrawal or expiry: no order on such a slot is applied, on hold or not."""
    assert not still_allowed(slot(), rules, NOW, on_hold=on_hold)


@pytest.mark.parametrize("start", [NOW + timedelta(minutes=30), NOW + timedelta(days=20)])
def test_time_passing_ends_only_what_is_not_on_hold(start: datetime) -> None:
    """A live hold outlives minimum notice and horizon; a plain order does not."""
    assert still_allowed(slot(start=start), RULES, NOW, on_hold=True)
    assert not still_allowed(slot(start=start), RULES, NOW, on_hold=False)


@pytest.mark.parametrize("posture", [Posture.OPEN, Posture.PAUSED, Posture.FROZEN])
@pytest.mark.parametrize("on_hold", [True, False])
def test_a_pause_lets_orders_go_on(posture: Posture, on_hold: bool) -> None:
    """A pause stops nothing under way; a freeze is kept by apply, which writes nothing."""
    assert still_allowed(slot(), replace(RULES, posture=posture), NOW, on_hold=on_hold)


# ---- half-days, and the days the clocks change

HALF = replace(RULES, times="half-day", horizon=timedelta(days=365), allow=(MORNING,))


def bounds(start: datetime, zone: str) -> tuple[str, str]:
    rules = replace(HALF, zones={MAIN: zone})
    begin, end, precision = published(replace(slot(), start=start, end=start + timedelta(minutes=20)), rules)
    assert precision == "half-day"
    return begin.isoformat(), end.isoformat()


@pytest.mark.parametrize(
    ("zone", "day", "midnight", "noon", "next_"),
    [
        ("America/Toronto", (2026, 11, 1), "-04:00", "-05:00", "-05:00"),
        ("America/Toronto", (2027, 3, 14), "-05:00", "-04:00", "-04:00"),
        ("America/Toronto", (2026, 10, 31), "-04:00", "-04:00", "-04:00"),
        ("America/Blanc-Sablon", (2026, 11, 1), "-04:00", "-04:00", "-04:00"),
        ("America/Blanc-Sablon", (2027, 3, 14), "-04:00", "-04:00", "-04:00"),
    ],
)
def test_half_days_are_bounded_by_local_midnight_and_noon(
    zone: str, day: tuple[int, int, int], midnight: str, noon: str, next_: str
) -> None:
    """[00:00, 12:00) and [12:00, 24:00) at the site, with the offset of each bound, on both days the clocks change."""
    here, tomorrow = ZoneInfo(zone), date(*day) + timedelta(days=1)
    morning = (f"{date(*day)}T00:00:00{midnight}", f"{date(*day)}T12:00:00{noon}")
    afternoon = (f"{date(*day)}T12:00:00{noon}", f"{tomorrow}T00:00:00{next_}")
    assert bounds(datetime(*day, 0, 0, tzinfo=here), zone) == morning
    assert bounds(datetime(*day, 11, 59, 59, tzinfo=here), zone) == morning
    assert bounds(datetime(*day, 12, 0, tzinfo=here), zone) == afternoon
    assert bounds(datetime(*day, 23, 59, tzinfo=here).astimezone(UTC), zone) == afternoon


def test_a_midnight_that_does_not_exist_is_the_first_moment_of_the_day() -> None:
    """In a zone that skips 00:00 the half-day begins at the hour the clocks show next."""
    start = datetime(2026, 9, 6, 9, 0, tzinfo=ZoneInfo("America/Santiago"))
    assert bounds(start, "America/Santiago")[0] == "2026-09-06T01:00:00-03:00"


def test_any_word_but_exact_hides_the_time() -> None:
    """A word we do not know for `times` gives the coarser of the two."""
    assert shared(slot(), replace(RULES, times="?")).precision == "half-day"


def test_a_half_day_enters_as_one() -> None:
    """No slot of a half-day appears before the horizon covers it all: else its first minute would tell its hour."""
    rules = replace(RULES, times="half-day")
    slots = [slot(str(hour), datetime(2026, 11, 24, hour, 0, tzinfo=TORONTO)) for hour in (0, 8, 9, 11)]
    covered = datetime(2026, 11, 10, 12, 0, tzinfo=TORONTO)
    rules = replace(rules, roster={who: replace(a, agreed=date(2026, 1, 1)) for who, a in ROSTER.items()})
    early = decide(*slots, rules=rules, now=covered - timedelta(seconds=1))
    assert {kept.why for kept in early.withheld} == {Why.HORIZON}
    assert not early.offered
    assert len(decide(*slots, rules=rules, now=covered).offered) == 4


def test_a_half_day_leaves_as_one() -> None:
    """Minimum notice counts from the half-day's beginning: the minute a slot vanishes tells nothing of its hour."""
    rules = replace(RULES, times="half-day")
    slots = [slot(str(hour), datetime(2026, 11, 24, hour, 0, tzinfo=TORONTO)) for hour in (12, 16, 23)]
    last = datetime(2026, 11, 24, 10, 0, tzinfo=TORONTO)
    assert len(decide(*slots, rules=rules, now=last).offered) == 3
    late = decide(*slots, rules=rules, now=last + timedelta(seconds=1))
    assert {kept.why for kept in late.withheld} == {Why.MIN_NOTICE}
    assert not late.offered


def test_two_slots_of_a_half_day_look_alike() -> None:
    """Under half-day times nothing but the random id tells two slots of one rule and half-day apart."""
    rules = replace(RULES, times="half-day")
    one, two = slot("k1"), slot("k2", START + timedelta(hours=1), minutes=45, who="102")
    assert shared(one, rules) == shared(two, rules)


def test_the_repeated_hour_keeps_its_two_halves_apart() -> None:
    """01:30 happens twice on 2026-11-01: each slot leaves with its own offset, and both fit 01:00 to 02:00."""
    rule = replace(MORNING, match=replace(MORNING.match, between=(60, 120)))
    rules = replace(RULES, allow=(rule,), horizon=timedelta(days=60))
    now = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
    rules = replace(rules, roster={who: replace(a, agreed=date(2026, 1, 1)) for who, a in ROSTER.items()})
    first = datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO)
    one, two = slot("k1", first), slot("k2", first.replace(fold=1))
    assert shared(one, rules, now).start.isoformat() == "2026-11-01T01:30:00-04:00"
    assert shared(two, rules, now).start.isoformat() == "2026-11-01T01:30:00-05:00"
    across = slot("k3", datetime(2026, 11, 1, 1, 50, tzinfo=TORONTO))
    assert shared(across, rules, now).end.isoformat() == "2026-11-01T01:10:00-05:00"


def test_the_skipped_hour_is_judged_by_the_clock_on_the_wall() -> None:
    """On 2027-03-14 a slot 30 minutes after 01:45 begins at 03:15 and does not fit 02:00 to 03:00."""
    now = datetime(2027, 3, 10, 12, 0, tzinfo=UTC)
    start = datetime(2027, 3, 14, 6, 45, tzinfo=UTC) + timedelta(minutes=30)
    rule = replace(MORNING, match=replace(MORNING.match, between=(120, 180)))
    assert why(slot(start=start), replace(RULES, allow=(rule,)), now) == (Why.NO_RULE, 0)
    assert shared(slot(start=start), now=now).start.isoformat() == "2027-03-14T03:15:00-04:00"


def test_notice_is_elapsed_time_across_a_clock_change() -> None:
    """Two hours' notice over the repeated hour is two hours that pass, not two on the wall."""
    rules = replace(RULES, roster={who: replace(a, agreed=date(2026, 1, 1)) for who, a in ROSTER.items()})
    start = datetime(2026, 11, 1, 2, 30, tzinfo=TORONTO)  # 07:30Z
    assert decide(slot(start=start), rules=rules, now=datetime(2026, 11, 1, 5, 30, tzinfo=UTC)).offered
    assert decide(slot(start=start), rules=rules, now=datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO)).offered
    assert why(slot(start=start), rules, datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO, fold=1)) == (Why.MIN_NOTICE, 0)


def test_closed_is_withdrawn_and_frozen() -> None:
    """The strictest posture offers nothing and writes nothing."""
    rules = replace(RULES, posture=Posture.CLOSED)
    assert why(slot(), rules) == (Why.WITHDRAWN, 0)
    assert (rules.posture.is_offline, rules.posture.is_frozen) == (True, True)
    assert not still_allowed(slot(), rules, NOW, on_hold=True)
