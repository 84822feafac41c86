"""Turn what the hub answered into what the agent does: believe it, or one of the house's errors.

Rule: an answer that does not verify is "no answer" and changes no state; a signed problem is believed.
"""

from collections.abc import Mapping
from datetime import timedelta

from agent.core.envelope.exchange import FRESH, open_answer
from agent.core.envelope.shapes import Envelope, KeySet, Opened, Rejected
from agent.core.errors import Misconfigured, Refused, Transient
from agent.core.message import Message, say

LONGEST_WAIT = timedelta(seconds=300)
"""Whatever the hub asks for is clamped to this."""


class Postponed(Transient):
    """A signed "not now": rate-limited, clock-skew, replayed, in-work, or a word we do not know."""

    def __init__(self, opened: Opened, problem: str, doing: Message, what: Message, hint: Message | None) -> None:
        """Keep the hub's word and how long it wants us to wait."""
        super().__init__(doing, what, hint, after=clamped(opened.claims.get("retry_after")))
        self.problem = problem
        self.opened = opened


class Declined(Refused):
    """A signed refusal of this message: `reason` is resync, stale-epoch, not-current, too-large or schema."""

    def __init__(self, opened: Opened, problem: str, doing: Message, what: Message, hint: Message | None) -> None:
        """Keep the answer: a resync says what the hub holds."""
        super().__init__(doing, what, hint, reason=problem)
        self.problem = problem
        self.opened = opened


class Barred(Misconfigured):
    """A signed refusal of us: bad-signature, key-retired or unknown-clinic. Keep everything, try hourly."""

    def __init__(self, opened: Opened, problem: str, doing: Message, what: Message, hint: Message | None) -> None:
        """Keep the hub's word."""
        super().__init__(doing, what, hint)
        self.problem = problem
        self.opened = opened


_DECLINED = frozenset({"resync", "stale-epoch", "not-current", "too-large", "schema"})
_BARRED = frozenset({"bad-signature", "key-retired", "unknown-clinic"})
_DOING = say("talk to the hub")
_TOLD: Mapping[str, tuple[Message, Message | None]] = {
    "not-current": (
        say("another agent, or a copy of this one, speaks for this clinic"),
        say("stop the other one, then ask the hub operator for a takeover code: creneau enrol CODE"),
    ),
    "unknown-clinic": (
        say("the hub does not know this agent"),
        say("ask the hub operator for a new code: creneau enrol CODE"),
    ),
    "key-retired": (
        say("the hub has shut this agent out"),
        say("call the hub operator; to come back: creneau enrol CODE"),
    ),
    "bad-signature": (
        say("the hub does not recognize this agent's signature"),
        say("call the hub operator and compare fingerprints: creneau status"),
    ),
    "clock-skew": (say("this machine's clock is too far off"), say("turn on time synchronisation")),
    "rate-limited": (say("the hub asks us to wait"), say("nothing to do: it starts again by itself")),
}
"""What a clinic is told of the problems it can do something about."""


def clamped(seconds: object) -> timedelta | None:
    """Return a wait the hub asked for, at most 300 s; None when it is no number of seconds."""
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        return None
    return min(timedelta(seconds=min(seconds, 3600)), LONGEST_WAIT)


def raise_for_problem(opened: Opened) -> None:
    """Raise the error a signed problem means; return when there is none."""
    problem = opened.claims.get("problem")
    if problem is None:
        return
    word = problem if isinstance(problem, str) and problem.replace("-", "").isalpha() else "schema"
    what, hint = _TOLD.get(word, (say("the hub answered {problem}", problem=word), None))
    if word in _DECLINED:
        raise Declined(opened, word, _DOING, what, hint)
    if word in _BARRED:
        raise Barred(opened, word, _DOING, what, hint)
    raise Postponed(opened, word, _DOING, what, hint)


def believe(jws: str, keys: KeySet, *, to: Envelope, took: timedelta, within: timedelta = FRESH) -> Opened:
    """Return the verified answer to `to`; a signed problem still inside. Raises Transient for "no answer"."""
    try:
        return open_answer(jws, keys, to=to, took=took, within=within)
    except Rejected as error:
        raise Transient(
            _DOING,
            say("what came back is not this hub's answer"),
            say("a proxy or firewall may be answering instead of the hub: creneau check hub"),
        ) from error
