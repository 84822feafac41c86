"""Put each leg at its post: one publish and one apply a source, the other three once.

Rule: one object of an EMR a leg; the order of posts is the order of stopping.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from agent import __version__
from agent.answers.sharing import posture_of
from agent.answers.update import is_behind, take_release
from agent.config import EmrPlan, Plan
from agent.core.booking import Cancels, Then
from agent.core.health import Source, Vitals
from agent.core.model import EmrName, Instant, SiteId, Slot, SlotId
from agent.core.sharing import Posture
from agent.daemon import Pace, Post
from agent.journal import Journal
from agent.keys import VaultKeys
from agent.legs.apply import Apply
from agent.legs.beat import Beat
from agent.legs.deliver import Deliver
from agent.legs.publish import Publish
from agent.legs.receive import Receive
from agent.ports import Board, Bookings, Books, Clock, Dice, Emr, Hub
from agent.wiring.catalog import open_emr
from agent.wiring.hearing import listener
from agent.wiring.hinting import hinter, pace
from agent.wiring.inforce import InForce

MINUTE = timedelta(minutes=1)
HOURLY = timedelta(hours=1)
"""How long the legs of a hub that will not have us wait before they ask again."""

HUB = "hub"
"""The peer of the three legs that talk to the hub."""

READ_FIRST = timedelta(seconds=10)
"""How long deliver waits for the first read: a view sent before it would use up the tick."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What every leg of one agent shares."""

    plan: Plan
    journal: Journal
    keys: VaultKeys
    hub: Hub
    board: Board
    clock: Clock
    dice: Dice
    rules: InForce
    boot: str
    wake: Callable[..., None] = lambda *_kinds: None


@dataclass(slots=True)
class Posts:
    """The posts, and the two legs that others must reach."""

    all: Sequence[Post]
    deliver: Deliver
    applies: Sequence[Apply]


def posts(shop: Shop, wake: Callable[[], None] = lambda: None) -> Posts:
    """Return every post in stop order: listeners and hints, receive, publish, apply, deliver, beat. Raises Misconfigured.

    `wake`: makes every source be read now; a message to one may speak of another's agenda.
    """
    plan = shop.plan
    tick = min(emr.poll for emr in plan.emrs)
    phase = shop.dice.between(timedelta(0), tick)
    publishes = [_publish(shop, source, phase) for source in plan.emrs]
    applies = [_apply(shop, source) for source in plan.emrs]
    receive = Receive(
        inbox=shop.journal.inbox(_only(plan)),
        hub=shop.hub,
        keys=shop.keys,
        dice=shop.dice,
        board=shop.board,
        boot=shop.boot,
    )
    deliver = Deliver(
        outbox=shop.journal.outbox(),
        hub=shop.hub,
        keys=shop.keys,
        dice=shop.dice,
        board=shop.board,
        sites=_sites(plan),
        sources=_sources(plan),
        tick=tick,
        phase=phase,
    )
    # The EMR is read at the tick and publish then wakes deliver; half a tick later deliver looks again by itself. What
    # a hint makes be read earlier leaves earlier too: at most one difference a question.
    every = [
        *[post for source in plan.emrs for post in _hear(shop, source, phase, wake, deliver.now_at_once)],
        Post(receive, Pace(MINUTE, mend=HOURLY), close=shop.hub.close, peer=HUB),
        *publishes,
        *[post for post, _ in applies],
        Post(deliver, Pace(tick, phase + tick / 2, mend=HOURLY), close=shop.hub.close, first=READ_FIRST, peer=HUB),
        Post(_beat(shop), Pace(MINUTE, shop.dice.between(timedelta(0), MINUTE), mend=HOURLY), peer=HUB),
    ]
    return Posts(every, deliver, [leg for _, leg in applies])


def _hear(
    shop: Shop, source: EmrPlan, phase: timedelta, wake: Callable[[], None], new: Callable[[], None]
) -> Iterator[Post]:
    """Yield the post of a source that says by itself that something changed, or can be asked: none has both."""
    emr = _open(shop, source)
    if (ear := listener(emr, source.id, wake)) is not None:
        yield Post(ear, Pace(MINUTE, mend=MINUTE), close=ear.close)
    elif (hint := hinter(emr, source.id, source.poll, new)) is not None:
        yield Post(hint, pace(source.poll, phase), close=emr.close)


def _publish(shop: Shop, source: EmrPlan, phase: timedelta) -> Post:
    emr = _open(shop, source)
    leg = Publish(
        emr=emr,
        views=shop.journal.views(source.id),
        rules=shop.rules,
        board=shop.board,
        fresh=_tokens(shop.dice),
        recall=_recall(shop.journal.bookings(source.id)),
        interval=source.poll,
    )
    return Post(leg, Pace(source.poll, phase), close=emr.close)


