# ruff: noqa: D401 - a docstring here states what is promised, as a test does
"""What reading promises.

Rule: a busy time is never offered, and nobody at the clinic notices that we read.
"""

import threading
from datetime import timedelta

from adapters.conformance.bench import DAY, MONDAY, NAME, SITE, Bench, Broken, Opening, at, cells, expect, free, promise
from agent.core.errors import CreneauError
from agent.core.model import Cell, Severity, Window
from agent.ports import Agenda, Emr, Names

MORNING = cells(8, 9, 10, 11)


@promise()
def reads_the_whole_window(bench: Bench) -> None:
    """Every free slot of the window is there, with its practitioner, site, source and exact times."""
    bench.fresh([*MORNING, *cells(9, who="102"), Opening("102", MONDAY + timedelta(days=9, hours=9))])
    emr = bench.adapter()
    week = emr.slots(Window(MONDAY, MONDAY + timedelta(days=14)))
    seen = sorted((s.practitioner.key, s.start, s.end - s.start, s.site, s.emr) for s in week.slots)
    quarter = timedelta(minutes=15)
    due = [("101", each.start, quarter, SITE.id, NAME) for each in MORNING]
    due += [("102", MONDAY + timedelta(days=n, hours=9), quarter, SITE.id, NAME) for n in (0, 9)]
    expect(seen, due, "slots of two weeks")
    expect(week.complete, due=True, what="complete")
    emr.close()


@promise()
def windows_are_half_open(bench: Bench) -> None:
    """A slot that starts at the window's start is in it, one that starts at its end is not."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    window = Window(MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=11))
    reading = emr.slots(window)
    expect(sorted(s.start.hour for s in reading.slots), [9, 10], "hours from 9 to 11")
    expect(reading.window, window, "the window answered")
    emr.close()


@promise()
def times_are_aware(bench: Bench) -> None:
    """Every time carries the site's own offset."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    reading = emr.slots(DAY)
    offsets = {time.utcoffset() for slot in reading.slots for time in (slot.start, slot.end)}
    expect(offsets, {MONDAY.utcoffset()}, "offsets")
    expect(reading.as_of.utcoffset() is None, due=False, what="as_of is naive")
    emr.close()


@promise()
def keys_are_stable(bench: Bench) -> None:
    """A slot keeps its key over reads, restarts and other people's bookings; at most 80 ASCII characters."""
    bench.fresh(MORNING)
    first = bench.adapter()
    before = {slot.start: slot.key for slot in first.slots(DAY).slots}
    first.close()
    bench.book(MORNING[0])
    second = bench.adapter()
    after = {slot.start: slot.key for slot in second.slots(DAY).slots}
    expect(after, {start: key for start, key in before.items() if start in after}, "keys after a restart")
    expect([key for key in before.values() if len(key) > 80 or not key.isascii()], [], "keys too long or not ASCII")
    second.close()


@promise()
def no_slot_twice(bench: Bench) -> None:
    """One key a slot, one slot a key."""
    bench.fresh([*MORNING, *cells(8, 9, who="102")])
    emr = bench.adapter()
    slots = emr.slots(DAY).slots
    expect(len(slots), len({slot.key for slot in slots}), "number of keys")
    expect(len(slots), len({(slot.practitioner.key, slot.start) for slot in slots}), "number of places")
    emr.close()


@promise()
def busy_is_never_free(bench: Bench) -> None:
    """A time with an appointment is not offered, received patients included; other practitioners' are."""
    bench.fresh([*MORNING, *cells(9, who="102")])
    bench.book(MORNING[1])
    bench.receive(bench.book(MORNING[2]))
    emr = bench.adapter()
    expect(free(emr), [8, 9, 11], "free hours")
    expect(at(emr, 9, "102").practitioner.key, "102", "who is free at 9")
    emr.close()


