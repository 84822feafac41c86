"""The agent's half of slot sync: the real publish, deliver and beat legs on the real views, outbox and ledger.

Rule: only durability is left out (the power tests prove it): the journal's own SQL runs on a database in memory, put
back to any earlier state by its rows.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar

import apsw
from joserfc.jwk import OKPKey

from agent.board import MemoryBoard
from agent.core.envelope import Envelope, named
from agent.core.errors import CreneauError, Transient
from agent.core.health import Source, Vitals
from agent.core.message import say
from agent.core.model import Instant, Reading, Slot, SlotId, Window
from agent.core.rules import Posture
from agent.journal.migrations import migrate
from agent.journal.outbox import JournalOutbox
from agent.journal.tx import Reader, Tx
from agent.journal.views import JournalViews, Now
from agent.legs.beat import Beat
from agent.legs.deliver import Deliver
from agent.legs.publish import Publish
from agent.ports import Answer, Identity
from tests.model.values import BASE, EMR, MAIN, RULES, SLOTS, Violation

T = TypeVar("T")
TICK = timedelta(seconds=301)
"""Half of the hub's validity, and the second by which a request's own time is rounded up."""
POLL = timedelta(seconds=60)
"""The agent's poll and tick: both well within one tick of the model."""
ORIGIN, CLINIC = "https://hub.example.org", "clinic-1"
AGENT_KEY, HUB_KEY = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
SITES = {MAIN: {"id": str(MAIN), "name": "Clinique", "zone": "America/Toronto"}}
SOURCES = {EMR: Source(frozenset(SITES), POLL)}
TABLES = ("fact", "slot", "now", "told", "attempt")
Rows = tuple[tuple[tuple[Any, ...], ...], ...]
AWAY = Transient(say("read the agenda"), say("the EMR does not answer"))
NO_ANSWER = Transient(say("ask the hub"), say("no answer"))
VITALS = Vitals("1", "linux", "instance", "ok", 0, update=False, keys=1, sealing="")


def moment(tick: int) -> Instant:
    """Return both clocks at a tick of this model."""
    return Instant(BASE + tick * TICK, timedelta(hours=1) + tick * TICK)


class Agent(NamedTuple):
    """The agent at rest. `rows`: the journal's; `read`: tick of the last complete read, -1 = none since the start.

    `used`: the moment of the last offer, `at_once`: the clinic withdrew, both in the deliver leg's memory.
    """

    rows: Rows
    read: int = -1
    used: int | None = None
    at_once: bool = False


class Said(NamedTuple):
    """One step of a leg: the agent afterwards, and the request it sent, if it got that far."""

    agent: Agent
    sent: str | None


class MemoryStore:
    """What the journal's classes ask of their store, on a database in memory."""

    def __init__(self) -> None:
        self.conn = apsw.Connection(":memory:")
        migrate(self.conn)

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run work on one picture."""
        return work(Reader(self.conn))

    def write(self, work: Callable[[Tx], T], *, settle: bool = True) -> T:
        """Run work in one transaction."""
        del settle
        with self.conn:
            return work(Tx(self.conn))

    def rows(self) -> Rows:
        """Return every row that matters for what comes next."""
        found = ((self.conn.execute(f"SELECT * FROM {table}")) for table in TABLES)  # noqa: S608 - our own names
        return tuple(tuple(sorted(rows, key=repr)) for rows in found)

    def put_back(self, rows: Rows) -> None:
        """Make these rows the journal; the ledger begins anew."""
        with self.conn:
            for table in ("ledger", "segment", "outbox", *TABLES):
                self.conn.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            for table, found in zip(TABLES, rows, strict=True):
                for row in found:
                    self.conn.execute(f"INSERT INTO {table} VALUES({','.join('?' * len(row))})", row)

    def kinds(self) -> dict[str, int]:
        """Return how many lines of each kind the ledger has."""
        return dict(self.conn.execute("SELECT kind, count(*) FROM ledger GROUP BY kind"))


class Wire:
    """The Hub port of one step: the first request is noted and answered as given, a second one is not."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.sent: list[Envelope] = []

    def call(self, envelope: Envelope, _wait: timedelta) -> Answer:
        """Answer the first request; raises Transient for "no answer"."""
        self.sent.append(envelope)
        if self.answer is None or len(self.sent) > 1:
            raise NO_ANSWER
        now = Instant(BASE, timedelta(0))
        return Answer(self.answer, now, timedelta(seconds=1))


