"""A way into an EMR: reading slots, and the abilities an adapter may add.

Rule: an ability is a small Protocol, never a boolean; objects belong to the thread that first calls them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from agent.core.booking import Effect, Write, WriteRules
from agent.core.message import Message
from agent.core.model import AgendaRow, BookingId, EmrName, Finding, Instant, Reading, Slot, Window
from agent.ports.machine import Stop


class Emr(Protocol):
    """A way to read free slots. Reads hold no lock and no transaction after return."""

    name: EmrName

    def slots(self, window: Window) -> Reading:
        """Read the whole window, every call. Raises Transient, Misconfigured."""
        ...

    def check(self) -> Iterable[Finding]:
        """Touch everything, change nothing (temporary tables at most)."""
        ...

    def close(self) -> None:
        """Idempotent; callable from another thread, and then cancels a running statement."""
        ...


@runtime_checkable
class Books(Protocol):
    """Ability: writes. write() is idempotent by (booking, version) as far as `rules` says.

    A version below the EMR's memory answers the stored effect. Raises Transient: surely not done. Ambiguous: maybe
    done. Refused: surely not done, final. Misconfigured: sidecar missing or older, writes stop.
    """

    rules: WriteRules

    def write(self, write: Write) -> Effect:
        """Lock, check, write, commit, verify, yield. Returns an Effect only on evidence."""
        ...

    def find(self, booking: BookingId) -> Effect | None:
        """Look the booking up; None = no trace. What that proves is `rules.recovery`."""
        ...

    def ours(self, window: Window) -> Iterable[Effect]:
        """List appointments we made, as they stand now; `theirs` where staff touched them."""
        ...


@runtime_checkable
class Agenda(Protocol):
    """Ability: show the clinic its own day, for preview, explain and demo."""

    def rows(self, window: Window) -> Iterable[AgendaRow]:
        """Return free and busy rows; never a patient."""
        ...


@runtime_checkable
class Names(Protocol):
    """Ability: what types, people and sites the EMR knows, for `creneau emr list` and `init`."""

    def names(self, window: Window) -> Iterable["Named"]:
        """Return every code with the number of free slots that carry it in the window."""
        ...


@runtime_checkable
class Grants(Protocol):
    """Ability: say which rights its account needs in the EMR's database, for `creneau emr grants`."""

    def grants(self) -> str:
        """Return the statements, one after another, each ended by a semicolon; connects nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Proved:
    """One promise or race that was tried. `kept`: None = adapter or EMR has not this ability. `says`: what was seen instead.

    `title`: the name in plain words. `means`: what follows from it, for whoever installs the agent.
    """

    name: str
    kept: bool | None
    says: str = ""
    runs: int = 1
    title: Message | None = None
    means: tuple[Finding, ...] = ()


@runtime_checkable
class Proves(Protocol):
    """Ability: try its own bookings on a scratch copy of the EMR: another database, another schedule.

    For a way of booking that nobody has run at that kind of EMR: until it passed there, nothing is written by itself.
    """

    def unproven(self) -> str:
        """Return a fingerprint of what a proof covers: mapping, recipe, kind of server; "" = run by us. Connects nothing."""
        ...

    def prove(self, scratch: str, shared: Collection[str] = ()) -> Iterable[Proved]:
        """Try promise after promise, race after race; yields as it goes. Raises Refused when `scratch` may not be used.

        `shared`: codes of the people the clinic's file names; a scratch that is theirs may not be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """One code of the EMR. `kind` is "type", "practitioner" or "site"; `label` is for the clinic's screen only."""

    kind: str
    code: str
    label: str = field(repr=False)
    free: int


@runtime_checkable
class Holds(Protocol):
    """Ability: show a hold in the EMR (FHIR busy-tentative). Nothing depends on it."""

    def hold(self, booking: BookingId, slot: Slot, until: datetime) -> bool:
        """Mark the slot; False = the EMR would not."""
        ...

    def drop(self, booking: BookingId) -> None:
        """Take the mark away."""
        ...


@runtime_checkable
class Hints(Protocol):
    """Ability: a cheap question whether a read is worth it; it only makes reading earlier."""

    def changed(self, since: str | None) -> tuple[bool, str]:
        """Return (worth a read, opaque cursor)."""
        ...


@runtime_checkable
class Paced(Protocol):
    """Ability: say how long the EMR is to be left alone, so that reading it stays a small share of its time."""

    def rest(self, now: Instant) -> timedelta:
        """Return what is left of the rest after the last read; zero or less = it may be read."""
        ...


@dataclass(frozen=True, slots=True)
class Doubt:
    """One message about the agenda that was not understood. `whom`: codes it names, () = anybody; `end` None = open.

    `number`: its own here; `event`: "S12", "" = unknown; `why`: code and place of the fault, "102 SCH-11.4".
    """

    number: int
    received: datetime
    event: str
    whom: tuple[str, ...]
    start: datetime
    end: datetime | None
    why: str


@runtime_checkable
class Doubts(Protocol):
    """Ability: keep back the times a message may speak of that was not understood, and be told it is settled."""

    def doubts(self) -> Sequence[Doubt]:
        """Return what is kept back, oldest first."""
        ...

    def settle(self, number: int) -> Doubt:
        """Give its times back on a person's word; durable. Raises Refused when there is none of this number."""
        ...


@runtime_checkable
class Reconciles(Protocol):
    """Ability: compare what it remembers of the agenda with the EMR's own, whole, where the EMR offers that."""

    def reconcile(self, window: Window) -> int | None:
        """Do it when it is due; return how many rows changed, None = not due or not offered.

        Raises Transient, Refused, Misconfigured: nothing was changed.
        """
        ...


@runtime_checkable
class Listens(Protocol):
    """Ability: a server or watcher with its own thread (MLLP, folder)."""

    def serve(self, stop: Stop, wake: Callable[[], None]) -> None:
        """Serve until soon after stop; wake() may be called from any thread."""
        ...
