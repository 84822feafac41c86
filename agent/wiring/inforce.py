"""The sharing rules in force: the file, what was applied, and what the clinic ordered since.

Rule: narrowing counts the moment it is read; nothing widens before `sharing apply`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.answers.sharing import posture_of
from agent.answers.veto import vetoes_of
from agent.config import Faults, Plan, applied_rules
from agent.core.force import effective
from agent.core.sharing import SharingRules


def applied(plan: Plan, facts: Mapping[str, str]) -> SharingRules | None:
    """Return the rules last applied, with the posture; None = never, or for sources that are gone."""
    text = facts.get("sharing_applied")
    if text is None:
        return None
    try:
        rules = applied_rules(text, plan)
    except Faults:
        return None
    return fold(rules, plan, facts)


def fold(rules: SharingRules, plan: Plan, facts: Mapping[str, str]) -> SharingRules:
    """Return the rules with what the journal and the sources say folded in."""
    confirmation = {emr.id: "instant" if emr.bookings == "automatic" else "request" for emr in plan.emrs}
    return replace(rules, posture=posture_of(facts), confirmation=confirmation, vetoes=vetoes_of(facts))


class InForce:
    """A value replaced whole, read by every leg through a call; any thread."""

    def __init__(self, plan: Plan, facts: Callable[[], Mapping[str, str]]) -> None:
        self._facts = facts
        self.renew(plan)

    def __call__(self) -> SharingRules:
        """Return the rules now in force."""
        return self._rules

    def renew(self, plan: Plan) -> None:
        """Work them out again from the plan and the journal's facts."""
        facts = self._facts()
        self._rules = effective(fold(plan.sharing, plan, facts), applied(plan, facts))
