# ruff: noqa: D401 - a docstring here states what is promised, as a test does
"""What happens to an appointment of ours that staff touched.

Rule: it is theirs from then on; we say so and change nothing, save that a patient may still cancel a moved one.
"""

from adapters.conformance.bench import (
    DAY,
    MINE,
    Bench,
    at,
    book,
    books,
    cancel,
    cells,
    expect,
    mine,
    move,
    promise,
)
from agent.core.booking import Effect, Outcome
from agent.core.model import EmrRef, Slot
from agent.ports import Emr

MORNING = cells(8, 9, 10, 11)


@promise("books")
def moved_by_staff_is_theirs(bench: Bench) -> None:
    """An appointment staff moved is `changed`, with its new slot; a later move of the patient's leaves it there."""
    emr, slot, had = _booked(bench)
    new = at(emr, 11)
    bench.move(_ref(had), MORNING[2])
    _is_theirs(emr, Outcome.CHANGED)
    before = bench.appointments()
    if books(emr).rules.moves:
        expect(move(emr, new, 2, had, slot).theirs, due=True, what="theirs after our move")
        expect(bench.appointments(), before, "appointments after our move")
    emr.close()


@promise("books")
def moved_by_staff_may_be_cancelled(bench: Bench) -> None:
    """A patient's cancel still reaches an appointment that staff only moved."""
    emr, slot, had = _booked(bench)
    bench.move(_ref(had), MORNING[2])
    expect(cancel(emr, 2, had.ref, slot).outcome, Outcome.CANCELLED, "outcome")
    expect(mine(bench), [], "ours")
    emr.close()


@promise("books")
def cancelled_by_staff_is_theirs(bench: Bench) -> None:
    """An appointment staff cancelled is `cancelled-by-clinic` and is not made again."""
    emr, slot, had = _booked(bench)
    bench.cancel(_ref(had))
    _is_theirs(emr, Outcome.CANCELLED_BY_CLINIC)
    expect(book(emr, slot).outcome, Outcome.CANCELLED_BY_CLINIC, "outcome of the same order again")
    expect(bench.appointments(), [], "appointments")
    emr.close()


@promise("books")
def received_is_theirs(bench: Bench) -> None:
    """An appointment whose patient arrived is `changed`, and no cancel touches it."""
    emr, slot, had = _booked(bench)
    bench.receive(_ref(had))
    _is_theirs(emr, Outcome.CHANGED)
    before = bench.appointments()
    effect = cancel(emr, 2, had.ref, slot)
    expect((effect.outcome, effect.theirs), (Outcome.CHANGED, True), "effect of a cancel")
    expect(bench.appointments(), before, "appointments after a cancel")
    emr.close()


def _booked(bench: Bench) -> tuple[Emr, Slot, Effect]:
    bench.fresh(MORNING)
    emr = bench.adapter()
    slot = at(emr, 9)
    return emr, slot, book(emr, slot)


def _ref(effect: Effect) -> EmrRef:
    return effect.ref or EmrRef("")


def _is_theirs(emr: Emr, outcome: Outcome) -> None:
    found = books(emr).find(MINE)
    expect((found and found.outcome, found and found.theirs), (outcome, True), "found")
    seen = [(each.booking, each.outcome, each.theirs) for each in books(emr).ours(DAY)]
    expect(seen, [(MINE, outcome, True)], "ours")


PROMISES = (
    moved_by_staff_is_theirs,
    moved_by_staff_may_be_cancelled,
    cancelled_by_staff_is_theirs,
    received_is_theirs,
)
