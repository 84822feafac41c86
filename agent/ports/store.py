"""The journal, as each leg sees it.

Rule: what a method returned from is durable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from agent.core.booking import Booking, GivenUp, Order
from agent.core.changes import View
from agent.core.envelope import Envelope
from agent.core.model import BookingId, Instant, SiteId, Slot, SlotId, SlotKey, Window
from agent.core.sharing import Offered, SharedSlot


class Views(Protocol):
    """The view *now* of one source; used by publish."""

    def known(self) -> Mapping[SlotKey, tuple[SlotId, SharedSlot]]:
        """Return the view as it stands."""
        ...

    def since(self) -> Mapping[SlotKey, datetime]:
        """Return when each slot of the view entered it."""
        ...

    def held(self) -> frozenset[SlotKey]:
        """Return slots under a live hold or an order not yet decided, or said to be entered and still shown free."""
        ...

    def met(self, window: Window, free: frozenset[SlotKey], at: Instant) -> int:
        """Note what a complete reading shows: a slot said to be entered by hand and no longer free is the EMR's again.

        Returns how many; 0 = no write at all.
        """
        ...

    def now(
        self,
        view: Mapping[SlotKey, tuple[SlotId, SharedSlot]],
        offered: Mapping[SlotKey, Offered],
        at: Instant,
    ) -> int:
        """Make this the view; return rows changed, 0 = no write at all."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the hub left us. `epoch` None: the next offer is a snapshot that asks for an epoch."""

    epoch: int | None
    seq: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A body on its way. `covers`: the seq, or the last outbox id, a receipt settles.

    `told`: what the hub will hold once the receipt is in (offers). `sealed`: an attempt still alive, send these bytes.
    """

    verb: str
    body: Mapping[str, Any]
    covers: int
    told: View | None = None
    sealed: Envelope | None = None


class Outbox(Protocol):
    """What leaves; used by deliver, read by beat."""

    def told(self) -> View:
        """Return what the hub confirmed."""
        ...

    def view(self) -> View:
        """Return what it should hold: the views of all sources together."""
        ...

    def standing(self) -> Standing:
        """Return epoch and seq of the last receipt."""
        ...

    def alive(self, verb: str, now: Instant) -> Outgoing | None:
        """Return the attempt of this verb that may still be sent byte for byte (exp more than 30 s away)."""
        ...

    def unsettled(self, verb: str) -> Outgoing | None:
        """Return the last attempt of this verb, however old, that the hub may have taken without our knowing."""
        ...

    def outcomes(self, limit: int) -> Outgoing | None:
        """Return the oldest outcomes not yet receipted, verb "outcomes"; `sealed` None."""
        ...

    def attempt(self, out: Outgoing, envelope: Envelope, now: Instant) -> None:
        """Make attempt and ledger `sent` line durable before the first byte leaves."""
        ...

    def receipted(self, out: Outgoing, receipt: str, standing: Standing | None, now: Instant) -> None:
        """Settle in one transaction: told and standing, or outbox rows and reported revs; ledger `receipt` line."""
        ...

    def failed(self, verb: str) -> None:
        """Forget the attempt (the hub answered with a signed problem); the body stays."""
        ...

    def aside(self, out: Outgoing, why: str, now: Instant) -> None:
        """Set these outcome rows aside, with the hub's word for why; later rows go on."""
        ...

    def restart(self, why: str, now: Instant) -> None:
        """Make the next offer a snapshot with epoch null."""
        ...

    def waiting(self) -> datetime | None:
        """Return since when the oldest slot that left *now* waits to leave *told*."""
        ...

    def oldest(self) -> datetime | None:
        """Return when the oldest unreceipted outcome was written."""
        ...


class Inbox(Protocol):
    """What arrives; used by receive."""

    def cursor(self) -> Mapping[str, Any] | None:
        """Return {"log": str, "n": int}; None = list everything."""
        ...

    def take(
        self,
        orders: Sequence[tuple[Order, str, str | None]],
        bad: Sequence[str],
        cursor: Mapping[str, Any],
        now: Instant,
    ) -> int:
        """Store orders (with their JWS and JWE) and the cursor in one transaction; return how many were new."""
        ...


class Bookings(Protocol):
    """The bookings of one source; used by apply."""

    def due(self, now: Instant) -> Sequence[Booking]:
        """Queued, intent, hold over; oldest first."""
        ...

    def row(self, booking: BookingId) -> Booking | None:
        """Return the stored row as it is now."""
        ...

    def undecided(self, now: Instant) -> Sequence[Booking]:
        """Rows queued, intent or unsure, and rows whose outcome is held or requested: what may speak for a slot."""
        ...

    def slot(self, id: SlotId | None, line: bytes | None) -> Slot | None:  # noqa: A002 - the wire's own word
        """By id until the slot's end, else today's view by line."""
        ...

    def kept(self, now: Instant) -> Sequence[Booking]:
        """Bookings with an appointment, certain or in doubt, still to come, to be compared with Books.ours."""
        ...

    def save(
        self,
        row: Booking,
        *,
        tasks: Sequence[str],
        tell: bool,
        erase: bool,
        now: Instant,
        given_up: GivenUp | None = None,
    ) -> Booking:
        """Compare and swap on `row.row`; row + outbox + tasks + erasing in one transaction; return the stored row.

        `given_up`: a place to be kept out of the offer, if so chosen, and the tasks about it. Transient when the stored row is another one; nothing was written.
        """
        ...

    def sealed(self, booking: BookingId, version: int) -> str | None:
        """Return the patient's JWE while it is kept."""
        ...

    def busy(self, rule: str, site: SiteId, half: Window, now: Instant) -> Mapping[str, int]:
        """Return {"holds": live holds of rule and site that start in `half`, "holds_hour": ..., "bookings_hour": ...}."""
        ...

    def rule_of(self, slot: Slot) -> str:
        """Return the allow rule a known slot was published by, "" when unknown."""
        ...


class Box(Protocol):
    """AES-256-GCM with the journal's data key; no patient datum stands in clear on any page."""

    def shut(self, clear: bytes, aad: bytes) -> bytes:
        """Encrypt; aad = table, column, row."""
        ...

    def open(self, shut: bytes, aad: bytes) -> bytes:
        """Decrypt; raises Misconfigured when the key is another one."""
        ...
