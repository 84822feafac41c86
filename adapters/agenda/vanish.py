"""How many coming times may vanish at once before a person should look.

Rule: few may always go; a share of them that goes at once is half an agenda until several in a row say the same.
"""

from collections.abc import Set as AbstractSet

FEW = 5
"""So few may always vanish: a small clinic's quiet day is no alarm."""
HELD_FOR = 3
"""What is held back is believed when so many in a row say the same: it is then no half agenda."""


def too_many(had: AbstractSet[str], has: AbstractSet[str], most: int) -> bool:
    """Say whether too many of `had` are not in `has`; `most`: per cent."""
    gone = len(had - has)
    return gone > FEW and gone * 100 > most * len(had)
