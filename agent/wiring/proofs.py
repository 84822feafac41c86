"""A way of booking that nobody has run is not run by itself: its source falls back to tasks.

Rule: only a proof of the very mapping, on that kind of server, lifts it; another text needs another proof.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace

from agent.answers.prove import proof_of
from agent.config import EmrPlan, Plan
from agent.core.errors import CreneauError
from agent.ports import Emr, Proves

log = logging.getLogger("creneau.proofs")


def honest(plan: Plan, facts: Mapping[str, str], opened: Callable[[EmrPlan], Emr]) -> Plan:
    """Return the plan as it may be lived by: "automatic" becomes "tasks" where a proof is missing. Connects nothing."""
    emrs = tuple(_one(source, facts, opened) for source in plan.emrs)
    return plan if emrs == plan.emrs else replace(plan, emrs=emrs)


def _one(source: EmrPlan, facts: Mapping[str, str], opened: Callable[[EmrPlan], Emr]) -> EmrPlan:
    if source.bookings != "automatic":
        return source
    try:
        with closing(opened(source)) as emr:
            wanted = emr.unproven() if isinstance(emr, Proves) else ""
    except CreneauError:  # whoever opens it next says what ails it
        return source
    if not wanted or proof_of(facts, source.id).lifts(wanted):
        return source
    log.warning("bookings.unproven emr=%s", source.id)
    return replace(source, bookings="tasks")
