"""The power goes at every single operation of a scripted day, and the journal is either before an act or after it.

Rule: the oracle compares all that the ports can show, so half an act is as bad as a lost one.
"""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from agent.core.booking import Effect, Effected, Erase, Outcome, Start, Task, Tell, advance
from agent.core.errors import CreneauError
from agent.journal import Journal
from agent.ports import Outgoing, Standing
from tests.power.disk import MODES, PowerDisk, PowerVFS

Act = Callable[[Journal], object]
SALT = re.compile(rb'"salt":"[0-9a-f]{32}"')
"""Fresh in every run; what stands around it is compared."""


@pytest.fixture
def disk() -> Iterator[PowerDisk]:
    """Register a disk under a name of its own."""
    disk = PowerDisk()
    vfs = PowerVFS("power-day", disk)
    yield disk
    vfs.unregister()


def _open(make: SimpleNamespace) -> Journal:
    journal = Journal.open(Path("day"), make.box, vfs="power-day", locking="exclusive", now=make.at())
    journal._store._group.hold(lambda conn: conn.wal_autocheckpoint(8))
    return journal


def _apply(make: SimpleNamespace, *events: Callable[[], Any]) -> Act:
    def act(journal: Journal) -> None:
        port = journal.bookings("dme")
        row = port.row("booking-1")
        assert row is not None
        after, actions = advance(row, events[0](), make.rules)
        port.save(
            after,
            tasks=[action.kind.value for action in actions if isinstance(action, Task)],
            tell=any(isinstance(action, Tell) for action in actions),
            erase=any(isinstance(action, Erase) for action in actions),
            now=make.at(minutes=3),
        )

    return act


def _day(make: SimpleNamespace) -> list[Act]:
    """Publish, tell, take an order, book, report, cancel, report, set a fact, empty the log."""
    one, two = make.slot(0), make.slot(1)
    both, left = make.view(one, two), make.view(two)
    start = Start(make.at(minutes=2), None, True, True, True, False, False)
    booked = Effect("booking-1", 1, Outcome.BOOKED, "apt-1", one.key)
    gone = Effect("booking-1", 2, Outcome.CANCELLED)

    def publishes(view: Any, *slots: Any) -> Act:
        return lambda journal: journal.views("dme").now(view, make.offered(*slots), make.at())

    def takes(version: int, goal: Any) -> Act:
        order = make.order(version, goal=goal)
        arrival = (order, f"jws-{version}", "sealed" * 200 if goal else None)
        return lambda journal: journal.inbox("dme").take([arrival], [], {"log": "a", "n": version}, make.at(minutes=1))

    def attempts(n: int) -> Act:
        def act(journal: Journal) -> None:
            out = journal.outbox().outcomes(10)
            assert out is not None
            journal.outbox().attempt(out, make.envelope("outcomes", n), make.at(minutes=4))

        return act

    def receipts(journal: Journal) -> None:
        out = journal.outbox().alive("outcomes", make.at(minutes=4))
        assert out is not None
        journal.outbox().receipted(out, "receipt", None, make.at(minutes=4))

    def offered(journal: Journal) -> Outgoing:
        return Outgoing("offer", {"epoch": None, "seq": 1}, 1, journal.outbox().view())

    def offers(journal: Journal) -> None:
        journal.outbox().attempt(offered(journal), make.envelope("offer", 9), make.at())

    def told(journal: Journal) -> None:
        out = offered(journal)
        journal.outbox().receipted(out, "receipt", Standing(1, 1), make.at())

    return [
        publishes(both, one, two),
        offers,
        told,
        takes(1, one),
        publishes(left, two),
        _apply(make, lambda: start),
        _apply(make, lambda: Effected(booked, make.at().utc)),
        attempts(1),
        receipts,
        lambda journal: journal.scrub(),
        takes(2, None),
        _apply(make, lambda: start),
        _apply(make, lambda: Effected(gone, make.at().utc)),
        attempts(2),
        receipts,
        lambda journal: journal.records().put({"posture": "paused"}, make.at(), kind="posture", who="anne"),
        lambda journal: journal.records().line("countersigned", b"x" * 3000, make.at()),
    ]


