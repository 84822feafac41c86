"""`explain`: why a slot, or each slot of a day, is or is not shared; every reason, with the line of its rule.

Rule: it speaks of the rules in force, by the same `core.grounds` that publish is judged by; a busy row has no reason
of ours: it never leaves.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.answers.emr import label_of
from agent.answers.house import Asked, House
from agent.answers.preview import look, named, place
from agent.answers.shape import Sentence, moment, sentence
from agent.answers.words import CELL, REASON_WHY
from agent.config.plan import EmrPlan, SitePlan
from agent.core.errors import CreneauError, Refused
from agent.core.force import effective
from agent.core.grounds import Grounds, grounds
from agent.core.judging import Stop
from agent.core.message import say
from agent.core.model import AgendaRow, Cell, Slot, Window
from agent.core.sharing import SharingRules

_CLOCK = re.compile(r"(\d{1,2})[:h](\d{2})?")
DAYS = (
    ("lundi", "monday"), ("mardi", "tuesday"), ("mercredi", "wednesday"), ("jeudi", "thursday"),
    ("vendredi", "friday"), ("samedi", "saturday"), ("dimanche", "sunday"),
)  # fmt: skip


def explain(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {day, time, rows, applied, same, complete, online}.

    Arguments: `when`: a day (2026-11-30, today, demain, lundi), perhaps with a time; `who`: "" = all. A row is {when,
    until, who, site, type, cell, leaves, online, rule, reasons}; `rule` and each reason are {says, name, line}, `rule`
    null when no allow rule looks at it; `online`: what stands in the view that goes to the hub.
    """
    who = asked.text("who", "")
    rules, applied, same = _in_force(house)
    rows: list[Mapping[str, Any]] = []
    complete = True
    day, at = None, None
    for source in house.plan().emrs:
        site = next(one for one in house.plan().sites if one.emr == source.id)
        day, at = read_when(asked.text("when"), asked.now.utc.astimezone(ZoneInfo(site.time_zone)))
        found, whole = _of_source(house, asked, rules, source, _window(day, site))
        rows += [row for row in found if _is_meant(row, at, who)]
        complete = complete and whole
    if who:
        house.records.line("viewed", who.encode(), asked.now, who=asked.who)
    rows.sort(key=lambda row: (row["when"], row["who"]))
    return {
        "day": str(day),
        "time": None if at is None else f"{at:%H:%M}",
        "rows": rows,
        "applied": applied,
        "same": same,
        "complete": complete,
    }


def read_when(text: str, now: datetime) -> tuple[date, time | None]:
    """Return the day, and the time of day if one is named; `now` in the site's zone. Refused(reason="when")."""
    words = re.sub(r"(?<=\d)T", " ", text).casefold().split()
    at = _time(words.pop()) if len(words) > 1 or (words and _CLOCK.fullmatch(words[0])) else None
    day = _day(words[0], now.date()) if words else now.date()
    if day is None or len(words) > 1:
        raise Refused(
            say("read the day"),
            say("{text} is no day and time", text=text[:40]),
            say("creneau explain 2026-11-30 09:00"),
            reason="when",
        )
    return day, at


def _time(word: str) -> time | None:
    match = _CLOCK.fullmatch(word)
    try:
        return time(int(match[1]), int(match[2] or 0)) if match else time.fromisoformat(word)
    except ValueError:
        raise Refused(
            say("read the day"), say("{text} is no time", text=word[:40]), say("09:00 or 9h00"), reason="when"
        ) from None


def _day(word: str, today: date) -> date | None:
    near = {"aujourd'hui": 0, "aujourdhui": 0, "today": 0, "demain": 1, "tomorrow": 1}
    if word in near:
        return today + timedelta(days=near[word])
    for weekday, names in enumerate(DAYS):
        if any(word in {name, name[:3]} for name in names):
            return today + timedelta(days=(weekday - today.weekday()) % 7)
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _in_force(house: House) -> tuple[SharingRules, bool, bool]:
    """Return the rules in force, whether any were ever applied, whether the file says the same; a faulty file is the last good one."""
    applied = house.applied()
    try:
        file = house.file().rules
    except CreneauError:
        file = applied or house.plan().sharing
    return effective(file, applied), applied is not None, applied is not None and applied.digest == file.digest


def _window(day: date, site: SitePlan) -> Window:
    zone = ZoneInfo(site.time_zone)
    return Window(
        datetime.combine(day, time(0), zone).astimezone(UTC),
        datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC),
    )


def _of_source(
    house: House, asked: Asked, rules: SharingRules, source: EmrPlan, window: Window
) -> tuple[list[Mapping[str, Any]], bool]:
    reading, agenda = look(house, source.id, window)
    views = house.views(source.id)
    since, held, known = views.since(), views.held(), views.known()
    rows = [
        _row(slot, grounds(slot, rules, asked.now.utc, since, held), rules, online=slot.key in known)
        for slot in reading.slots
    ]
    free = {place(slot) for slot in reading.slots}
    busy = [row for row in agenda if (row.practitioner.key, row.site, row.start) not in free]
    return rows + [_busy(row) for row in busy], reading.complete


def _row(slot: Slot, found: Grounds, rules: SharingRules, *, online: bool) -> Mapping[str, Any]:
    rule = found.rule
    return {
        "when": moment(slot.start),
        "until": moment(slot.end),
        "who": label_of(slot.practitioner),
        "key": slot.practitioner.key,
        "site": slot.site,
        "type": slot.type,
        "cell": sentence(CELL[Cell.FREE]),
        "leaves": found.leaves,
        "online": online,
        "rule": None if rule is None else {"name": rule.name, "line": rule.line},
        "reasons": [_reason(stop, rules) for stop in found.stops],
    }


def _reason(stop: Stop, rules: SharingRules) -> Mapping[str, Any]:
    names = {rule.line: rule.name for rule in rules.allow} | {rule.line: rule.name for rule in rules.deny}
    return {"says": _says(stop), "why": stop.why.value, "name": names.get(stop.line, ""), "line": stop.line}


def _says(stop: Stop) -> Sentence:
    return sentence(REASON_WHY[stop.why])


def _busy(row: AgendaRow) -> Mapping[str, Any]:
    says = say("the agenda has something there: what is not free never leaves")
    if row.cell is Cell.FREE:
        says = say("the agenda shows it open, but the EMR offers no slot of it")
    return {
        "when": moment(row.start),
        "until": moment(row.end),
        "who": label_of(row.practitioner),
        "key": row.practitioner.key,
        "site": row.site,
        "type": row.type,
        "cell": sentence(CELL[row.cell]),
        "leaves": False,
        "online": False,
        "rule": None,
        "reasons": [{"says": sentence(says), "why": row.cell.value, "name": "", "line": 0}],
    }


def _is_meant(row: Mapping[str, Any], at: time | None, who: str) -> bool:
    start, end = datetime.fromisoformat(row["when"]), datetime.fromisoformat(row["until"])
    then = None if at is None else datetime.combine(start.date(), at, start.tzinfo)
    return (then is None or start <= then < end) and named(row["key"], row["who"], who)
