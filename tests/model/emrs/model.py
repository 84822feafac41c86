"""What every EMR of the model checker is: numbered states, and each step of each state worked out once.

Rule: a step is as large as what the EMR itself makes atomic.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agent.core.booking import Effect, Recovery, Write, WriteRules
from agent.core.errors import Ambiguous, Transient
from agent.core.message import say
from agent.core.model import BookingId, Slot, SlotKey, Window
from tests.model.values import LONGEST, QUIET, SLOTS, Pool, at

ALL = Window(at(0).utc, at(0).utc + timedelta(days=9))
DESK, LATE = "desk", "desk-late"
"""A receptionist's row; the second kind was put over ours after we had looked, which nobody can prevent."""

NEXT, REPLY, FAIL = "next", "reply", "fail"
Done = tuple[int, str, Any]
"""The EMR afterwards, what the step did, and what comes next: the next step, the answer, the error."""

LOST = Ambiguous(say("write"), say("the answer was lost"))
NOT_DONE = Transient(say("write"), say("surely not done"))
UNFENCED = WriteRules(
    recovery=Recovery.ENQUIRE,
    enquire_first=True,
    tombstone=False,
    fenced=False,
    moves=True,
    quiet=QUIET,
    longest_write=LONGEST,
)


@dataclass(frozen=True, slots=True)
class Row:
    """An active appointment, as the invariants see it. `booking` None: the receptionist's, or staff took it over."""

    ref: str
    slot: SlotKey
    booking: BookingId | None
    pending: bool = False
    late: bool = False
    ours: bool = False
    """Made by us, whoever's it is now."""


class Model:
    """What every EMR model has. States are numbers; each step of each state is worked out once."""

    name = ""
    rules: WriteRules | None = UNFENCED
    late = False
    """May a request that nobody waits for any more still be carried out, at any later time?"""
    locked = False
    """Does a look wait for every request still open (a session's lock)?"""
    atomic = True
    """Are the check and the write one step of the EMR?"""
    lasting = False
    """May a later request of one write be carried out after the agent stopped waiting, or only the first?"""
    by_hand = False
    """Does only a person enter anything?"""
    stepwise = False
    """Does a look-up consist of several requests, and does the adapter itself decide what follows a lost one?"""
    begins: Hashable = 0

    def __init__(self) -> None:
        self.pool: Pool[Any] = Pool()
        self._memo: dict[tuple[object, ...], Any] = {}

    def start(self) -> int:
        """Return the EMR before anything happened."""
        return self.pool(self.begins)

    def once(self, key: tuple[object, ...], work: Callable[[], Any]) -> Any:
        """Work out a step, or remember it."""
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = (work(),)
        return found[0]

    def rows(self, state: int) -> tuple[Row, ...]:
        """Return what is active."""
        return self.once(("rows", state), lambda: self._rows(self.pool.items[state]))

    def slots(self, state: int) -> tuple[Slot, ...]:
        """Return what is free."""
        taken = {row.slot for row in self.rows(state)}
        return tuple(slot for slot in SLOTS if slot.key not in taken)

    def run(self, state: int, write: Write, pc: Hashable) -> Done:
        """Carry out one step of a write."""

        def work() -> Done:
            after, kind, what = self._run(self.pool.items[state], write, pc)
            return self.pool(after), kind, what

        return self.once(("run", state, write, pc), work)

    def mishaps(self, state: int, write: Write, pc: Hashable) -> tuple[tuple[str, Done], ...]:
        """Return what a write comes to when a step of it is lost on its way, or turned away."""
        del write
        turned = (("is turned away", (state, FAIL, NOT_DONE)),) if pc == 0 else ()
        return (("is lost on its way", (state, FAIL, LOST)), *turned)

    def leaves(self, write: Write, pc: Hashable) -> bool:
        """Say whether a step may still be carried out when nobody waits for it any more."""
        del write
        return self.lasting or pc == 0

    def arrives(self, state: int, write: Write, pc: Hashable) -> int:
        """Carry out a step nobody waits for any more: one request, not those that would follow."""
        return self.run(state, write, pc)[0]

    def is_dead(self, state: int, write: Write, pc: Hashable) -> bool:
        """Say whether a request nobody waits for any more changes nothing, now and whatever happens later."""
        del state, write, pc
        return False

    def events(self, state: int, *, idle: bool) -> tuple[tuple[str, int], ...]:
        """Return what else may happen in the EMR by itself. `idle`: no request is waited for."""
        del state, idle
        return ()

    def find(self, state: int, booking: BookingId) -> tuple[int, Effect | None]:
        """Look a booking up."""

        def work() -> tuple[int, Effect | None]:
            after, effect = self._find(self.pool.items[state], booking)
            return self.pool(after), effect

        return self.once(("find", state, booking), work)

    def ours(self, state: int) -> tuple[Effect, ...]:
        """List ours."""
        return self.once(("ours", state), lambda: tuple(self._ours(self.pool.items[state])))

    def desk(self, state: int, key: SlotKey) -> int:
        """Let the receptionist write, looking at nothing."""
        return self.once(("desk", state, key), lambda: self.pool(self._desk(self.pool.items[state], key)))

    def staff(self, state: int) -> tuple[tuple[str, int], ...]:
        """Return what staff may do to our appointments."""

        def work() -> tuple[tuple[str, int], ...]:
            return tuple((word, self.pool(after)) for word, after in self._staff(self.pool.items[state]))

        return self.once(("staff", state), work)

    # ---- of each model

    def _rows(self, emr: Any) -> tuple[Row, ...]:
        raise NotImplementedError

    def _run(self, emr: Any, write: Write, pc: Any) -> tuple[Hashable, str, Any]:
        raise NotImplementedError

    def _find(self, emr: Any, booking: BookingId) -> tuple[Hashable, Effect | None]:
        raise NotImplementedError

    def _ours(self, emr: Any) -> list[Effect]:
        return []

    def _desk(self, emr: Any, key: SlotKey) -> Hashable:
        raise NotImplementedError

    def _staff(self, emr: Any) -> list[tuple[str, Hashable]]:
        return []
