"""One computer of a simulated clinic: the agent on it, its disk, its folder of keys and its way to the hub.

Rule: legs, journal, wiring and vault are the shipped ones; only what is under them is made up.
"""

import random
import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.board import MemoryBoard
from agent.core.envelope import Envelope
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import Instant
from agent.daemon import Daemon, Post
from agent.journal import Journal, _start_lost
from agent.journal.box import DataBox
from agent.keys import ServiceVault, make_root, root_key
from agent.ports import Answer
from agent.wiring.joining import join
from agent.wiring.posts import Shop, posts
from tests.power.disk import MODES, Platter, PowerDisk, PowerVFS
from tests.sim.machinery import Boom, Dice, Keys, Rules, SkewedClock

if TYPE_CHECKING:
    from tests.sim.world import World

ORIGIN = "https://hub.example.org"
AT_ONCE = timedelta(0)


class Computer:
    """It runs from `start` to `close`. `off`: how wrong its clock is; `cut_off`: its way to the hub is cut.

    `left`: the offers and outcomes that left under the journal it has now.
    """

    def __init__(self, world: "World", n: int) -> None:
        self.world, self.n = world, n
        self.name = f"sim-{world.seed}-{n}"
        self.off = world.knobs.offs[n % len(world.knobs.offs)]
        self.dice = Dice(f"{world.seed}-{n}-dice")
        self.r = random.Random(f"{world.seed}-{n}")
        self.state = world.folder / f"state-{n}"
        self.cut_off = False
        self.saved: dict[str, bytes] = {}
        self.disk = PowerDisk()
        self.vfs = PowerVFS(f"{self.name}-{id(world)}", self.disk)
        self.late: list[Envelope] = []
        self.left: set[str] = set()

    # ---- coming and going

    def begin(self) -> None:
        """Have a folder of keys, and start."""
        if not self.state.exists():
            make_root(self.state)
        self.keys = Keys(ServiceVault(self.state, root_key(self.state, {})))
        self.box = DataBox(self.keys.data_key())
        self.start()

    def enrol(self, code: str) -> None:
        """Join as `creneau enrol` does; the network is kind to the person who types it, and has set the clock."""
        right = SkewedClock(self.world.time, AT_ONCE, lambda: None).now()
        with self.world.kindly():
            join(code, ORIGIN, self.keys, self, self.dice, right)
            self.journal.outbox().restart("enrolled", right)
        for post in self.posts:
            self.due[post.leg.name] = self.world.time.passed

    def start(self) -> None:
        """Start the agent from what its disk holds."""
        boot = self.dice.token()
        time = self.world.time
        bare = SkewedClock(time, self.off, lambda: None)
        self.board = MemoryBoard(bare.now(), boot)
        self.clock = SkewedClock(time, self.off, lambda: self.board.read().skew)
        self.journal = self._open()
        plan: Any = self.world.plan(self.state)
        rules: Any = Rules(self.world.rules)
        shop = Shop(plan, self.journal, self.keys, self, self.board, self.clock, self.dice, rules, boot)
        self.posts: list[Post] = list(posts(shop).all)
        self.daemon = Daemon(self.posts, self.clock, self.dice, self.board)
        self.due = {post.leg.name: time.passed + self._jitter(3) for post in self.posts}

    def _open(self) -> Journal:
        at = self.clock.now()
        return Journal.open(Path(self.name), self.box, vfs=self.vfs.name, locking="exclusive", now=at)

    def close(self) -> None:
        """Switch it off for good."""
        with suppress(Exception):
            self.journal.close()
        self.vfs.unregister()

    # ---- what happens to it

    def die(self) -> None:
        """Kill the agent; half of the time the power goes too."""
        if self.r.random() < 0.5:
            self.disk.dead = True
        with suppress(BaseException):
            self.journal.close()
        self.disk.dead = False
        self.disk.cut(self.r.choice(MODES), self.r)
        self.start()

    def set_clock(self, off: timedelta) -> None:
        """Set its wall clock, wrong by so much from now on, while everything runs."""
        self.off = self.clock.off = off

    def lose_state(self) -> None:
        """Damage the journal: it is set aside, an empty one begins, and says so."""
        self.journal.close()
        self.left.clear()
        self.disk.files, self.disk.gone = {}, {}
        fresh = self._open()
        fresh.write(lambda tx: _start_lost(tx, self.clock.now().utc))
        fresh.close()
        self.start()

    def save_or_restore(self) -> None:
        """Save the journal, or put the last copy back: an image of the machine, from another day."""
        self.journal.close()
        if self.saved:
            self._hold(self.saved)
            self.saved = {}
            self.left.clear()
        else:
            self.saved = self.files()
        self.start()

    def files(self) -> dict[str, bytes]:
        """Return what its disk holds."""
        return {name: bytes(file.current) for name, file in self.disk.files.items()}

    def clone(self, other: "Computer") -> None:
        """Become a copy of the other computer, folder of keys and disk."""
        shutil.copytree(other.state, self.state)
        name = {old: old.replace(other.name, self.name) for old in other.files()}
        self._hold({name[old]: data for old, data in other.files().items()})
        self.begin()

    def _hold(self, files: dict[str, bytes]) -> None:
        self.disk.files = {name: Platter(data, bytearray(data)) for name, data in files.items()}
        self.disk.gone = {}

    # ---- what it does

    def step(self, post: Post) -> str:
        """Step one leg and note when it is due again; return what a trace keeps of it."""
        world = self.world
        world.stepping = self
        try:
            wait = self.daemon.turn(post, self.clock.now())
        except Boom:
            world.counts["crash"] += 1
            self.die()
            return "died"
        finally:
            world.stepping = None
        if post.down is not None and post.down[0] == "bug":
            raise AssertionError(f"{post.leg.name} met a bug at {world.time.passed}")
        least = self._jitter(30) if post.leg.name == "receive" else timedelta(milliseconds=10)
        self.due[post.leg.name] = world.time.passed + max(wait, least)
        for other in self.posts:
            if other.wake.is_set():
                other.wake.clear()
                soon, other.soon = other.soon or timedelta(0), None
                self.due[other.leg.name] = min(self.due[other.leg.name], world.time.passed + soon)
        return f"{wait} {post.down and post.down[0]}"

    def rouse(self) -> None:
        """End the long poll that waits at the hub, if one does."""
        post = next(one for one in self.posts if one.leg.name == "receive")
        if post.down is None:
            self.due["receive"] = self.world.time.passed

    def _jitter(self, seconds: float) -> timedelta:
        return timedelta(seconds=self.r.random() * seconds)

    # ---- its way to the hub (agent.ports.Hub)

    def call(self, envelope: Envelope, wait: timedelta) -> Answer:
        """Be the way to the hub, with everything a network may do."""
        world, r, gone = self.world, self.r, Transient(say("reach the hub"), say("no answer"))
        knobs = world.knobs
        world.may_die(self)
        if envelope.verb in {"offer", "outcomes"}:
            self.left.add(envelope.jws)
        if world.faults and (world.hub_away or self.cut_off or r.random() < knobs.lost / 3):
            raise gone
        if world.faults and r.random() < knobs.repeated:
            self.late.append(envelope)
            if r.random() < 0.3:  # it overtakes nothing: it comes later, after others, and nobody waits any more
                raise gone
        sent: Instant = self.clock.now()
        jws = world.answer(envelope)
        world.may_die(self)
        if world.faults and r.random() < knobs.lost / 3:
            raise gone
        return Answer(jws, sent, timedelta(milliseconds=100))
