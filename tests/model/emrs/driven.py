"""The FHIR adapter as it ships on a small FHIR server: each request is a step, and so is each look-up's.

Rule: what becomes of a lost request is the adapter's own decision, at whichever request it happens.
"""

import json
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any

from adapters.fhir.profile import Profile
from adapters.fhir.record import read
from agent.core.booking import Effect, Write
from agent.core.errors import CreneauError
from agent.core.model import BookingId, Slot, SlotKey
from tests.model.emrs.adapter import Adapter, Mishap, Node, Task
from tests.model.emrs.model import FAIL, NEXT, REPLY, Done, Model, Row
from tests.model.emrs.server import WHO, Kept, Reply, Request, Server, Store, put, times
from tests.model.values import LONGEST, QUIET

DESK, LATE = "desk", "desk, over ours"
FREE = frozenset({"cancelled", "entered-in-error"})


class Driven(Model):
    """One profile on one server. A step of a write is (what is asked, the adapter's point, condition checked)."""

    lasting = True
    atomic = False
    stepwise = True

    def __init__(self, profile: Profile, server: Server) -> None:
        super().__init__()
        self.name = f"FHIR adapter, {profile.create}, {profile.rules.recovery.value}"
        self.adapter, self.server = Adapter(profile), server
        self.rules = replace(
            profile.rules, longest_write=LONGEST, quiet=QUIET if profile.rules.quiet else profile.rules.quiet
        )
        self.late = profile.is_fenced
        self.begins = server.empty()

    # ---- one request

    def _point(self, write: Write | BookingId, pc: Any) -> tuple[Node, int, bool]:
        number, checked = (self.adapter.begin(Task(write)), False) if pc == 0 else pc[1:]
        return self.adapter.nodes[number], number, checked

    def _run(self, emr: Store, write: Any, pc: Any) -> tuple[Hashable, str, Any]:
        node, number, checked = self._point(write, pc)
        assert node.request is not None
        after, reply = self.server.handle(emr, node.request, checked=checked)
        if reply is None:
            return after, NEXT, (f"{node.request}, found nothing", number, True)
        return self._went(after, self.adapter.answered(number, reply))

    def _went(self, emr: Store, number: int) -> tuple[Hashable, str, Any]:
        node = self.adapter.nodes[number]
        if node.request is not None:
            return emr, NEXT, (str(node.request), number, False)
        return emr, FAIL if isinstance(node.end, CreneauError) else REPLY, node.end

    def mishaps(self, state: int, write: Any, pc: Hashable) -> tuple[tuple[str, Done], ...]:
        """Return what the adapter does when the request is lost, or the server cannot be reached."""

        def work() -> tuple[tuple[str, Done], ...]:
            return tuple((word, self._after(state, write, pc, kind)) for word, kind in self._kinds(write, pc))

        return self.once(("mishaps", state, write, pc), work)

    def _kinds(self, write: Any, pc: Hashable) -> Iterator[tuple[str, Mishap]]:
        yield "is lost on its way", "lost"
        if self.leaves(write, pc):  # a read that cannot be had is the same as one that is lost
            yield "cannot be sent", "away"

    def _after(self, state: int, write: Any, pc: Hashable, kind: Mishap) -> Done:
        after, word, what = self._went(self.pool.items[state], self.adapter.answered(self._point(write, pc)[1], kind))
        return self.pool(after), word, what

    def leaves(self, write: Any, pc: Hashable) -> bool:
        """Say whether the request may change something when it arrives late."""
        request = self._point(write, pc)[0].request
        return request is not None and request.writes

    def arrives(self, state: int, write: Any, pc: Hashable) -> int:
        """Carry out a request that nobody waits for any more."""

        def work() -> int:
            node, _, checked = self._point(write, pc)
            assert node.request is not None
            emr = self.pool.items[state]
            if checked:
                return self.pool(self.server.handle(emr, node.request, checked=True)[0])
            return self.pool(self.server.at_once(emr, node.request))

        return self.once(("arrives", state, write, pc), work)

    def is_dead(self, state: int, write: Any, pc: Hashable) -> bool:
        """Say whether the server refuses the request for ever."""

        def work() -> bool:
            request = self._point(write, pc)[0].request
            return request is not None and self.server.refuses(self.pool.items[state], request)

        return bool(self.once(("dead", state, write, pc), work))

    # ---- what the leg and the invariants see

    def _whole(self, emr: Store, what: str) -> Any:
        def handle(request: Request) -> Reply:
            nonlocal emr
            emr, reply = self.server.handle(emr, request)
            if reply is None:
                emr, reply = self.server.handle(emr, request, checked=True)
            assert reply is not None
            return reply

        end = self.adapter.whole(Task(what), handle)
        return emr, end

    def slots(self, state: int) -> tuple[Slot, ...]:
        """Return what the adapter reads as free."""
        return self.once(("slots", state), lambda: self._whole(self.pool.items[state], "slots")[1])

    def _ours(self, emr: Store) -> list[Effect]:
        found: list[Effect] = self._whole(emr, "ours")[1]
        return found

    def _find(self, emr: Store, booking: BookingId) -> tuple[Hashable, Effect | None]:
        found: tuple[Store, Effect | None] = self._whole(emr, booking)
        return found

    def _rows(self, emr: Store) -> tuple[Row, ...]:
        found, unsure = [], set()
        for one in emr.kept:
            body = json.loads(one.text)
            if one.kind != "Appointment" or body["status"] in FREE:
                continue
            own = read(one.whole)
            key = SlotKey(body["slot"][0]["reference"].removeprefix("Slot/"))
            if own is not None and own.is_pending:
                unsure.add(own.booking)
            mine = own is not None and (own.is_ours or own.is_pending)
            late = body.get("comment") == LATE or not self.server.fresh  # a search that lags does not show her
            found.append(Row(one.id, key, own.booking if own and mine else None, late=late, ours=own is not None))
        return tuple(replace(row, pending=row.booking in unsure) for row in found)

    # ---- people, and time at the server

    def _desk(self, emr: Store, key: SlotKey) -> Hashable:
        over = any(row.slot == key and row.booking for row in self._rows(emr))  # she saw ours, or could have
        number = 1 + sum(one.kind == "Appointment" for one in emr.kept)
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "comment": LATE if over else DESK,
            "slot": [{"reference": f"Slot/{key}"}],
            "participant": [{"actor": {"reference": WHO}, "status": "accepted"}],
            **times(key),
        }
        emr = put(emr, Kept("Appointment", f"a{number}", 1, json.dumps(body, sort_keys=True)))
        slot = next(one for one in emr.kept if one.kind == "Slot" and one.id == key)
        shown = json.loads(slot.text)
        if shown["status"] != "free":
            return emr
        text = json.dumps({**shown, "status": "busy"}, sort_keys=True)
        return put(emr, slot._replace(version=slot.version + 1, text=text, left=False))

    def events(self, state: int, *, idle: bool) -> tuple[tuple[str, int], ...]:
        """Return what else may happen at the server. `idle`: no request is waited for."""

        def work() -> tuple[tuple[str, int], ...]:
            return tuple((word, self.pool(after)) for word, after in self._events(self.pool.items[state], idle=idle))

        return self.once(("events", state, idle), work)

    def _events(self, emr: Store, *, idle: bool) -> Iterator[tuple[str, Store]]:
        if not self.server.fresh and emr.index != emr.kept:
            yield "the search finds the newest", emr._replace(index=emr.kept)
        if idle and emr.aged != emr:
            yield "six minutes pass at the server", emr.aged
