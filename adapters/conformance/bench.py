"""What an adapter's author supplies, and the few words the promises are written with.

Rule: the bench looks at the EMR by itself, never through the adapter it judges.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from agent.core.booking import Effect, Op, Turn, Write
from agent.core.model import BookingId, EmrName, EmrRef, Instant, Patient, SiteId, Slot, Window
from agent.ports import Agenda, Books, Emr, Names, SitePart

NAME = EmrName("kit")
SITE = SitePart(SiteId("principal"), "America/Toronto")
ZONE = ZoneInfo(SITE.zone)
MONDAY = datetime(2026, 11, 23, tzinfo=ZONE)
NOW = datetime(2026, 11, 20, 12, tzinfo=ZONE)
DAY = Window(MONDAY, MONDAY + timedelta(days=1))
MINE, OTHER = BookingId("kit-booking-1"), BookingId("kit-booking-2")
TURN = Turn(1, timedelta(hours=2))
"""An hour left by the clock that stands `Still`: unfenced adapters write only under one."""
READING = ("", "agenda", "names")
"""What a promise may need of an adapter that only reads."""
SECRETS = ("Zzyzxowski", "Quillonette", "ZZYQ70510199", "418 555-0199", "qz@example.org", "Xylographe")


class Broken(AssertionError):  # noqa: N818 - read as "this promise is broken"
    """A promise that is not kept; the text says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A free cell the bench must offer; `start` is aware, in the zone of SITE."""

    practitioner: str
    start: datetime
    minutes: int = 15
    type: str = "s"


@dataclass(frozen=True, slots=True)
class Standing:
    """An active appointment as the EMR holds it. `content`: any text that changes when anything in the row does."""

    ref: EmrRef
    practitioner: str
    start: datetime
    ours: bool
    content: str = field(default="", repr=False)


class Bench(Protocol):
    """One EMR to try things on. Its site is SITE, its source is called NAME, its clock stands `Still`."""

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Empty the EMR, then give it just these free slots."""
        ...

    def adapter(self) -> Emr:
        """Return a new adapter on that EMR, as a restart would make it."""
        ...

    def between(self, act: Callable[[], None]) -> Emr:
        """Return an adapter whose next write is stepped into by `act`, once.

        The moment: after its check, before its last look; as late as a screen of this EMR can still book.
        """
        ...

    def failing(self) -> AbstractContextManager[Emr]:
        """Return an adapter whose writes the EMR refuses with an error of its own, until the block ends."""
        ...

    def appointments(self) -> Sequence[Standing]:
        """Return every active appointment, read without the adapter."""
        ...

    def book(self, opening: Opening) -> EmrRef:
        """Book by the EMR's own screen, without looking."""
        ...

    def cancel(self, ref: EmrRef) -> None:
        """Cancel by the screen, ours or not."""
        ...

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Move by the screen, ours or not."""
        ...

    def receive(self, ref: EmrRef) -> None:
        """Set to arrived by the screen."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: `needs` is "", "agenda", "names", "books", or a word of WriteRules that must be true."""

    name: str
    says: str
    needs: str
    check: Callable[[Bench], None]

    def holds(self, bench: Bench) -> bool:
        """Check it; False = not for this adapter. Raises Broken."""
        bench.fresh([])
        emr = bench.adapter()
        able = _able(emr, self.needs)
        emr.close()
        if able:
            self.check(bench)
        return able


class Still:
    """A clock that stands at the Friday before the kit's Monday."""

    def now(self) -> Instant:
        """Return always the same."""
        return Instant(NOW, timedelta(hours=1))


def promise(needs: str = "") -> Callable[[Callable[[Bench], None]], Promise]:
    """Make a promise of a check; its name and docstring are what people read."""

    def made(check: Callable[[Bench], None]) -> Promise:
        return Promise(check.__name__, (check.__doc__ or "").strip(), needs, check)

    return made


def expect(seen: object, due: object, what: str) -> None:
    """Raise Broken unless both are equal."""
    if seen != due:
        raise Broken(f"{what}: {seen!r} instead of {due!r}")


def cells(*hours: float, who: str = "101", code: str = "s") -> list[Opening]:
    """Return openings of the Monday at these hours."""
    return [Opening(who, MONDAY + timedelta(hours=hour), type=code) for hour in hours]


def at(emr: Emr, hour: float, who: str = "101") -> Slot:
    """Read the free slot at this hour."""
    for slot in emr.slots(DAY).slots:
        if slot.start == MONDAY + timedelta(hours=hour) and slot.practitioner.key == who:
            return slot
    raise Broken(f"no free slot at {hour} h for {who}")


def free(emr: Emr) -> list[float]:
    """Return the hours of the Monday's free slots."""
    return sorted((slot.start - MONDAY) / timedelta(hours=1) for slot in emr.slots(DAY).slots)


def books(emr: Emr) -> Books:
    """Return the adapter as one that writes."""
    if not isinstance(emr, Books):
        raise Broken("the adapter stopped being one that books")
    return emr


def book(emr: Emr, slot: Slot, version: int = 1, booking: BookingId = MINE) -> Effect:
    """Ask for an appointment."""
    patient = someone(booking, version)
    return books(emr).write(Write(booking, version, Op.BOOK, slot, None, None, patient, TURN))


def move(emr: Emr, slot: Slot, version: int, had: Effect, had_slot: Slot | None) -> Effect:
    """Ask for another time."""
    patient = someone(had.booking, version)
    return books(emr).write(Write(had.booking, version, Op.MOVE, slot, had.ref, had_slot, patient, TURN))


def cancel(
    emr: Emr, version: int, had: EmrRef | None = None, had_slot: Slot | None = None, booking: BookingId = MINE
) -> Effect:
    """Ask for no appointment."""
    return books(emr).write(Write(booking, version, Op.CANCEL, None, had, had_slot, None, TURN))


def someone(booking: BookingId, version: int) -> Patient:
    """Return a patient whose every word is unlike any other."""
    family, given, nam, phone, email, note = SECRETS
    return Patient(booking, version, family, given, date(1970, 1, 1), nam, phone, email, "F", note)


def mine(bench: Bench) -> list[float]:
    """Return the hours of the active appointments we made."""
    return _hours(row for row in bench.appointments() if row.ours)


def desk(bench: Bench) -> list[float]:
    """Return the hours of the active appointments staff made."""
    return _hours(row for row in bench.appointments() if not row.ours)


def _hours(rows: Iterable[Standing]) -> list[float]:
    return sorted((row.start - MONDAY) / timedelta(hours=1) for row in rows)


def _able(emr: Emr, needs: str) -> bool:
    if needs in READING:
        return {"": True, "agenda": isinstance(emr, Agenda), "names": isinstance(emr, Names)}[needs]
    return isinstance(emr, Books) and (needs == "books" or bool(getattr(emr.rules, needs)))
