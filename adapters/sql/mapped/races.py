"""The desk and the agent want one time, again and again, on a scratch copy.

Rule: hers stands alone each time; a race that ends otherwise is told, never tried once more.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta

from adapters.conformance.bench import MONDAY, Opening, book
from adapters.sql.mapped.bench import DOING, MappedBench
from adapters.sql.session import Session
from adapters.sql.write import Point
from agent.core.booking import Outcome
from agent.core.errors import CreneauError, Transient
from agent.core.model import BookingId, Slot, Window
from agent.ports import Emr, Proved

WHENS = ("before", "during", "after")
PATIENCE_S = 20


class Desk:
    """One screen with three habits: it saves before our check, while we hold our lock, or right after our commit."""

    def __init__(self, bench: MappedBench, session: Session, opening: Opening, when: str) -> None:
        """Take the screen's own connection."""
        self._query, self._values = bench.desk_statement(opening)
        self._session = session
        self._when = when
        self._thread: threading.Thread | None = None
        self._held, self._go = threading.Event(), threading.Event()
        self.wrong: BaseException | None = None

    def step(self, point: Point) -> None:
        """Do what this screen does at this point of our write."""
        if (self._when, point) in {("before", Point.CLAIMED), ("during", Point.CHECKED)}:
            self._thread = threading.Thread(target=self._save)
            self._thread.start()
            if self._when == "before":  # she has inserted and not yet saved: our check waits for her, or sees her
                self._held.wait(PATIENCE_S)
            self._go.set()
        elif point is Point.COMMITTED and self._when == "after":
            self._go.set()
            self._save()
        elif point is Point.COMMITTED:
            self.join()

    def join(self) -> None:
        """Wait until she has saved."""
        if self._thread is not None:
            self._thread.join(PATIENCE_S)

    def _save(self) -> None:
        try:
            with self._session.writing(DOING) as work:
                work.change(self._query.sql, *self._values)
                self._held.set()
                self._go.wait(PATIENCE_S)
        except CreneauError as error:
            self.wrong = error
            self._held.set()


def races(bench: MappedBench, runs: int) -> Iterator[Proved]:
    """Run each habit `runs` times; every time of the day is raced for once."""
    for when in WHENS:
        openings = [
            Opening("101", MONDAY + timedelta(days=n // 32, hours=8, minutes=15 * (n % 32))) for n in range(runs)
        ]
        bench.fresh(openings)
        wrong = _race(bench, openings, when)
        yield Proved(f"race: the desk saves {when}", not wrong, wrong, runs)


def _race(bench: MappedBench, openings: list[Opening], when: str) -> str:
    """Return what went wrong, "" for nothing."""
    desks: list[Desk] = []
    emr = bench.stepped(lambda point: desks[-1].step(point) if desks else None)
    session = Session(bench.desk_dialect())
    try:
        slots = {slot.start: slot for slot in emr.slots(Window(MONDAY, MONDAY + timedelta(days=400))).slots}
        for n, opening in enumerate(openings):
            desks.append(Desk(bench, session, opening, when))
            outcome = _patiently(emr, slots[opening.start], BookingId(f"race-{when}-{n}"))
            desks[-1].join()
            if desks[-1].wrong is not None or outcome is not Outcome.CONFLICT:
                return f"run {n}: {outcome}, desk: {desks[-1].wrong!r}"
    finally:
        emr.close()
        session.close()
    standing = bench.appointments()
    ours, times = [row for row in standing if row.ours], {row.start for row in standing}
    return (
        "" if not ours and len(standing) == len(times) == len(openings) else f"{len(standing)} stand, {len(ours)} ours"
    )


def _patiently(emr: Emr, slot: Slot, booking: BookingId) -> Outcome:
    """Try again what was surely not done, as the agent does."""
    for _ in range(5):
        try:
            return book(emr, slot, booking=booking).outcome
        except Transient:
            continue
    return Outcome.CHECKING
