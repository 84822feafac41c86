"""Any order of events keeps the invariants of a booking's row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.core.booking import (
    SUCCESSIONS,
    TABLE,
    Answered,
    Booking,
    Do,
    Effect,
    Effected,
    Failed,
    Firmness,
    HoldOver,
    Looked,
    NotDone,
    Order,
    Ordered,
    Outcome,
    Recovery,
    Restarted,
    Seen,
    Sent,
    Start,
    State,
    TaskKind,
    Tell,
    Turn,
    Unknown,
    WriteRules,
    advance,
    told_version,
)
from agent.core.booking.events import Event
from agent.core.model import BookingId, EmrName, EmrRef, Instant, Practitioner, SiteId, Slot, SlotId, SlotKey

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ME = BookingId("booking-1")


def cell(key: str) -> Slot:
    start = NOW + timedelta(days=1)
    who = Practitioner("101")
    return Slot(EmrName("oscar"), SlotKey(key), SiteId("main"), who, start, start + timedelta(minutes=15), "R")


SLOTS = {"s1": cell("s1"), "s2": cell("s2")}
RULES = st.one_of(
    st.none(),
    st.builds(
        WriteRules,
        recovery=st.sampled_from(Recovery),
        enquire_first=st.booleans(),
        tombstone=st.booleans(),
        fenced=st.booleans(),
        moves=st.booleans(),
        quiet=st.just(timedelta(minutes=1)),
        longest_write=st.just(timedelta(seconds=10)),
    ),
)
TIMES = st.sampled_from([NOW, NOW + timedelta(minutes=20), NOW + timedelta(hours=2)])


class Life(RuleBasedStateMachine):
    """One booking through whatever may happen; `answers` are those of the EMR as it truly is."""

    def __init__(self) -> None:
        super().__init__()
        self.row: Booking | None = None
        self.rules: WriteRules | None = None
        self.told: list[tuple[int, Outcome, bool]] = []
        self.evidence: set[tuple[int, Outcome]] = set()

    def go(self, event: Event) -> None:
        state = None if self.row is None else self.row.state
        if (state, type(event)) not in TABLE:
            return
        before = self.row
        self.row, actions = advance(self.row, event, self.rules)
        for action in actions:
            if isinstance(action, Do):  # I9, I11
                assert self.row.state is State.INTENT
                assert (action.version, action.op) == (self.row.intent_ver, self.row.intent_op)
                assert before is not None
                assert before.intent_ver in {None, action.version}
        if any(isinstance(action, Tell) for action in actions):
            self.tell()

    def tell(self) -> None:
        row = self.row
        assert row is not None
        assert row.outcome is not None
        assert told_version(row) >= 1
        word = (row.outcome_rev, row.outcome, row.kept)
        if self.told and self.told[-1][0] == word[0]:
            assert self.told[-1] == word
            return
        assert word[0] == len(self.told) + 1
        if self.told:
            assert (self.told[-1][1], row.outcome) in SUCCESSIONS
        self.told.append(word)
        if row.outcome is Outcome.BOOKED:  # I3
            assert row.kept
        if row.outcome in {Outcome.CANCELLED, Outcome.CANCELLED_BY_CLINIC, Outcome.RELEASED}:
            assert not row.kept

    @initialize(rules=RULES)
    def source(self, rules: WriteRules | None) -> None:
        self.rules = rules

    @rule(
        version=st.integers(1, 6),
        goal=st.sampled_from([None, "s1", "s2"]),
        hold=st.booleans(),
        known=st.booleans(),
        wrong=st.sampled_from([False, False, False, True]),
        now=TIMES,
    )
    def order(self, version: int, goal: str | None, hold: bool, known: bool, wrong: bool, now: datetime) -> None:
        firmness = Firmness.HOLD if hold and goal else Firmness.FIRM
        body = f"{goal}{firmness}".encode()
        line = b"line" if goal and known else None
        made = Order(
            booking=ME,
            version=version,
            goal=SlotId(goal) if goal else None,
            firmness=firmness,
            until=NOW + timedelta(minutes=12) if hold else None,
            expires_at=NOW + timedelta(hours=1),
            slot_line=None if goal is None else b"wrong" if wrong else b"line",
            patient_sha256=None,
            body_hash=body,
        )
        self.go(Ordered(made, EmrName("oscar"), SLOTS[goal] if goal and known else None, line, now))

    @precondition(lambda self: self.row is not None)
    @rule(
        now=TIMES,
        turn=st.sampled_from([None, 1, 2]),
        skew=st.booleans(),
        free=st.sampled_from([True, True, False, None]),
        flags=st.sampled_from(
            [(True, False, False)] * 3 + [(False, False, False), (True, True, False), (True, False, True)]
        ),
    )
    def start(
        self, now: datetime, turn: int | None, skew: bool, free: bool | None, flags: tuple[bool, bool, bool]
    ) -> None:
        lent = None if turn is None else Turn(turn, timedelta(minutes=3))
        allowed, limited, frozen = flags
        self.go(Start(Instant(now, timedelta(0)), lent, skew, free, allowed, limited, frozen))

    @precondition(lambda self: self.row is not None)
    @rule(
        kind=st.sampled_from([Effected, Looked, Looked, Seen]),
        outcome=st.sampled_from(
            [None, Outcome.BOOKED, Outcome.CANCELLED, Outcome.CONFLICT, Outcome.CHECKING, Outcome.CHANGED]
        ),
        slot=st.sampled_from([None, "s1", "s2"]),
        ahead=st.sampled_from([-1, 0, 1]),
        theirs=st.booleans(),
        now=TIMES,
    )
    def emr(
        self, kind: type, outcome: Outcome | None, slot: str | None, ahead: int, theirs: bool, now: datetime
    ) -> None:
        assert self.row is not None
        version = max((self.row.intent_ver or self.row.done_ver) + ahead, 0)
        ref = EmrRef("r") if outcome is Outcome.BOOKED else None
        key = SlotKey(slot) if slot else None
        shown = None if outcome is None else Effect(ME, version, outcome, ref, key, theirs)
        if kind is Seen:
            self.go(Seen(shown))
        elif kind is Looked:
            self.go(Looked(shown, now))
        elif shown is not None:
            self.go(Effected(shown, now))

    @precondition(lambda self: self.row is not None)
    @rule(event=st.sampled_from([Unknown(NOW), NotDone(), Restarted(), HoldOver(), Failed(None)]))
    def trouble(self, event: Event) -> None:
        self.go(event)

    @precondition(lambda self: self.row is not None)
    @rule(there=st.booleans(), kind=st.sampled_from(TaskKind))
    def answer(self, there: bool, kind: TaskKind) -> None:
        self.go(Answered(there, "desk", kind))

    @precondition(lambda self: self.row is not None)
    @rule(rev=st.integers(0, 9))
    def receipt(self, rev: int) -> None:
        self.go(Sent(rev))

    @invariant()
    def row_is_whole(self) -> None:
        """I7, I8, I11: numbers in order, an intent named whole, and no settled row with an order left behind."""
        row = self.row
        if row is None:
            return
        assert 0 <= row.done_ver <= row.seen_ver
        assert 0 <= row.reported_rev <= row.outcome_rev == len(self.told)
        assert (row.intent_ver is None) == (row.intent_op is None)
        assert (row.intent_ver is not None) or row.state is not State.INTENT
        assert row.intent_ver is None or row.state in {State.INTENT, State.UNSURE}
        if row.state in {State.RESOLVED, State.REPORTED}:
            assert row.done_ver == row.seen_ver
            assert (row.state is State.REPORTED) <= (row.reported_rev == row.outcome_rev)
        if row.state is State.QUEUED:
            assert row.done_ver < row.seen_ver
        assert replace(row) == row


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase
