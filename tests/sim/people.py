"""Who acts on a simulated clinic: patients at a portal, and the desk by the EMR's own screens.

Rule: they know what real ones know: the hub's offer and their own bookings; the agenda on the screen.
"""

import json
import random
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from adapters.memory import Clinic
from agent.core.envelope import import_jwk, named, open_statement, seal_patient
from agent.core.model import EmrRef, SlotKey
from hub import orders, view
from hub.schema import CLINIC, CLINIC_KEY, SLOT, micros

if TYPE_CHECKING:
    from tests.sim.world import World

OURS, HERS = "creneau", "desk"


class Portal:
    """A booking site; `knows`: booking to its newest version."""

    def __init__(self, world: "World") -> None:
        self.world, self.r = world, random.Random(f"{world.seed}-portal")
        self.knows: dict[str, int] = {}
        self.n = 0

    def act(self) -> str:
        """Book, hold, confirm, move or cancel; return what was asked, "" = nothing."""
        world, r = self.world, self.r
        shown, known = self._offered(), sorted(self.knows)
        if known and r.random() < 0.5:
            booking = r.choice(known)
            goal = None if r.random() < 0.6 or not shown else r.choice(shown)
        elif shown:
            self.n += 1
            booking, goal = f"booking-{world.seed}-{self.n:03}", r.choice(shown)
        else:
            return ""
        version = self.knows.get(booking, 0) + 1
        hold = goal is not None and version == 1 and r.random() < 0.25
        firm = goal is not None and not hold
        patient = self._sealed(booking, version) if firm else None
        if firm and patient is None:
            return ""
        now = world.time.now()
        until = now + timedelta(minutes=5) if hold else None
        wish = orders.Goal(version, goal, "hold" if hold else "firm", until, now + timedelta(minutes=10), patient)
        with suppress(orders.Turned):
            orders.place(world.hub, world.NAME, booking, wish, "portail")
            self.knows[booking] = version
            if r.random() < 0.8:
                world.rouse()
        return f"{booking} v{version} {goal} {hold}"

    def _offered(self) -> list[str]:
        """Return the ids of the slots a portal may order."""
        now = micros(self.world.time.now())
        asked = select(SLOT.c.id).select_from(view.joined()).where(view.offered(now)).order_by(SLOT.c.start, SLOT.c.id)
        with self.world.hub.store.read() as conn:
            return list(conn.scalars(asked))

    def _sealed(self, booking: str, version: int, **more: str) -> str | None:
        """Seal a patient to the key the hub has the clinic's word for; None while it has none. `more`: of the patient."""
        name = self.world.NAME
        live = (CLINIC_KEY.c.clinic == name, CLINIC_KEY.c.retired.is_(None))
        with self.world.hub.store.read() as conn:
            text = conn.scalar(select(CLINIC.c.statement).where(CLINIC.c.id == name))
            keys = named(import_jwk(json.loads(row)) for row in conn.scalars(select(CLINIC_KEY.c.signing).where(*live)))
        if text is None:
            return None
        patient = {"booking": booking, "version": version, "family": booking, "given": "A", **more}
        return seal_patient(patient, open_statement(text, keys, clinic=name).key)


class Desk:
    """The receptionist; `wrote`: each of her rows as she left it."""

    def __init__(self, world: "World") -> None:
        self.world, self.r = world, random.Random(f"{world.seed}-desk")
        self.wrote: dict[tuple[int, EmrRef], object] = {}

    def act(self) -> str:
        """Book a free cell or cancel a row of her own."""
        n, clinic = self._clinic()
        hers = self._rows(clinic, HERS)
        if hers and self.r.random() < 0.4:
            ref: EmrRef | None = self.r.choice(hers)
            clinic.receptionist().cancel(EmrRef(str(ref)))
        else:
            ref = clinic.receptionist().book(SlotKey(self.r.choice(sorted(clinic.openings))))
        if ref is not None:
            self.wrote[n, ref] = clinic.rows[ref]
        return f"desk {n} {ref}"

    def touch(self) -> str:
        """Cancel, receive or move an appointment that we made."""
        n, clinic = self._clinic()
        ours = self._rows(clinic, OURS)
        if not ours:
            return ""
        ref, how, desk = self.r.choice(ours), self.r.choice(("cancel", "receive", "move")), clinic.receptionist()
        free = [key for key, cell in sorted(clinic.openings.items()) if not self._taken(clinic, key)]
        if how == "cancel":
            desk.cancel(ref)
        elif how == "receive":
            desk.receive(ref)
        elif free:
            desk.move(ref, self.r.choice(free))
        return f"touch {n} {ref} {how}"

    def _clinic(self) -> tuple[int, Clinic]:
        n = self.r.randrange(len(self.world.clinics))
        return n, list(self.world.clinics.values())[n]

    @staticmethod
    def _rows(clinic: Clinic, creator: str) -> list[EmrRef]:
        return sorted(row.ref for row in clinic.rows.values() if row.creator == creator and row.status == "kept")

    @staticmethod
    def _taken(clinic: Clinic, key: SlotKey) -> bool:
        cell = clinic.openings[key]
        return bool(clinic.overlapping(cell.practitioner, cell.start, cell.end))
