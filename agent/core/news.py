"""What an agenda shows that no line of the file names yet: new types, new people.

Rule: new means not shared; somebody at the clinic decides, nobody here guesses.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.core.rules import Why
from agent.core.sharing import Withheld


@dataclass(frozen=True, slots=True)
class News:
    """One code of the EMR that waits for a decision. `kind`: "type" or "practitioner"; `free`: its free slots."""

    kind: str
    code: str
    label: str = field(repr=False)
    free: int


def news(withheld: Iterable[Withheld]) -> tuple[News, ...]:
    """Return what is new in a reading, by kind and code. A slot whose type and person are both new counts as its type."""
    found: Counter[tuple[str, str, str]] = Counter()
    for row in withheld:
        if row.why is Why.NEW_TYPE:
            found["type", row.slot.type, row.slot.type] += 1
        elif row.why is Why.NEW_PRACTITIONER:
            found["practitioner", row.slot.practitioner.key, row.slot.practitioner.label] += 1
    return tuple(News(kind, code, label or code, free) for (kind, code, label), free in sorted(found.items()))
