# ruff: noqa: D401 - a docstring here states what is promised, as a test does
"""What holds when two write at once, or when we are cut off in the middle.

Rule: never two in one time, never two of one booking; a human at the clinic wins.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from adapters.conformance.bench import (
    MINE,
    OTHER,
    Bench,
    Broken,
    at,
    book,
    books,
    cancel,
    cells,
    desk,
    expect,
    free,
    mine,
    move,
    promise,
)
from agent.core.booking import Effect, Outcome
from agent.core.errors import Ambiguous, Transient
from agent.core.model import BookingId, Slot
from agent.ports import Emr

HOURS = (8, 9, 10, 11)
MORNING = cells(*HOURS)


@promise("fenced")
def two_agents_one_time(bench: Bench) -> None:
    """Two agents that book one time at the same moment: one booked, one conflict, one appointment."""
    bench.fresh(MORNING)
    reader = bench.adapter()
    slots = [at(reader, hour) for hour in HOURS]
    reader.close()
    for hour, slot in zip(HOURS, slots, strict=True):
        first, second = (BookingId(f"{each}-{hour}") for each in (MINE, OTHER))
        effects = _together(bench, [_booker(slot, first), _booker(slot, second)])
        outcomes = sorted(effect.outcome for effect in effects)
        expect(outcomes, [Outcome.BOOKED, Outcome.CONFLICT], f"outcomes at {hour} h")
    expect(mine(bench), list(HOURS), "ours")


@promise("fenced")
def two_agents_one_booking(bench: Bench) -> None:
    """Two agents with the same order at the same moment: one appointment, both answer it."""
    bench.fresh(MORNING)
    reader = bench.adapter()
    slot = at(reader, 9)
    reader.close()
    effects = _together(bench, [_booker(slot, MINE)] * 2)
    expect([effect.outcome for effect in effects], [Outcome.BOOKED] * 2, "outcomes")
    expect(len({effect.ref for effect in effects}), 1, "appointments named")
    expect(mine(bench), [9], "ours")


@promise("books")
def a_human_wins(bench: Bench) -> None:
    """Somebody at the desk who saw the time free and books it in the same moment keeps it; ours is undone."""
    bench.fresh(MORNING)
    emr = bench.between(lambda: _ignore(bench.book(MORNING[1])))
    effect = book(emr, at(emr, 9))
    expect((effect.outcome, effect.ref), (Outcome.CONFLICT, None), "effect")
    expect((mine(bench), desk(bench)), ([], [9]), "ours and theirs")
    expect(free(emr), [8, 10, 11], "free hours")
    emr.close()


@promise("moves")
def a_human_wins_against_a_move(bench: Bench) -> None:
    """A move that loses its new time to the desk in the same moment keeps the old one."""
    bench.fresh(MORNING)
    first = bench.adapter()
    old, new = at(first, 9), at(first, 10)
    had = book(first, old)
    first.close()
    emr = bench.between(lambda: _ignore(bench.book(MORNING[2])))
    effect = move(emr, new, 2, had, old)
    expect((effect.outcome, effect.ref), (Outcome.CONFLICT, had.ref), "effect")
    expect((mine(bench), desk(bench)), ([9], [10]), "ours and theirs")
    emr.close()


@promise("moves")
def a_move_wins_first(bench: Bench) -> None:
    """A move never costs the patient the old appointment, even if the desk takes in that moment all that is free."""
    bench.fresh(MORNING)
    first = bench.adapter()
    old, new = at(first, 9), at(first, 10)
    had = book(first, old)
    first.close()

    def take_all() -> None:
        if 9 not in mine(bench):
            bench.book(MORNING[1])
        bench.book(MORNING[2])

    emr = bench.between(take_all)
    with suppress(Ambiguous):
        move(emr, new, 2, had, old)
    expect(len(mine(bench)), 1, "ours afterwards")
    expect(9 in mine(bench) and 9 in desk(bench), due=False, what="the old time taken twice")
    emr.close()


@promise("fenced")
def cut_off_then_again(bench: Bench) -> None:
    """A write cut off before it answered is settled by running it again: one appointment."""
    bench.fresh(MORNING)
    emr = bench.between(_crash)
    slot = at(emr, 9)
    _cut(emr, lambda: book(emr, slot))
    again = bench.adapter()
    expect(book(again, slot).outcome, Outcome.BOOKED, "outcome")
    expect(mine(bench), [9], "ours")
    again.close()


@promise("fenced")
def cut_off_yields_too(bench: Bench) -> None:
    """A write cut off before its last look still gives way to the desk when it is run again."""
    bench.fresh(MORNING)
    emr = bench.between(_crash)
    slot = at(emr, 9)
    _cut(emr, lambda: book(emr, slot))
    bench.book(MORNING[1])
    again = bench.adapter()
    expect(book(again, slot).outcome, Outcome.CONFLICT, "outcome")
    expect((mine(bench), desk(bench)), ([], [9]), "ours and theirs")
    again.close()


@promise("moves")
def cut_off_move_then_cancel(bench: Bench) -> None:
    """A cancel after a move that was cut off leaves neither the old appointment nor the new one."""
    bench.fresh(MORNING)
    first = bench.adapter()
    old, new = at(first, 9), at(first, 10)
    had = book(first, old)
    first.close()
    emr = bench.between(_crash)
    _cut(emr, lambda: move(emr, new, 2, had, old))
    again = bench.adapter()
    expect(cancel(again, 3, had.ref, old).outcome, Outcome.CANCELLED, "outcome")
    expect(mine(bench), [], "ours")
    expect(books(again).find(MINE), cancel(again, 3, had.ref, old), "found")
    again.close()


def _booker(slot: Slot, booking: BookingId) -> Callable[[Emr], Effect]:
    return lambda emr: book(emr, slot, 1, booking)


class _Cut(BaseException):
    """The process ends here."""


def _crash() -> None:
    raise _Cut


def _cut(emr: Emr, work: Callable[[], Effect]) -> None:
    try:
        effect = work()
    except _Cut:
        return
    finally:
        emr.close()
    raise Broken(f"the bench did not step into the write, which answered {effect.outcome}")


def _together(bench: Bench, works: Sequence[Callable[[Emr], Effect]]) -> list[Effect]:
    """Run each on an adapter and a thread of its own, from one barrier; Transient is tried again, as the agent does."""
    gate, effects, wrong = threading.Barrier(len(works)), list[Effect](), list[BaseException]()

    def run(work: Callable[[Emr], Effect]) -> None:
        emr = bench.adapter()
        try:
            gate.wait(10)
            effects.append(_patiently(lambda: work(emr)))
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            wrong.append(error)
        finally:
            emr.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for error in wrong:
        raise Broken("an agent of two ended in an error") from error
    return effects


def _patiently(work: Callable[[], Effect]) -> Effect:
    for _ in range(20):
        try:
            return work()
        except Transient:
            continue
    raise Broken("twenty times in a row the EMR was busy")


def _ignore(_: object) -> None:
    """Let an act of the desk return nothing."""


PROMISES = (
    two_agents_one_time,
    two_agents_one_booking,
    a_human_wins,
    a_human_wins_against_a_move,
    a_move_wins_first,
    cut_off_then_again,
    cut_off_yields_too,
    cut_off_move_then_cancel,
)
