"""On which days an event takes place: single ones, every so often, the nth weekday, days of the week.

Rule: pure, and as OpenEMR's own calendar counts: months and years overflow and stay where they drifted to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile

from adapters.sql.openemr.php import Unreadable, unserialize

DAY, WEEK, MONTH, YEAR, WORKDAY = range(5)
SINGLE, EVERY, NTH, WEEKDAYS = range(4)
_STEP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Series:
    """The rule of an event. `kind` as pc_recurrtype; `until` included, None = none."""

    kind: int
    first: date
    until: date | None = None
    spec: str = ""

    def days(self, first: date, last: date, *, loose: bool) -> list[date]:
        """Return its days from first to last, both included. Raises Unreadable.

        `loose`: both ways a deleted date is written count. One date taken out of an event for several people is
        written with hyphens, which OpenEMR's screens then overlook: safe for hours, not for what takes time.
        """
        if self.kind == SINGLE:
            return [self.first] if first <= self.first <= last else []
        rule = self._rule()
        frequency = str(rule.get("event_repeat_on_freq" if self.kind == NTH else "event_repeat_freq") or "0")
        if self.until is None or frequency == "0":  # OpenEMR shows no such series
            return []
        out = _excluded(str(rule.get("exdate") or ""), loose=loose)
        steps = takewhile(lambda day: day <= min(last, self.until or last), self._steps(rule, frequency, first))
        return [day for day in steps if day >= first and day not in out]

    def _rule(self) -> dict[str, object]:
        rule = unserialize(self.spec)
        if not isinstance(rule, dict):
            raise Unreadable
        return dict(rule)

    def _steps(self, rule: dict[str, object], frequency: str, since: date) -> Iterator[date]:
        """Return its days in order, at the latest from `since` on."""
        if self.kind == WEEKDAYS:
            return _weekdays(self.first, frequency, since)
        if self.kind == EVERY:
            return _every(self.first, _number(frequency), _number(rule.get("event_repeat_freq_type")), since)
        if self.kind == NTH:
            which = _number(rule.get("event_repeat_on_num")), _number(rule.get("event_repeat_on_day"))
            return _nth(self.first, _number(frequency), *which)
        raise Unreadable


def _every(day: date, n: int, unit: int, since: date) -> Iterator[date]:
    """Count n units on from each day; 31 January and a month is 3 March, and goes on from there."""
    if unit not in (DAY, WEEK, MONTH, YEAR, WORKDAY):
        raise Unreadable
    width = timedelta(days=n * (7 if unit == WEEK else 1))
    if unit in (DAY, WEEK) and since > day:
        day += (since - day) // width * width
    while True:
        yield day
        if unit in (DAY, WEEK):
            day += width
        elif unit == WORKDAY:
            for _ in range(n):
                day = _workday(day)
        else:
            day = _overflow(day, n * (12 if unit == YEAR else 1))


def _workday(day: date) -> date:
    day += _STEP
    while day.weekday() >= 5:
        day += _STEP
    return day


def _overflow(day: date, months: int) -> date:
    month = day.month - 1 + months
    return date(day.year + month // 12, month % 12 + 1, 1) + timedelta(days=day.day - 1)


def _nth(day: date, n: int, which: int, weekday: int) -> Iterator[date]:
    """Give the k-th weekday (0 = Sunday) of every n-th month; where there is no fifth, the fourth."""
    first = day.replace(day=1)
    while True:
        found = first + timedelta(days=(weekday - first.isoweekday() % 7) % 7 + 7 * (which - 1))
        if found.month != first.month:
            found -= timedelta(days=7)
        if found >= day:
            yield found
        first = _overflow(first, n)


def _weekdays(day: date, words: str, since: date) -> Iterator[date]:
    """Give the first day, then every listed weekday (1 = Sunday)."""
    listed = {int(word) for word in words.split(",") if word.strip().isdecimal()}
    if not listed & set(range(1, 8)):
        raise Unreadable
    yield day
    day = max(day, since - _STEP)
    while True:
        day += _STEP
        if day.isoweekday() % 7 + 1 in listed:
            yield day


def _number(value: object) -> int:
    text = str(value if value is not None else "").strip()
    if not text.isdecimal():
        raise Unreadable
    return int(text)


def _excluded(text: str, *, loose: bool) -> set[date]:
    found = set[date]()
    for word in (part.strip() for part in text.split(",")):
        plain = word.replace("-", "") if loose else word
        if len(plain) == 8 and plain.isdecimal():
            try:
                found.add(date(int(plain[:4]), int(plain[4:6]), int(plain[6:])))
            except ValueError:
                continue
    return found
