"""What an adapter leans on and declares: its durable memory, its tools, its catalog entry.

Rule: options are data, so that a configuration is checked without loading a driver.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import SiteId
from agent.ports.emr import Emr
from agent.ports.machine import Clock, Dice


class Kept(StrEnum):
    """What keeping a raw message found."""

    NEW = "new"
    REPEAT = "repeat"
    CLASH = "clash"


@dataclass(frozen=True, slots=True)
class RawMessage:
    """As received. `peer`: sending application^facility, or a file name; `control_id`: MSH-10."""

    peer: str
    control_id: str
    body: bytes = field(repr=False)
    charset: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """`answer`: the stored ACK on REPEAT, the new one on NEW, empty on CLASH."""

    kept: Kept
    id: int
    answer: bytes


class RawStore(Protocol):
    """Durable inbound messages of one source."""

    def keep(self, message: RawMessage, answer: bytes) -> Taken:
        """Return only after the commit; many threads at once (group commit)."""
        ...

    def unread(self, limit: int) -> Sequence[tuple[int, RawMessage]]:
        """Oldest first."""
        ...

    def settle(self, done: Sequence[int], dead: Mapping[int, str], notes: Mapping[str, bytes | None]) -> None:
        """One transaction."""
        ...

    def revive(self, numbers: Sequence[int], answer: bytes | None = None) -> int:
        """Make dead messages unread again, with another answer from now on when one is given; return how many were."""
        ...


class SourceStore(Protocol):
    """Small durable memory of one source: mirror rows, cursors, profiles. Rebuilt by the adapter if lost."""

    def notes(self, prefix: str) -> Mapping[str, bytes]:
        """All notes whose key begins so."""
        ...

    def note(self, changes: Mapping[str, bytes | None]) -> None:
        """One transaction; None deletes."""
        ...


@dataclass(frozen=True, slots=True)
class SitePart:
    """What an adapter may know of a site: its zone (IANA) and its code in the EMR ("*" = the only one)."""

    id: SiteId
    zone: str
    emr_code: str = "*"


def _alone(adapter: str, options: Mapping[str, object]) -> Emr:
    del options
    raise Misconfigured(say("open the adapter {name}", name=adapter), say("another adapter cannot be opened from here"))


@dataclass(frozen=True, slots=True)
class Tools:
    """All an adapter may lean on; a catalog entry is factory(name, options, tools) -> Emr."""

    clock: Clock
    dice: Dice
    secret: Callable[[str], str]
    raw: RawStore
    store: SourceStore
    sites: tuple[SitePart, ...]
    label: str = ""
    """[booking] label: what the front desk reads in the agenda on an appointment of ours."""
    beside: Callable[[str, Mapping[str, object]], Emr] = _alone
    """Opens another adapter, by its name and options, for what the EMR's own way in does not tell. Raises Misconfigured."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an adapter. `kind`: a type, or the words of an enumeration; `default` `...` = compulsory."""

    key: str
    kind: type | tuple[str, ...]
    default: object
    says: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One adapter as the catalog names it. `factory` is "module:function", opened by wiring only.

    `books_with`: the option that must be given for it to write, "" = none.
    """

    factory: str
    extra: str
    options: tuple[Option, ...]
    books: bool
    books_with: str = ""
