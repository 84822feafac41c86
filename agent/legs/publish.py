"""First leg of a slot's way: read the EMR, keep what may be shared, journal the view.

Rule: a read that fails or is incomplete makes no slot disappear, and saves none that the rules no longer allow.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from agent.core.changes import enter
from agent.core.errors import CreneauError
from agent.core.model import Instant, Slot, SlotId, SlotKey
from agent.core.news import news
from agent.core.sharing import SharingRules, share
from agent.ports import Board, Emr, Paced, Step, Views

log = logging.getLogger("creneau.publish")


@dataclass
class Publish:
    """The publish leg of one source; `interval` is the source's poll, which is also the tick.

    `rules` gives the rules now in force, vetoes and posture folded in. There is no other way to narrow: the daemon
    wakes this leg when they change, and the next step takes out whatever they no longer allow, the EMR there or not.
    `recall` gives back the EMR's slot behind a published id until its end (Bookings.slot of the same source): what
    could not be read this time is judged anew by what was read before.
    """

    emr: Emr
    views: Views
    rules: Callable[[], SharingRules]
    board: Board
    fresh: Iterator[SlotId]
    recall: Callable[[SlotId], Slot | None]
    interval: timedelta
    longest: timedelta = timedelta(minutes=2)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the source's name."""
        self.name = f"publish:{self.emr.name}"

    def step(self, now: Instant) -> Step:
        """Bring the view up to the agenda and the rules; writes nothing when nothing changed.

        An EMR that was slow to read is left alone for some ticks; rules and orders take effect all the same.
        Always wakes deliver: the EMR is read at the tick, and differences leave at the tick. Raises what the EMR and
        the journal raise; the view has then been narrowed already, never widened.
        """
        ordered = self.views.held()
        if isinstance(self.emr, Paced) and self.emr.rest(now) > timedelta(0):
            did = self._bring((), ordered, now, whole=False)
            return Step(did, wakes=frozenset({"deliver"}))
        try:
            reading = self.emr.slots(self.rules().window(now.utc))
        except CreneauError:
            self._bring((), ordered, now, whole=False)
            raise
        self.board.findings(self.emr.name, reading.findings)
        if reading.complete:
            self.views.met(reading.window, frozenset(slot.key for slot in reading.slots), now)
        did = self._bring(reading.slots, ordered, now, whole=reading.complete)
        if reading.complete:  # after the commit: beat renews on the strength of this note
            self.board.complete(self.emr.name, now)
        return Step(did, wakes=frozenset({"deliver"}))

    def _bring(self, slots: Iterable[Slot], ordered: frozenset[SlotKey], now: Instant, *, whole: bool) -> int:
        """Decide and journal the view; `ordered` are the slots under an order when the read began.

        They are held back even when the order ended meanwhile: the read may have seen them before the order's write.
        """
        known = self.views.known()
        found = list(slots)
        if not whole:
            read = {slot.key for slot in found}
            unread = (self.recall(id_) for key, (id_, _) in known.items() if key not in read)
            found += [slot for slot in unread if slot is not None]
        held = ordered | self.views.held()
        decision = share(found, self.rules(), now.utc, self.views.since(), held)
        offered = decision.offered
        if whole:
            self.board.news(self.emr.name, news(decision.withheld))
        view = enter(known, offered, self.fresh)
        did = self.views.now(view, offered, now)
        if did:
            old, new = {id_ for id_, _ in known.values()}, {id_ for id_, _ in view.values()}
            log.info("slots.published source=%s added=%d gone=%d", self.emr.name, len(new - old), len(old - new))
        return did
