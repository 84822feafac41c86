"""On which days an OpenEMR series takes place, and the PHP text that says so."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sql.openemr import Terms
from adapters.sql.openemr.expand import lay_out, taking
from adapters.sql.openemr.php import Unreadable, unserialize
from adapters.sql.openemr.read import Category, Event, Raw
from adapters.sql.openemr.rows import NO_SERIES
from adapters.sql.openemr.series import EVERY, NTH, SINGLE, WEEKDAYS, Series
from agent.core.model import EmrName, EmrRef

MONDAY = date(2026, 11, 23)


def php(**rule: object) -> str:
    """Write a rule as PHP's serialize() does; texts, and whole numbers as such."""

    def one(value: object) -> str:
        return f"i:{value};" if isinstance(value, int) else f's:{len(str(value).encode())}:"{value}";'

    return f"a:{len(rule)}:{{{''.join(one(key) + one(value) for key, value in rule.items())}}}"


def every(n: object, unit: object, **more: object) -> str:
    return php(event_repeat_freq=n, event_repeat_freq_type=unit, **more)


def days(series: Series, first: date = MONDAY, last: date = MONDAY + timedelta(days=30), *, loose: bool = False) -> str:
    return " ".join(f"{day:%m%d}" for day in series.days(first, last, loose=loose))


END = date(2027, 12, 31)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("N;", None),
        ("b:1;", True),
        ("b:0;", False),
        ("i:-5;", -5),
        ("d:1.5;", 1.5),
        ('s:3:"aé";', "aé"),
        ('s:8:"a";s:1:"";', 'a";s:1:"'),
        ('a:2:{i:0;s:1:"x";s:1:"k";a:0:{}}', {"0": "x", "k": {}}),
    ],
)
def test_php_values_are_read(text: str, value: object) -> None:
    """Lengths count bytes, so a quote inside a text ends nothing."""
    assert unserialize(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "i:5",
        "i:5;x",
        's:5:"a";',
        's:1:"aé";',
        'O:8:"stdClass":0:{}',
        "a:1:{i:0;",
        "a:99999999:{}",
        "a:1:{" * 9,
        "R:1;",
    ],
)
def test_what_is_no_plain_value_is_unreadable(text: str) -> None:
    """Objects, references, wrong lengths, endless nesting: refused, nothing is built."""
    with pytest.raises(Unreadable):
        unserialize(text)


@given(st.dictionaries(st.text("abé_", min_size=1), st.one_of(st.integers(), st.text()), max_size=6))
def test_whatever_php_writes_comes_back(rule: dict[str, object]) -> None:
    """Keys and values of any length and alphabet."""
    assert unserialize(php(**rule)) == rule


def test_the_screens_own_text_of_no_series_is_readable() -> None:
    """201 bytes: longer than what the driver, left alone, can send."""
    assert unserialize(NO_SERIES) == {
        "event_repeat_freq": "",
        "event_repeat_freq_type": "",
        "event_repeat_on_num": "1",
        "event_repeat_on_day": "0",
        "event_repeat_on_freq": "0",
        "exdate": "",
    }
    assert len(NO_SERIES) == 201


@pytest.mark.parametrize(
    ("n", "unit", "first", "due"),
    [
        ("1", "0", date(2026, 12, 20), "1220 1221 1222 1223"),
        (3, 0, date(2026, 12, 14), "1214 1217 1220 1223"),
        ("1", "1", date(2026, 11, 2), "1123 1130 1207 1214 1221"),
        ("2", "1", date(2026, 11, 16), "1130 1214"),
        ("1", "2", date(2026, 10, 30), "1130"),
        ("1", "3", date(2024, 12, 1), "1201"),
        ("1", "4", date(2026, 12, 17), "1217 1218 1221 1222 1223"),
        ("2", "4", date(2026, 12, 17), "1217 1221 1223"),
    ],
)
def test_every_so_often(n: object, unit: object, first: date, due: str) -> None:
    """Days, weeks, months, years, workdays; counted from the first day, which always counts."""
    assert days(Series(EVERY, first, END, every(n, unit))) == due


def test_a_month_that_is_too_short_overflows_and_stays_there() -> None:
    """31 January and a month is 3 March, as mktime has it; the drifted day is kept."""
    series = Series(EVERY, date(2027, 1, 31), END, every("1", "2"))
    assert days(series, date(2027, 1, 1), date(2027, 5, 31)) == "0131 0303 0403 0503"


