"""Find when an appointment is: every field that may hold its start, its end and its length.

Rule: all starts that are written agree to the minute or there is none; MSH-7 and the clock are never asked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from adapters.er7.faults import DATA_TYPE, MISSING, Unread
from adapters.er7.scan import Message, Segment
from adapters.er7.times import LONGEST, Length, Stamp, length, quantity, stamp
from agent.core.message import say


class Row(NamedTuple):
    """Where a resource segment keeps its times: field numbers (HL7 v2.5.1 10.6.4 to 10.6.7)."""

    start: int
    offset: int
    duration: int


ROWS = {"AIS": Row(4, 5, 7), "AIG": Row(8, 9, 11), "AIL": Row(6, 7, 9), "AIP": Row(6, 7, 9)}
FIELDS = ("tq1", "sch11", "ais", "aig", "ail", "aip")
"""The words of `time_from`, in the order they are asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """One field that gave a time. `source`: a word of FIELDS; `place`: "SCH-11.4"."""

    source: str
    place: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Timing:
    """When it is, and which fields said so. `repeated`: the clock shows the start twice that night."""

    start: datetime
    end: datetime
    start_from: str
    end_from: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """How one source is read. `field`: "agree", or the word of FIELDS that wins; `unit`: of a bare number, "s", "m", ""."""

    zone: ZoneInfo
    field: str = "agree"
    unit: str = ""
    second: bool = False


def timing(message: Message, rows: Iterable[Segment], asked: Asked) -> Timing:
    """Return start and end; `rows` are the resource segments that stand. Raises Unread: none, or they disagree."""
    rows = tuple(rows)
    starts = [one for one in found(message, rows, asked, ends=False) if asked.field in ("agree", one.source)]
    if not starts:
        raise Unread(MISSING, "SCH-11", say("no field says when it starts"))
    start = _agreed(starts)
    ends = [one for one in found(message, rows, asked, ends=True) if asked.field in ("agree", one.source)]
    if ends:
        end = _agreed(ends)
        until, said = end.stamp.at, end.place
    else:
        span, said = _length(message, rows, asked)
        until = (start.stamp.at.astimezone(UTC) + span).astimezone(asked.zone)
    if not timedelta(0) < until.astimezone(UTC) - start.stamp.at.astimezone(UTC) <= LONGEST:
        raise Unread(DATA_TYPE, said, say("it does not end after it starts"))
    return Timing(start.stamp.at, until, start.place, said, start.stamp.repeated)


def found(message: Message, rows: Iterable[Segment], asked: Asked, *, ends: bool) -> Iterator[Found]:
    """Yield every start (or end) that is written, in the order of FIELDS. Raises Unread for one that is no time."""
    for source, place, text, offset in _fields(message, rows, ends=ends):
        at = stamp(text, asked.zone, place, second=asked.second)
        yield Found(source, place, _less(at, offset, asked.zone))


def written(message: Message, rows: Iterable[Segment], *, ends: bool) -> Iterator[str]:
    """Yield the text of every start (or end) that is written, whatever stands there."""
    return (text for _, _, text, _ in _fields(message, rows, ends=ends))


def _fields(message: Message, rows: Iterable[Segment], *, ends: bool) -> Iterator[tuple[str, str, str, timedelta]]:
    """Yield source, place, text and the resource's offset of each field that holds a start (or an end)."""
    for tq1 in (each for each in message.segments if each.name == "TQ1"):
        field = 8 if ends else 7
        if text := tq1.text(field):
            yield "tq1", f"TQ1-{field}", text, timedelta(0)
    sch = message.first("SCH")
    for repetition in sch.repetitions(11) if sch is not None else ():
        component = 5 if ends else 4
        if sch is not None and (text := sch.of(repetition, component)):
            yield "sch11", f"SCH-11.{component}", text, timedelta(0)
    for segment in () if ends else rows:
        row = ROWS[segment.name]
        if text := segment.text(row.start):
            yield segment.name.lower(), f"{segment.name}-{row.start}", text, _offset(segment, row)


def lengths(message: Message, rows: Iterable[Segment]) -> Iterator[tuple[str, Length]]:
    """Yield every length that is written, best first; of the resources the longest."""
    for tq1 in (each for each in message.segments if each.name == "TQ1"):
        for field in (6, 13):
            if (span := length(tq1.text(field), tq1.text(field, 2))) is not None:
                yield f"TQ1-{field}", span
    sch = message.first("SCH")
    if sch is not None and (span := quantity(sch.text(11, 3))) is not None:
        yield "SCH-11.3", span
    of_rows = []
    for segment in rows:
        field = ROWS[segment.name].duration
        if (span := length(segment.text(field), segment.text(field + 1))) is not None:
            of_rows.append((f"{segment.name}-{field}", span))
    yield from sorted(of_rows, key=lambda one: -one[1].count * max(one[1].unit, 1))
    if sch is not None and (span := length(sch.text(9), sch.text(10))) is not None:
        yield "SCH-9", span


def _agreed(all_: list[Found]) -> Found:
    """Return the first, one without doubt before one the clock shows twice. Raises Unread when they differ."""
    best = next((one for one in all_ if not one.stamp.repeated), all_[0])
    for one in all_:
        if _minute(best.stamp.at) not in _readings(one.stamp):
            raise Unread(DATA_TYPE, one.place, say("two fields differ on when it is"))
    return best


def _readings(one: Stamp) -> set[datetime]:
    both = (one.at.replace(fold=0), one.at.replace(fold=1)) if one.repeated else (one.at,)
    return {_minute(at) for at in both}


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _offset(segment: Segment, row: Row) -> timedelta:
    """Return how long after the appointment's start the resource is needed (HL7 v2.5.1 10.6.4.5)."""
    span = length(segment.alone(row.offset).lstrip("+"), segment.text(row.offset + 1) or "m")
    return span.spans() if span is not None else timedelta(0)


def _less(at: Stamp, offset: timedelta, zone: ZoneInfo) -> Stamp:
    return Stamp((at.at.astimezone(UTC) - offset).astimezone(zone), at.repeated) if offset else at


def _length(message: Message, rows: tuple[Segment, ...], asked: Asked) -> tuple[timedelta, str]:
    all_ = list(lengths(message, rows))
    known = {span.spans() for _, span in all_ if span.unit}
    for place, span in all_:
        if span.unit:
            return span.spans(), place
        for unit in (60, 1):
            if timedelta(seconds=span.count * unit) in known:
                return timedelta(seconds=span.count * unit), place
        if not asked.unit:
            raise Unread(
                DATA_TYPE, place, say("a length without a unit: write unit = 'minutes' or 'seconds' for this source")
            )
        return timedelta(seconds=span.count * (60 if asked.unit == "m" else 1)), place
    raise Unread(MISSING, "SCH-9", say("no field says how long it is"))
