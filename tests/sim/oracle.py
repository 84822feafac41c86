"""What must be true of a simulated clinic: always, and once every fault has ended.

Rule: the EMR is the truth; the agent and the hub are only compared with it.
"""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from adapters.memory import MemoryEmr
from agent.core.booking import Outcome, State
from agent.core.changes import roots
from agent.core.model import Window
from agent.core.sharing import share
from hub import outcomes
from hub.schema import ORDER, OUTCOME, micros
from tests.sim.ledger import claims
from tests.sim.people import OURS
from tests.sim.world import World

ROUGHLY = timedelta(minutes=1)
"""What a slow network and a clock that drifts may make an agent's time differ from the hub's."""


def standing(world: World) -> Counter[str]:
    """Return how many active appointments each booking has."""
    rows = [row for clinic in world.clinics.values() for row in clinic.rows.values()]
    return Counter(row.text.partition(",")[0] for row in rows if row.creator == OURS and row.status != "cancelled")


def safe(world: World) -> None:
    """Hold what must never be untrue: I1 save inside an open move, I2, I6."""
    known = [applied for clinic in world.clinics.values() for applied in clinic.applied.items()]
    unverified = {booking for booking, applied in known if not applied.verified}
    for booking, count in standing(world).items():
        assert count <= (2 if booking in unverified else 1), f"{booking} has {count} appointments"
    for clinic in world.clinics.values():
        places = Counter(row.key for row in clinic.rows.values() if row.status != "cancelled")
        assert not [key for key, count in places.items() if count > 1], "two people in one slot"
    for (n, ref), row in world.desk.wrote.items():
        assert list(world.clinics.values())[n].rows.get(ref) == row, f"we changed row {ref} of the desk"


def timely(world: World) -> None:
    """Hold that no order was called too late before it was: the hub's clock is the one that is right."""
    same = (
        ORDER.c.clinic == OUTCOME.c.clinic,
        ORDER.c.booking == OUTCOME.c.booking,
        ORDER.c.version == OUTCOME.c.version,
    )
    with world.hub.store.read() as conn:
        told = conn.execute(select(OUTCOME.c.body, OUTCOME.c.at, ORDER.c.jws).where(*same)).all()
    for body, at, jws in told:
        if json.loads(body)["outcome"] == Outcome.EXPIRED:
            order = claims(jws)
            ends = min(datetime.fromisoformat(order[name]) for name in ("until", "expires_at") if order.get(name))
            assert micros(ends) - at <= ROUGHLY // timedelta(microseconds=1), f"{order['booking']} was not late"


def differs(world: World) -> list[str]:
    """Return where hub, agent and EMR do not agree yet; empty once the world has converged."""
    have = standing(world)
    rows = {row.booking: row for row in world.current.journal.records().bookings()}
    with world.hub.store.read() as conn:
        found = [_untrue(conn, world, booking, rows.get(booking.booking), have) for booking in world.bookings()]
    return [*filter(None, found), *_view(world)]


def words(world: World) -> Counter[str]:
    """Return how many bookings end in each word a patient may read."""
    with world.hub.store.read() as conn:
        return Counter(outcomes.word(conn, world.NAME, one.booking, one.version) for one in world.bookings())


def _untrue(conn: Any, world: World, booking: Any, row: Any, have: Counter[str]) -> str:
    """Return what is wrong with a booking; "being checked" needs a reason: a hold, a person, a contradiction."""
    name, version = booking.booking, booking.version
    word = outcomes.word(conn, world.NAME, name, version)
    if word == outcomes.CHECKING:
        last = outcomes.last(conn, world.NAME, name)
        open_ = last is not None and last["outcome"] in {"held", "requested"} and last["version"] == version
        waits = row is not None and (row.state in {State.UNSURE, State.QUARANTINE} or _asked_before(last, row))
        fine = outcomes.contradicts(conn, world.NAME, name) or open_ or waits
    else:
        fine = (word == outcomes.BOOKED) == (have[name] > 0)
    told = outcomes.by_rev(conn, world.NAME, name)
    return "" if fine else f"{name} v{version} is {word} with {have[name]} appointments: {told}, {row}"


def _asked_before(last: Any, row: Any) -> bool:
    """Say whether a later life of the agent, which an older image has replaced, had asked a person."""
    return last is not None and last["outcome"] == "checking" and last["rev"] > row.outcome_rev


def _view(world: World) -> list[str]:
    journal, reads, wrong = world.current.journal, world.current.board.read().reads, []
    for name, clinic in world.clinics.items():
        if name not in reads:
            return [f"{name} was not read"]
        now = reads[name].utc  # slots that began since leave the view at the next read
        free = MemoryEmr(name, clinic, world.current.clock).slots(Window(now, now + world.rules.horizon)).slots
        views = journal.views(name)
        want = set(share(free, world.rules, now, views.since(), views.held()).offered)
        if set(views.known()) != want:
            wrong.append(f"{name}: the view is not what the rules make of the agenda")
    mine = dict(roots(journal.outbox().view(), frozenset(world.sources.values())))
    if world.held()["roots"] != mine:
        wrong.append("hub and clinic hold other slots")
    return wrong