def _apply(shop: Shop, source: EmrPlan) -> tuple[Post, Apply]:
    emr = _open(shop, source)
    elsewhere = {other.id: _open(shop, other) for other in shop.plan.emrs if other.id != source.id}
    inbox, records = shop.journal.inbox(), shop.journal.records()
    # No cursor: no full list of orders was read since the state was made, lost or the hub's log changed.
    leg = Apply(
        emr=emr,
        bookings=shop.journal.bookings(source.id),
        keys=shop.keys,
        board=shop.board,
        rules=shop.rules,
        mode=source.bookings,
        max_per_hour=shop.plan.booking.max_per_hour,
        cancels=Cancels(shop.plan.booking.cancel_until, Then(shop.plan.booking.after_cancel)),
        interval=source.poll,
        freeze=_freezer(shop),
        closed=lambda: inbox.cursor() is None,
        enquire=lambda: "lost" in records.facts(),
        early=lambda: "receive" not in shop.board.read().legs,
        others={name: other for name, other in elsewhere.items() if isinstance(other, Books)},
    )

    def close() -> None:
        for one in (emr, *elsewhere.values()):
            one.close()

    return Post(leg, Pace(source.poll, shop.dice.between(timedelta(0), source.poll)), close=close), leg


def _freezer(shop: Shop) -> Callable[[], None]:
    """Return what stops all writing, durably, until a person says go on."""

    def freeze() -> None:
        records = shop.journal.records()
        posture = posture_of(records.facts()).then(Posture.FROZEN)
        records.put({"posture": posture.value}, shop.clock.now(), kind="posture")
        shop.rules.renew(shop.plan)

    return freeze


def _sources(plan: Plan) -> dict[EmrName, Source]:
    sites = {emr.id: frozenset(site.id for site in plan.sites if site.emr == emr.id) for emr in plan.emrs}
    return {emr.id: Source(sites[emr.id], emr.poll) for emr in plan.emrs}


def _beat(shop: Shop) -> Beat:
    plan = shop.plan
    countersign = _Ledger(shop)
    return Beat(
        outbox=shop.journal.outbox(),
        inbox=shop.journal.inbox(_only(plan)),
        hub=shop.hub,
        keys=shop.keys,
        dice=shop.dice,
        board=shop.board,
        sites=frozenset(site.id for site in plan.sites),
        sources=_sources(plan),
        vitals=countersign.vitals,
        countersigned=countersign.keep,
        followed=countersign.follow,
        noted=lambda kind, jws, now: _note(shop, kind, jws, now),
        rekeyed=lambda: shop.wake("receive", "deliver"),
        released=countersign.released,
    )


def _note(shop: Shop, kind: str, jws: str, now: Instant) -> None:
    shop.journal.records().line(kind, jws.encode(), now)


@dataclass(slots=True)
class _Ledger:
    """What a beat says of machine and vault, and the ledger's head once a day for the hub to countersign."""

    shop: Shop
    _signed: date | None = None

    def vitals(self, now: Instant) -> Vitals:
        records = self.shop.journal.records()
        head = records.head() if now.utc.date() != self._signed else None
        return Vitals(
            version=__version__,
            os="windows" if sys.platform == "win32" else sys.platform,
            instance=self.shop.keys.identity().instance,
            disk="low" if records.sizes().low else "ok",
            key_age_d=self.shop.keys.age(now.utc).days,
            update=is_behind(records.facts()),
            keys=self.shop.keys.keyset(),
            sealing=self.shop.keys.sealing(),
            ledger_head=head.hash.hex() if head is not None else None,
        )

    def keep(self, answer: str, now: Instant) -> None:
        self.shop.journal.records().line("countersigned", answer.encode(), now)
        self._signed = now.utc.date()

    def released(self, line: str, now: Instant) -> None:
        take_release(line, self.shop.keys, self.shop.journal.records(), now)

    def follow(self, sets: Sequence[str], now: Instant) -> None:
        self.shop.journal.records().line("hub-keys", json.dumps({"turns": list(sets)}).encode(), now)


def _open(shop: Shop, source: EmrPlan) -> Emr:
    return open_emr(shop.plan, source, shop.journal, shop.keys, shop.clock, shop.dice)


def _only(plan: Plan) -> EmrName | None:
    return plan.emrs[0].id if len(plan.emrs) == 1 else None


def _sites(plan: Plan) -> dict[SiteId, dict[str, str]]:
    return {
        site.id: {
            "id": site.id,
            "name": site.name,
            "address": site.address,
            "phone": site.phone,
            "zone": site.time_zone,
            "outage_text": site.phone,
        }
        for site in plan.sites
    }


def _tokens(dice: Dice) -> Iterator[SlotId]:
    while True:
        yield SlotId(dice.token())


def _recall(bookings: Bookings) -> Callable[[SlotId], Slot | None]:
    def recall(slot: SlotId) -> Slot | None:
        return bookings.slot(slot, None)

    return recall
