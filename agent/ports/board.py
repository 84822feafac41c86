"""Health in memory.

Rule: never journaled; values are replaced whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from agent.core.booking import Turn
from agent.core.errors import CreneauError
from agent.core.message import Message
from agent.core.model import EmrName, Finding, Instant
from agent.core.news import News


class Board(Protocol):
    """In memory, never journaled: health of the legs, last complete read per source, turn, skew. Any thread."""

    def ok(self, leg: str, now: Instant) -> None:
        """Note a step that went well."""
        ...

    def down(self, leg: str, kind: str, now: Instant, fault: CreneauError | None = None) -> None:
        """Note a step that failed; `kind` is the error's class name in lower case, `fault` what a person is told."""
        ...

    def complete(self, emr: EmrName, now: Instant) -> None:
        """Note a complete read of a source."""
        ...

    def news(self, emr: EmrName, found: tuple[News, ...]) -> None:
        """Note what a complete read of a source shows that no line of the file names."""
        ...

    def findings(self, emr: EmrName, found: tuple[Finding, ...]) -> None:
        """Note what the last read of a source found."""
        ...

    def heard(self, hub_time: datetime, sent: Instant, took: timedelta) -> None:
        """Note one signed sample of the hub's clock; skew is the median of the last five since the clock was set."""
        ...

    def turn(self, new: Turn | None = None) -> Turn | None:
        """Set (when given) and return the turn; None after a restart."""
        ...

    def pace(self, wait_s: int | None = None) -> int:
        """Set (when given) and return the seconds the hub may hold an `orders` call."""
        ...

    def read(self) -> "Health":
        """Return one consistent picture."""
        ...


@dataclass(frozen=True, slots=True)
class LegHealth:
    """`since`: when it went into this state; `last`: the last good step; `what`, `hint`: the last fault's sentences."""

    kind: str
    since: Instant
    last: Instant | None
    what: Message | None = None
    hint: Message | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The board at one moment. `legs` by name; `kind` of a leg is "ok" or the error's class name.

    `heard`: the time the hub last told, at the age it was told; None = not yet.
    """

    legs: Mapping[str, LegHealth]
    reads: Mapping[EmrName, Instant]
    skew: timedelta | None
    turn: Turn | None
    started: Instant
    boot: str
    news: Mapping[EmrName, tuple[News, ...]] = field(default_factory=dict)
    findings: Mapping[EmrName, tuple[Finding, ...]] = field(default_factory=dict)
    heard: Instant | None = None
