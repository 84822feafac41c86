"""Slot sync as the search explores it: clinic, agent, network and hub, with every loss, repetition and delay.

Rule: what the hub sells is judged by what the clinic did, never by what either side believes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from agent.core.rules import Posture
from tests.model.search import Report, Search
from tests.model.sync.agent_side import Agent, Clinic
from tests.model.sync.hub_side import Hub, HubSide, true_roots
from tests.model.values import SLOTS, Pool, Violation

LAPSE = 2
"""Ticks after which nothing that left the view may be sold: the hub's validity of 10 minutes."""
HEAL = 6
"""Ticks within which both sides must be equal once nothing fails any more."""
_BITS = 20


class Truth(NamedTuple):
    """What the clinic wants: which slots are free, since when each is not (-1 = it is), whether it withdrew.

    `ids`: given so far. `left`: (id, tick it left the view). `where`: the slot of each id. `over`: ids that left
    the view and that the hub has ceased to sell.
    """

    free: tuple[bool, ...]
    since: tuple[int, ...]
    posture: Posture = Posture.OPEN
    ids: int = 0
    left: tuple[tuple[str, int], ...] = ()
    where: tuple[tuple[str, int], ...] = ()
    over: frozenset[str] = frozenset()


class Scene(NamedTuple):
    """One state; all but `tick` and `changes`, what the clinic may still change, are numbers of pools.

    `backup`: the hub's, 0 = none yet. `wire`: requests nobody waits for any more.
    """

    tick: int
    changes: int
    agent: int
    hub: int
    backup: int
    truth: int
    wire: int


Step = tuple[str, bool, Scene]