def _shown(journal: Journal, make: SimpleNamespace) -> object:
    """Return all that the ports show."""
    records, outbox, now = journal.records(), journal.outbox(), make.at(minutes=4)
    alive = [outbox.alive(verb, now) for verb in ("offer", "outcomes")]
    return (
        records.bookings(),
        records.tasks(answered=True),
        [(line.kind, SALT.sub(b"", line.body)) for line in records.ledger(0, 1000)],
        {key: value for key, value in records.facts().items() if key != "digest_key"},
        journal.inbox("dme").cursor(),
        outbox.standing(),
        outbox.told(),
        outbox.view(),
        [out and replace(out, sealed=None) for out in alive],
        [journal.bookings("dme").sealed("booking-1", version) for version in (1, 2)],
    )


def _live(disk: PowerDisk, make: SimpleNamespace, crash_at: int | None) -> tuple[int, list[object]]:
    """Live the day until the power goes; return how many acts were finished and, undisturbed, what was shown."""
    journal, done, shown = None, 0, []
    disk.crash_at = crash_at
    try:
        journal = _open(make)
        if crash_at is None:
            shown.append(_shown(journal, make))
        for act in _day(make):
            act(journal)
            done += 1
            if crash_at is None:
                shown.append(_shown(journal, make))
    except (CreneauError, apsw.Error):
        assert disk.dead
    finally:
        if journal is not None:
            with suppress(apsw.Error, CreneauError):
                journal.close()
    return done, shown


@pytest.fixture
def day(make: SimpleNamespace) -> SimpleNamespace:
    """Return the makers, with the rules of a source that writes."""
    from adapters.memory import MemoryEmr

    make.rules = MemoryEmr.rules
    return make


@pytest.mark.parametrize("mode", MODES)
def test_every_power_cut_falls_before_an_act_or_after_it(disk: PowerDisk, day: SimpleNamespace, mode: str) -> None:
    """No operation of the day is a bad moment: what was acknowledged stands, what was not is whole or absent."""
    _, shown = _live(disk, day, None)
    operations = disk.ops
    assert operations > 50
    for index in range(1, operations + 1):
        disk.files, disk.gone, disk.ops, disk.dead = {}, {}, 0, False
        done, _ = _live(disk, day, index)
        disk.cut(mode, random.Random(index))
        journal = _open(day)
        now = _shown(journal, day)
        sound = journal._store._group.hold(lambda conn: conn.pragma("integrity_check"))
        bad = journal.records().verify()
        journal.close()
        assert (sound, bad) == ("ok", None), f"operation {index}"
        assert now in shown[done : done + 2], f"operation {index} of {operations}, after {done} acts"
    print(f"power, {mode}: cut at each of {operations} operations, 0 acts lost or half done")


def test_the_oracle_sees_a_disk_that_lies(disk: PowerDisk, day: SimpleNamespace) -> None:
    """A disk that does not sync loses acknowledged acts wherever it is cut, and the same comparison says so each time."""
    _, shown = _live(disk, day, None)
    operations, seen, cuts = disk.ops, 0, 0
    for index in range(operations // 3, operations, 7):
        disk.files, disk.gone, disk.ops, disk.dead = {}, {}, 0, False
        _open(day).close()
        disk.ops, disk.lies = 0, True
        done, _ = _live(disk, day, index)
        disk.cut("none", random.Random(index))
        disk.lies = False
        cuts += done > 0
        seen += done > 0 and not _stands(day, shown[done : done + 2])
    print(f"power, a disk that lies: {seen} of {cuts} cuts seen")
    assert cuts > 30
    assert seen == cuts


def _stands(make: SimpleNamespace, fit: list[object]) -> bool:
    """Say whether the journal opens and shows one of these."""
    try:
        journal = _open(make)
    except (CreneauError, apsw.Error):
        return False
    with closing(journal):
        return _shown(journal, make) in fit
