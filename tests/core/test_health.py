"""The beat's body: buckets, renewal, and nothing of the agenda."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.booking import Turn
from agent.core.changes import roots
from agent.core.health import Held, Pulse, Source, Vitals, beat, bucket, may_renew, trusted, was_set
from agent.core.model import EmrName, Instant, SiteId, SlotId
from agent.core.sharing import SharedSlot

NOW = Instant(datetime(2026, 11, 23, 14, tzinfo=UTC), timedelta(hours=5))
TICK = timedelta(seconds=60)
NORTH, SOUTH, CHILD = SiteId("north"), SiteId("south"), SiteId("child")
OSCAR, MEDESYNC = EmrName("oscar"), EmrName("medesync")
SOURCES = {OSCAR: Source(frozenset({NORTH, SOUTH}), TICK), MEDESYNC: Source(frozenset({CHILD}), TICK)}
VITALS = Vitals("0.1.0", "linux", "i" * 22, "ok", 12, False, 1, "sealing.statement.jws")
PULSE = Pulse(
    now=NOW,
    started=Instant(NOW.utc, timedelta(hours=1)),
    boot="b" * 22,
    legs={"publish:oscar": True, "publish:medesync": True, "deliver": True},
    reads={OSCAR: Instant(NOW.utc, NOW.age - TICK), MEDESYNC: Instant(NOW.utc, NOW.age - TICK)},
    hub=NOW,
    oldest=None,
    waiting=None,
    skew=timedelta(seconds=2.4),
    turn=Turn(7, timedelta(hours=6)),
    log="log-1",
)


def held(*slots: SharedSlot) -> Held:
    view = {SlotId(f"{n:022}"): slot for n, slot in enumerate(slots)}
    return Held(4, 9, roots(view, frozenset({NORTH, SOUTH, CHILD})))


def ago(**age: float) -> Instant:
    return Instant(NOW.utc, NOW.age - timedelta(**age))


@pytest.mark.parametrize(
    ("age", "name"),
    [
        (timedelta(0), "<2min"),
        (timedelta(seconds=119), "<2min"),
        (timedelta(minutes=2), "<10min"),
        (timedelta(minutes=10), "<2h"),
        (timedelta(hours=2), "more"),
        (None, "more"),
    ],
)
def test_ages_leave_in_buckets(age: timedelta | None, name: str) -> None:
    """Half-open at 2 min, 10 min and 2 h; never is "more"."""
    assert bucket(age) == name


def test_a_healthy_clinic_renews_every_site() -> None:
    """Epoch, seq and the root of each site, the empty ones too."""
    body = beat(PULSE, held(), VITALS, SOURCES)
    assert body["renew"] == {"epoch": 4, "seq": 9, "roots": dict(held().roots)}
    assert body["legs"] == {"publish": "ok", "deliver": "ok"}
    assert (body["skew_s"], body["turn"], body["uptime"], body["oldest"]) == (2, 7, "more", "<2min")
    assert "ledger_head" not in body


def test_what_is_unknown_is_null() -> None:
    """A first beat after a start: no turn, no skew, nothing read, no epoch."""
    pulse = replace(PULSE, reads={}, hub=None, skew=None, turn=None, log=None, oldest=ago(hours=1).utc)
    body = beat(pulse, Held(None, 0, {}), replace(VITALS, ledger_head="ab"), SOURCES)
    assert [body[name] for name in ("renew", "turn", "skew_s", "epoch", "log")] == [None] * 5
    assert (body["emr_read"], body["hub"], body["ledger_head"]) == ("more", "more", "ab")


def test_how_old_the_oldest_outcome_is() -> None:
    """In a bucket, by wall clock, since the outbox keeps wall time."""
    assert beat(replace(PULSE, oldest=NOW.utc - TICK * 5), held(), VITALS, SOURCES)["oldest"] == "<10min"


def test_one_bad_source_degrades_its_kind_of_leg() -> None:
    """Which source and how many there are stays here."""
    pulse = replace(PULSE, legs={"publish:oscar": True, "publish:medesync": False, "receive": True})
    assert beat(pulse, held(), VITALS, SOURCES)["legs"] == {"publish": "degraded", "receive": "ok"}


@pytest.mark.parametrize("kind", ["listen", "hint"])
def test_how_a_source_is_read_stays_here(kind: str) -> None:
    """A listener and a question between two reads are part of reading; one that is down degrades it."""
    pulse = replace(PULSE, legs={"publish:dme": True, f"{kind}:dme": False})
    assert beat(pulse, held(), VITALS, SOURCES)["legs"] == {"publish": "degraded"}


def test_a_source_not_read_for_three_polls_is_not_renewed() -> None:
    """Its sites only; the other source goes on."""
    stale = replace(PULSE, reads={OSCAR: ago(seconds=180), MEDESYNC: ago(seconds=179)})
    assert may_renew(stale, SOURCES) == {CHILD}
    assert beat(stale, held(), VITALS, SOURCES)["emr_read"] == "<10min"
    assert may_renew(replace(PULSE, reads={OSCAR: ago(seconds=1)}), SOURCES) == {NORTH, SOUTH}


def test_a_withdrawal_on_its_way_stops_all_renewal() -> None:
    """The hub may have ceased to offer what the clinic took back, and must not begin again."""
    waits = replace(PULSE, waiting=NOW.utc)
    assert may_renew(waits, SOURCES) == frozenset()
    assert beat(waits, held(), VITALS, SOURCES)["renew"] is None


def slots() -> Any:
    start = st.integers(0, 20_000).map(lambda minutes: NOW.utc + timedelta(minutes=minutes))
    return st.lists(
        st.builds(
            SharedSlot,
            start=start,
            end=start,
            precision=st.just("exact"),
            site=st.sampled_from([NORTH, SOUTH, CHILD]),
            confirmation=st.just("instant"),
            practitioner=st.none() | st.text(max_size=9),
            bookable_from=start,
            clientele=st.just("anyone"),
            reason=st.sampled_from(["urgent", "regular"]),
            redirect=st.none(),
            mode=st.just("on-site"),
        ),
        max_size=12,
    )


@settings(max_examples=60, deadline=None)
@given(slots(), slots(), st.integers(1, 9), st.integers(1, 99))
def test_beats_tell_nothing_of_the_agenda(one: list[SharedSlot], other: list[SharedSlot], epoch: int, seq: int) -> None:
    """Two agendas, equal health: equal beats, except epoch, seq and roots, which the hub can compute itself."""
    first = beat(PULSE, held(*one), VITALS, SOURCES)
    second = beat(PULSE, replace(held(*other), epoch=epoch, seq=seq), VITALS, SOURCES)
    for body in (first, second):
        del body["epoch"]
        assert set(body["renew"].pop("roots")) == {NORTH, SOUTH, CHILD}
        del body["renew"]["epoch"], body["renew"]["seq"]
    assert first == second


def test_a_clock_is_trusted_within_15_minutes_of_the_hubs() -> None:
    """Unknown is not trusted: nobody said that it is right."""
    near = timedelta(minutes=15)
    skews = (None, near, -near, near + timedelta(seconds=1))
    assert [trusted(skew, NOW, NOW) for skew in skews] == [False, True, True, False]
    assert trusted(near, None, NOW)


def test_a_clock_that_jumped_is_trusted_only_when_the_hub_has_told_the_time_again() -> None:
    """Ahead or back, by more than two clocks of one machine drift apart; time that merely passes is no jump."""
    hours = timedelta(hours=3)
    later = Instant(NOW.utc + hours, NOW.age + hours)
    for jump, jumped in ((31, True), (-31, True), (30, False), (-30, False)):
        now = Instant(later.utc + timedelta(seconds=jump), later.age)
        assert (was_set(NOW, now), trusted(timedelta(0), NOW, now)) == (jumped, not jumped)
        assert trusted(timedelta(0), now, now)
