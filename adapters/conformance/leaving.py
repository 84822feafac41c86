# ruff: noqa: D401 - a docstring here states what is promised, as a test does
"""What cancelling promises, and what an error may say.

Rule: after a reported cancel no active appointment appears again; a patient is named nowhere but in the EMR.
"""

import logging
import traceback

from adapters.conformance.bench import (
    DAY,
    MINE,
    SECRETS,
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
    promise,
)
from agent.core.booking import Effect, Outcome
from agent.core.errors import CreneauError
from agent.core.model import Slot
from agent.ports import Emr

MORNING = cells(8, 9, 10, 11)


@promise("books")
def a_cancel_frees(bench: Bench) -> None:
    """After "cancelled" nothing of ours is active and the time is free; again is the same."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    slot = at(emr, 9)
    had = book(emr, slot)
    expect(cancel(emr, 2, had.ref, slot).outcome, Outcome.CANCELLED, "outcome")
    expect((mine(bench), free(emr)), ([], [8, 9, 10, 11]), "ours and free")
    expect(cancel(emr, 2, had.ref, slot).outcome, Outcome.CANCELLED, "outcome again")
    emr.close()


@promise("books")
def cancelling_nothing_is_cancelled(bench: Bench) -> None:
    """A cancel of a booking the EMR never saw is cancelled."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    expect(cancel(emr, 2).outcome, Outcome.CANCELLED, "outcome")
    expect(bench.appointments(), [], "appointments")
    emr.close()


@promise("tombstone")
def a_late_booking_stays_cancelled(bench: Bench) -> None:
    """A booking that arrives after its own cancel is not written, after a restart neither."""
    bench.fresh(MORNING)
    first = bench.adapter()
    slot = at(first, 9)
    effect = cancel(first, 2)
    first.close()
    second = bench.adapter()
    expect(book(second, slot, version=1), effect, "effect of the late booking")
    expect(mine(bench), [], "ours")
    second.close()


@promise("books")
def a_newer_booking_comes_back(bench: Bench) -> None:
    """After a cancel a newer version may book again."""
    bench.fresh(MORNING)
    emr = bench.adapter()
    had = book(emr, at(emr, 9))
    cancel(emr, 2, had.ref)
    effect = book(emr, at(emr, 10), version=3)
    expect((effect.outcome, effect.version), (Outcome.BOOKED, 3), "effect")
    expect(mine(bench), [10], "ours")
    emr.close()


@promise("books")
def strangers_are_never_cancelled(bench: Bench) -> None:
    """A cancel that names a row of the clinic's own leaves it, to the last character."""
    bench.fresh(MORNING)
    ref = bench.book(MORNING[1])
    before = bench.appointments()
    emr = bench.adapter()
    cancel(emr, 2, ref)
    expect(bench.appointments(), before, "the clinic's appointments")
    emr.close()


@promise("books")
def a_failed_write_leaves_nothing(bench: Bench) -> None:
    """An error of the EMR becomes one of core.errors, leaves no appointment, and the same write works later."""
    bench.fresh(MORNING)
    with bench.failing() as emr:
        slot = at(emr, 9)
        _fails(emr, slot)
        emr.close()
    expect((mine(bench), desk(bench)), ([], []), "appointments after the error")
    again = bench.adapter()
    expect(book(again, slot).outcome, Outcome.BOOKED, "outcome later")
    expect(mine(bench), [9], "ours later")
    again.close()


@promise("books")
def patients_are_named_nowhere(bench: Bench) -> None:
    """No word of the patient is in an effect, a finding, an error and its causes, a log line or a repr."""
    bench.fresh(MORNING)
    heard = _Ear()
    logging.getLogger("creneau").addHandler(heard)
    try:
        emr = bench.adapter()
        effect = book(emr, at(emr, 9))
        told = [effect, emr, books(emr).find(MINE), list(books(emr).ours(DAY)), list(emr.check()), emr.slots(DAY)]
        emr.close()
        with bench.failing() as bad:
            error = _fails(bad, at(bad, 10), version=2)
            bad.close()
    finally:
        logging.getLogger("creneau").removeHandler(heard)
    text = "\n".join([*map(repr, told), *heard.lines, *traceback.format_exception(error), repr(error.args)])
    expect([word for word in SECRETS if word.casefold() in text.casefold()], [], "words of the patient")


def _fails(emr: Emr, slot: Slot, version: int = 1) -> CreneauError:
    try:
        done: Effect = book(emr, slot, version=version)
    except CreneauError as error:
        return error
    raise Broken(f"the EMR refused the write and the adapter answered {done.outcome}")


class _Ear(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


PROMISES = (
    a_cancel_frees,
    cancelling_nothing_is_cancelled,
    a_late_booking_stays_cancelled,
    a_newer_booking_comes_back,
    strangers_are_never_cancelled,
    a_failed_write_leaves_nothing,
    patients_are_named_nowhere,
)
