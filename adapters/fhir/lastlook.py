"""Look once more at what was written: a human's appointment wins, else the Slot that a move leaves is given up.

Rule: whoever finds a write of ours that was cut off may run this; it ends in one verified Appointment or in none.
"""

import logging
from collections.abc import Callable
from enum import StrEnum

from adapters.fhir.draft import moved, withdrawn
from adapters.fhir.record import Applied, Record
from adapters.fhir.records import Records
from adapters.fhir.slots import Cell, Slots
from agent.core.booking import Op, Outcome
from agent.core.model import SlotKey

log = logging.getLogger("creneau.adapters.fhir")


class Point(StrEnum):
    """Where a test may step between our requests."""

    CLAIMED = "claimed"
    CHECKED = "checked"
    WRITTEN = "written"
    VERIFIED = "verified"


class LastLook:
    """The end of every write, through one line."""

    def __init__(self, slots: Slots, records: Records, pause: Callable[[Point, Op], None]) -> None:
        """Take the collaborators."""
        self._slots = slots
        self._records = records
        self._pause = pause

    def settle(self, own: Record, op: Op, *, marks: bool) -> Record | None:
        """Look again: a human's appointment wins, else the Slot that a move leaves is given up. None = look anew.

        `marks`: Slots keep our mark here, so that one without it is no longer ours.
        """
        cells = self._slots.claimed(own.booking)
        place, left = own.applied.place, own.applied.previous
        here = next((cell for cell in cells if cell.place == place), None)
        old = next((cell for cell in cells if left and cell.place is not None and cell.place.slot == left), None)
        if not marks:
            here = here or self._unmarked(place.slot if place else None)
            old = old or self._unmarked(left)
        if here is None or self._slots.others(here, own.booking):
            return self._yield(own, here, old)
        sure = Applied(own.applied.version, own.applied.outcome, own.applied.place)
        after = self._records.put(own, {**moved(own, sure), "status": "booked"})
        if after is None:
            return None
        self._pause(Point.VERIFIED, op)
        if old is not None and not marks:
            self._slots.release(old, own.booking)
        self.tidy(after)
        return after

    def _unmarked(self, key: SlotKey | None) -> Cell | None:
        """Return a Slot we made busy on a server that keeps no mark of it; None when it is another's."""
        cell = self._slots.get(key) if key is not None else None
        return cell if cell is not None and not cell.claim else None

    def _yield(self, own: Record, here: Cell | None, old: Cell | None) -> Record | None:
        """Undo ours: back to the old time of a move, else cancelled."""
        log.info("booking.yielded booking=%s", own.booking)
        version = own.applied.version
        if old is not None and old.place is not None:
            applied = Applied(version, Outcome.CONFLICT, old.place)
            back = moved(own, applied, old, self._slots.people(old), "booked")
        else:
            applied = Applied(version, Outcome.CONFLICT)
            back = withdrawn(own, applied)
        after = self._records.put(own, back)
        if after is not None:
            if here is not None:
                self._slots.release(here, own.booking)
            self.tidy(after)
        return after

    def tidy(self, own: Record) -> None:
        """Give back every Slot we claimed for this booking but the one it stands in."""
        for cell in self._slots.claimed(own.booking):
            if cell.place != own.applied.place and cell.version <= own.applied.version:
                self._slots.release(cell, own.booking)
