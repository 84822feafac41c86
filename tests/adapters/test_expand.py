"""Slots of raw OSCAR rows: templates, codes, holidays, appointments and clocks that jump."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sql.free import Busy, Visit
from adapters.sql.oscar.expand import Unclear, agenda, slots, visits
from adapters.sql.oscar.read import Raw, Schedule, busy
from adapters.sql.oscar.terms import Terms
from adapters.sql.places import DAY_S, Place, clock, seconds
from agent.core.model import Cell, EmrName, SiteId, Window
from agent.ports import SitePart

ZONE = ZoneInfo("America/Toronto")
MONDAY = date(2026, 11, 23)
TERMS = Terms(EmrName("dme"), (SitePart(SiteId("principal"), "America/Toronto"),))
WHOLE = Window(datetime(2026, 11, 23, tzinfo=ZONE), datetime(2026, 11, 24, tzinfo=ZONE))


def day(text: str | None, *, who: str = "101", on: date = MONDAY, available: bool = True, reason: str = "") -> Schedule:
    return Schedule(who, on, available, reason, text)


def text(**codes: str) -> str:
    """Put codes at quarter hours: h0900="ss"."""
    cells = ["_"] * 96
    for at, code in codes.items():
        first = int(at[1:3]) * 4 + int(at[3:]) // 15
        cells[first : first + len(code)] = code
    return "".join(cells)


def taken(start: str, end: str, status: str | None = "t", who: str = "101", on: date = MONDAY) -> Busy:
    return busy((who, f"{on}", start, end, status, "oscardoc", 0))


def starts(raw: Raw, terms: Terms = TERMS, window: Window = WHOLE) -> list[str]:
    return [f"{each.start:%H%M}" for each in slots(raw, terms, window)[0]]


def codes(raw: Raw, terms: Terms = TERMS, window: Window = WHOLE) -> list[str]:
    return [each.code for each in slots(raw, terms, window)[1]]


@pytest.mark.parametrize("grid", [5, 10, 15, 20, 30, 60])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_cells_become_slots_of_the_grid(grid: int, data: st.DataObject) -> None:
    """Each marked cell of a template is one slot at index times width, and `_` is none."""
    template = data.draw(st.text("_sSW1", min_size=1440 // grid, max_size=1440 // grid))
    found, noted = visits(template, {}, "ask")
    assert found == [Visit(i * grid, grid, code) for i, code in enumerate(template) if code != "_"]
    assert not noted


@given(
    st.lists(
        st.tuples(st.integers(0, 95), st.integers(1, 300), st.sampled_from(["t", "H", "C", "CS", "D", "N", None]))
    ),
    st.text("_s", min_size=96, max_size=96),
)
@settings(max_examples=100, deadline=None)
def test_free_is_what_oscars_own_rule_leaves(rows: list[tuple[int, int, str | None]], template: str) -> None:
    """A slot is free exactly when no active row has start < slot end and (end > slot start or start >= slot start)."""
    booked = [(cell * 15, min(cell * 15 + length - 1, 1439), status) for cell, length, status in rows]
    raw = Raw((day(template),), tuple(taken(clock(a), clock(b), status) for a, b, status in booked))
    active = [(a, b) for a, b, status in booked if (status or "")[:1] not in ("C", "D")]
    due = [
        f"{i // 4:02}{i % 4 * 15:02}"
        for i, code in enumerate(template)
        if code == "s" and not any(a < i * 15 + 15 and (b > i * 15 or a >= i * 15) for a, b in active)
    ]
    assert starts(raw) == due


@given(st.integers(0, 1439), st.integers(1, 1440))
@settings(max_examples=60, deadline=None)
def test_windows_are_half_open_to_the_minute(first: int, length: int) -> None:
    """Only slots that start in [start, end) come back."""
    start = WHOLE.start + timedelta(minutes=first)
    window = Window(start, start + timedelta(minutes=length))
    due = [f"{i // 4:02}{i % 4 * 15:02}" for i in range(96) if first <= i * 15 < first + length]
    assert starts(Raw((day("s" * 96),), ()), window=window) == due


def test_small_and_capital_letters_are_two_codes() -> None:
    """Both s and S stay apart, in types and in visit lengths."""
    raw = Raw((day(text(h0900="sS_")),), (), minutes={"s": 15, "S": 30})
    found, findings = slots(raw, TERMS, WHOLE)
    assert [each.type for each in found] == ["s"]
    assert [each.code for each in findings] == ["oscar.long-code"]


def test_two_schedules_one_day_withhold_the_day() -> None:
    """Two active rows for a doctor and day: nothing is offered, and it is said."""
    raw = Raw((day(text(h0900="s")), day(text(h1000="s")), day(text(h1100="s"), who="102")), ())
    assert (starts(raw), codes(raw)) == (["1100"], ["oscar.two-schedules-one-day"])


def test_a_day_off_is_no_schedule() -> None:
    """A row with available = '0' hides the doctor, silently as the day sheet does."""
    raw = Raw((day(text(h0900="s"), available=False),), ())
    assert (starts(raw), codes(raw)) == ([], [])


@pytest.mark.parametrize("template", ["s" * 95, "s" * 97, "s" * 7])
def test_a_template_that_does_not_divide_the_day_is_refused(template: str) -> None:
    """1440 minutes must be a whole number of cells."""
    with pytest.raises(Unclear):
        visits(template, {}, "ask")
    assert codes(Raw((day(template),), ())) == ["oscar.template-length"]


def test_no_template_and_an_empty_one() -> None:
    """A template that does not exist is said; an empty text is no schedule."""
    assert codes(Raw((day(None),), ())) == ["oscar.no-template"]
    assert (starts(Raw((day(""),), ())), codes(Raw((day(""),), ()))) == ([], [])


def test_holidays_are_the_clinics_choice() -> None:
    """Closed by default, open when the options say so."""
    raw = Raw((day(text(h0900="s")),), (), holidays=frozenset({MONDAY}))
    opened = Terms(TERMS.name, TERMS.sites, holidays="open")
    assert (starts(raw), starts(raw, opened)) == ([], ["0900"])


@pytest.mark.parametrize(
    ("long_codes", "template", "due", "noted"),
    [
        ("ask", "22__", [], {"long-code"}),
        ("one-cell", "2_s_", [Visit(0, 30, "2"), Visit(30, 15, "s")], set()),
        ("one-cell", "2s__", [Visit(15, 15, "s")], {"long-code-cut"}),
        ("one-cell", "22_2", [Visit(0, 30, "2")], {"long-code-cut"}),
        ("every-cell", "2222", [Visit(0, 30, "2"), Visit(30, 30, "2")], set()),
        ("every-cell", "222_", [Visit(0, 30, "2")], {"long-code-cut"}),
        ("every-cell", "2_2_", [], {"long-code-cut"}),
    ],
)
def test_long_codes_are_the_clinics_word(long_codes: str, template: str, due: list[Visit], noted: set[str]) -> None:
    """A 30-minute code on a 15-minute grid: not offered, or marks one cell, or marks two."""
    minutes = {"2": 30, "s": 15}
    whole = "_" * 92 + template
    found, seen = visits(whole, minutes, long_codes)
    assert ([Visit(each.minute - 92 * 15, each.minutes, each.type) for each in found], seen) == (due, noted)


def test_short_and_empty_durations_take_the_grid() -> None:
    """A visit shorter than the grid, or of no stated length, takes its whole cell."""
    assert visits("_" * 95 + "a", {"a": 0}, "ask")[0] == visits("_" * 95 + "a", {"a": 10}, "ask")[0]


def test_a_code_defined_twice_differently_is_withheld() -> None:
    """The shipped table has C twice; only when the lengths disagree is it unclear."""
    raw = Raw((day(text(h0900="Cs")),), (), minutes={"C": None, "s": 15})
    assert (starts(raw), codes(raw)) == (["0915"], ["oscar.code-twice"])


@pytest.mark.parametrize("status", ["C", "CS", "CV", "D"])
def test_cancelled_frees_and_says_so(status: str) -> None:
    """First letter C or D frees the time; the slot is flagged."""
    raw = Raw((day(text(h0900="ss")),), (taken("09:00:00", "09:14:00", status),))
    assert [(f"{s.start:%H%M}", s.after_cancel) for s in slots(raw, TERMS, WHOLE)[0]] == [
        ("0900", True),
        ("0915", False),
    ]


@pytest.mark.parametrize("status", ["t", "T", "H", "N", "B", "tS", "", None, "c", "d"])
def test_every_other_status_is_busy(status: str | None) -> None:
    """No show is busy, a NULL status too, and c is a customized state, not C."""
    raw = Raw((day(text(h0900="s")),), (taken("09:00:00", "09:14:00", status),))
    assert starts(raw) == []


def test_a_one_minute_visit_is_seen() -> None:
    """With inclusive ends a one-minute visit has end = start."""
    assert starts(Raw((day(text(h0900="ss")),), (taken("09:00:00", "09:00:00"),))) == ["0915"]


def test_a_long_early_visit_blocks() -> None:
    """A three-hour visit that starts early blocks until its inclusive end."""
    raw = Raw((day(text(h0900="s" * 16)),), (taken("08:00:00", "10:59:00"),))
    assert starts(raw)[0] == "1100"


@pytest.mark.parametrize(
    ("shown", "due"),
    [("09:00:00", 32400), ("24:00:00", DAY_S), ("09:00:00.500000", 32400), ("-01:00:00", None), ("25:00:00", None),
     (None, None), ("", None), ("09:60:00", None), ("9", None)],
)  # fmt: skip
def test_times_are_read_as_text(shown: str | None, due: int | None) -> None:
    """24:00:00 is the end of the day; what is no time of a day is none."""
    assert seconds(shown) == due


def test_a_time_that_is_none_blocks_the_day() -> None:
    """An appointment whose time cannot be read blocks its doctor's day, and it is said."""
    raw = Raw((day(text(h0900="s")), day(text(h0900="s"), who="102")), (taken("-01:00:00", "09:14:00"),))
    found, findings = slots(raw, TERMS, WHOLE)
    assert [each.practitioner.key for each in found] == ["102"]
    assert [each.code for each in findings] == ["oscar.odd-time"]


