"""List the codes OSCAR knows, for `creneau emr list`.

Rule: counts of free slots only; a code nobody uses is listed with zero.
"""

from collections import Counter
from collections.abc import Sequence

from adapters.sql.oscar.read import GROUPS, SITES, Raw
from adapters.sql.session import Work
from agent.core.model import Slot
from agent.ports import Named


def names(work: Work, raw: Raw, free: Sequence[Slot]) -> list[Named]:
    """Return types, practitioners and sites; a group stands behind its people."""
    types = Counter(slot.type for slot in free)
    people = Counter(slot.practitioner.key for slot in free)
    places = {(each.who, f"{each.day:%Y-%m-%d}"): each.reason for each in raw.schedules}
    sites = Counter(places[slot.practitioner.key, f"{slot.start:%Y-%m-%d}"] for slot in free)
    known = [str(row[0]) for row in work.rows(SITES)]
    groups: dict[str, list[str]] = {}
    for who, group in work.rows(GROUPS):
        groups.setdefault(str(who), []).append(str(group))
    labels = {
        who: " ".join([label, *(f"[{group}]" for group in groups.get(who, []))]) for who, label in raw.people.items()
    }
    return [
        *(Named("type", code, raw.words.get(code, ""), types[code]) for code in sorted({*raw.words, *types})),
        *(Named("practitioner", who, labels.get(who, ""), people[who]) for who in sorted({*raw.people, *people})),
        *(Named("site", name, name, sites[name]) for name in sorted({*known, *sites} - {""})),
    ]
