"""`exposure`: what an observer of the hub could infer from what this clinic shares, or would share otherwise.

Rule: the sentence first, in minutes or odds; nothing here claims that something cannot be known.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from agent.answers.emr import label_of
from agent.answers.house import Asked, House
from agent.answers.preview import look
from agent.answers.shape import sentence
from agent.core import toy
from agent.core.exposure import HALF_DAY, QUARTER, Calendar, Cell, Leak, Policy, attack
from agent.core.message import Message, say
from agent.core.model import AgendaRow, Practitioner, SiteId, Slot, Window
from agent.core.sharing import SharingRules, Why, rehearse

SEED = 7
TEAMS = (3, 5, 12)
TIME = {Why.MIN_NOTICE, Why.HORIZON, Why.PAUSED, Why.HELD, Why.WITHDRAWN}
"""What only the moment holds back: those slots are shared at another one."""
POLICIES: tuple[tuple[str, Message, Policy], ...] = (
    ("mirror", say("free and taken, as a mirror of the agenda"), Policy(busy=True)),
    ("all", say("free places of every kind, 28 days ahead"), Policy(every_kind=True)),
    ("kinds", say("free places of the shared types, with the person"), Policy()),
    ("cap", say("the same, three a person and day at most"), Policy(cap=3)),
    ("half-day", say("the same, half-days instead of times"), Policy(coarse=HALF_DAY)),
    ("team", say("the same, the team instead of the person"), Policy(named=False)),
)
"""From the most to the least that could be shared."""


def exposure(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {says, clinic, doctors, days, rows, team, thin, current}.

    Arguments: `days` of agenda ahead; `sample`: true = the built-in clinic instead. `says`: the sentence. A row is
    {key, policy, day_h, template_h, useful, current}; errors in hours, null where slots carry no person. `team`:
    [{size, auc}]. `thin`: days on which fewer people of a rule work than the team promises.
    """
    days, sample = asked.number("days", 28, least=7, most=366), bool(asked.args.get("sample", False))
    rules = house.file().rules
    own = None if sample else _own(house, asked, rules, days)
    calendar, names, thin = own or (_toy(), [], [])
    current = _current(rules)
    rows = [_row(key, says, attack(calendar, policy, random.Random(1)), current) for key, says, policy in POLICIES]  # noqa: S311 - a toy's dice
    size = _team(rules)
    sizes = sorted({*TEAMS, size}) if size else list(TEAMS)
    team = [{"size": one, "auc": round(toy.absence(one, random.Random(SEED)), 2)} for one in sizes]  # noqa: S311
    return {
        "says": sentence(_says(rules, _weekly(calendar, current, names), team, names, size)),
        "clinic": "own" if own else "built-in",
        "doctors": len({who for who, _ in calendar.hours}),
        "days": len({day for _, day in calendar.hours}),
        "rows": rows,
        "team": team,
        "thin": thin,
        "current": current,
    }


def _toy() -> Calendar:
    return toy.clinic(random.Random(SEED))  # noqa: S311 - a made-up clinic that a seed names


def _current(rules: SharingRules) -> str:
    """Return which row of the table is this clinic's own."""
    if rules.identity != "named":
        return "team"
    return "half-day" if rules.times != "exact" else "kinds"


def _team(rules: SharingRules) -> int:
    """Return how many people the smallest rule names, 0 without a rule or with names published."""
    if rules.identity == "named":
        return 0
    return min((len(rule.match.practitioners or ()) for rule in rules.allow), default=0)


def _row(key: str, says: Message, leak: Leak, current: str) -> Mapping[str, Any]:
    return {
        "key": key,
        "policy": sentence(says),
        "day_h": None if leak.day is None else round(leak.day, 2),
        "template_h": None if leak.template is None else round(leak.template, 2),
        "useful": round(leak.useful, 2),
        "current": key == current,
    }


def _weekly(calendar: Calendar, current: str, names: list[str]) -> float | None:
    """Return the error on the weekly hours of the person most of whose slots are shared; of all, in the built-in clinic."""
    policy = next(policy for key, _, policy in POLICIES if key == current)
    if names:
        counts = Counter(cell.who for cell in calendar.cells if cell.shareable)
        most = max(counts, key=lambda who: counts[who], default=0)
        calendar = replace(
            calendar,
            cells=[cell for cell in calendar.cells if cell.who == most],
            hours={key: hours for key, hours in calendar.hours.items() if key[0] == most},
            template={key: hours for key, hours in calendar.template.items() if key[0] == most},
        )
    return attack(calendar, policy, random.Random(1)).template  # noqa: S311 - a toy's dice


