"""EMRs that remember nothing of ours but the rows themselves: a token column under a lock, and the blind drop.

Rule: the check and the insert of one statement are one step; the verify is the next.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from agent.core.booking import Effect, Outcome, Write
from agent.core.model import BookingId, EmrRef, SlotKey
from tests.model.emrs.model import NEXT, REPLY, UNFENCED, Model, Row


@dataclass(frozen=True, slots=True)
class Apt:
    """A row of a plain EMR. `status`: new (not yet verified), kept, cancelled; `whose` None = the receptionist's."""

    ref: int
    slot: SlotKey
    whose: BookingId | None
    status: str = "kept"
    late: bool = False


Apts = tuple[Apt, ...]


class Plain(Model):
    """An EMR that remembers nothing of ours but the rows themselves."""

    begins: Hashable = ()

    def _rows(self, emr: Apts) -> tuple[Row, ...]:
        pending = {apt.whose for apt in emr if apt.status == "new"}
        return tuple(
            Row(str(apt.ref), apt.slot, apt.whose, apt.whose in pending, apt.late)
            for apt in emr
            if apt.status != "cancelled"
        )

    def _desk(self, emr: Apts, key: SlotKey) -> Hashable:
        over = any(apt.slot == key and apt.whose and apt.status == "kept" for apt in emr)
        return (*emr, Apt(len(emr), key, None, "kept", over))

    @staticmethod
    def mine(emr: Apts, booking: BookingId, *status: str) -> Apt | None:
        """Return our newest row of these states."""
        return next((apt for apt in reversed(emr) if apt.whose == booking and apt.status in status), None)

    @staticmethod
    def taken(emr: Apts, key: SlotKey, but: Apt | None = None) -> bool:
        """Say whether another active row stands there."""
        return any(apt.slot == key and apt.status != "cancelled" and apt is not but for apt in emr)

    @staticmethod
    def change(emr: Apts, apt: Apt, **to: Any) -> Apts:
        """Change one row."""
        return tuple(replace(one, **to) if one is apt else one for one in emr)


class Token(Plain):
    """SQL with a token column, a session lock and a turn."""

    name = "SQL token + lock"
    rules = replace(UNFENCED, enquire_first=False, quiet=timedelta(0))
    locked = True
    lookup = True
    yields = True
    gives_up = True

    def _run(self, emr: Apts, write: Write, pc: Any) -> tuple[Hashable, str, Any]:
        if pc == 1:
            emr, effect = self._settle(emr, write.booking)
            return emr, REPLY, effect or effect_of(write, Outcome.CONFLICT)
        emr, _ = self._settle(emr, write.booking)
        own = self.mine(emr, write.booking, "kept")
        if write.slot is None:
            return (
                (self.change(emr, own, status="cancelled") if own else emr),
                REPLY,
                effect_of(write, Outcome.CANCELLED),
            )
        if own is not None and own.slot == write.slot.key and self.lookup:
            return emr, REPLY, effect_of(write, Outcome.BOOKED, own)
        if self.taken(emr, write.slot.key):
            return emr, REPLY, effect_of(write, Outcome.CONFLICT, own)
        return (*emr, Apt(len(emr), write.slot.key, write.booking, "new")), NEXT, 1

    def _settle(self, emr: Apts, booking: BookingId) -> tuple[Apts, Effect | None]:
        """Verify what is new, give up the old or yield; say how it stands."""
        new = self.mine(emr, booking, "new")
        if new is not None:
            old = self.mine(emr, booking, "kept")
            lost = self.taken(emr, new.slot, but=new) and self.yields
            emr = self.change(emr, new, status="cancelled" if lost else "kept")
            if lost:
                return emr, shown(booking, Outcome.CONFLICT, old)
            if old is not None and self.gives_up:
                emr = self.change(emr, old, status="cancelled")
        own = self.mine(emr, booking, "kept")
        return emr, None if own is None else shown(booking, Outcome.BOOKED, own)

    def _find(self, emr: Apts, booking: BookingId) -> tuple[Hashable, Effect | None]:
        if not self.lookup:
            return emr, None
        emr, effect = self._settle(emr, booking)
        if (
            effect is not None and effect.outcome is Outcome.CONFLICT
        ):  # as adapters.sql.emr: it yielded, and looks again
            return self._find(emr, booking)
        return emr, effect


class Drop(Plain):
    """A folder the EMR imports from, unseen: nothing is ever written by us, a person enters it."""

    name = "write-blind drop"
    rules = None
    by_hand = True


def effect_of(write: Write, outcome: Outcome, apt: Apt | None = None) -> Effect:
    return shown(write.booking, outcome, apt)


def shown(booking: BookingId, outcome: Outcome, apt: Apt | None) -> Effect:
    """Return the outcome, and what of ours stands: after a conflict what there was before."""
    return Effect(booking, 0, outcome, *(() if apt is None else (EmrRef(str(apt.ref)), apt.slot)))
