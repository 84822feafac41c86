"""Keep both sides equal: ids, differences, canonical lines and roots.

Rule: the line of a slot is the same bytes at the clinic, at the hub and in any other implementation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from json import JSONEncoder

from agent.core.model import SiteId, SlotId, SlotKey
from agent.core.sharing import Offered, SharedSlot

View = Mapping[SlotId, SharedSlot]

_ENCODE = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_LEAF, _ROOT = b"\x00", b"\x01"
"""Domain separation as in RFC 9162 §2.1.1: a leaf can never be read as a root."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What must be put and deleted to go from one view to another; `put` in the order of its random ids."""

    put: View
    gone: frozenset[SlotId]


def enter(
    known: Mapping[SlotKey, tuple[SlotId, SharedSlot]], offered: Mapping[SlotKey, Offered], fresh: Iterator[SlotId]
) -> Mapping[SlotKey, tuple[SlotId, SharedSlot]]:
    """Give ids to the view *now*: kept while a slot stays with equal members, fresh on entry or any change.

    Ids are drawn in the order of the keys, so the same input gives the same view; being random, they tell nothing of
    that order.
    """
    view: dict[SlotKey, tuple[SlotId, SharedSlot]] = {}
    for key in sorted(offered):
        shared = offered[key].shared
        before = known.get(key)
        view[key] = before if before is not None and _same(before[1], shared) else (next(fresh), shared)
    return view


def changes(told: View, now: View) -> Delta:
    """Return what the hub must hear to go from `told` to `now`."""
    put = {id_: now[id_] for id_ in sorted(now) if id_ not in told or not _same(told[id_], now[id_])}
    return Delta(put, frozenset(told.keys() - now.keys()))


def line(shared: SharedSlot, id: SlotId | None) -> bytes:  # noqa: A002 - the wire's own word
    """Return the canonical line, without `id` and `bookable_from` when `id` is None.

    A JSON array of the members in the order of the protocol, absent = null, no space, UTF-8, text not normalised.
    """
    members = _members(shared)
    if id is None:
        del members["bookable_from"]
        return _ENCODE([*members.values()]).encode()
    return _ENCODE([id, *members.values()]).encode()


def wire(id: SlotId | None, shared: SharedSlot) -> dict[str, str]:  # noqa: A002 - the wire's own word
    """Return the slot as the object that travels, or that a journal keeps (`id` None: without it); no null members.

    `core.sharing.revive` reads it back with the same line.
    """
    named = {} if id is None else {"id": str(id)}
    return named | {name: value for name, value in _members(shared).items() if value is not None}


def roots(view: View, sites: frozenset[SiteId]) -> Mapping[SiteId, str]:
    """Return the hex root of every site in `sites`, the empty ones too; slots of other sites count nowhere.

    root = SHA-256(0x01 | leaves sorted as bytes), leaf = SHA-256(0x00 | line).
    """
    leaves: dict[SiteId, list[bytes]] = {site: [] for site in sorted(sites)}
    for id_, shared in view.items():
        if shared.site in leaves:
            leaves[shared.site].append(sha256(_LEAF + line(shared, id_)).digest())
    return {site: sha256(_ROOT + b"".join(sorted(found))).hexdigest() for site, found in leaves.items()}


def _same(one: SharedSlot, other: SharedSlot) -> bool:
    """Compare as the wire shows it: aware datetimes are equal across offsets, and across a fold within one zone."""
    return one is other or _members(one) == _members(other)


def _members(shared: SharedSlot) -> dict[str, str | None]:
    """Return the members in the order of the canonical line; the only place that writes a time of a slot."""
    return {
        "start": shared.start.isoformat(timespec="seconds"),
        "end": shared.end.isoformat(timespec="seconds"),
        "precision": shared.precision,
        "site": shared.site,
        "confirmation": shared.confirmation,
        "practitioner": shared.practitioner,
        "bookable_from": shared.bookable_from.isoformat(timespec="seconds"),
        "clientele": shared.clientele,
        "reason": shared.reason,
        "redirect": shared.redirect,
        "mode": shared.mode,
    }
