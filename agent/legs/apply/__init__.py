"""Second leg of a booking's way: read the EMR again, make the intent durable, write, keep what evidence shows.

Rule: no write into the EMR without a durable intent of that version; an intent is never assumed unsent.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from agent.core.booking import (
    GONE,
    RELEASED,
    Booking,
    Cancels,
    Code,
    Do,
    Failed,
    Firmness,
    HoldOver,
    Limits,
    Looked,
    Mark,
    Outcome,
    RequestOver,
    Start,
    State,
    WriteRules,
    advance,
    claims,
    half_day,
    has,
    held,
    on_hold,
    over,
)
from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.health import trusted, was_set
from agent.core.message import say
from agent.core.model import BookingId, EmrName, Instant, Patient, Reading, Slot, Window
from agent.core.sharing import SharingRules, still_allowed
from agent.legs.apply.saving import Saving, no_mark
from agent.legs.apply.watch import Watch
from agent.legs.apply.writing import Writing
from agent.ports import Board, Bookings, Books, Emr, Holds, Keys, Step

log = logging.getLogger("creneau.apply")

SOON = timedelta(seconds=1)
MOST = 100
"""Orders judged in one step, at most one of them with a write: turn and clock were read before the step."""


def _never() -> bool:
    return False


@dataclass
class Apply:
    """The apply leg of one source.

    `rules`: those in force, vetoes and posture folded in. `mode`: [[emr]] bookings. `interval`: the source's poll, how
    often our appointments are compared with the agenda. `cancels`: what becomes of a place given up online. `freeze`:
    puts the posture to frozen, durably, when more than three appointments of ours vanish in one poll; without it the
    leg itself stops writing until the agent restarts.
    `closed`: True while a restored journal waits for one full order list: nothing is begun. `enquire`: True when the
    journal was lost or restored: a booking is looked up before it is written. `early`: True until this run asked the hub
    for orders once, in vain or not: what an old copy of the journal believes is not told before. `others`: the clinic's
    other sources that book: what one of them has is not booked here too. `mark` names the points a crash test kills at.
    Raises what the EMR raises; what was durable is then resolved by a later step.
    """

    emr: Emr
    bookings: Bookings
    keys: Keys
    board: Board
    rules: Callable[[], SharingRules]
    mode: str
    max_per_hour: int
    cancels: Cancels = RELEASED
    interval: timedelta = timedelta(minutes=1)
    freeze: Callable[[], None] | None = None
    closed: Callable[[], bool] = _never
    enquire: Callable[[], bool] = _never
    early: Callable[[], bool] = _never
    others: Mapping[EmrName, Books] = field(default_factory=dict)
    mark: Callable[[Mark, str], None] = no_mark
    longest: timedelta = timedelta(minutes=2)
    name: str = field(init=False)
    _saving: Saving = field(init=False, repr=False)
    _writing: Writing | None = field(init=False, repr=False)
    _watch: Watch | None = field(init=False, repr=False)
    _asked: set[tuple[BookingId, int]] = field(init=False, repr=False, default_factory=set)
    _halted: bool = field(init=False, default=False)
    _trouble: CreneauError | None = field(init=False, repr=False, default=None)
    _blocked: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Take the source's name and what its adapter is able to do."""
        self.name = f"apply:{self.emr.name}"
        self._saving = Saving(self.bookings, self.cancels, self.mark)
        books = self.emr if isinstance(self.emr, Books) else None
        self._writing = Writing(books, self._saving, self.keys, self.board) if books else None
        self._watch = Watch(books, self._saving, self.interval) if books else None

    def step(self, now: Instant) -> Step:
        """End holds, resolve intents, then begin what is due, oldest first, until one write was made."""
        if self.early():
            return Step(0, SOON)
        if was_set(self.board.read().heard, now):
            return Step(0, SOON, frozenset({"beat"}))  # its answer tells the time again
        self._saving.begin()
        self._trouble = None
        if self._writing is not None:
            self._writing.begin()
        self._end_holds(now)
        self._end_requests(now)
        self._look_round(now)
        waits = self._resolve(now)
        if not self._wrote() and not self.closed():
            self._begin_due(now, blocked=waits is not None)
        if self._trouble is not None:
            raise self._trouble
        again = timedelta(0) if self._wrote() else self._next(now, waits)
        return Step(self._saving.did, again, frozenset({"deliver"}) if self._saving.told else frozenset())

    def _is_timely(self) -> bool:
        """Say whether the hub confirmed the clock in this run; without, "too late" may be untrue."""
        return self.board.read().skew is not None

    def _trusts(self, now: Instant) -> bool:
        health = self.board.read()
        return trusted(health.skew, health.heard, now)

    def _wrote(self) -> bool:
        return self._writing is not None and self._writing.wrote

    # ---- what the agenda did meanwhile

    def _look_round(self, now: Instant) -> None:
        """Compare our appointments with the agenda once an interval; many that vanish stop all writes at once."""
        if self._watch is None or not self._watch.is_due(now):
            return
        vanished = self._watch.look(now, always=self.mode == "automatic", stop=self._stop_writing)
        if vanished:
            self._trouble = Misconfigured(
                say("compare our appointments with the agenda"),
                say("{count} appointments vanished at once; nothing more is written", count=vanished),
                say("look at the tasks, then creneau sharing resume"),
            )

    def _stop_writing(self) -> None:
        if self.freeze is None:
            self._halted = True
        else:
            self.freeze()

    def _frozen(self) -> bool:
        return self._halted or self.rules().posture.is_frozen

    # ---- holds

    def _end_holds(self, now: Instant) -> None:
        """End every hold whose time is over or that the rules no longer allow; a confirm keeps its hold alive."""
        if not self._is_timely():
            return
        sharing, frozen = self.rules(), self._frozen()
        for row in self.bookings.undecided(now):
            if row.outcome is not Outcome.HELD or row.state not in {State.RESOLVED, State.REPORTED}:
                continue
            lives = row.goal_slot is not None and held(row, now.utc) and not frozen
            if lives and row.goal_slot and still_allowed(row.goal_slot, sharing, now.utc, on_hold=True):
                continue
            if self._saving.store(*advance(row, HoldOver(), None), now) is not None:  # else a confirm just came
                self._show_hold(row, lives=False)

    def _show_hold(self, row: Booking, *, lives: bool) -> None:
        """Mark or unmark a hold in an EMR that can show one; nothing depends on it."""
        if not isinstance(self.emr, Holds) or row.goal_slot is None or row.until is None:
            return
        try:
            if lives:
                self.emr.hold(row.booking, row.goal_slot, row.until)
            else:
                self.emr.drop(row.booking)
        except CreneauError as lost:
            log.info("hold.unmarked emr=%s kind=%s", self.emr.name, type(lost).__name__.lower())

    def _end_requests(self, now: Instant) -> None:
        """Tell the hub of every request the desk did not answer in time; a clock that may be years off ends none."""
        if not self._trusts(now):
            return
        for row in self.bookings.undecided(now):
            settled = row.state in {State.RESOLVED, State.REPORTED}
            if settled and row.outcome is Outcome.REQUESTED and now.utc >= row.expires_at:
                self._saving.commit(row, RequestOver(), self._rules(), now)

    # ---- intents

    def _resolve(self, now: Instant) -> timedelta | None:
        """Resolve what a lost answer or a restart left open; return how long the next one stays open, None = none."""
        waits: list[timedelta] = []
        for row in self.bookings.due(now):
            if row.state is not State.INTENT or row.intent_ver is None:
                continue
            if self._writing is None:  # the source lost its ability to write: a person looks
                self._saving.commit(row, Looked(None, now.utc), None, now)
                continue
            later = self.mode == "automatic" and not self._frozen()
            may_write = later and not self._writing.wrote
            try:
                after = self._writing.resolve(row, now, may_write=may_write, later=later)
            except Transient as down:  # others may still be resolved; told when the step ends
                self._trouble, after = down, self.interval
            if after is not None:
                waits.append(after)
        return min(waits, default=None)

    # ---- orders

    def _may_look(self, row: Booking, now: Instant) -> bool:
        """Say whether what the EMR shows may be acted upon: where it is written to under the turn alone, under the turn."""
        return self._rules() is None or self._writing is None or self._writing.has_turn(row, now)

    def _rules(self) -> WriteRules | None:
        books = self.emr if isinstance(self.emr, Books) and self.mode == "automatic" else None
        return books.rules if books else None

    def _begin_due(self, now: Instant, *, blocked: bool) -> None:
        """Begin the oldest orders; first those that need no agenda, so that an EMR read cannot hold them up.

        Whoever waits for the turn reads nothing: it could not use what it reads, and the EMR is spared a second reader.

        `blocked`: a write whose end is not known is still open, and an adapter without a fence has one in flight.
        """
        self._blocked = blocked
        timely = self._is_timely()
        queued = (row for row in self.bookings.due(now) if row.state is State.QUEUED)
        rows = [row for row in queued if timely or row.goal is None]
        self._asked &= {(row.booking, row.seen_ver) for row in rows}
        seeing = [row for row in rows if _needs_agenda(row, now) and self._may_look(row, now)]
        unread = Reading(Window(now.utc, now.utc), now.utc, (), complete=False)
        self._begin([row for row in rows if row not in seeing], unread, now)
        if seeing and not self._wrote():
            seeing = seeing[:MOST]
            for row in seeing:
                if row.outcome is Outcome.HELD:
                    self._show_hold(row, lives=False)
            self._begin(seeing, self._read(seeing), now)

    def _read(self, rows: Sequence[Booking]) -> Reading:
        slots = [row.goal_slot for row in rows if row.goal_slot is not None]
        return self.emr.slots(Window(min(slot.start for slot in slots), max(slot.end for slot in slots)))

    def _begin(self, rows: Sequence[Booking], reading: Reading, now: Instant) -> None:
        for row in rows:
            if self._wrote():
                return
            self._start(row, reading, now)

    def _start(self, row: Booking, reading: Reading, now: Instant) -> None:
        """Ask the table what to do with the newest version, and do it."""
        rules = self._rules()
        if row.emr is None:  # a cancel of something never seen: the first source to save it carries it out
            row = replace(row, emr=self.emr.name)
        event = self._judge(row, reading, now)
        after, actions = advance(row, event, rules)
        write = next((action for action in actions if isinstance(action, Do)), None)
        if rules is not None and self._must_look(row, after, rules, writes=write is not None):
            known = self._met(row, now, rules, writes=write is not None)
            if known is None:
                return
            row = known
            after, actions = advance(row, event, rules)
            write = next((action for action in actions if isinstance(action, Do)), None)
        if after == row and (not actions or (row.booking, row.seen_ver) in self._asked):
            return  # it waits: for a turn, a whole reading, the clock, or a thaw
        self._asked.add((row.booking, row.seen_ver))
        patient = None
        enters = after.outcome is Outcome.REQUESTED and row.goal is not None
        if (write is not None and write.slot is not None) or enters:
            patient = self._unseal(row, now)
            if patient is None:
                return
        stored = self._saving.store(after, actions, now)
        if stored is None:
            return  # a newer version came in between: judged anew next time
        if write is not None and self._writing is not None:
            self.mark(Mark.T2, row.booking)
            self._writing.write(stored, write, patient, now)
        elif stored.outcome is Outcome.HELD:
            self._show_hold(stored, lives=True)

    def _must_look(self, row: Booking, after: Booking, rules: WriteRules, *, writes: bool) -> bool:
        """Say whether the EMR may know more than the journal: a slot that is not free may be taken by ourselves."""
        if writes and (rules.enquire_first or (self.others and not has(row))):
            return True
        answers = after.outcome_rev > row.outcome_rev
        if answers and row.goal_slot is not None and after.outcome is Outcome.CONFLICT:
            return True  # another agent of ours may have booked it for the very same order
        unknown = row.outcome_rev > 0 or (row.goal is not None and row.goal_slot is None)
        elsewhere = row.outcome is None and unknown  # answered from another folder of this clinic: a takeover
        return (writes or answers) and (elsewhere or self.enquire() or row.attempt > 0)

    def _met(self, row: Booking, now: Instant, rules: WriteRules, *, writes: bool) -> Booking | None:
        """Look the booking up before a write or an answer; None = that settled it, or it waits for the turn."""
        if self._writing is None:
            return row
        if not self._writing.has_turn(row, now):
            return None
        effect = self._writing.find(row.booking)
        if effect is not None and effect.pending and writes:
            return row  # the adapter verifies what it finds cut off before it writes
        old = effect is not None and effect.outcome in GONE and effect.version < row.seen_ver
        other = self._elsewhere(row) if effect is None or old else None
        if other is not None and row.goal is None:
            self._saving.store(replace(row, emr=other), (), now)  # its own leg cancels it there
            return None
        event = Looked(None if other is not None else effect, now.utc, elsewhere=other is not None)
        known, actions = advance(row, event, rules)
        if actions:
            self._saving.store(known, actions, now)
            return None
        return known

    def _elsewhere(self, row: Booking) -> EmrName | None:
        """Return the other source where the booking stands: no EMR's memory fences a write into another one.

        One that cannot be asked counts only when the journal was lost: else the journal knows where a booking is.
        """
        for name, other in self.others.items():
            try:
                effect = other.find(row.booking)
            except Transient:
                if self.enquire() or (row.outcome is None and row.kept):
                    raise
                continue
            if effect is not None and effect.ref is not None and effect.outcome not in GONE:
                return name
        return None

    def _unseal(self, row: Booking, now: Instant) -> Patient | None:
        """Open the patient's details before any intent; None = refused, the portal seals them anew."""
        jwe = self.bookings.sealed(row.booking, row.seen_ver)
        try:
            if jwe is not None:
                return self.keys.patient(jwe, row.booking, row.seen_ver)
        except Refused as no:
            log.info("patient.refused emr=%s reason=%s", self.emr.name, no.reason)
        self._saving.store(*advance(row, Failed(Code.RESEAL), None), now)
        return None

    def _judge(self, row: Booking, reading: Reading, now: Instant) -> Start:
        """Ask agenda, sharing rules, limits, turn and clock, all after the EMR was read."""
        goal, free, allowed, limited = row.goal_slot, None, False, False
        if goal is not None:
            fresh = next((slot for slot in reading.slots if _same_cell(slot, goal)), None)
            free = self._is_free(row, fresh, goal, now) if fresh or reading.complete else None
            if fresh is not None and self.mode != "none":
                allowed = still_allowed(fresh, self.rules(), now.utc, on_hold=on_hold(row))
            limited = bool(free) and allowed and self._is_over(row, goal, now)
        return Start(
            now=now,
            turn=self.board.turn(),
            skew_known=self._trusts(now),
            free=free,
            allowed=allowed,
            limited=limited,
            frozen=self._frozen(),
            blocked=self._blocked,
        )

    def _is_free(self, row: Booking, fresh: Slot | None, goal: Slot, now: Instant) -> bool:
        """Say whether the agenda shows it free and no other booking has a claim on it."""
        others = (other for other in self.bookings.undecided(now) if other.booking != row.booking)
        taken = {slot.key for other in others for slot in claims(other, now.utc) if slot.emr == goal.emr}
        return fresh is not None and goal.key not in taken

    def _is_over(self, row: Booking, goal: Slot, now: Instant) -> bool:
        busy = self.bookings.busy(self.bookings.rule_of(goal), goal.site, half_day(goal), now)
        return over(Limits(bookings_hour=self.max_per_hour), busy, row.firmness)

    def _next(self, now: Instant, waits: timedelta | None) -> timedelta | None:
        """Return when the next hold ends or the next quiet time is over; None = at the leg's interval."""
        ends = [row.until - now.utc for row in self.bookings.undecided(now) if held(row, now.utc) and row.until]
        soon = [*(end for end in ends if end > timedelta(0)), *([waits] if waits is not None else [])]
        return min(soon, default=None)


def _needs_agenda(row: Booking, now: Instant) -> bool:
    over = row.firmness is Firmness.HOLD and row.until is not None and row.until <= now.utc
    return row.goal_slot is not None and row.fault is None and row.expires_at > now.utc and not over


def _same_cell(one: Slot, other: Slot) -> bool:
    return (one.key, one.site, one.start, one.end) == (other.key, other.site, other.start, other.end)


__all__ = ["Apply"]
