"""Which rules have force while the edited file has not been applied."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.force import effective
from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotKey
from agent.core.sharing import (
    Accord,
    Allow,
    Deny,
    Match,
    Posture,
    PublishAs,
    SharingRules,
    share,
)

DME = EmrName("dme")
SITE = SiteId("principal")
ZONE = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 23, 13, tzinfo=UTC)
OPEN = PublishAs("anyone", "urgent", "on-site")
CLOSED = PublishAs("enrolled-at-site", "regular", "phone")
PEOPLE = [(DME, code) for code in "1234"]
TYPES = [(DME, code) for code in "sw"]
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types=dict.fromkeys(TYPES, "suivi"),
    roster=dict.fromkeys(PEOPLE, Accord("Dre A", date(2026, 11, 1))),
    allow=(Allow("morning", 1, Match(practitioners=frozenset(PEOPLE)), OPEN),),
    team_min=1,
    zones={SITE: "America/Toronto"},
    digest="applied",
)
FILE = replace(RULES, digest="file")


def some(values: list[tuple[EmrName, str]]) -> st.SearchStrategy[frozenset[tuple[EmrName, str]]]:
    return st.frozensets(st.sampled_from(values), min_size=1)


matches = st.builds(
    Match,
    types=st.none() | some(TYPES),
    practitioners=some(PEOPLE),
    sites=st.none() | st.just(frozenset({SITE})),
    days=st.frozensets(st.integers(0, 6), min_size=4),
    between=st.sampled_from([(0, 1440), (0, 720), (480, 1020), (720, 1440)]),
)
rules = st.builds(
    SharingRules,
    enabled=st.sampled_from([True, True, True, False]),
    expires=st.sampled_from([date(2027, 1, 1), date(2026, 11, 25)]),
    types=st.dictionaries(st.sampled_from(TYPES), st.just("suivi"), min_size=1),
    roster=st.dictionaries(
        st.sampled_from(PEOPLE),
        st.builds(Accord, name=st.just("Dre A"), agreed=st.sampled_from([date(2026, 11, 1), date(2026, 11, 2), None])),
        min_size=2,
    ),
    allow=st.lists(
        st.builds(Allow, st.sampled_from(["a", "b"]), st.just(1), matches, st.sampled_from([OPEN, CLOSED])),
        min_size=1,
        max_size=3,
    ).map(tuple),
    deny=st.lists(st.builds(Deny, st.just("no"), st.just(9), matches), max_size=1).map(tuple),
    identity=st.sampled_from(["team", "named"]),
    team_min=st.just(1),
    min_notice=st.sampled_from([timedelta(hours=2), timedelta(days=2)]),
    horizon=st.sampled_from([timedelta(days=14), timedelta(days=4)]),
    times=st.sampled_from(["exact", "half-day"]),
    cancelled_frees=st.booleans(),
    zones=st.just({SITE: "America/Toronto"}),
    vetoes=st.frozensets(st.sampled_from(PEOPLE), max_size=1),
    posture=st.sampled_from([Posture.OPEN, Posture.OPEN, Posture.OPEN, *Posture]),
    digest=st.uuids().map(str),
)
AGENDA = [
    Slot(
        DME,
        SlotKey(f"{who}-{day}-{hour}-{kind}"),
        SITE,
        Practitioner(who, name=f"Dr {who}"),
        (NOW + timedelta(days=day, hours=hour)).astimezone(ZONE),
        (NOW + timedelta(days=day, hours=hour, minutes=20)).astimezone(ZONE),
        kind,
        after_cancel=hour == 4,
    )
    for who in "1234"
    for day in (1, 3, 6)
    for hour in (1, 4)
    for kind in "sw"
]


def leaving(by: SharingRules) -> set[SlotKey]:
    return set(share(AGENDA, by, NOW, {}, frozenset()).offered)


@settings(max_examples=100, deadline=None)
@given(rules, rules)
def test_a_slot_leaves_only_if_both_share_it(file_rules: SharingRules, applied: SharingRules) -> None:
    """Whatever the two say, what has force shares exactly what each of them shares."""
    assert leaving(effective(file_rules, applied)) == leaving(file_rules) & leaving(applied)


@settings(max_examples=60, deadline=None)
@given(rules, rules)
def test_nobody_is_named_and_no_time_is_exact_unless_both_say_so(
    file_rules: SharingRules, applied: SharingRules
) -> None:
    """Identity and precision are the coarser of the two."""
    both = effective(file_rules, applied)
    named = file_rules.identity == applied.identity == "named"
    exact = file_rules.times == applied.times == "exact"
    assert (both.identity, both.times) == ("named" if named else "team", "exact" if exact else "half-day")


def test_before_the_first_apply_nothing_leaves() -> None:
    """An enabled file that nobody applied shares nothing."""
    assert leaving(RULES)
    assert not leaving(effective(RULES, None))


def test_the_applied_file_has_its_whole_force_with_todays_vetoes_and_posture() -> None:
    """Equal digests: the file as it is, the stricter posture, every veto."""
    both = effective(replace(RULES, vetoes=frozenset({PEOPLE[0]})), replace(RULES, posture=Posture.PAUSED))
    assert both == replace(RULES, vetoes=frozenset({PEOPLE[0]}), posture=Posture.PAUSED)


def test_a_widened_file_waits_and_keeps_the_applied_words() -> None:
    """What is shared goes out under the applied rule's name and words until the file is applied."""
    wider = replace(FILE, allow=(Allow("all day", 5, Match(practitioners=frozenset(PEOPLE)), CLOSED),))
    narrow = replace(RULES, allow=(Allow("old", 2, Match(practitioners=frozenset(PEOPLE)), CLOSED),))
    widened = replace(wider, allow=(replace(wider.allow[0], publish_as=OPEN),))
    (rule,) = effective(widened, narrow).allow
    assert (rule.name, rule.line, rule.publish_as) == ("old", 5, CLOSED)


def test_closing_to_some_patients_what_was_open_to_anyone_is_at_once() -> None:
    """A narrower clientele is a narrowing, so the file's words hold."""
    closed = replace(FILE, allow=(replace(FILE.allow[0], publish_as=CLOSED),))
    (rule,) = effective(closed, RULES).allow
    assert rule.publish_as == CLOSED


def test_changed_words_for_anyone_wait() -> None:
    """Another reason for the same clientele is no narrowing: the applied words stay."""
    other = PublishAs("anyone", "regular", "video")
    (rule,) = effective(replace(FILE, allow=(replace(FILE.allow[0], publish_as=other),)), RULES).allow
    assert rule.publish_as == OPEN