@pytest.mark.parametrize(
    ("which", "weekday", "n", "due"),
    [
        ("1", "1", "1", "1207 0104"),
        ("5", "1", "1", "1130 1228 0125"),
        ("2", "0", "2", "1213"),
        ("4", "5", "1", "1127 1225 0122"),
    ],
)
def test_the_nth_weekday_of_a_month(which: str, weekday: str, n: str, due: str) -> None:
    """0 is Sunday; where there is no fifth, the fourth; every n-th month from the first."""
    rule = php(event_repeat_on_num=which, event_repeat_on_day=weekday, event_repeat_on_freq=n)
    assert days(Series(NTH, date(2026, 10, 1), END, rule), last=date(2027, 1, 31)) == due


def test_days_of_the_week() -> None:
    """Listed as 1 = Sunday; the first day counts although it is not listed."""
    series = Series(WEEKDAYS, date(2026, 11, 24), END, every("2,4,6", "6"))
    assert days(series, last=date(2026, 12, 4)) == "1124 1125 1127 1130 1202 1204"
    assert days(series, date(2026, 12, 4), date(2026, 12, 8)) == "1204 1207"


def test_the_last_day_is_included_and_no_last_day_is_no_series() -> None:
    """OpenEMR's own query finds no series whose end is NULL, nor one without a frequency."""
    rule = every("1", "0")
    assert days(Series(EVERY, MONDAY, MONDAY + timedelta(days=2), rule)) == "1123 1124 1125"
    assert days(Series(EVERY, MONDAY, None, rule)) == ""
    assert days(Series(EVERY, MONDAY, END, every("0", "0"))) == ""
    assert days(Series(EVERY, MONDAY, END, php(exdate=""))) == ""


@pytest.mark.parametrize(("loose", "due"), [(True, "1123 1126"), (False, "1123 1125 1126")])
def test_dates_taken_out(loose: bool, due: str) -> None:
    """Yyyymmdd always; with hyphens, as one doctor's share of an event is taken out, only where it is about hours."""
    rule = every("1", "0", exdate="20261124,2026-11-25, 20261332,x")
    assert days(Series(EVERY, MONDAY, MONDAY + timedelta(days=3), rule), loose=loose) == due


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (EVERY, "nonsense"),
        (EVERY, "i:1;"),
        (EVERY, every("1", "9")),
        (EVERY, every("x", "1")),
        (WEEKDAYS, every("0,9", "6")),
        (NTH, php(event_repeat_on_freq="1")),
        (7, every("1", "1")),
    ],
)
def test_a_rule_nobody_knows_is_unreadable(kind: int, spec: str) -> None:
    """Never guessed: whoever asks withholds."""
    with pytest.raises(Unreadable):
        Series(kind, MONDAY, END, spec).days(MONDAY, END, loose=False)


@pytest.mark.parametrize(
    "rule",
    [
        every("999999", "2"),
        every("9" * 12, "1"),
        every("9" * 5000, "1"),
        php(event_repeat_on_freq="1", event_repeat_on_num="9" * 9, event_repeat_on_day="1"),
    ],
)
def test_a_rule_that_leaves_the_calendar_withholds_its_person(rule: str) -> None:
    """Whatever number a form let through: the read goes on without that person, and says so."""
    kind = NTH if "on_num" in rule else EVERY
    event = Event(EmrRef("1"), "101", 9, 0, Series(kind, MONDAY, END, rule), "09:00:00", "", 900, "-", "0", ours=False)
    raw = Raw(
        MONDAY, MONDAY + timedelta(days=1), (event,), {9: Category(9, "x", "x", 900, is_visit=True)}, {"101": "Z"}
    )
    spread = lay_out(raw, Terms(EmrName("dme"), ()))
    assert (spread.unclear, spread.counts["series"]) == ({"101"}, 1)
    ((_, busy),) = taking(raw.events, {9: "x"}, MONDAY, 15)
    assert (busy.start_s, busy.end_s) == (0, 86_400)


def test_a_single_event_is_its_day() -> None:
    """Whatever stands in its rule."""
    assert days(Series(SINGLE, MONDAY, None, "nonsense")) == "1123"
    assert days(Series(SINGLE, date(2026, 1, 1))) == ""


@given(st.dates(date(2000, 1, 1), date(2026, 11, 1)), st.integers(1, 9), st.sampled_from([0, 1]))
def test_jumping_ahead_changes_nothing(first: date, n: int, unit: int) -> None:
    """Days of an old series are those one would count from its first day."""
    width = timedelta(days=n * (7 if unit else 1))
    slow = [day for k in range(12_000) if MONDAY <= (day := first + k * width) <= MONDAY + timedelta(days=30)]
    assert Series(EVERY, first, END, every(n, unit)).days(MONDAY, MONDAY + timedelta(days=30), loose=False) == slow
