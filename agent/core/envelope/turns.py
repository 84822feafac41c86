"""Read the turn an answer gives: the right to write into an unfenced EMR.

Rule: a turn is a duration from the reading taken before the request was sent, never a time of day.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeGuard

from agent.core.booking import Turn
from agent.core.model import Instant

LONGEST_S = 180


def turn_given(said: object, sent: Instant) -> Turn | None:
    """Return the turn in `{number, seconds}`, at most 180 s from `sent`; None when there is none to be had."""
    if not isinstance(said, Mapping):
        return None
    number, seconds = said.get("number"), said.get("seconds")
    if not _is_whole(number, 0) or not _is_whole(seconds, 1):
        return None
    return Turn(number, sent.age + timedelta(seconds=min(seconds, LONGEST_S)))


def _is_whole(value: object, least: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
