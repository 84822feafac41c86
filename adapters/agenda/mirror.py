"""What the EMR told us of its agenda: one record an appointment or block, kept by the newest message about it.

Rule: the order of arrival does not matter; a repeated or older message changes nothing, and no patient is kept.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from adapters.er7 import Action, Change, Kind

PREFIX = "m:"
FORGET = timedelta(days=2)
"""After its end a record says nothing any more."""
TOMBSTONE = timedelta(days=400)
"""How long a cancel without any time is kept: a late booking of it must stay cancelled."""


@dataclass(frozen=True, slots=True)
class Record:
    """One appointment or block. Ids "id^namespace"; times UTC or None; `whole`: its resources were stated, not added.

    `sent`: MSH-7 of the message that decided `state`. `site`: emr_code, "" = not said.
    """

    filler: str
    placer: str
    facility: str
    state: Kind
    sent: datetime
    start: datetime | None = None
    end: datetime | None = None
    people: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    site: str = ""
    arrived: bool = False
    whole: bool = True

    @property
    def key(self) -> str:
        """Return the note it is kept under; ids are not written in clear."""
        name = f"F{self.facility}|{self.filler}" if self.filler else f"P{self.facility}|{self.placer}"
        return PREFIX + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def is_standing(self) -> bool:
        """Say whether it takes its time: a no-show keeps it, nobody else was given it."""
        return self.state in (Kind.BUSY, Kind.BLOCK, Kind.NO_SHOW)

    def is_over(self, now: datetime) -> bool:
        """Say whether it can be forgotten."""
        return self.end + FORGET < now if self.end is not None else self.sent + TOMBSTONE < now

    def dump(self) -> bytes:
        """Return it as a note."""
        return json.dumps(asdict(self), default=lambda at: at.isoformat(), separators=(",", ":")).encode()


def load(note: bytes) -> Record:
    """Read a note."""
    row = json.loads(note)
    for name in ("sent", "start", "end"):
        row[name] = datetime.fromisoformat(row[name]) if row[name] else None
    row["state"] = Kind(row["state"])
    row["people"], row["places"] = tuple(row["people"]), tuple(row["places"])
    return Record(**row)


class Mirror:
    """All records of one source."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        """Begin with what was kept."""
        self.records: dict[str, Record] = {}
        self._placed: dict[str, set[str]] = {}
        for record in records:
            self._put(record)

    def take(self, change: Change) -> dict[str, Record | None]:
        """Apply one message; return the records it changes by key, None = renamed away; {} = it was known already."""
        old = self.find(change)
        new = merged(old, change)
        if new is None or new == old:
            return {}
        changed: dict[str, Record | None] = {new.key: new}
        if old is not None and old.key != new.key:
            self._drop(old)
            changed[old.key] = None
        self._put(new)
        return changed

    def of(self, change: Change) -> Record:
        """Return the record a message is about, once it was taken in. Raises KeyError before."""
        found = self.find(change)
        if found is None:
            raise KeyError(change.event)
        return found

    def by_placer(self, placer: str) -> Record | None:
        """Return the newest record that carries this placer id, whatever the namespace or facility."""
        found = [self.records[key] for key in self._placed.get(placer, ())]
        return max(found, key=lambda record: (record.is_standing, record.sent), default=None)

    def prune(self, now: datetime) -> list[str]:
        """Forget what is over; return the keys."""
        over = [record for record in self.records.values() if record.is_over(now)]
        for record in over:
            self._drop(record)
        return [record.key for record in over]

    def find(self, change: Change) -> Record | None:
        """Return the record a message is about, None when there is none yet."""
        name = Record(change.filler, change.placer, change.facility, change.kind, change.sent)
        found = self.records.get(name.key)
        if found is not None:
            return found
        same = [
            record
            for key in self._placed.get(_id(change.placer), ())
            if (record := self.records[key]).facility == change.facility
        ]
        if change.filler:  # until now only its placer number was known
            same = [record for record in same if not record.filler]
        return same[0] if change.placer and len(same) == 1 else None

    def drop(self, key: str) -> None:
        """Forget one record."""
        self._drop(self.records[key])

    def _put(self, record: Record) -> None:
        self.records[record.key] = record
        if record.placer:
            self._placed.setdefault(_id(record.placer), set()).add(record.key)

    def _drop(self, record: Record) -> None:
        self.records.pop(record.key, None)
        self._placed.get(_id(record.placer), set()).discard(record.key)


def _id(placer: str) -> str:
    """Return the number itself: some senders leave the namespace out when they repeat it."""
    return placer.partition("^")[0]


def merged(old: Record | None, change: Change) -> Record | None:
    """Return the record after a message; None = the message is older than what is known and adds nothing."""
    when = change.timing
    new = Record(
        filler=change.filler,
        placer=change.placer,
        facility=change.facility,
        state=change.kind,
        sent=change.sent,
        start=when.start.astimezone(change.sent.tzinfo) if when else None,
        end=when.end.astimezone(change.sent.tzinfo) if when else None,
        people=change.people,
        places=change.places,
        site=change.site,
        arrived=change.arrived,
        whole=change.action is Action.STATE,
    )
    if old is None:
        return new
    if change.sent < old.sent:
        return None if old.whole or not new.whole else replace(_joined(old, new), whole=True)
    new = replace(
        new,
        filler=new.filler or old.filler,
        placer=new.placer or old.placer,
        start=new.start or old.start,
        end=new.end or old.end,
        site=new.site or old.site,
        whole=new.whole or old.whole,
    )
    named = bool(new.people or new.places)
    if change.action is Action.TAKE:
        return _less(old, new)
    if change.action is Action.ADD or not named:
        return replace(_joined(new, old), whole=new.whole)
    return new


def _joined(one: Record, other: Record) -> Record:
    people, places = dict.fromkeys((*other.people, *one.people)), dict.fromkeys((*other.places, *one.places))
    return replace(one, people=tuple(people), places=tuple(places))


def _less(old: Record, new: Record) -> Record:
    """Take resources away; taking the last one away leaves them all: whose time it is would be a guess."""
    people = tuple(code for code in old.people if code not in new.people)
    places = tuple(code for code in old.places if code not in new.places)
    if not (people or places):
        people, places = old.people, old.places
    return replace(new, people=people, places=places, whole=old.whole)
