"""The sharing rules as values: what the clinic's file, its vetoes and its orders say.

Rule: there is no word here for "busy"; only free slots can be spoken of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from agent.core.model import EmrName, SiteId, Window

EXACT = "exact"
HALF_DAY = "half-day"
NAMED = "named"


class Why(StrEnum):
    """Why a free slot stays at the clinic."""

    NO_RULE = "no-rule"
    DENIED = "denied"
    VETO = "veto"
    NEW_TYPE = "new-type"
    NEW_PRACTITIONER = "new-practitioner"
    NO_ACCORD = "no-accord"
    TEAM_MIN = "team-min"
    MIN_NOTICE = "min-notice"
    HORIZON = "horizon"
    EXPIRED = "expired"
    DISABLED = "disabled"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    CANCELLED = "after-cancel"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class PublishAs:
    """The vocabulary of Regulation A-2.2, r. 1, s. 4, as one allow rule uses it."""

    clientele: str
    reason: str
    mode: str
    redirect: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule, allow or deny, looks at. None means any.

    `types` are EMR codes already resolved from the clinic's words; `days` are 0 = Monday; `between` is half-open
    minutes since local midnight of the slot's start, 1440 allowed as the end.
    """

    types: frozenset[tuple[EmrName, str]] | None = None
    practitioners: frozenset[tuple[EmrName, str]] | None = None
    sites: frozenset[SiteId] | None = None
    days: frozenset[int] = frozenset(range(7))
    between: tuple[int, int] = (0, 1440)


@dataclass(frozen=True, slots=True)
class Allow:
    """One [[sharing.allow]] section; `line` is where it begins in the file."""

    name: str
    line: int
    match: Match
    publish_as: PublishAs


@dataclass(frozen=True, slots=True)
class Deny:
    """One [[sharing.deny]] section."""

    name: str
    line: int
    match: Match


@dataclass(frozen=True, slots=True)
class Accord:
    """One line of [practitioners]; without `agreed` nothing of theirs is shared."""

    name: str
    agreed: date | None
    line: int = 0


class Posture(StrEnum):
    """What the clinic has ordered beyond its file: kept in the journal, set by `sharing pause/withdraw` and `freeze`."""

    OPEN = "open"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    FROZEN = "frozen"
    CLOSED = "closed"
    """Withdrawn and frozen at once."""

    def then(self, order: "Posture") -> "Posture":
        """Return the posture after one more order: only OPEN loosens anything."""
        if order is Posture.OPEN:
            return order
        if {self, order} == {Posture.WITHDRAWN, Posture.FROZEN}:
            return Posture.CLOSED
        return max(self, order, key=list(Posture).index)

    @property
    def is_offline(self) -> bool:
        """Say whether every slot is withdrawn."""
        return self in {Posture.WITHDRAWN, Posture.CLOSED}

    @property
    def is_frozen(self) -> bool:
        """Say whether nothing is written into the EMR."""
        return self in {Posture.FROZEN, Posture.CLOSED}


@dataclass(frozen=True, slots=True)
class SharingRules:
    """Frozen plan of [types] [practitioners] [sharing*], with vetoes and posture folded in by wiring."""

    enabled: bool
    expires: date
    types: Mapping[tuple[EmrName, str], str]
    """EMR code -> the clinic's word."""
    roster: Mapping[tuple[EmrName, str], Accord]
    allow: tuple[Allow, ...]
    deny: tuple[Deny, ...] = ()
    identity: str = "team"
    team_min: int = 3
    min_notice: timedelta = timedelta(hours=2)
    horizon: timedelta = timedelta(days=14)
    times: str = "exact"
    cancelled_frees: bool = True
    zones: Mapping[SiteId, str] = field(default_factory=dict)
    """IANA zone of each site."""
    confirmation: Mapping[EmrName, str] = field(default_factory=dict)
    """ "instant" or "request" for each source; absent = "request"."""
    vetoes: frozenset[tuple[EmrName, str]] = frozenset()
    posture: Posture = Posture.OPEN
    digest: str = ""
    """Of the part of the file these rules came from; local only, never on the wire."""

    def window(self, now: datetime) -> Window:
        """Return the window the EMR must be read for: now to the horizon."""
        return Window(now, now + self.horizon)

    def zone(self, site: SiteId) -> ZoneInfo | None:
        """Return the zone of a site, None for a site the file does not name: nothing of it is shared."""
        name = self.zones.get(site)
        return None if name is None else ZoneInfo(name)
