"""Decide what people are written about, and how often.

Rule: at most one notice a cause and hour, whatever flaps; what still holds after a grace is told, never what passed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.core.message import Message

APART = timedelta(hours=1)
"""Between two notices of one cause, its end included."""
GRACE = timedelta(minutes=5)
"""How long a cause holds, or has ended, before it is told."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something people should know. `key` stays the same while it lasts; `grace`: how long it lasts before it is told.

    `again`: how often it is repeated while it lasts, None = once; `over`: what is said when it has ended, None = nothing.
    """

    key: str
    says: Message
    hint: Message | None = None
    grace: timedelta = GRACE
    again: timedelta | None = timedelta(hours=4)
    over: Message | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The last notice of a cause: when, whether it said that the cause holds, and what to say when it ends."""

    at: datetime
    holds: bool
    over: Message | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Since when a cause holds, or does not."""

    holds: bool
    since: datetime


def look(seen: Mapping[str, Seen], causes: Iterable[Cause], told: Iterable[str], now: datetime) -> Mapping[str, Seen]:
    """Return since when each cause, of now, of before or once told of, is as it is; after a restart, since now."""
    here = {cause.key for cause in causes}
    after = {key: one if one.holds == (key in here) else Seen(key in here, now) for key, one in seen.items()}
    return after | {key: Seen(key in here, now) for key in (here | {*told}) - after.keys()}


@dataclass(frozen=True, slots=True)
class Notice:
    """What one message says, and what is remembered once it was sent; with neither, only the memory changed."""

    holds: tuple[Cause, ...]
    over: tuple[Message, ...]
    told: Mapping[str, Told]


def notice(causes: Iterable[Cause], seen: Mapping[str, Seen], told: Mapping[str, Told], now: datetime) -> Notice | None:
    """Return the notice due now, None = nothing is. `seen` is of this same moment.

    A cause that comes back or ends within the hour of its last notice waits for the end of that hour.
    """
    causes = tuple(causes)
    holds = tuple(cause for cause in causes if _is_due(cause, seen[cause.key], told.get(cause.key), now))
    after = {key: one for key, one in told.items() if one.holds or now - one.at < APART}
    over = []
    for key, one in sorted(told.items()):
        since = seen[key]
        if not one.holds or since.holds or now - since.since < GRACE:
            continue
        if one.over is None:
            after[key] = Told(one.at, holds=False)
        elif now - one.at >= APART:
            over.append(one.over)
            after[key] = Told(now, holds=False)
    after |= {cause.key: Told(now, holds=True, over=cause.over) for cause in holds}
    return Notice(holds, tuple(over), after) if after != told else None


def _is_due(cause: Cause, seen: Seen, told: Told | None, now: datetime) -> bool:
    if now - seen.since < cause.grace:
        return False
    if told is None:
        return True
    if now - told.at < APART:
        return False
    return not told.holds or (cause.again is not None and now - told.at >= cause.again)
