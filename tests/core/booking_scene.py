"""Orders, slots and rows of one booking, as its rules are tried on them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.core.booking import (
    Booking,
    Effect,
    Effected,
    Firmness,
    Order,
    Ordered,
    Outcome,
    Recovery,
    Start,
    Turn,
    WriteRules,
    advance,
)
from agent.core.model import BookingId, EmrName, EmrRef, Instant, Practitioner, SiteId, Slot, SlotId, SlotKey

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
UNTIL = NOW + timedelta(minutes=10)
LINE = b'["the line"]'
ME = BookingId("booking-1")
SIDECAR = WriteRules(
    recovery=Recovery.RERUN,
    enquire_first=False,
    tombstone=True,
    fenced=True,
    moves=True,
    quiet=timedelta(0),
    longest_write=timedelta(seconds=20),
)
HL7 = replace(SIDECAR, recovery=Recovery.ENQUIRE, fenced=False, tombstone=False, quiet=timedelta(minutes=1))
WEAK = replace(HL7, recovery=Recovery.ABSENT_UNSURE)
BLIND = replace(HL7, recovery=Recovery.BLIND)


def cell(key: str, emr: str = "oscar", hours: int = 24) -> Slot:
    start = NOW + timedelta(hours=hours)
    who = Practitioner("101")
    return Slot(EmrName(emr), SlotKey(key), SiteId("main"), who, start, start + timedelta(minutes=15), "R")


S1, S2, FAR = cell("s1"), cell("s2", hours=26), cell("s1", emr="other")


def order(version: int, slot: Slot | None, *, hold: bool = False, **changes: object) -> Order:
    made = Order(
        booking=ME,
        version=version,
        goal=SlotId(f"id-{slot.key}") if slot else None,
        firmness=Firmness.HOLD if hold else Firmness.FIRM,
        until=UNTIL if hold else None,
        expires_at=NOW + timedelta(hours=1),
        slot_line=LINE if slot else None,
        patient_sha256=None,
        body_hash=f"{version}{slot}{hold}".encode(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def arrive(
    row: Booking | None, made: Order, found: Slot | None, now: datetime = NOW, line: bytes | None = LINE
) -> Booking:
    emr = found.emr if found else EmrName("oscar")
    return advance(row, Ordered(made, emr, found, line if made.goal else None, now), None)[0]


def firm(row: Booking | None, slot: Slot, version: int = 1, now: datetime = NOW) -> Booking:
    return arrive(row, order(version, slot), slot, now)


def cancel(row: Booking | None, version: int) -> Booking:
    return arrive(row, order(version, None), None)


def start(**changes: object) -> Start:
    usual = Start(
        now=Instant(NOW, timedelta(0)),
        turn=Turn(7, timedelta(seconds=180)),
        skew_known=True,
        free=True,
        allowed=True,
        limited=False,
        frozen=False,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def effect(outcome: Outcome, version: int = 1, slot: Slot | None = S1, **changes: object) -> Effect:
    made = Effect(ME, version, outcome, EmrRef("apt-1"), slot.key if slot else None)
    return replace(made, **changes)  # type: ignore[arg-type]


def begun(row: Booking, rules: WriteRules | None = SIDECAR, **changes: object) -> Booking:
    return advance(row, start(**changes), rules)[0]


def booked(slot: Slot = S1) -> Booking:
    intent = begun(firm(None, slot))
    return advance(intent, Effected(effect(Outcome.BOOKED, slot=slot), NOW), SIDECAR)[0]


def holding() -> Booking:
    return begun(arrive(None, order(1, S1, hold=True), S1))
