"""Say every reason why a free slot leaves or stays, in the order the rules are asked.

Rule: the first reason is the one `share` gives; the others are what would hold it back if that one fell away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from agent.core.judging import Stop, judge, matching, timely
from agent.core.model import EmrName, Slot, SlotKey
from agent.core.rules import Accord, Allow, Posture, SharingRules, Why


@dataclass(frozen=True, slots=True)
class Grounds:
    """`stops`: all that holds the slot back, first the one that counts; none = it leaves. `rule`: what would share it."""

    stops: tuple[Stop, ...]
    rule: Allow | None

    @property
    def leaves(self) -> bool:
        """Say whether it is shared."""
        return not self.stops


def grounds(
    slot: Slot, rules: SharingRules, now: datetime, since: Mapping[SlotKey, datetime], held: frozenset[SlotKey]
) -> Grounds:
    """Judge the slot again and again, each time without the reason found last, until nothing holds it back."""
    stops = [Stop(Why.HELD)] if slot.key in held else []
    left = rules
    while isinstance(answer := judge(slot, left, now), Stop):
        stops.append(answer)
        eased = _without(answer, slot, left)
        if eased is None:
            return Grounds(tuple(stops), matching(slot, rules)[0])
        left = eased
    late = timely(slot, rules, now)
    if late is not None:
        stops.append(late)
    if rules.posture is not Posture.OPEN and not rules.posture.is_offline and slot.key not in since:
        stops.append(Stop(Why.PAUSED))
    return Grounds(tuple(stops), answer)


def _who(slot: Slot) -> tuple[EmrName, str]:
    return slot.emr, slot.practitioner.key


_EASED: Mapping[Why, Callable[[SharingRules, Slot, Stop], SharingRules]] = {
    Why.WITHDRAWN: lambda rules, _slot, _stop: replace(rules, posture=Posture.OPEN),
    Why.DISABLED: lambda rules, _slot, _stop: replace(rules, enabled=True),
    Why.EXPIRED: lambda rules, _slot, _stop: replace(rules, expires=date.max),
    Why.NEW_TYPE: lambda rules, slot, _stop: replace(rules, types={**rules.types, (slot.emr, slot.type): slot.type}),
    Why.NEW_PRACTITIONER: lambda rules, slot, _stop: replace(
        rules, roster={**rules.roster, _who(slot): Accord(slot.practitioner.key, date.min)}
    ),
    Why.NO_ACCORD: lambda rules, slot, _stop: replace(
        rules, roster={**rules.roster, _who(slot): replace(rules.roster[_who(slot)], agreed=date.min)}
    ),
    Why.VETO: lambda rules, slot, _stop: replace(rules, vetoes=rules.vetoes - {_who(slot)}),
    Why.CANCELLED: lambda rules, _slot, _stop: replace(rules, cancelled_frees=True),
    Why.DENIED: lambda rules, _slot, stop: replace(
        rules, deny=tuple(rule for rule in rules.deny if rule.line != stop.line)
    ),
    Why.TEAM_MIN: lambda rules, _slot, _stop: replace(rules, team_min=0),
}
"""For each reason of `judge`, the rules in which it does not hold; without a rule that allows nothing is left to ask."""


def _without(stop: Stop, slot: Slot, rules: SharingRules) -> SharingRules | None:
    ease = _EASED.get(stop.why)
    return None if ease is None else ease(rules, slot, stop)