def test_march_has_no_two_oclock() -> None:
    """In the night the clocks jump forward no slot starts between 02:00 and 02:59."""
    night = date(2027, 3, 14)
    window = Window(datetime(2027, 3, 14, tzinfo=ZONE), datetime(2027, 3, 15, tzinfo=ZONE))
    found = slots(Raw((day("s" * 96, on=night),), ()), TERMS, window)[0]
    assert len(found) == 92
    assert not [each for each in found if each.start.hour == 2]
    assert {each.end.astimezone(UTC) - each.start.astimezone(UTC) for each in found} == {timedelta(minutes=15)}


def test_november_has_each_wall_clock_slot_once() -> None:
    """In the night an hour comes twice its slots mean the first turn, and it is said."""
    night = date(2027, 11, 7)
    window = Window(datetime(2027, 11, 7, tzinfo=ZONE), datetime(2027, 11, 8, tzinfo=ZONE))
    found, findings = slots(Raw((day("s" * 96, on=night),), ()), TERMS, window)
    assert len({each.key for each in found}) == len(found) == 96
    assert [each.start.fold for each in found if each.start.hour == 1] == [0] * 4
    assert {each.end.astimezone(UTC) - each.start.astimezone(UTC) for each in found} == {timedelta(minutes=15)}
    assert [each.code for each in findings] == ["oscar.hour-twice"]