class Clinic:
    """The agent's side: each step of each state worked out once."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self._memo: dict[tuple[object, ...], Any] = {}

    # ---- the states it can be put into

    def enrolled(self) -> Agent:
        """Return a freshly enrolled agent."""
        return self.lost("enrolled")

    def lost(self, why: str = "lost") -> Agent:
        """Return an agent whose journal was set aside."""
        return Agent((((("restart", why)),), (), (), (), ()))

    def restarted(self, agent: Agent) -> Agent:
        """Return it after a restart: only the journal is left."""
        return Agent(agent.rows)

    # ---- its legs

    def publish(self, agent: Agent, tick: int, free: Sequence[bool], posture: Posture, ids: int, *, how: str) -> Agent:
        """Run the publish leg; `how`: "whole", "part" = nothing but the first slot was read, "away"."""
        key = ("publish", agent, tick, tuple(free), posture, ids, how)
        return self._once(key, lambda: self._published(agent, tick, free, posture, ids, how))

    def deliver(self, agent: Agent, tick: int, answer: str | None) -> Said:
        """Run the deliver leg, with this answer or none to its first request."""
        return self._once(("deliver", agent, tick, answer), lambda: self._delivered(agent, tick, answer))

    def beat(self, agent: Agent, tick: int, answer: str | None) -> Said:
        """Run the beat leg likewise."""
        return self._once(("beat", agent, tick, answer), lambda: self._beaten(agent, tick, answer))

    def view(self, agent: Agent) -> frozenset[str]:
        """Return the ids of the view *now*."""
        return frozenset(row[2] for row in agent.rows[TABLES.index("now")])

    def told(self, agent: Agent) -> frozenset[str]:
        """Return the ids of the view *told*."""
        return frozenset(row[0] for row in agent.rows[TABLES.index("told")])

    def slot_of(self, agent: Agent) -> Mapping[str, str]:
        """Return which slot of the agenda each id of the view is."""
        return {row[2]: row[1] for row in agent.rows[TABLES.index("now")]}

    # ---- one step

    def _once(self, key: tuple[object, ...], work: Callable[[], T]) -> T:
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = work()
        return found

    def _open(self, agent: Agent, tick: int) -> tuple[Now, JournalOutbox, MemoryBoard]:
        self.store.put_back(agent.rows)
        now = Now(self.store)  # type: ignore[arg-type]
        board = MemoryBoard(moment(0), "boot")
        if agent.read >= 0:
            board.complete(EMR, moment(agent.read))
        return now, JournalOutbox(self.store, now), board  # type: ignore[arg-type]

    def _published(self, agent: Agent, tick: int, free: Sequence[bool], posture: Posture, ids: int, how: str) -> Agent:
        now, _, board = self._open(agent, tick)
        slots = tuple(slot for slot, is_free in zip(SLOTS, free, strict=True) if is_free)
        known = {row[0]: row[2] for row in agent.rows[TABLES.index("slot")]}
        leg = Publish(
            emr=SimpleNamespace(name=EMR, slots=lambda window: _read(window, slots, how)),  # type: ignore[arg-type]
            views=JournalViews(self.store, now, EMR),  # type: ignore[arg-type]
            rules=lambda: replace(RULES, posture=posture),
            board=board,
            fresh=(SlotId(f"id-{n:019d}") for n in range(ids, ids + len(SLOTS))),
            recall=lambda id_: next((slot for slot in SLOTS if slot.key == known.get(id_)), None),
            interval=POLL,
        )
        with contextlib.suppress(CreneauError):
            leg.step(moment(tick))
        read = board.read().reads.get(EMR)
        return agent._replace(rows=self.store.rows(), read=tick if read == moment(tick) else agent.read)

    def _delivered(self, agent: Agent, tick: int, answer: str | None) -> Said:
        _, outbox, board = self._open(agent, tick)
        hub = Wire(answer)
        leg = Deliver(outbox, hub, _keys(), _dice(agent, tick), board, SITES, SOURCES, POLL)  # type: ignore[arg-type]
        leg._used, leg._at_once = agent.used, agent.at_once
        with contextlib.suppress(CreneauError):
            leg.step(moment(tick))
        self._one_line_each(agent, hub)
        after = agent._replace(rows=self.store.rows(), used=leg._used, at_once=leg._at_once)
        return Said(after, hub.sent[0].jws if hub.sent else None)

    def _one_line_each(self, agent: Agent, hub: Wire) -> None:
        """Hold I12: one ledger line for each message sealed anew, one for each receipt, none for a repetition."""
        attempts = {row[2] for row in agent.rows[TABLES.index("attempt")]}
        kinds = self.store.kinds()
        anew = sum(1 for envelope in hub.sent if envelope.jws not in attempts)
        settled = self.store.rows()[TABLES.index("told")] != agent.rows[TABLES.index("told")]
        if kinds.get("sent", 0) != anew:
            raise Violation("I12", f"{anew} messages sealed, {kinds.get('sent', 0)} lines say so")
        if kinds.get("receipt", 0) > 1 or (settled and kinds.get("receipt", 0) != 1):
            raise Violation("I12", "what the hub is known to hold changed without the line of a receipt")

    def _beaten(self, agent: Agent, tick: int, answer: str | None) -> Said:
        _, outbox, board = self._open(agent, tick)
        hub = Wire(answer)
        leg = Beat(
            outbox=outbox,
            inbox=SimpleNamespace(cursor=lambda: None),  # type: ignore[arg-type]
            hub=hub,
            keys=_keys(),
            dice=_dice(agent, tick),
            board=board,
            sites=frozenset(SITES),
            sources=SOURCES,
            vitals=lambda _now: VITALS,
        )
        with contextlib.suppress(CreneauError):
            leg.step(moment(tick))
        return Said(agent._replace(rows=self.store.rows()), hub.sent[0].jws if hub.sent else None)


def _read(window: Window, slots: tuple[Slot, ...], how: str) -> Reading:
    if how == "away":
        raise AWAY
    return Reading(window, window.start, slots if how == "whole" else slots[:0], complete=how == "whole")


def _keys() -> Any:
    who = Identity(CLINIC, ORIGIN, "instance", "")
    return SimpleNamespace(
        identity=lambda: who, signing=lambda: AGENT_KEY, hub=lambda: named([HUB_KEY]), rotation=lambda **_: None
    )


def _dice(agent: Agent, tick: int) -> Any:
    """Draw the same jti for the same attempt of the same agent, so that equal states stay equal."""
    name = sha256(repr((agent.rows, tick)).encode()).hexdigest()[:22]
    return SimpleNamespace(token=lambda: name)
