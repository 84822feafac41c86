"""What a server was seen to do, and which promises its writes can carry.

Rule: whatever was not seen is not counted on; a server never tried is not written to.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

import msgspec

from adapters.fhir.terms import BOOKING, Guide
from agent.core.booking import Recovery, WriteRules
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.ports import SourceStore

NOTE = "capability"
NAMED = "named:"
"""Beginning of the keys under which the store remembers systems of our appointments' names."""
RECIPE = 3
"""Counts up when the recipe of a write or the rows of a trial change, so that an old proof no longer counts."""
LONGEST = timedelta(seconds=60)
QUIET = timedelta(seconds=30)

Create = Literal["if-none-exist", "if-none-match", "client-id", "search"]
"""How one booking gets one Appointment: conditional create; our id, if absent; our id; a search before and after."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One server, as the trial saw it. `fingerprint`: of what the trial covered.

    `create`: the safest way that held. `guards`: a stale If-Match is refused, on Appointment and Slot. `claims`: a Slot
    keeps our mark, and is found by it. `fresh`: a search finds at once what was written. `atomic`: a transaction is
    undone whole. `tombstones`: a cancelled Appointment without times is kept, and may be booked again. `keeps`: what
    nothing can be written without: our names, the day, a version. `seen`: row by row; `lacks`: the keys of those that
    did not hold (rows.py). `alone`: of several who create one booking at once, one succeeds.
    """

    fingerprint: str
    software: str
    create: Create
    keeps: bool
    guards: bool
    claims: bool
    fresh: bool
    atomic: bool
    tombstones: bool
    seen: dict[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    alone: bool = False

    @property
    def is_at_once(self) -> bool:
        """Say whether Slot and Appointment go in one transaction, undone whole, that creates only what is not there."""
        return self.atomic and self.create == "if-none-exist"

    @property
    def is_fenced(self) -> bool:
        """Say whether a write may be run again until it is answered: one booking one Appointment, no stale write lands.

        A server that looks first and creates later may create long after whoever asked was told the opposite, unless
        the Slot is written in the same transaction.
        """
        once = self.create == "if-none-match" or self.is_at_once or (self.create == "if-none-exist" and self.alone)
        return self.keeps and self.guards and self.claims and self.fresh and self.tombstones and once

    @property
    def rules(self) -> WriteRules:
        """Return the promises of its writes."""
        if self.is_fenced:
            return FENCED
        rules = SEEN if self.fresh or self.create == "client-id" else BLURRED
        return replace(rules, tombstone=self.tombstones)


FENCED = WriteRules(
    recovery=Recovery.RERUN,
    enquire_first=False,
    tombstone=True,
    fenced=True,
    exclusive=True,
    moves=True,
    quiet=timedelta(0),
    longest_write=LONGEST,
)
"""One write may be run again; two agents that move one booking at once may each tell of it what the other undoes."""
SEEN = WriteRules(
    recovery=Recovery.ENQUIRE,
    enquire_first=True,
    tombstone=True,
    fenced=False,
    moves=True,
    quiet=QUIET,
    longest_write=LONGEST,
)
"""Not fenced, but what was written is found at once: absent is proof once the quiet time has passed."""
BLURRED = WriteRules(
    recovery=Recovery.ABSENT_UNSURE,
    enquire_first=True,
    tombstone=True,
    fenced=False,
    moves=False,
    quiet=QUIET,
    longest_write=LONGEST,
)
"""Not fenced, and a search lags: absent proves nothing, a person looks. Also the rules of a server never tried."""


def fingerprint(server: str, guide: Guide, system: str = BOOKING) -> str:
    """Return what a trial of this server covers; connects nothing. `system`: of our appointments' business name."""
    return hashlib.sha256(f"fhir {RECIPE} {guide} {system} {server}".encode()).hexdigest()[:32]


def load(store: SourceStore) -> Profile | None:
    """Return the stored profile; None when there is none, or it was written by another version."""
    kept = store.notes(NOTE).get(NOTE)
    try:
        return None if kept is None else msgspec.json.decode(kept, type=Profile)
    except msgspec.DecodeError:
        return None


def keep(store: SourceStore, profile: Profile, system: str = BOOKING) -> None:
    """Store a profile, and the system our appointments are named in from now on: nothing is written without a trial."""
    named = {f"{NAMED}{system}": b""} if system != BOOKING else {}
    store.note({NOTE: msgspec.json.encode(profile), **named})


def former(store: SourceStore) -> tuple[str, ...]:
    """Return every system, the default aside, in which appointments of ours may be named."""
    return tuple(sorted(key.removeprefix(NAMED) for key in store.notes(NAMED)))


def tried(profile: Profile | None, covers: str) -> Profile:
    """Return the profile that allows writing. Raises Misconfigured when this server was never tried, or cannot."""
    doing = say("write into the FHIR server")
    if profile is None or profile.fingerprint != covers:
        what = say("this FHIR server was never tried: nothing is written")
        raise Misconfigured(doing, what, say("creneau emr prove --on SCHEDULE"))
    if not profile.keeps:
        what = say("this FHIR server lacks what no booking can be written without: nothing is written")
        raise Misconfigured(doing, what, say('write bookings = "tasks"'), key="bookings")
    return profile