def test_sites_go_by_name_and_strangers_are_withheld() -> None:
    """With several sites a day belongs to the one it names; a site nobody configured is withheld."""
    far = SitePart(SiteId("madeleine"), "America/Halifax", "Quai")
    near = SitePart(SiteId("fjord"), "America/Toronto", "Fjord")
    terms = Terms(TERMS.name, (near, far))
    days = (day(text(h0900="s"), reason="Quai"), day(text(h0900="s"), who="102", reason="Ailleurs"))
    found, findings = slots(Raw(days, ()), terms, WHOLE)
    assert [(each.site, each.start.utcoffset()) for each in found] == [("madeleine", timedelta(hours=-4))]
    assert [each.code for each in findings] == ["oscar.no-site"]


def test_keys_are_plain_text() -> None:
    """A key is number, day and minute; what is not plain in a number is encoded."""
    assert Place("101", MONDAY, 540).key == "101|2026-11-23|0900"
    assert Place("é|1", MONDAY, 0).key == "%C3%A9%7C1|2026-11-23|0000"


def test_the_agenda_shows_what_kind_of_time_it_is() -> None:
    """Free, busy, blocked and ours are told apart; cancelled rows are left out; an inclusive end shows as the next minute."""
    rows = (
        taken("09:15:00", "09:29:00"),
        busy(("101", f"{MONDAY}", "09:30:00", "09:44:00", "t", "creneau", 0)),
        busy(("101", f"{MONDAY}", "12:00:00", "12:59:00", "t", "oscardoc", 1)),
        taken("09:00:00", "09:14:00", "C"),
    )
    found = agenda(Raw((day(text(h0900="sss")),), rows), TERMS, WHOLE)
    assert [(f"{row.start:%H%M}-{row.end:%H%M}", row.cell) for row in found] == [
        ("0900-0915", Cell.FREE),
        ("0915-0930", Cell.BUSY),
        ("0930-0945", Cell.OURS),
        ("1200-1300", Cell.BLOCKED),
    ]