def _says(
    rules: SharingRules,
    weekly: float | None,
    team: Iterable[Mapping[str, Any]],
    names: list[str],
    size: int,
) -> Message:
    if weekly is not None:
        minutes = round(weekly * 60)
        who = names[0] if names else "X"
        if rules.times != "exact":
            return say(
                "An observer recovers a week of {who} to {n} minutes only, thanks to half-days.", who=who, n=minutes
            )
        return say("An observer recovers the weekly hours of {who} to {n} minutes.", who=who, n=minutes)
    odds = next((one["auc"] for one in team if one["size"] == size), 0.5)
    percent = round(odds * 100)
    return say(
        "An observer does not see whose slots these are; in a team of {size}, one person's absence is guessed right {n} times out of"
        " 100 (50 = by chance).",
        size=size,
        n=percent,
    )


# ---- the clinic's own calendar

Own = tuple[Calendar, list[str], list[Mapping[str, Any]]]


def _own(house: House, asked: Asked, rules: SharingRules, days: int) -> Own | None:
    """Read the agenda ahead and say what of it the rules share; None when no source can show its agenda."""
    window = Window(asked.now.utc, asked.now.utc + timedelta(days=days))
    wide = replace(rules, horizon=timedelta(days=days), min_notice=timedelta(0))
    cells: list[tuple[tuple[str, str], AgendaRow, bool]] = []
    for source in house.plan().emrs:
        reading, agenda = look(house, source.id, window)
        decision = rehearse(reading.slots, wide, asked.now.utc, {}, frozenset())
        timely = {one.slot.key for one in decision.withheld if one.why in TIME}
        shared = {_place(one) for one in reading.slots if one.key in decision.offered or one.key in timely}
        cells += [((source.id, row.practitioner.key), row, _spot(row) in shared) for row in agenda]
    if not cells:
        return None
    people = sorted({who for who, *_ in cells})
    labels = {who: label_of(row.practitioner) for who, row, _ in cells}
    number = {who: place for place, who in enumerate(people)}
    calendar = _calendar([(number[who], row, shared) for who, row, shared in cells])
    busiest = sorted(people, key=lambda who: -sum(shared for one, _, shared in cells if one == who))
    return calendar, [labels[who] for who in busiest], _thin(rules, cells)


def _place(slot: Slot) -> tuple[str, SiteId, datetime]:
    return slot.practitioner.key, slot.site, slot.start


def _spot(row: AgendaRow) -> tuple[str, SiteId, datetime]:
    person: Practitioner = row.practitioner
    return person.key, row.site, row.start


def _calendar(cells: Iterable[tuple[int, AgendaRow, bool]]) -> Calendar:
    """Return the agenda as the attack reads it: what is free now was never taken; the rest is not seen."""
    found: list[Cell] = []
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    weeks: dict[tuple[int, int], tuple[int, int]] = {}
    for who, row, shared in cells:
        day, start = row.start.date().toordinal(), row.start.hour * 60 + row.start.minute
        length = max(QUARTER, int((row.end - row.start).total_seconds() // 60))
        taken = row.cell.value != "free"
        found.append(Cell(who, day, start, length, shared, 1e9 if taken else 0.0))
        for edges, key in ((spans, (who, day)), (weeks, (who, day % 7))):
            low, high = edges.get(key, (start, start + length))
            edges[key] = min(low, start), max(high, start + length)
    return Calendar(found, _hours(spans), _hours(weeks), week=7)


def _hours(spans: Mapping[tuple[int, int], tuple[int, int]]) -> dict[tuple[int, int], float]:
    return {key: (high - low) / 60 for key, (low, high) in spans.items()}


def _thin(rules: SharingRules, cells: Iterable[tuple[tuple[str, str], AgendaRow, bool]]) -> list[Mapping[str, Any]]:
    """List the days with slots on which fewer people of the team work than `team_min` promises."""
    if rules.identity == "named":
        return []
    work: dict[date, set[tuple[str, str]]] = defaultdict(set)
    online: set[date] = set()
    for who, row, shared in cells:
        if shared or row.cell.value != "blocked":
            work[row.start.date()].add(who)
        if shared:
            online.add(row.start.date())
    named = {coded for rule in rules.allow for coded in rule.match.practitioners or ()}
    return [
        {"day": str(day), "people": len(work[day] & named)}
        for day in sorted(online)
        if len(work[day] & named) < rules.team_min
    ]
