"""Writes, look-ups and effects as a counterexample prints them.

Rule: slots are s1 and s2, nothing else of them matters.
"""

from agent.core.booking import Effect, Write
from agent.core.model import BookingId
from tests.model.values import NAMES


def step_of(pc: object) -> str:
    """Return the step of a write as a counterexample prints it."""
    return str(pc[0] if isinstance(pc, tuple) else pc)


def asked(write: Write | BookingId) -> str:
    """Return a write or a look-up as a counterexample prints it."""
    if not isinstance(write, Write):
        return f"look at {write}"
    place = f" {NAMES[write.slot.key]}" if write.slot else ""
    return f"{write.op}{place} of {write.booking} version {write.version}"


def shown(effect: Effect | None) -> str:
    """Return an effect as a counterexample prints it."""
    if effect is None:
        return "no trace"
    place = f" at {NAMES[effect.slot]}" if effect.slot else ""
    theirs = ", theirs" if effect.theirs else ""
    return f"{effect.outcome}{place} (version {effect.version}{theirs})"