class Sync:
    """Explores slot sync over `ticks` of 301 s, with at most `changes` by the clinic."""

    def __init__(self, *, ticks: int = 2, changes: int = 1, faults: int = 2, most: int = 3_000_000) -> None:
        self.last, self.faults, self.most = ticks, faults, most
        self.clinic, self.side = Clinic(), HubSide()
        self.agents: Pool[Agent] = Pool()
        self.hubs: Pool[Hub | None] = Pool()
        self.truths: Pool[Truth] = Pool()
        self.wires: Pool[tuple[str, ...]] = Pool()
        self._true: dict[int, dict[str, tuple[str, str]]] = {}
        self._equal: set[tuple[int, int, int, int]] = set()
        self.hubs(None)
        self._start = self._begun(changes)

    def run(self) -> Report:
        """Search until everything is seen, an invariant breaks, or `most` states are known."""
        return Search(self, self.faults, self.most).run()

    def _begun(self, changes: int) -> Scene:
        """Return the scene in which both slots are published and told."""
        agent, hub = self.clinic.enrolled(), self.side.empty()
        free = (True,) * len(SLOTS)
        agent = self.clinic.publish(agent, 0, free, Posture.OPEN, 0, how="whole")
        sent = self.clinic.deliver(agent, 0, None).sent
        assert sent is not None
        hub, said = self.side.takes(hub, sent, 0)
        agent = self.clinic.deliver(agent, 0, said).agent
        where = tuple(sorted((id_, self._place(key)) for id_, key in self.clinic.slot_of(agent).items()))
        truth = Truth(free, (-1,) * len(SLOTS), ids=len(SLOTS), where=where)
        return Scene(0, changes, self.agents(agent), self.hubs(hub), 0, self.truths(truth), self.wires(()))

    @staticmethod
    def _place(key: str) -> int:
        return [slot.key for slot in SLOTS].index(key)  # type: ignore[arg-type]

    # ---- states as numbers

    def begin(self) -> Scene:
        """Return the first state."""
        return self._start

    def pack(self, scene: Scene) -> int:
        """Return the scene as one number."""
        code = scene.tick << 4 | scene.changes
        for part in scene[2:]:
            code = code << _BITS | part
        return code

    def unpack(self, code: int) -> Scene:
        """Return the scene of a number."""
        parts = []
        for _ in range(len(Scene._fields) - 2):
            parts.append(code & (1 << _BITS) - 1)
            code >>= _BITS
        return Scene(code >> 4, code & 15, *parts[::-1])

    # ---- what can happen next

    def after(self, scene: Scene) -> Iterator[Step]:
        """Yield every step that can follow; raises Violation."""
        for says, fault, after in self._steps(scene):
            yield says, fault, self._noted(after, restored="backup" in says)

    def _steps(self, scene: Scene) -> Iterator[Step]:
        yield from self._reads(scene)
        yield from self._talks(scene, "deliver")
        yield from self._talks(scene, "beat")
        yield from self._late(scene)
        yield from self._clinic(scene)
        yield from self._mishaps(scene)
        if scene.tick < self.last:
            yield "time passes (301 s)", False, self._aged(scene)

    def _noted(self, scene: Scene, *, restored: bool) -> Scene:
        """Note which ids are over; a hub that came back from a backup may sell them for the rest of their validity."""
        truth = self.truths.items[scene.truth]
        sold = self.side.offers(self._hub(scene), scene.tick)
        over = frozenset() if restored else truth.over
        if not self.wires.items[scene.wire]:  # what was sent before it left may still renew, as of when it was sent
            over |= {id_ for id_, _ in truth.left} - sold
        return scene if over == truth.over else scene._replace(truth=self.truths(truth._replace(over=over)))

    def rests(self, scene: Scene) -> tuple[bool, bool]:
        """Judge what the hub sells now, and that both sides become equal once nothing fails any more."""
        hub, truth = self._hub(scene), self.truths.items[scene.truth]
        sold = self.side.offers(hub, scene.tick)
        left, where = dict(truth.left), dict(truth.where)
        for id_ in sold:
            if id_ in left and scene.tick - left[id_] >= LAPSE:
                raise Violation("sync", f"{id_} is sold {scene.tick - left[id_]} ticks after it left the view")
            since = truth.since[where[id_]]
            if since >= 0 and scene.tick - since >= LAPSE:
                raise Violation("sync", f"s{where[id_] + 1} is sold {scene.tick - since} ticks after it was taken")
            if id_ in truth.over:
                raise Violation("sync", f"{id_} is sold again, and it had left the view")
        for site, (kept, really) in self._roots(scene.hub).items():
            if kept != really:
                raise Violation("sync", f"the hub's root of {site} is not the root of what it holds")
        return self._heals(scene), False

    def _roots(self, hub: int) -> dict[str, tuple[str, str]]:
        if hub not in self._true:
            found = self.hubs.items[hub]
            self._true[hub] = true_roots(found) if found else {}
        return self._true[hub]

    def _hub(self, scene: Scene) -> Hub:
        hub = self.hubs.items[scene.hub]
        assert hub is not None
        return hub

    def _reads(self, scene: Scene) -> Iterator[Step]:
        for how, words in (
            ("whole", "the agent reads the agenda"),
            ("part", "the agent reads part of the agenda"),
            ("away", "the agenda cannot be read"),
        ):
            after = self._read(scene, how)
            if after != scene:
                yield words, how != "whole", after

    def _read(self, scene: Scene, how: str) -> Scene:
        truth, was = self.truths.items[scene.truth], self.agents.items[scene.agent]
        agent = self.clinic.publish(was, scene.tick, truth.free, truth.posture, truth.ids, how=how)
        before, now = self.clinic.view(was), self.clinic.slot_of(agent)
        left = dict(truth.left) | dict.fromkeys(before - now.keys(), scene.tick)
        new = sorted(now.keys() - dict(truth.where).keys())
        where = dict(truth.where) | {id_: self._place(now[id_]) for id_ in new}
        truth = truth._replace(
            ids=truth.ids + len(new), left=tuple(sorted(left.items())), where=tuple(sorted(where.items()))
        )
        return scene._replace(agent=self.agents(agent), truth=self.truths(truth))

    def _talks(self, scene: Scene, leg: str) -> Iterator[Step]:
        """Run a leg that asks the hub, with everything that may become of the request."""
        step = self.clinic.deliver if leg == "deliver" else self.clinic.beat
        was = self.agents.items[scene.agent]
        alone = step(was, scene.tick, None)
        unheard = scene._replace(agent=self.agents(alone.agent))
        word = f"the agent's {'difference' if leg == 'deliver' else 'beat'}"
        if alone.sent is None:
            if unheard != scene:
                yield f"{word}: nothing is due", False, unheard
            return
        hub, said = self.side.takes(self._hub(scene), alone.sent, scene.tick)
        number = self.hubs(hub)
        answered = scene._replace(agent=self.agents(step(was, scene.tick, said).agent), hub=number)
        yield f"{word} is answered", False, answered
        yield f"{word} is lost", True, unheard
        yield f"{word} is done, the answer is lost", True, unheard._replace(hub=number)
        wire = self.wires(tuple(sorted({*self.wires.items[scene.wire], alone.sent})))
        yield f"{word} stays under way, the agent hears nothing", True, unheard._replace(wire=wire)
        yield f"{word} is answered, and comes once more later", True, answered._replace(wire=wire)

    def _late(self, scene: Scene) -> Iterator[Step]:
        wire = self.wires.items[scene.wire]
        for n, request in enumerate(wire):
            hub, _ = self.side.takes(self._hub(scene), request, scene.tick)
            after = scene._replace(hub=self.hubs(hub), wire=self.wires(wire[:n] + wire[n + 1 :]))
            yield f"request {n + 1} of those under way reaches the hub", False, after

    def _clinic(self, scene: Scene) -> Iterator[Step]:
        if not scene.changes:
            return
        truth = self.truths.items[scene.truth]
        for n, free in enumerate(truth.free):
            since = scene.tick if free else -1
            other = truth._replace(free=_put(truth.free, n, not free), since=_put(truth.since, n, since))
            word = f"s{n + 1} is {'taken by phone' if free else 'free again'}"
            yield word, False, scene._replace(changes=scene.changes - 1, truth=self.truths(other))
        yield from self._withdraws(scene, truth)

    def _withdraws(self, scene: Scene, truth: Truth) -> Iterator[Step]:
        """Let the clinic withdraw everything, or open again: the daemon wakes publish within the second."""
        open_ = truth.posture is Posture.OPEN
        shown = self.clinic.view(self.agents.items[scene.agent]) if open_ else ()  # they leave at once, by the rules
        left = tuple(sorted((dict(truth.left) | dict.fromkeys(shown, scene.tick)).items()))
        other = truth._replace(posture=Posture.WITHDRAWN if open_ else Posture.OPEN, left=left)
        agent = self.agents.items[scene.agent]._replace(at_once=True)
        after = scene._replace(changes=scene.changes - 1, truth=self.truths(other))
        if open_:
            after = after._replace(agent=self.agents(agent))
            yield "the clinic withdraws everything, the agenda away", False, self._read(after, "away")
        yield f"the clinic {'withdraws everything' if open_ else 'opens again'}", False, self._read(after, "whole")

    def _mishaps(self, scene: Scene) -> Iterator[Step]:
        agent = self.agents.items[scene.agent]
        again = self.agents(self.clinic.restarted(agent))
        if again != scene.agent:
            yield "the agent restarts", True, scene._replace(agent=again)
        lost = self.agents(self.clinic.lost())
        if lost != scene.agent:
            # nobody took a slot away: the old id may be sold while its slot is free
            yield "the agent loses its journal", True, scene._replace(agent=lost)
        if not scene.backup:
            yield "the hub is backed up", False, scene._replace(backup=scene.hub)
        elif scene.backup != scene.hub:
            yield "the hub comes back from its backup", True, scene._replace(hub=scene.backup)

    def _aged(self, scene: Scene) -> Scene:
        """Let a tick pass; what is too old for the hub to accept is gone from the wire."""
        later = scene._replace(tick=scene.tick + 1)
        hub = self._hub(scene)
        wire = tuple(
            request
            for request in self.wires.items[scene.wire]
            if self.side.takes(hub, request, later.tick)[1] is not None
        )
        return later._replace(wire=self.wires(wire))

    # ---- what must hold in the end

    def _heals(self, scene: Scene) -> bool:
        """Let nothing fail any more; say whether both sides were equal already. Raises Violation if they never are."""
        way, at = [], scene._replace(wire=self.wires(()))
        for _ in range(HEAL):
            key = (at.tick, at.agent, at.hub, at.truth)
            if key in self._equal:
                break
            way.append(key)
            at = self._read(at, "whole")
            for leg in ("deliver", "deliver", "beat", "deliver", "beat"):
                at = next((after for _, fault, after in self._talks(at, leg) if not fault), at)
            if self._is_equal(at):
                break
            at = at._replace(tick=at.tick + 1)
        else:
            raise Violation("sync", "both sides never become equal again")
        self._equal.update(way)
        return len(way) <= 1

    def _is_equal(self, scene: Scene) -> bool:
        """Say whether agenda, view, what the hub was told, holds and sells are one and the same."""
        agent, hub, truth = self.agents.items[scene.agent], self._hub(scene), self.truths.items[scene.truth]
        now = self.clinic.slot_of(agent)
        wanted = set() if truth.posture.is_offline else {n for n, free in enumerate(truth.free) if free}
        held = {row[1] for row in hub.slots}
        sold = self.side.offers(hub, scene.tick)
        same = {self._place(key) for key in now.values()} == wanted
        return same and now.keys() == self.clinic.told(agent) == held == sold


def _put(items: tuple[object, ...], n: int, value: object) -> tuple[object, ...]:
    return (*items[:n], value, *items[n + 1 :])
