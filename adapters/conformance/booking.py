# ruff: noqa: D401 - a docstring here states what is promised, as a test does
"""What booking promises while nobody else is at work.

Rule: one booking, one appointment; the same question gets the same answer.
"""

from datetime import timedelta

from adapters.conformance.bench import (
    DAY,
    MINE,
    MONDAY,
    OTHER,
    Bench,
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
from agent.core.booking import Outcome
from agent.core.model import BookingId, Window

MORNING = cells(8, 9, 10, 11)


@promise("books")
def a_booking_is_there(bench: Bench) -> None:
    """After "booked" the EMR holds one appointment of ours at that time, and the effect names it."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    slot = at(emr, 9)
    effect = book(emr, slot)
    expect((effect.outcome, effect.slot, effect.theirs), (Outcome.BOOKED, slot.key, False), "effect")
    expect([row.ref for row in bench.appointments() if row.ours], [effect.ref], "appointments of ours")
    expect((mine(bench), free(emr)), ([9], [8, 10, 11]), "ours and free")
    emr.close()


@promise("books")
def find_is_evidence(bench: Bench) -> None:
    """find() tells what was written, after a restart too; None for a booking never seen."""
    bench.fresh(MORNING)
    first = bench.adapter()
    effect = book(first, at(first, 9))
    first.close()
    second = bench.adapter()
    expect(books(second).find(MINE), effect, "found")
    expect(books(second).find(OTHER), None, "found of another")
    second.close()


@promise("books")
def again_is_the_same(bench: Bench) -> None:
    """The same version again, after a restart too, writes nothing and answers the same."""
    bench.fresh(MORNING)
    first = bench.adapter()
    slot = at(first, 9)
    effect = book(first, slot)
    before = bench.appointments()
    expect(book(first, slot), effect, "effect again")
    first.close()
    second = bench.adapter()
    expect(book(second, slot), effect, "effect after a restart")
    expect(bench.appointments(), before, "appointments")
    second.close()


@promise("fenced")
def older_answers_the_stored(bench: Bench) -> None:
    """A version below the EMR's memory writes nothing and answers what is stored, with its version."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    early, late = at(emr, 9), at(emr, 10)
    effect = book(emr, late, version=3)
    expect(book(emr, early, version=2), effect, "effect of an older version")
    expect(mine(bench), [10], "ours")
    emr.close()


@promise("books")
def taken_is_a_conflict(bench: Bench) -> None:
    """A time that somebody has is a conflict, whatever an earlier read said; nothing of ours is written."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    slot = at(emr, 9)
    bench.book(MORNING[1])
    effect = book(emr, slot)
    expect((effect.outcome, effect.ref), (Outcome.CONFLICT, None), "effect")
    expect((mine(bench), desk(bench)), ([], [9]), "ours and theirs")
    emr.close()


@promise("books")
def ours_is_taken_too(bench: Bench) -> None:
    """Two bookings never share a time."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    slot = at(emr, 9)
    book(emr, slot)
    expect(book(emr, slot, booking=OTHER).outcome, Outcome.CONFLICT, "outcome of the second")
    expect(mine(bench), [9], "ours")
    emr.close()


@promise("books")
def overlap_is_taken(bench: Bench) -> None:
    """A visit that only overlaps the slot takes it as well; one that ends where it begins does not."""
    bench.fresh(cells(9, 9.25, 9.5, 10))
    emr = bench.adapter()
    slot, after = at(emr, 9.25), at(emr, 10)
    early = cells(9)[0]
    bench.book(type(early)(early.practitioner, early.start, minutes=30))
    expect(book(emr, slot).outcome, Outcome.CONFLICT, "outcome under a long visit")
    bench.book(type(early)(early.practitioner, early.start + timedelta(minutes=30), minutes=30))
    expect(book(emr, after, booking=OTHER).outcome, Outcome.BOOKED, "outcome after a long visit")
    emr.close()


@promise("moves")
def a_move_leaves_one(bench: Bench) -> None:
    """After a move the EMR holds the new appointment only; the old time is free; again is the same."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    old, new = at(emr, 9), at(emr, 10)
    had = book(emr, old)
    effect = move(emr, new, 2, had, old)
    expect((effect.outcome, effect.slot, effect.version), (Outcome.BOOKED, new.key, 2), "effect")
    expect((mine(bench), free(emr)), ([10], [8, 9, 11]), "ours and free")
    expect(move(emr, new, 2, had, old), effect, "effect again")
    expect(mine(bench), [10], "ours after again")
    emr.close()


@promise("moves")
def a_lost_move_keeps_the_old(bench: Bench) -> None:
    """When the new time is taken the patient keeps the old one, untouched, and the effect names it."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    old, new = at(emr, 9), at(emr, 10)
    had = book(emr, old)
    before = bench.appointments()
    bench.book(MORNING[2])
    effect = move(emr, new, 2, had, old)
    expect((effect.outcome, effect.ref), (Outcome.CONFLICT, had.ref), "effect")
    expect([row for row in bench.appointments() if row.ours], before, "ours")
    expect(cancel(emr, 3, had.ref, old).outcome, Outcome.CANCELLED, "outcome of a later cancel")
    expect(mine(bench), [], "ours after a later cancel")
    emr.close()


@promise("moves")
def what_stands_is_named_to_a_stranger(bench: Bench) -> None:
    """An agent that never heard of a booking learns what it has: by the conflict, or by find() where that comes first."""
    bench.fresh(MORNING)
    first = bench.adapter()
    old, new = at(first, 9), at(first, 10)
    had = book(first, old)
    first.close()
    bench.book(MORNING[2])
    stranger = bench.adapter()
    emr = books(stranger)
    effect = emr.find(MINE) if emr.rules.enquire_first else book(stranger, new, version=2)
    expect(effect and effect.ref, had.ref, "what the booking has")
    expect(mine(bench), [9], "ours")
    stranger.close()


@promise("moves")
def moving_nowhere_changes_nothing(bench: Bench) -> None:
    """A newer version with the same time keeps the very appointment."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    slot = at(emr, 9)
    had = book(emr, slot)
    effect = move(emr, slot, 2, had, slot)
    expect((effect.outcome, effect.ref, effect.version), (Outcome.BOOKED, had.ref, 2), "effect")
    expect(mine(bench), [9], "ours")
    emr.close()


@promise("books")
def ours_lists_what_we_made(bench: Bench) -> None:
    """ours() lists the standing appointments we made in the window, no other window's and nobody else's."""
    bench.fresh([*MORNING, *cells(33)])
    bench.book(MORNING[0])
    emr = bench.adapter()
    kept = book(emr, at(emr, 9))
    tuesday = Window(DAY.end, DAY.end + timedelta(days=1))
    later = next(slot for slot in emr.slots(tuesday).slots if slot.start == MONDAY + timedelta(hours=33))
    other = book(emr, later, booking=OTHER)
    gone = BookingId("kit-booking-3")
    cancel(emr, 2, book(emr, at(emr, 10), booking=gone).ref, booking=gone)
    expect(list(books(emr).ours(DAY)), [kept], "ours of Monday")
    expect(list(books(emr).ours(tuesday)), [other], "ours of Tuesday")
    emr.close()


PROMISES = (
    a_booking_is_there,
    find_is_evidence,
    again_is_the_same,
    older_answers_the_stored,
    taken_is_a_conflict,
    ours_is_taken_too,
    overlap_is_taken,
    a_move_leaves_one,
    a_lost_move_keeps_the_old,
    what_stands_is_named_to_a_stranger,
    moving_nowhere_changes_nothing,
    ours_lists_what_we_made,
)
