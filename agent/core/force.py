"""Decide which sharing rules have force while the edited file has not been applied.

Rule: narrowing is at once, widening waits: a slot leaves only if both the applied rules and the file share it.
"""

from dataclasses import replace
from itertools import product
from typing import TypeVar

from agent.core.sharing import Accord, Allow, Match, Posture, PublishAs, SharingRules

_T = TypeVar("_T")

STRICTEST = (Posture.OPEN, Posture.PAUSED, Posture.WITHDRAWN, Posture.FROZEN, Posture.CLOSED)
"""From the freest to the strictest."""


def effective(file_rules: SharingRules, applied: SharingRules | None) -> SharingRules:
    """Return the rules in force.

    `file_rules`: what the file says now; `applied`: what `creneau sharing apply` stored last, None = never. Vetoes of
    both count, the stricter posture holds. What is shared goes out as it was applied, only coarser if the file says so.
    """
    if applied is None:
        return replace(file_rules, enabled=False)
    both = replace(
        file_rules,
        vetoes=file_rules.vetoes | applied.vetoes,
        posture=max(file_rules.posture, applied.posture, key=STRICTEST.index),
    )
    if file_rules.digest == applied.digest:
        return both
    return replace(
        both,
        enabled=file_rules.enabled and applied.enabled,
        expires=min(file_rules.expires, applied.expires),
        types={code: word for code, word in file_rules.types.items() if code in applied.types},
        roster={
            who: _accord(accord, applied.roster[who])
            for who, accord in file_rules.roster.items()
            if who in applied.roster
        },
        allow=_allow(applied.allow, file_rules.allow),
        deny=tuple(dict.fromkeys((*file_rules.deny, *applied.deny))),
        identity=file_rules.identity if file_rules.identity == applied.identity else "team",
        team_min=max(file_rules.team_min, applied.team_min),
        min_notice=max(file_rules.min_notice, applied.min_notice),
        horizon=min(file_rules.horizon, applied.horizon),
        times=file_rules.times if file_rules.times == applied.times else "half-day",
        cancelled_frees=file_rules.cancelled_frees and applied.cancelled_frees,
        digest=applied.digest,
    )


def _accord(file_accord: Accord, applied: Accord) -> Accord:
    """Keep a yes only if both have it, with the later date."""
    if file_accord.agreed is None or applied.agreed is None:
        return replace(file_accord, agreed=None)
    return replace(file_accord, agreed=max(file_accord.agreed, applied.agreed))


def _allow(applied: tuple[Allow, ...], file_rules: tuple[Allow, ...]) -> tuple[Allow, ...]:
    """Return one rule for each pair that can match together, in the order of the applied rules."""
    pairs = []
    for old, new in product(applied, file_rules):
        match = _both(old.match, new.match)
        if match is not None:
            pairs.append(replace(new, name=old.name, match=match, publish_as=_publish(old.publish_as, new.publish_as)))
    return tuple(pairs)


def _publish(old: PublishAs, new: PublishAs) -> PublishAs:
    """Return it as applied, unless the file closes to some patients what was open to anyone."""
    return new if old.clientele == "anyone" != new.clientele else old


def _both(one: Match, two: Match) -> Match | None:
    """Return what both match, None when nothing can."""
    match = Match(
        types=_meet(one.types, two.types),
        practitioners=_meet(one.practitioners, two.practitioners),
        sites=_meet(one.sites, two.sites),
        days=one.days & two.days,
        between=(max(one.between[0], two.between[0]), min(one.between[1], two.between[1])),
    )
    empty = frozenset[object]() in (match.types, match.practitioners, match.sites, match.days)
    return None if empty or match.between[0] >= match.between[1] else match


def _meet(one: frozenset[_T] | None, two: frozenset[_T] | None) -> frozenset[_T] | None:
    if one is None or two is None:
        return two if one is None else one
    return one & two
