"""The hub's half of slot sync: the real view on a database in memory, put back to any earlier state by its rows.

Rule: requests are opened and answered as the hub does it; its memory of requests seen is left out, so that every
repetition must be harmless by what it says.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import create_engine, delete, insert, select

from agent.core.changes import roots
from agent.core.envelope import Rejected, answer, named, open_request
from agent.core.model import SiteId, SlotId
from agent.core.sharing import revive
from hub import view
from hub.ask import as_of
from hub.problem import Problem
from hub.schema import CLINIC as CLINICS
from hub.schema import SITE, SLOT, TABLES, micros
from hub.store import clinic_row
from hub.verbs.enrol import new_clinic
from hub.wire import Beat, Offer, read
from tests.model.sync.agent_side import AGENT_KEY, CLINIC, HUB_KEY, ORIGIN, moment
from tests.model.values import Violation

LOG = "log"


class Hub(NamedTuple):
    """The hub at rest: epoch, seq, and the rows of its sites and slots."""

    epoch: int
    seq: int
    sites: tuple[tuple[Any, ...], ...]
    slots: tuple[tuple[Any, ...], ...]


class HubSide:
    """Each request on each state worked out once."""

    def __init__(self) -> None:
        self.engine = create_engine("sqlite://")
        TABLES.create_all(self.engine)
        self._memo: dict[tuple[object, ...], Any] = {}

    def empty(self) -> Hub:
        """Return the hub that only knows the clinic."""
        return Hub(0, 0, (), ())

    def takes(self, hub: Hub, request: str, tick: int) -> tuple[Hub, str | None]:
        """Return the hub after one request, and its signed answer."""
        key = (hub, request, tick)
        if key not in self._memo:
            self._memo[key] = self._taken(hub, request, tick)
        return self._memo[key]  # type: ignore[no-any-return]

    def offers(self, hub: Hub, tick: int) -> frozenset[str]:
        """Return the ids a portal is shown now."""
        key = ("offers", hub, tick)
        if key not in self._memo:
            self._memo[key] = self._with(hub, lambda conn: self._shown(conn, tick))
        return self._memo[key]  # type: ignore[no-any-return]

    def _with(self, hub: Hub, work: Callable[[Any], Any]) -> Any:
        with self.engine.begin() as conn:
            for table in (SLOT, SITE, CLINICS):
                conn.execute(delete(table))
            row = new_clinic(CLINIC, "clinic", "instance", 0) | {"epoch": hub.epoch, "seq": hub.seq}
            conn.execute(insert(CLINICS).values(row))
            for table, rows in ((SITE, hub.sites), (SLOT, hub.slots)):
                if rows:
                    names = [column.name for column in table.columns]
                    conn.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
            return work(conn)

    @staticmethod
    def _shown(conn: Any, tick: int) -> frozenset[str]:
        now = micros(moment(tick).utc)
        return frozenset(conn.scalars(select(SLOT.c.id).select_from(view.joined()).where(view.offered(now))))

    def _taken(self, hub: Hub, request: str, tick: int) -> tuple[Hub, str | None]:
        return self._with(hub, lambda conn: self._answered(conn, hub, request, tick))  # type: ignore[no-any-return]

    def _answered(self, conn: Any, hub: Hub, request: str, tick: int) -> tuple[Hub, str | None]:
        at = moment(tick).utc
        problems = set()
        for verb in ("offer", "beat"):
            try:
                opened = open_request(request, named([AGENT_KEY]), verb=verb, aud=ORIGIN, now=at)
            except Rejected as no:
                problems.add(no.problem)
                continue
            step = conn.begin_nested()
            try:
                body = self._run(conn, verb, opened, micros(at))
                step.commit()
            except Problem as no:
                (step.commit if no.keep else step.rollback)()
                body = {"problem": no.word, **no.members}
            body |= {"body_sha256": opened.payload_sha256}
            said = answer(
                verb, body, HUB_KEY, iss=ORIGIN, aud=CLINIC, jti="a", to=request, re=opened.jti, now=at, log=LOG
            )
            return self._held(conn), said
        if "clock-skew" not in problems:
            raise Violation("sync", f"the hub turned the agent's own request away: {problems}")
        return hub, None

    @staticmethod
    def _run(conn: Any, verb: str, opened: Any, now: int) -> dict[str, Any]:
        clinic = clinic_row(conn, CLINIC)
        assert clinic is not None
        if verb == "offer":
            return view.apply(conn, clinic, read(Offer, opened.claims), as_of(opened.claims, now))
        asked = read(Beat, opened.claims)
        word = view.renew(conn, clinic, asked.renew, as_of(opened.claims, now)) if asked.renew else ""
        if word:
            raise Problem(word, {}, keep=True)
        return {"turn": None, "pace": {"wait_s": 25}, "keys": []}

    @staticmethod
    def _held(conn: Any) -> Hub:
        clinic = clinic_row(conn, CLINIC)
        assert clinic is not None
        sites = tuple(tuple(row) for row in conn.execute(select(SITE).order_by(SITE.c.id)))
        slots = tuple(tuple(row) for row in conn.execute(select(SLOT).order_by(SLOT.c.id)))
        return Hub(clinic.epoch, clinic.seq, sites, slots)


def true_roots(hub: Hub) -> dict[str, tuple[str, str]]:
    """Return for each site the root the hub keeps and the one its slots really have."""
    names = [column.name for column in SLOT.columns]
    slots = [json.loads(dict(zip(names, row, strict=True))["slot"]) for row in hub.slots]
    held = {SlotId(slot["id"]): revive(slot) for slot in slots}
    kept = {row[1]: row[3] for row in hub.sites}
    really = roots(held, frozenset(SiteId(site) for site in kept))
    return {site: (root, really[SiteId(site)]) for site, root in kept.items()}
