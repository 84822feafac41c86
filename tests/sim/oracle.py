"""What must be true of a simulated clinic: always, and once every fault has ended.

Rule: the EMR is the truth; the agent and the hub are only compared with it.
"""

from collections import Counter

from adapters.memory import MemoryEmr
from agent.core.booking import State
from agent.core.changes import roots
from agent.core.model import Window
from agent.core.sharing import share
from hub import outcomes
from tests.sim.world import EMR, MAIN, NAME, RULES, World


def standing(world: World) -> Counter[str]:
    """Return how many active appointments each booking has."""
    rows = world.clinic.rows.values()
    return Counter(row.text.partition(",")[0] for row in rows if row.creator == "creneau" and row.status != "cancelled")


def safe(world: World) -> None:
    """I1 save inside an open move, and I2."""
    unverified = {booking for booking, known in world.clinic.applied.items() if not known.verified}
    for booking, count in standing(world).items():
        assert count <= (2 if booking in unverified else 1), f"{booking} has {count} appointments"
    places: Counter[str] = Counter(row.key for row in world.clinic.rows.values() if row.status != "cancelled")
    assert not [key for key, count in places.items() if count > 1], "two people in one slot"


def converged(world: World) -> None:
    """Hold that the hub's word on each booking is the EMR's; its view is the sharing rules' over the EMR, roots equal."""
    safe(world)
    have = standing(world)
    rows = {row.booking: row for row in world.journal.records().bookings()}
    with world.hub.store.read() as conn:
        for booking in world.bookings():
            word = outcomes.word(conn, NAME, booking.booking, booking.version)
            row = rows.get(booking.booking)
            story = f"{booking.booking} v{booking.version}: {outcomes.by_rev(conn, NAME, booking.booking)}, {row}"
            if word == outcomes.CHECKING:
                torn = outcomes.contradicts(conn, NAME, booking.booking)
                last = outcomes.last(conn, NAME, booking.booking)
                on_hold = last is not None and last["outcome"] == "held"
                assert torn or on_hold or (row is not None and row.state in {State.UNSURE, State.QUARANTINE}), story
            else:
                assert (word == outcomes.BOOKED) == (have[booking.booking] > 0), story
    _view(world)


def _view(world: World) -> None:
    now = world.clock.now().utc
    emr = MemoryEmr(EMR, world.clinic, world.clock)
    free = emr.slots(Window(now, now + RULES.horizon)).slots
    views = world.journal.views(EMR)
    want = set(share(free, RULES, now, views.since(), views.held()).offered)
    assert set(views.known()) == want, "the view is not what the rules make of the agenda"
    mine = dict(roots(world.journal.outbox().view(), frozenset({MAIN})))
    assert world.held()["roots"] == mine, "hub and clinic hold other slots"
