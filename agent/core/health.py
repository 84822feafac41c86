"""Say how the agent is without saying anything of the agenda.

Rule: no number here derives from the schedule; ages leave in buckets, and a renewal names only what is proved equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.core.booking import Turn
from agent.core.model import EmrName, Instant, SiteId

_BUCKETS = ((timedelta(minutes=2), "<2min"), (timedelta(minutes=10), "<10min"), (timedelta(hours=2), "<2h"))
_LONGEST = "more"
MOST_SKEW = timedelta(minutes=15)
"""A clock farther off than this is not trusted: nothing is published, written or thrown away by it."""
DRIFT = timedelta(seconds=30)
"""More than the wall clock and the age clock of one machine gain on one another until the hub tells the time again."""
POLLS = 3
"""A complete read older than this many polls proves nothing any more."""


@dataclass(frozen=True, slots=True)
class Source:
    """What renewing needs to know of one [[emr]]: its sites, and its poll, which is also the tick."""

    sites: frozenset[SiteId]
    poll: timedelta


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the machine and the vault add to a beat. `keys`: number of the hub's key set held; `disk`: ok or low.

    `ledger_head`: hex hash of the ledger's last line, once a day, else None.
    """

    version: str
    os: str
    instance: str
    disk: str
    key_age_d: int
    update: bool
    keys: int
    sealing: str
    ledger_head: str | None = None


@dataclass(frozen=True, slots=True)
class Pulse:
    """The board and the journal at one moment. `legs`: name of each leg -> whether its last step went well.

    `reads`: last complete read of each source, a source never read being absent; `hub`: last good talk with the hub;
    `oldest`: since when the oldest outcome waits; `waiting`: since when a slot waits to leave what the hub holds.
    """

    now: Instant
    started: Instant
    boot: str
    legs: Mapping[str, bool]
    reads: Mapping[EmrName, Instant]
    hub: Instant | None
    oldest: datetime | None
    waiting: datetime | None
    skew: timedelta | None
    turn: Turn | None
    log: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """What the hub confirmed: epoch (None = nothing yet), seq and the root of each site."""

    epoch: int | None
    seq: int
    roots: Mapping[SiteId, str]


def trusted(skew: timedelta | None, heard: Instant | None, now: Instant) -> bool:
    """Say whether the hub told how far off the clock is, that is near enough, and nobody set it since."""
    return skew is not None and abs(skew) <= MOST_SKEW and not was_set(heard, now)


def was_set(heard: Instant | None, now: Instant) -> bool:
    """Say whether the wall clock jumped since the hub told the time (`heard`: what it told, at which age).

    Its correction was then measured on another clock, and whatever is late by it may not be late at all.
    """
    return heard is not None and abs((now.utc - heard.utc) - (now.age - heard.age)) > DRIFT


def bucket(age: timedelta | None) -> str:
    """Return the bucket of an age: "<2min", "<10min", "<2h" or "more"; never = "more"."""
    if age is None:
        return _LONGEST
    return next((name for most, name in _BUCKETS if age < most), _LONGEST)


def may_renew(pulse: Pulse, sources: Mapping[EmrName, Source]) -> frozenset[SiteId]:
    """Return the sites whose slots the hub may go on offering.

    Those of a source whose last complete read is younger than 3 polls, and none at all while a slot that left the
    view waits to leave the hub: after an outage a renewal would bring back to life what was withdrawn meanwhile.
    """
    return frozenset() if pulse.waiting is not None else just_read(pulse.reads, sources, pulse.now)


def just_read(reads: Mapping[EmrName, Instant], sources: Mapping[EmrName, Source], now: Instant) -> frozenset[SiteId]:
    """Return the sites of the sources whose last complete read, in `reads`, is younger than 3 polls."""
    fresh = (
        source.sites
        for name, source in sources.items()
        if name in reads and now.age - reads[name].age < POLLS * source.poll
    )
    return frozenset().union(*fresh)


def beat(pulse: Pulse, held: Held, vitals: Vitals, sources: Mapping[EmrName, Source]) -> dict[str, Any]:
    """Return the members of a `beat`."""
    now = pulse.now
    body: dict[str, Any] = {
        "version": vitals.version,
        "os": vitals.os,
        "instance": vitals.instance,
        "boot": pulse.boot,
        "uptime": bucket(now.age - pulse.started.age),
        "legs": _legs(pulse.legs),
        "emr_read": bucket(_read(pulse, sources)),
        "hub": bucket(None if pulse.hub is None else now.age - pulse.hub.age),
        "oldest": bucket(timedelta(0) if pulse.oldest is None else now.utc - pulse.oldest),
        "skew_s": None if pulse.skew is None else round(pulse.skew.total_seconds()),
        "disk": vitals.disk,
        "key_age_d": vitals.key_age_d,
        "update": vitals.update,
        "keys": vitals.keys,
        "epoch": held.epoch,
        "turn": None if pulse.turn is None else pulse.turn.number,
        "log": pulse.log,
        "renew": _renew(held, may_renew(pulse, sources)),
        "sealing": vitals.sealing,
    }
    if vitals.ledger_head is not None:
        body["ledger_head"] = vitals.ledger_head
    return body


def _legs(legs: Mapping[str, bool]) -> dict[str, str]:
    """Fold all that reads ("publish:oscar", "listen:oscar", "hint:oscar") into "publish": which, and how, is ours alone."""
    kinds: dict[str, bool] = {}
    for name in sorted(legs):
        kind = name.partition(":")[0]
        kind = "publish" if kind in ("listen", "hint") else kind
        kinds[kind] = kinds.get(kind, True) and legs[name]
    return {kind: "ok" if good else "degraded" for kind, good in kinds.items()}


def _read(pulse: Pulse, sources: Mapping[EmrName, Source]) -> timedelta | None:
    """Return the age of the oldest of the sources' last complete reads."""
    ages = [pulse.now.age - pulse.reads[name].age for name in sources if name in pulse.reads]
    return max(ages) if ages and len(ages) == len(sources) else None


def _renew(held: Held, sites: frozenset[SiteId]) -> dict[str, Any] | None:
    if held.epoch is None or not sites:
        return None
    return {"epoch": held.epoch, "seq": held.seq, "roots": {site: held.roots[site] for site in sorted(sites)}}
