"""Which outcome may follow which, on the same booking.

Rule: a succession that is not here is a fault of the program, and is never told.
"""

from agent.core.booking.model import Outcome

_SEEN = frozenset({Outcome.CHANGED, Outcome.CANCELLED_BY_CLINIC, Outcome.CHECKING})
"""What the agenda itself may show at any time, whatever was said before."""
_AGAIN = frozenset({Outcome.HELD, Outcome.BOOKED, Outcome.CONFLICT, Outcome.EXPIRED, Outcome.REFUSED})
"""Said again, with `kept`, when the desk finds that a request called back had been entered already."""
_ANSWERS = frozenset({Outcome.BOOKED, Outcome.CONFLICT, Outcome.CANCELLED})
"""What a person's answer makes of a request or a doubt."""

_WITHIN: dict[Outcome, frozenset[Outcome]] = {
    **{word: _SEEN | (_AGAIN & {word}) for word in Outcome},
    Outcome.HELD: _SEEN | {Outcome.HELD, Outcome.EXPIRED},
    Outcome.REQUESTED: _ANSWERS | {Outcome.CHECKING, Outcome.EXPIRED},
    Outcome.CHECKING: _SEEN | _ANSWERS,
    Outcome.CHANGED: _SEEN - {Outcome.CHANGED},
}

_NEWER: dict[Outcome, frozenset[Outcome]] = {
    **dict.fromkeys(Outcome, frozenset(Outcome) - {Outcome.RELEASED}),
    Outcome.HELD: frozenset(Outcome),
    Outcome.REQUESTED: frozenset(Outcome)
    - {Outcome.RELEASED, Outcome.SUPERSEDED, Outcome.CHANGED, Outcome.CANCELLED_BY_CLINIC},
    # what staff took over is never held, only cancelled or looked at by a person
    Outcome.CHANGED: frozenset(Outcome) - {Outcome.RELEASED, Outcome.HELD},
    Outcome.CANCELLED_BY_CLINIC: frozenset(Outcome) - {Outcome.RELEASED, Outcome.HELD},
}

WITHIN_VERSION: frozenset[tuple[Outcome, Outcome]] = frozenset((a, b) for a, after in _WITHIN.items() for b in after)
"""Successions while no newer version is told of: only time, staff, a person or a second look change a word."""

SUCCESSIONS: frozenset[tuple[Outcome, Outcome]] = WITHIN_VERSION | {
    (a, b) for a, after in _NEWER.items() for b in after
}
"""All successions: a newer version may lead almost anywhere; only a hold is released."""
