"""One guard taken away: which lines of which files, together with its twins, and which layers should miss it.

Rule: the text taken away stands in the file exactly once, or the mutant is out of date.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Edit(NamedTuple):
    """`old` becomes `new` in `file`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """`layers`: (layer, what it runs), tried in this order until one goes red.

    Layers: "model", a search of bookings (rule set, scenario, agents, faults); "slot sync", a search of slot sync
    (ticks, changes, faults); "unit", test files; "simulation", seeds.
    """

    name: str
    edits: tuple[Edit, ...]
    layers: tuple[tuple[str, str], ...]


def mutant(name: str, file: str, old: str, new: str, *layers: tuple[str, str]) -> Mutant:
    """Return a mutant of one edit."""
    return Mutant(name, (Edit(file, old, new),), layers)
