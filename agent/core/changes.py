"""Keep both sides equal: ids, differences, canonical lines and roots.

Rule: the line of a slot is the same bytes at the clinic, at the hub and in any other implementation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.core.model import SiteId, SlotId, SlotKey
from agent.core.sharing import Offered, SharedSlot

View = Mapping[SlotId, SharedSlot]


@dataclass(frozen=True, slots=True)
class Delta:
    """What must be put and deleted to go from one view to another."""

    put: View
    gone: frozenset[SlotId]


def enter(
    known: Mapping[SlotKey, tuple[SlotId, SharedSlot]], offered: Mapping[SlotKey, Offered], fresh: Iterator[SlotId]
) -> Mapping[SlotKey, tuple[SlotId, SharedSlot]]:
    """Give ids to the view *now*: kept while a slot stays with equal members, fresh on entry or any change."""
    raise NotImplementedError


def changes(told: View, now: View) -> Delta:
    """Return what the hub must hear to go from `told` to `now`."""
    raise NotImplementedError


def line(shared: SharedSlot, id: SlotId | None) -> bytes:  # noqa: A002 - the wire's own word
    """Return the canonical line, without `id` and `bookable_from` when `id` is None."""
    raise NotImplementedError


def roots(view: View, sites: frozenset[SiteId]) -> Mapping[SiteId, str]:
    """Return the hex root of every site in `sites`, the empty ones too."""
    raise NotImplementedError
