"""What the command line may ask the agent: one verb, one function, JSON-shaped answers.

Rule: a verb is in VERBS and in `rights.NEEDS`, or it does not exist; each act leaves a ledger line with `who`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from agent.answers.house import Asked, House, Sharing, Vault, Verb
from agent.answers.rights import NEEDS, may
from agent.core.errors import Refused
from agent.core.message import say

__all__ = ["NEEDS", "VERBS", "Answers", "House", "Sharing", "Vault", "answering", "may"]

VERBS: Mapping[str, str] = {
    "status": "status:status",
    "check": "check:check",
    "emr-list": "emr:listing",
    "emr-grants": "emr:grants",
    "emr-try": "trying:trying",
    "emr-prove": "prove:prove",
    "preview": "preview:preview",
    "explain": "explain:explain",
    "exposure": "exposure:exposure",
    "sharing-show": "rules:show",
    "sharing-diff": "sharing:diff",
    "sharing-apply": "sharing:apply",
    "sharing-pause": "sharing:pause",
    "sharing-withdraw": "sharing:withdraw",
    "sharing-resume": "sharing:resume",
    "freeze": "sharing:freeze",
    "veto-add": "veto:add",
    "veto-lift": "veto:lift",
    "veto-list": "veto:listing",
    "ledger-list": "ledger:listing",
    "ledger-export": "ledger:export",
    "ledger-regulatory": "ledger:regulatory",
    "ledger-report": "report:report",
    "ledger-verify": "ledger:verify",
    "hl7-doubts": "doubts:listing",
    "hl7-settle": "doubts:settle",
    "bookings": "bookings:listing",
    "tasks-list": "tasks:listing",
    "tasks-show": "tasks:show",
    "tasks-done": "tasks:done",
    "unsold": "unsold:listing",
    "enrol": "enrol:enrol",
    "leave": "leave:leave",
    "backup": "backup:backup",
    "bundle": "bundle:bundle",
    "update": "update:update",
    "secret-set": "secret:put",
    "secret-list": "secret:names",
}
"""Verb -> file of this folder and function: an agent nobody asks loads none of them."""


def answering(verb: str) -> Verb | None:
    """Return the function that answers; None when nothing does."""
    file, _, function = VERBS.get(verb, "").partition(":")
    return cast("Verb", getattr(import_module(f"{__name__}.{file}"), function)) if file else None


class Answers:
    """The Door of this house, behind the socket when the agent runs and behind the state lock when it does not."""

    def __init__(self, house: House) -> None:
        """Keep the collaborators."""
        self._house = house

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Mapping[str, Any]:
        """Answer one verb; any thread. Raises the family of core.errors, Refused for a verb nobody knows."""
        work = answering(verb)
        if work is None:
            raise Refused(
                say("answer the command line"),
                say("nothing here answers to {verb}", verb=verb[:40]),
                say("the agent and the command may be of two versions: creneau version"),
                reason="unknown-verb",
            )
        return work(self._house, Asked(args, who, self._house.clock.now()))
