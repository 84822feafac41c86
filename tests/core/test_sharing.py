"""What leaves, what stays and why: one behaviour a test."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotKey
from agent.core.sharing import (
    Allow,
    Deny,
    Match,
    Posture,
    PublishAs,
    SharedSlot,
    SharingRules,
    Why,
    matching,
    rehearse,
    still_allowed,
)
from tests.core.sharing_scene import DME, MAIN, MORNING, NOW, ROSTER, RULES, START, TORONTO, decide, shared, slot, why


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


def test_closed_is_withdrawn_and_frozen() -> None:
    """The strictest posture offers nothing and writes nothing."""
    rules = replace(RULES, posture=Posture.CLOSED)
    assert why(slot(), rules) == (Why.WITHDRAWN, 0)
    assert (rules.posture.is_offline, rules.posture.is_frozen) == (True, True)
    assert not still_allowed(slot(), rules, NOW, on_hold=True)
