"""A journal in a folder of its own, and the values the tests put into it.

Rule: nothing here reads a clock; a test that needs time adds to `at`.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from agent.core.booking import Firmness, Order
from agent.core.changes import line
from agent.core.envelope import Envelope
from agent.core.model import Instant, Practitioner, Slot
from agent.core.sharing import Offered, SharedSlot
from agent.journal import Journal
from agent.journal.box import DataBox

TORONTO = ZoneInfo("America/Toronto")
NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 9, 0, tzinfo=TORONTO)


class Glass:
    """A box that hides nothing, so that a test can look for what must be gone."""

    def shut(self, clear: bytes, aad: bytes) -> bytes:
        """Return it as it is."""
        return clear

    def open(self, shut: bytes, aad: bytes) -> bytes:
        """Return it as it is."""
        return shut


def instant(**later: float) -> Instant:
    """Return noon, or later."""
    return Instant(NOON + timedelta(**later), timedelta(hours=5) + timedelta(**later))


def slot(n: int = 0, *, emr: str = "dme", kind: str = "s") -> Slot:
    """Return slot number n of Monday, 15 minutes each."""
    start = MONDAY + timedelta(minutes=15 * n)
    who = Practitioner("101", "Dre A. Gagnon", "Gagnon")
    return Slot(emr, f"101/{n}", "principal", who, start, start + timedelta(minutes=15), kind)


def shared(of: Slot) -> SharedSlot:
    """Return what the sharing rules could make of a slot."""
    return SharedSlot(
        of.start, of.end, "exact", of.site, "instant", None, MONDAY - timedelta(days=7), "anyone", "urgent", None,
        "on-site",
    )  # fmt: skip


def offered(*slots: Slot, rule: str = "matin") -> dict[str, Offered]:
    """Return a decision's offers."""
    return {s.key: Offered(s, shared(s), rule) for s in slots}


def view(*slots: Slot, ids: str = "id") -> dict[str, tuple[str, SharedSlot]]:
    """Return a view with ids made from the keys."""
    return {s.key: (f"{ids}:{s.emr}:{s.key}", shared(s)) for s in slots}


def order(
    version: int = 1, *, goal: Slot | None = None, firmness: str = "firm", ids: str = "id", **other: object
) -> Order:
    """Return a verified order for a slot of `view`, or a cancel."""
    made = Order(
        booking="booking-1",
        version=version,
        goal=None if goal is None else f"{ids}:{goal.emr}:{goal.key}",
        firmness=Firmness(firmness),
        until=NOON + timedelta(minutes=10) if firmness == "hold" else None,
        expires_at=NOON + timedelta(hours=1),
        slot_line=None if goal is None else line(shared(goal), None),
        patient_sha256=None,
        body_hash=b"",
    )
    made = replace(made, **other)
    return replace(made, body_hash=hashlib.sha256(repr(made).encode()).digest())


def envelope(verb: str, n: int = 0, *, life: float = 300) -> Envelope:
    """Return something signed."""
    return Envelope(verb, f"jti-{n}", NOON + timedelta(seconds=life), f"head.body-{n}.signature")


@pytest.fixture
def make() -> SimpleNamespace:
    """Return the makers of values."""
    return SimpleNamespace(
        at=instant, slot=slot, shared=shared, offered=offered, view=view, order=order, envelope=envelope,
        box=DataBox(bytes(range(32))), glass=Glass(),
    )  # fmt: skip


@pytest.fixture
def reopen(tmp_path: Path, make: SimpleNamespace) -> Iterator[Callable[..., Journal]]:
    """Open the journal of this test, again and again; the one before is closed first."""
    opened: list[Journal] = []

    def open_(**options: object) -> Journal:
        for journal in opened:
            journal.close()
        opened[:] = [Journal.open(tmp_path / "state", **{"box": make.box, "now": make.at()} | options)]
        return opened[0]

    yield open_
    for journal in opened:
        journal.close()


@pytest.fixture
def journal(reopen: Callable[..., Journal]) -> Journal:
    """Return a new journal."""
    return reopen()
