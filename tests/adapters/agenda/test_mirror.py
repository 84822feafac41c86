"""The mirror: whatever the order of arrival, the same agenda; and never a patient in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adapters.agenda import Mirror
from adapters.agenda.mirror import load
from adapters.er7 import Action, Change, Kind, Terms, Unread, read
from adapters.er7.timing import Timing
from agent.core.model import SiteId
from agent.ports import SitePart

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
START = datetime(2027, 3, 15, 13, tzinfo=UTC)
MESSAGES = Path(__file__).parents[1] / "er7" / "messages"
TERMS = Terms((SitePart(SiteId("principal"), "America/Toronto"),), time_from="sch11")


def change(
    kind: Kind = Kind.BUSY,
    at: int = 0,
    *,
    filler: str = "F1",
    placer: str = "P1",
    hour: int | None = 0,
    people: tuple[str, ...] = ("101",),
    action: Action = Action.STATE,
) -> Change:
    start = START + timedelta(hours=hour or 0)
    when = (
        None if hour is None else Timing(start, start + timedelta(minutes=15), "SCH-11.4", "SCH-11.5", repeated=False)
    )
    sent = NOW + timedelta(minutes=at)
    return Change(kind, "S12", filler, placer, "CL", sent, when, people, (), action, "*", arrived=False, odd=())


def state(mirror: Mirror) -> set[tuple[object, ...]]:
    return {(r.filler, r.placer, r.state, r.start, r.people, r.arrived) for r in mirror.records.values()}


def after(*changes: Change) -> Mirror:
    mirror = Mirror()
    for each in changes:
        mirror.take(each)
    return mirror


STORY = st.lists(
    st.tuples(st.sampled_from(("F1", "F2")), st.sampled_from(list(Kind)), st.one_of(st.none(), st.integers(0, 5))),
    min_size=1,
    max_size=8,
)


@given(STORY, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_agenda(
    story: list[tuple[str, Kind, int | None]], dice: object
) -> None:
    """Each message states what it knows; the newest decides, an older one changes nothing."""
    told = [
        change(kind, n, filler=filler, hour=hour if kind in (Kind.BUSY, Kind.BLOCK) and hour is not None else 0)
        for n, (filler, kind, hour) in enumerate(story)
    ]
    mixed = [*told, *told]
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    assert state(after(*mixed)) == state(after(*told))


@given(st.permutations(range(4)))
def test_resources_added_before_the_appointment_was_known_are_not_lost(order: list[int]) -> None:
    """S18 before its S12: both persons are busy whatever came first."""
    told = [
        change(at=0, people=("101",)),
        change(at=1, people=("102",), action=Action.ADD),
        change(at=0, people=("101",)),
        change(at=1, people=("102",), action=Action.ADD),
    ]
    mirror = after(*[told[n] for n in order])
    assert {code for record in mirror.records.values() for code in record.people} == {"101", "102"}


def test_three_bookings_two_changes_two_cancels_leave_nothing_active() -> None:
    """A public gateway kept three busy slots after just this."""
    told = [*[change(at=n) for n in range(3)], *[change(at=n, hour=n) for n in (3, 4)]]
    mirror = after(*told, change(Kind.GONE, 5, hour=None), change(Kind.GONE, 6, hour=None))
    assert [record.is_standing for record in mirror.records.values()] == [False]


def test_the_newest_of_one_moment_is_the_last_that_came() -> None:
    """Clocks to the minute: two messages of one stamp are taken in the order of arrival."""
    mirror = after(change(at=0), change(Kind.GONE, 0))
    assert not next(iter(mirror.records.values())).is_standing


def test_a_message_that_names_less_keeps_what_was_known() -> None:
    """No resources, no time, no number of ours: the record keeps its own."""
    mirror = after(change(), change(Kind.NO_SHOW, 1, placer="", hour=None, people=()))
    (record,) = mirror.records.values()
    assert (record.state, record.start, record.people, record.placer) == (Kind.NO_SHOW, START, ("101",), "P1")
    assert record.is_standing


def test_taking_a_resource_away_never_takes_the_last_one() -> None:
    """Whose time it then is would be a guess."""
    both = change(people=("101", "102"))
    mirror = after(both, change(at=1, people=("102",), action=Action.TAKE))
    assert next(iter(mirror.records.values())).people == ("101",)
    mirror.take(change(at=2, people=("101",), action=Action.TAKE))
    assert next(iter(mirror.records.values())).people == ("101",)


def test_one_appointment_under_two_numbers_is_one() -> None:
    """First by our number alone, then with the EMR's own; later by our number alone again."""
    mirror = after(change(filler="", placer="P1^CRENEAU"))
    changed = mirror.take(change(at=1, placer="P1"))
    assert sorted(value is None for value in changed.values()) == [False, True]
    mirror.take(change(Kind.GONE, 2, filler="", placer="P1"))
    assert [(r.filler, r.is_standing) for r in mirror.records.values()] == [("F1", False)]


def test_two_appointments_that_share_a_number_of_ours_stay_two() -> None:
    """Some senders write the patient's number there: it then names nobody's appointment."""
    mirror = after(change(filler="F1"), change(filler="F2", hour=2), change(Kind.GONE, 1, filler="", hour=None))
    assert sum(record.is_standing for record in mirror.records.values()) == 2


def test_a_record_is_the_same_after_a_restart() -> None:
    """And its name shows no number of the EMR in clear."""
    mirror = after(change())
    (record,) = mirror.records.values()
    assert load(record.dump()) == record
    assert "F1" not in record.key
    assert state(Mirror([load(record.dump())])) == state(mirror)


def test_what_is_over_is_forgotten() -> None:
    """Two days after its end; a cancel without a time after more than a year."""
    mirror = after(change(), change(Kind.GONE, filler="F9", placer="P9", hour=None))
    assert mirror.prune(START) == []
    assert len(mirror.prune(START + timedelta(days=3))) == 1
    assert len(mirror.prune(NOW + timedelta(days=401))) == 1
    assert mirror.records == {}


def test_every_message_of_the_collection_leaves_no_patient() -> None:
    """Nothing of PID, NTE, SCH-7 or SCH-8 text is in a record."""
    mirror = Mirror()
    for path in sorted(MESSAGES.glob("*.hl7")):
        try:
            mirror.take(read(path.read_bytes(), TERMS, NOW))
        except Unread:
            continue
    text = b" ".join(record.dump() for record in mirror.records.values()).decode()
    assert len(mirror.records) >= 10
    secrets = ("FANTAISIE", "OSCAR", "vaccin", "Nomtest", "Claude", "deplacee", "1984", "555", "JOHNSON", "Tachesauto")
    assert [word for word in secrets if word in text] == []


def test_an_arrived_patient_is_noted() -> None:
    """From then on the appointment is the desk's."""
    body = (MESSAGES / "gpms-s14-arrived.hl7").read_bytes()
    mirror = after(read(body, TERMS, NOW))
    assert [record.arrived for record in mirror.records.values()] == [True]
