"""`emr list`: the types, sites and people of the EMR, with counts; `emr grants`: the rights to ask for.

Rule: labels are for the clinic's own screen; they stop here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.reading import opened
from agent.config.plan import EmrPlan, Plan
from agent.core.model import Practitioner, Slot, Window
from agent.ports import Emr, Grants, Named, Names


def listing(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {names: [{emr, kind, code, label, free, named}]}; `days` ahead; `named`: the file's word, or null."""
    return {"names": names(house, asked.now.utc, asked.number("days", 28, least=1, most=366))}


def names(house: House, now: datetime, days: int) -> list[Mapping[str, Any]]:
    """Return the rows of `listing`."""
    window = Window(now, now + timedelta(days=days))
    plan = house.plan()
    rows: list[Mapping[str, Any]] = []
    for source in plan.emrs:
        with opened(house, source.id) as emr:
            found = sorted(_names(emr, window), key=lambda item: (item.kind, -item.free, item.code))
        rows += [_one(plan, source, item) for item in found]
    return rows


def grants(house: House, asked: Asked) -> Mapping[str, Any]:  # noqa: ARG001 - every verb is asked the same way
    """Answer {grants: [{emr, sql}]}; `sql` is null for a source whose adapter needs no rights of its own."""
    rows = []
    for source in house.plan().emrs:
        with opened(house, source.id) as emr:
            rows.append({"emr": source.id, "sql": emr.grants() if isinstance(emr, Grants) else None})
    return {"grants": rows}


def _names(emr: Emr, window: Window) -> Iterable[Named]:
    if isinstance(emr, Names):
        return emr.names(window)
    return _counted(emr.slots(window).slots)


def label_of(person: Practitioner) -> str:
    """Return what the clinic's own screen calls a person."""
    return person.label or person.name or person.key


def _counted(slots: Iterable[Slot]) -> Iterable[Named]:
    """Count what the free slots carry, for a source that cannot list its own names."""
    found: Counter[tuple[str, str]] = Counter()
    labels: dict[str, str] = {}
    for slot in slots:
        found.update([("type", slot.type), ("practitioner", slot.practitioner.key), ("site", str(slot.site))])
        labels[slot.practitioner.key] = slot.practitioner.label
    return [
        Named(kind, code, labels.get(code, "") if kind == "practitioner" else "", n)
        for (kind, code), n in found.items()
    ]


def _one(plan: Plan, source: EmrPlan, item: Named) -> Mapping[str, Any]:
    return {
        "emr": source.id,
        "kind": item.kind,
        "code": item.code,
        "label": item.label,
        "free": item.free,
        "named": _word(plan, source, item),
    }


def _word(plan: Plan, source: EmrPlan, item: Named) -> str | None:
    if item.kind == "type":
        return plan.sharing.types.get((source.id, item.code))
    if item.kind == "practitioner":
        accord = plan.sharing.roster.get((source.id, item.code))
        return accord.name if accord else None
    sites = (site for site in plan.sites if site.emr == source.id)
    return next((str(site.id) for site in sites if item.code in (site.id, site.emr_code) or site.emr_code == "*"), None)
