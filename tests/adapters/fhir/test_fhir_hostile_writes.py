"""Writes on a hostile server: cut off, doubled, half done, left behind; bookings stay right."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.conformance.bench import DAY, MINE, OTHER, at, book, books, cancel, cells, free, mine, move, someone
from adapters.fhir.emr import FhirEmr
from adapters.fhir.profile import keep, load
from agent.core.booking import Op, Outcome, Turn, Write
from agent.core.errors import Ambiguous, Transient
from tests.adapters.fhir.conftest import Den
from tests.adapters.fhir.hostile import BARE, MEDPLUM, UNGUARDED, Hostile

MORNING = cells(8, 9, 10, 11)


@pytest.mark.parametrize("flaw", ["cut", "half"])
def test_a_lost_answer_is_ambiguous_and_settled_by_the_same_write(
    flaw: str, den: Callable[[frozenset[str]], Den]
) -> None:
    """Whichever answer of a write is lost, the same write run again leaves one appointment and says so."""
    one = den(MEDPLUM)
    one.tried()
    for nth in range(1, 12):
        bench = one.bench()
        bench.fresh(MORNING)
        emr = one.adapter()
        slot = at(emr, 9)
        left = [nth]

        def handle(*words: Any, left: list[int] = left) -> tuple[int, Any]:
            left[0] -= 1
            one.hostile.flaws = MEDPLUM | ({flaw} if left[0] == 0 else set())
            return Hostile.handle(one.hostile, *words)

        one.hostile.handle = handle  # type: ignore[method-assign]
        with suppress(Ambiguous, Transient):
            book(emr, slot)
        del one.hostile.handle  # type: ignore[misc]
        one.hostile.flaws = MEDPLUM
        assert book(emr, slot).outcome is Outcome.BOOKED
        assert (mine(bench), free(emr)) == ([9], [8, 10, 11])
        emr.close()


def test_a_half_failed_transaction_is_undone(den: Callable[[frozenset[str]], Den]) -> None:
    """A server that keeps half of a transaction under HTTP 200, though the trial saw it keep none, doubles nobody."""
    one = den(frozenset())
    one.tried()
    profile = load(one.tools.store)
    assert profile is not None
    assert profile.atomic
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    slot = at(emr, 9)
    one.hostile.flaws = frozenset({"half-failed"})
    real = one.hostile.transaction

    def late(body: Any) -> tuple[int, Any]:
        one.hostile.transaction = real  # type: ignore[method-assign]
        row = one.hostile.store["Slot", str(slot.key)]
        one.hostile.keep({**row, "status": "busy"})  # somebody at the desk was faster
        return real(body)

    one.hostile.transaction = late  # type: ignore[method-assign]
    assert book(emr, slot).outcome is Outcome.CONFLICT
    assert mine(bench) == []
    emr.close()


def test_an_unfenced_write_needs_enough_of_its_turn(den: Callable[[frozenset[str]], Den]) -> None:
    """The turn is tested again just before the EMR is touched."""
    one = den(UNGUARDED)
    one.tried()
    one.bench().fresh(MORNING)
    emr = one.adapter()
    age = one.tools.clock.now().age
    for left, good in ((timedelta(seconds=59), False), (timedelta(seconds=90), True)):
        write = Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, someone(MINE, 1), Turn(1, age + left))
        if good:
            assert books(emr).write(write).outcome is Outcome.BOOKED
        else:
            with pytest.raises(Transient, match="turn"):
                books(emr).write(write)
    emr.close()


def test_a_second_agents_double_is_struck(den: Callable[[frozenset[str]], Den]) -> None:
    """Two appointments of one booking become one: the verified one stays, the other is entered in error."""
    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    effect = book(emr, at(emr, 9))
    whole = one.hostile.store["Appointment", str(effect.ref)]
    names = [{**name, "value": name["value"].replace(" sure ", " unsure ")} for name in whole["identifier"]]
    one.hostile.keep({**whole, "id": "double", "status": "pending", "identifier": names})
    assert emr.find(MINE) == effect
    assert [row.ref for row in bench.appointments() if row.ours] == [effect.ref]
    assert list(emr.ours(DAY)) == [effect]
    emr.close()


def test_a_move_cut_off_after_its_write_goes_back_when_it_lost(den: Callable[[frozenset[str]], Den]) -> None:
    """The desk took the new time after we looked: the patient has the old one again, and its Slot is still ours."""
    from adapters.fhir.lastlook import Point

    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    old, new = at(emr, 9), at(emr, 10)
    had = book(emr, old)

    def desk(point: Point, _op: Op) -> None:
        if point is Point.WRITTEN:
            bench.book(MORNING[2])

    late = FhirEmr(emr._terms, emr._line, one.tools, desk)
    effect = move(late, new, 2, had, old)
    assert (effect.outcome, effect.ref, effect.slot) == (Outcome.CONFLICT, had.ref, old.key)
    assert (mine(bench), free(emr)) == ([9], [8, 11])
    assert cancel(emr, 3, had.ref, old).outcome is Outcome.CANCELLED
    assert free(emr) == [8, 9, 11]
    emr.close()


def test_a_claim_left_behind_is_free_again(den: Callable[[frozenset[str]], Den]) -> None:
    """A Slot claimed by a write that ended there is offered after five minutes, and may be booked by another."""
    from dataclasses import replace

    from adapters.conformance.bench import OTHER
    from adapters.fhir.terms import CLAIM, CLAIMED

    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    slot = at(emr, 9)
    row = one.hostile.store["Slot", str(slot.key)]
    mark = [{"system": CLAIM, "value": MINE}, {"system": CLAIMED, "value": "1"}]
    kept = one.hostile.keep({**row, "status": "busy", "identifier": mark})
    assert (free(emr), emr.find(MINE)) == ([8, 10, 11], replace(book_of(slot), pending=True))
    kept["meta"]["lastUpdated"] = "2026-01-01T00:00:00Z"
    assert free(emr) == [8, 9, 10, 11]
    assert book(emr, slot, booking=OTHER).outcome is Outcome.BOOKED
    assert mine(bench) == [9]
    emr.close()


def book_of(slot: Any) -> Any:
    from agent.core.booking import Effect

    return Effect(MINE, 1, Outcome.BOOKED, None, slot.key)


def test_holds_are_shown_and_dropped(den: Callable[[frozenset[str]], Den]) -> None:
    """A hold makes the Slot busy-tentative, a second one is refused, its own booking may take it, drop frees it."""
    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    slot, until = at(emr, 9), datetime(2099, 1, 1, tzinfo=UTC)
    assert [emr.hold(MINE, slot, until) for _ in range(2)] == [True, False]
    assert (free(emr), one.hostile.store["Slot", str(slot.key)]["status"]) == ([8, 10, 11], "busy-tentative")
    assert emr.find(MINE) is None
    emr.drop(MINE)
    assert free(emr) == [8, 9, 10, 11]
    assert emr.hold(MINE, slot, until)
    assert book(emr, slot).outcome is Outcome.BOOKED
    emr.drop(MINE)
    assert mine(bench) == [9]
    emr.close()


def test_hints_only_hasten(den: Callable[[frozenset[str]], Den]) -> None:
    """The first question says yes; afterwards only what is newer does, two minutes twice."""
    one = den(frozenset())
    one.bench().fresh(MORNING)
    emr = one.adapter()
    first, cursor = emr.changed(None)
    assert (first, emr.changed(cursor)[0]) == (True, True)
    one.screen.clear("Slot", "Appointment")
    assert emr.changed(cursor)[0] is False
    emr.close()


def test_a_profile_of_another_address_does_not_count(den: Callable[[frozenset[str]], Den]) -> None:
    """What was seen of one server says nothing of another; a note that cannot be read is none."""
    from dataclasses import replace

    one = den(MEDPLUM)
    one.tried()
    emr = one.adapter()
    profile = load(one.tools.store)
    assert profile is not None
    keep(one.tools.store, replace(profile, fingerprint="another"))
    assert emr.rules.fenced is False
    one.tools.store.note({"capability": b"{"})
    assert load(one.tools.store) is None
    emr.close()


@pytest.mark.parametrize(
    ("flaws", "create", "fenced"),
    [
        (BARE, "client-id", False),
        (BARE | {"no-own-ids"}, "search", False),
        (BARE | {"none-match"}, "if-none-match", True),
        (BARE | {"mute"}, "client-id", False),
        (BARE | {"none-match", "mute"}, "if-none-match", True),
        (BARE | {"no-own-ids", "minimal"}, "search", False),
    ],
)
def test_each_way_of_creating_makes_one_appointment(
    flaws: frozenset[str], create: str, fenced: bool, den: Callable[[frozenset[str]], Den]
) -> None:
    """By our id, by our id if absent, or by looking before and after: booked, moved, cancelled, and never twice."""
    one = den(flaws)
    one.tried()
    profile = load(one.tools.store)
    assert profile is not None
    assert (profile.create, profile.is_fenced) == (create, fenced)
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    old, new = at(emr, 9), at(emr, 10)
    had = book(emr, old)
    assert book(emr, old) == had
    assert move(emr, new, 2, had, old).outcome is Outcome.BOOKED
    assert (mine(bench), free(emr)) == ([10], [8, 9, 11])
    assert cancel(emr, 3, had.ref, new) == emr.find(MINE)
    late = cancel(emr, 2, booking=OTHER)
    assert (late.outcome, book(emr, old, booking=OTHER)) == (Outcome.CANCELLED, late)
    assert (mine(bench), free(emr)) == ([], [8, 9, 10, 11])
    assert len([key for key in one.hostile.store if key[0] == "Appointment"]) == 2
    emr.close()
