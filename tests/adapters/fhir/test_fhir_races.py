"""Two agents on one real server at the same moment."""

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

from adapters.conformance import NAME, Opening
from adapters.conformance.bench import DAY, MONDAY, book, books, someone
from adapters.fhir.factory import open_
from adapters.fhir.rows import ROWS
from agent.core.booking import Effect, Op, Outcome, Write
from agent.core.errors import Ambiguous, Transient
from agent.core.model import BookingId, Slot
from agent.ports import Emr, Tools
from tests.adapters.fhir.conftest import Place

SLOTS, ORDERS, HANDS = 50, 200, 4


def patiently(emr: Emr, write: Write) -> Effect:
    """Run a write as the agent does: again after a Transient or a lost answer."""
    for _ in range(50):
        try:
            return books(emr).write(write)
        except (Transient, Ambiguous):
            continue
    raise AssertionError("fifty times in a row the server was busy")


def crowd(place: Place, agents: list[Tools], orders: list[tuple[BookingId, Slot]]) -> list[Effect]:
    """Let two agents with several hands each take the orders off one pile."""
    pile, effects, wrong = list(orders), list[Effect](), list[BaseException]()

    def work(tools: Tools) -> None:
        emr = open_(NAME, place.server.options, tools)
        try:
            while pile:
                booking, slot = pile.pop()
                write = Write(booking, 1, Op.BOOK, slot, None, None, someone(booking, 1), None)
                effects.append(patiently(emr, write))
        except IndexError:
            return  # another hand took the last one
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            wrong.append(error)
        finally:
            emr.close()

    threads = [threading.Thread(target=work, args=(tools,)) for tools in agents for _ in range(HANDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert wrong == []
    return effects


def test_two_hundred_orders_for_fifty_slots(place: Place, other: Tools, tmp_path: Path) -> None:
    """Exactly 50 are booked, none twice, and every outcome is what the server then holds."""
    bench = place.bench(tmp_path)
    bench.fresh([Opening("101", MONDAY + timedelta(minutes=15 * n)) for n in range(SLOTS)])
    reader = bench.adapter()
    slots = sorted(reader.slots(DAY).slots, key=lambda slot: slot.start)
    orders = [(BookingId(f"race-{n:04}-{slot.start:%H%M}"), slot) for n in range(ORDERS // SLOTS) for slot in slots]
    effects = crowd(place, [place.tools, other], orders)
    assert Counter(effect.outcome for effect in effects) == {Outcome.BOOKED: SLOTS, Outcome.CONFLICT: ORDERS - SLOTS}
    standing = bench.appointments()
    assert sorted(row.ref for row in standing) == sorted(str(effect.ref) for effect in effects if effect.ref)
    assert Counter(row.start for row in standing) == {slot.start: 1 for slot in slots}
    assert reader.slots(DAY).slots == ()
    assert {effect.booking: reader.find(effect.booking) for effect in effects} == {one.booking: one for one in effects}
    reader.close()


def test_a_cancel_meets_its_own_booking(place: Place, other: Tools, tmp_path: Path) -> None:
    """Version 1 books while another agent cancels by version 2: nothing stands afterwards, and the slot is free."""
    bench = place.bench(tmp_path)
    for n in range(4):
        bench.fresh([Opening("101", MONDAY + timedelta(hours=9))])
        reader = bench.adapter()
        slot, booking, gate = reader.slots(DAY).slots[0], BookingId(f"meets-{n:04}"), threading.Barrier(2)
        writes = [
            Write(booking, 1, Op.BOOK, slot, None, None, someone(booking, 1), None),
            Write(booking, 2, Op.CANCEL, None, None, None, None, None),
        ]

        def run(write: Write, tools: Tools, gate: threading.Barrier = gate) -> None:
            emr = open_(NAME, place.server.options, tools)
            gate.wait(120)
            patiently(emr, write)
            emr.close()

        pairs = zip(writes, (place.tools, other), strict=True)
        threads = [threading.Thread(target=run, args=pair) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        found = reader.find(booking)
        assert found is not None
        assert (found.outcome, found.version) == (Outcome.CANCELLED, 2)
        assert (bench.appointments(), len(reader.slots(DAY).slots)) == ([], 1)
        reader.close()


def test_a_booking_beside_a_stranger_is_its_own(place: Place, tmp_path: Path) -> None:
    """The profile both agents work by was seen, not declared; SEKMET lets doubles through and they are struck."""
    bench = place.bench(tmp_path)
    bench.fresh([Opening("101", MONDAY + timedelta(hours=9))])
    emr = bench.adapter()
    assert emr.rules.fenced
    decides = {"create-race", "own-id-once", "transaction"}
    assert {row.key for row in ROWS if row.act.__module__.endswith("behaviour")} & set(place.lacks) <= decides
    assert book(emr, emr.slots(DAY).slots[0]).outcome is Outcome.BOOKED
    emr.close()
