"""The invariants of a booking that one step can break: I1 to I3, I5, I6 at the EMR, I12 in the ledger, I13 at the view.

Rule: the numbers are those of the design; the ones only rest can show stand in `rest.py`, I12 for what is published
in `sync`.
"""

from datetime import UTC, datetime

from agent.core.booking import Booking, Effect, Op, Outcome, Write, spoken_for
from agent.core.sharing import share
from tests.model.emrs import Row
from tests.model.scene import Case, Scene, cancels
from tests.model.values import BOOKINGS, RULES, SLOTS, Violation, at

NO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def answered_rightly(rows: tuple[Row, ...], write: Write, effect: Effect) -> Violation | None:
    """Once a write says booked, nobody who was there before it looked stands in the same place.

    A newer version may have taken ours away again before the answer came.
    """
    if not any(row.booking == write.booking and row.slot == effect.slot for row in rows):
        return None
    others = {row.slot for row in rows if row.booking != write.booking and not row.late}
    newer = effect.version > write.version  # another agent's, still on its way
    if not newer and effect.outcome is Outcome.BOOKED and effect.slot in others:
        return Violation("I2", "booked over a person's row, and not yielded")
    return None


def told_once(before: Booking | None, after: Booking, *, tell: bool) -> Violation | None:
    """Hold I12: each new rev of an outcome is one line of ledger and outbox, and no line is written without one."""
    new = after.outcome_rev - (before.outcome_rev if before is not None else 0)
    if new == int(tell):
        return None
    return Violation("I12", f"{new} new revs of an outcome are saved with {int(tell)} lines")


class Invariants:
    """What must hold whenever something of ours reaches the EMR, or is told."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._fine: set[tuple[tuple[int, ...], int]] = set()

    def reached(self, before: Scene, after: Scene, write: Write | None) -> Scene:
        """Hold I1, I1b, I2, I5 and I6 where a step of ours changed the EMR; note what our bookings have had."""
        case = self.case
        was, now = case.model.rows(before.emr), case.model.rows(after.emr)
        theirs = {(row.ref, row.slot) for row in was if row.booking is None and not (cancels(write) and row.ours)}
        if not theirs <= {(row.ref, row.slot) for row in now if row.booking is None}:
            raise Violation("I6", "a row that is not ours changed")
        ever = set(case.evers.items[after.ever])
        for b in range(case.bookings):
            mine = [row for row in now if row.booking == BOOKINGS[b]]
            had = [row for row in was if row.booking == BOOKINGS[b]]
            if len(mine) > 2 or (len(mine) == 2 and not all(row.pending for row in mine)):
                raise Violation("I1", f"{len(mine)} active appointments of one booking")
            ours = write is not None and write.booking == BOOKINGS[b]
            if ours and write is not None and write.op is Op.MOVE and had and not mine and self._untouched(after):
                raise Violation("I1b", "a move lost the appointment")
            new = {row.slot for row in mine} - {row.slot for row in had}
            if new and ours and write is not None:
                self._no_ghost(after, b, write)
                if case.model.atomic and any(row.slot in new for row in was):
                    raise Violation("I2", "an appointment made where somebody stood")
            ever |= {(b, row.slot) for row in mine}
        return after._replace(ever=case.evers(frozenset(ever)))

    def _untouched(self, scene: Scene) -> bool:
        return self.case.desks.items[scene.desk].staff == self.case.staff

    def _no_ghost(self, scene: Scene, b: int, write: Write) -> None:
        if any(self.case.cancelled(agent)[b] >= write.version for agent in scene.agents):
            raise Violation("I5", "an appointment appears after its booking was reported cancelled")

    def told(self, scene: Scene, b: int, row: int) -> None:
        """Hold I3: nothing is told booked that never stood there."""
        place = self.case.rows.items[row].cur_slot
        if self.case.model.by_hand or not self._untouched(scene):
            return
        if place is None or (b, place.key) not in self.case.evers.items[scene.ever]:
            raise Violation("I3", "told booked, and it never stood there")

    def offered(self, number: int, tick: int) -> None:
        """Hold I13: no slot under a live hold is in the view that publish decides from this agent's rows."""
        agent = self.case.agents.items[number]
        key = (agent.rows, tick)
        if key not in self._fine:
            self._no_hold_offered([row for row in self.case.rows_of(agent) if row is not None], tick)
            self._fine.add(key)

    @staticmethod
    def _no_hold_offered(rows: list[object], tick: int) -> None:
        now = at(tick).utc
        live = {
            row.goal_slot.key
            for row in rows
            if row.outcome is Outcome.HELD
            and row.goal_slot
            and row.until
            and now < row.until
            and row.seen_ver == row.done_ver
        }
        held = frozenset(slot.key for row in rows for slot in spoken_for(row, NO_TIME))
        if live & set(share(SLOTS, RULES, now, {}, held).offered):
            raise Violation("I13", "a slot under a live hold is offered")