@promise()
def freed_is_flagged(bench: Bench) -> None:
    """A slot that is free again because of a cancellation says so, or is not offered."""
    bench.fresh(MORNING)
    bench.cancel(bench.book(MORNING[1]))
    emr = bench.adapter()
    flags = {slot.start.hour: slot.after_cancel for slot in emr.slots(DAY).slots}
    expect(flags, {hour: hour == 9 for hour in flags}, "after_cancel by hour")
    emr.close()


@promise()
def codes_keep_their_case(bench: Bench) -> None:
    """The EMR's own word comes verbatim: "s" is not "S"."""
    bench.fresh([*cells(8), *cells(9, code="S"), *cells(10)])
    emr = bench.adapter()
    expect([slot.type for slot in sorted(emr.slots(DAY).slots, key=lambda s: s.start)], ["s", "S", "s"], "types")
    emr.close()


@promise()
def reads_leave_nothing_behind(bench: Bench) -> None:
    """After a read nothing is locked and nothing is remembered: the screens write at once, the next read sees it."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    expect(free(emr), [8, 9, 10, 11], "free hours before")
    bench.book(MORNING[0])
    expect(free(emr), [9, 10, 11], "free hours after a booking")
    emr.close()


@promise()
def check_changes_nothing(bench: Bench) -> None:
    """`check` finds something to say, no fault in a sound EMR, and leaves every row as it was."""
    bench.fresh(MORNING)
    bench.book(MORNING[0])
    before = bench.appointments()
    emr = bench.adapter()
    findings = list(emr.check())
    expect(bool(findings), due=True, what="findings")
    expect([each.code for each in findings if each.severity is Severity.FAULT], [], "faults")
    expect(bench.appointments(), before, "appointments after check")
    expect(free(emr), [9, 10, 11], "free hours after check")
    emr.close()


@promise()
def closes_from_anywhere(bench: Bench) -> None:
    """close() may come twice and from another thread; afterwards the family of core.errors answers, nothing else."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    emr.slots(DAY)
    other = threading.Thread(target=emr.close)
    other.start()
    other.join(10)
    expect(other.is_alive(), due=False, what="close still runs after 10 s")
    emr.close()
    _refuses(emr)


@promise("agenda")
def agenda_agrees_with_slots(bench: Bench) -> None:
    """The clinic's own view has the free slots of slots(), and every appointment as busy."""
    bench.fresh(MORNING)
    bench.book(MORNING[1])
    emr = bench.adapter()
    if isinstance(emr, Agenda):
        rows = list(emr.rows(DAY))
        expect(sorted(row.start.hour for row in rows if row.cell is Cell.FREE), [8, 10, 11], "free rows")
        expect([row.start.hour for row in rows if row.cell is not Cell.FREE], [9], "other rows")
    emr.close()


@promise("names")
def names_count_free_slots(bench: Bench) -> None:
    """Every code in use is named with the number of its free slots."""
    bench.fresh([*MORNING, *cells(8, who="102", code="W")])
    bench.book(MORNING[1])
    emr = bench.adapter()
    if isinstance(emr, Names):
        counts = {(each.kind, each.code): each.free for each in emr.names(DAY) if each.free}
        due = {("type", "s"): 3, ("type", "W"): 1, ("practitioner", "101"): 3, ("practitioner", "102"): 1}
        expect({key: counts.get(key) for key in due}, due, "free slots by code")
    emr.close()


def _refuses(emr: Emr) -> None:
    try:
        emr.slots(DAY)
    except CreneauError:
        return
    raise Broken("a closed adapter still reads")


PROMISES = (
    reads_the_whole_window,
    windows_are_half_open,
    times_are_aware,
    keys_are_stable,
    no_slot_twice,
    busy_is_never_free,
    freed_is_flagged,
    codes_keep_their_case,
    reads_leave_nothing_behind,
    check_changes_nothing,
    closes_from_anywhere,
    agenda_agrees_with_slots,
    names_count_free_slots,
)
