"""Where the clinic makes no table for us: a word in the appointment, a session lock, and a turn."""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance import Still
from adapters.conformance.bench import DAY, MINE, OTHER, TURN, at, book, cancel, cells, move
from adapters.sql.emr import SqlEmr
from adapters.sql.grants import script
from adapters.sql.mapping import Booking
from adapters.sql.mariadb_bench import MariaBench, OpenEmrBench
from adapters.sql.private import Server
from adapters.sql.token import LOCK
from adapters.sql.write import Point
from agent.core.booking import Op, Outcome, Turn, Write
from agent.core.errors import Misconfigured, Transient
from agent.core.model import Patient

Bench = MariaBench | OpenEmrBench


@pytest.fixture(params=["oscar-token", "openemr-token"])
def bench(request: pytest.FixtureRequest, place: Callable[[str], Server], tmp_path: Path) -> Bench:
    """Lend both mappings' benches without a sidecar."""
    server = place(request.param)
    made = MariaBench(server, tmp_path) if request.param == "oscar-token" else OpenEmrBench(server)
    made.fresh(cells(8, 9, 10, 11))
    return made


def where(bench: Bench) -> tuple[str, str]:
    """Return the column of the token, and its table."""
    return ("notes", "appointment") if isinstance(bench, MariaBench) else ("pc_hometext", "openemr_postcalendar_events")


def notes(bench: Bench) -> list[str]:
    """Return where the token stands, as the desk reads it."""
    column, table = where(bench)
    with bench.base() as base:
        return [
            row[0]
            for row in base.execute(f"SELECT {column} FROM {table} WHERE {column} LIKE '%creneau:%'").fetchall()  # noqa: S608 - our own words
        ]


def test_the_lock_of_a_connection_just_closed_is_waited_for(bench: Bench) -> None:
    """The server hears of a closing a moment later: the agent that starts again does not take itself for another."""
    emr = bench.adapter()
    slot, dialect = at(emr, 9), emr._session.dialect
    long = dialect.alone.replace("0.5", "60")
    assert long != dialect.alone
    dialect.alone = long  # type: ignore[misc]
    with closing(bench.server.root(bench.server.database.name)) as closed:

        def let_go() -> None:
            waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'creneau' AND state = 'User lock'"
            with closing(bench.server.root()) as root:
                while not root.execute(waits).fetchone()[0]:
                    pass
            closed.execute("DO RELEASE_ALL_LOCKS()")

        assert closed.execute("SELECT GET_LOCK(CONCAT(?, '.', DATABASE()), 0)", LOCK).fetchone()[0] == 1
        other = threading.Thread(target=let_go, daemon=True)
        other.start()
        assert book(emr, slot).outcome is Outcome.BOOKED
        other.join(60)
    emr.close()


class _Cut(BaseException):
    """The process ends here."""


def cut() -> None:
    raise _Cut


@pytest.mark.parametrize("left", [None, timedelta(0), timedelta(seconds=14)], ids=["no turn", "over", "too short"])
def test_nothing_is_written_without_a_turn(bench: Bench, patient: Patient, left: timedelta | None) -> None:
    """Asked again under the lock: an agent that slept must not write under a turn another one has by now."""
    emr = bench.adapter()
    turn = None if left is None else Turn(1, Still().now().age + left)
    slot = at(emr, 9)
    with pytest.raises(Transient):
        emr.write(Write(MINE, 1, Op.BOOK, slot, None, None, patient, turn))
    assert bench.appointments() == []
    assert emr.rules.fenced is False
    emr.close()


def test_one_writer_at_a_time_until_its_connection_ends(bench: Bench) -> None:
    """A second agent reads on, writes nothing and claims nothing; when the first is gone it is the writer."""
    first, second = bench.adapter(), bench.adapter()
    slots = {hour: at(first, hour) for hour in (9, 10)}
    assert book(first, slots[9]).outcome is Outcome.BOOKED
    with pytest.raises(Transient):
        book(second, slots[10], booking=OTHER)
    with pytest.raises(Transient):
        second.find(MINE)  # whoever cannot have the lock cannot know that nothing is under way
    assert [slot.start.hour for slot in second.slots(DAY).slots] == [8, 10, 11]
    first.close()
    assert book(second, slots[10], booking=OTHER).outcome is Outcome.BOOKED
    second.close()


def test_the_token_stays_whole_and_says_what_was_done(bench: Bench, patient: Patient) -> None:
    """Behind the words of the desk, which are cut to make room; cancelled by us, it says so."""
    emr = bench.adapter()
    slot = at(emr, 9)
    long = replace(patient, note="béquilles " * 300)
    had = emr.write(Write(MINE, 1, Op.BOOK, slot, None, None, long, TURN))
    assert [text.partition("[")[2] for text in notes(bench)] == [f"creneau:{MINE}:1!:101|2026-11-23|0900]"]
    assert notes(bench)[0].startswith("Réservé en ligne - ")
    assert cancel(emr, 2, had.ref, slot).outcome is Outcome.CANCELLED
    assert [text.partition("[")[2] for text in notes(bench)] == [f"creneau:{MINE}:2x:101|2026-11-23|0900]"]
    found = emr.find(MINE)
    assert found is not None
    assert (found.outcome, found.version) == (Outcome.CANCELLED, 2)
    emr.close()


def test_a_look_settles_what_was_cut_off(bench: Bench) -> None:
    """Cut off after the commit: finding it verifies it, no write of ours is run again."""
    emr = bench.at(Point.COMMITTED, cut)
    slot = at(emr, 9)
    with pytest.raises(_Cut):
        book(emr, slot)
    emr.close()
    again = bench.adapter()
    found = again.find(MINE)
    assert found is not None
    assert (found.outcome, found.pending) == (Outcome.BOOKED, False)
    assert [text.partition(":1")[2][0] for text in notes(bench)] == ["!"]
    again.close()


def test_a_look_yields_to_the_desk(bench: Bench) -> None:
    """She took the time before we looked again: ours goes, and nothing is found of it."""
    emr = bench.at(Point.COMMITTED, cut)
    slot = at(emr, 9)
    with pytest.raises(_Cut):
        book(emr, slot)
    emr.close()
    bench.book(cells(9)[0])
    again = bench.adapter()
    assert again.find(MINE) is None
    assert [row.ours for row in bench.appointments()] == [False]
    again.close()


def test_a_move_cut_off_gives_up_one_of_the_two(bench: Bench) -> None:
    """Two rows of one booking until the look: then the new one alone, or the old one where she was first."""
    for hour, hers in ((10, None), (11, cells(11)[0])):
        first = bench.adapter()
        old = at(first, 9) if hour == 10 else at(first, 8)
        booking = MINE if hour == 10 else OTHER
        had = book(first, old, booking=booking)
        new = at(first, hour)
        first.close()
        emr = bench.at(Point.COMMITTED, cut)
        with pytest.raises(_Cut):
            move(emr, new, 2, had, old)
        emr.close()
        if hers is not None:
            bench.book(hers)
        again = bench.adapter()
        found = again.find(booking)
        assert found is not None
        assert (found.outcome, found.slot) == (Outcome.BOOKED, new.key if hers is None else old.key)
        assert {each.booking: each.slot for each in again.ours(DAY)}[booking] == found.slot
        again.close()
    assert sorted(f"{row.start:%H}{'' if row.ours else ' hers'}" for row in bench.appointments()) == [
        "08",
        "10",
        "11 hers",
    ]


def test_a_word_the_desk_took_away_is_no_memory(bench: Bench) -> None:
    """Without its token an appointment of ours is nobody's: never changed again by us, and its time is taken."""
    emr = bench.adapter()
    slot = at(emr, 9)
    book(emr, slot)
    column, table = where(bench)
    with bench.base() as base:
        base.execute(f"UPDATE {table} SET {column} = 'creneau:broken' WHERE {column} LIKE '%creneau:%'")  # noqa: S608 - our own words
    assert emr.find(MINE) is None
    assert book(emr, slot).outcome is Outcome.CONFLICT
    assert len(bench.appointments()) == 1
    emr.close()


def test_the_rights_without_a_sidecar_make_no_table(bench: Bench) -> None:
    """Nothing is created in the EMR's database, and check does not ask for it."""
    emr = bench.adapter()
    assert "CREATE TABLE" not in emr.grants()
    assert "creneau_applied" not in script(bench.dialect(), bench.mapping, sidecar=False)
    assert not any("sidecar" in each.code for each in emr.check())
    emr.close()


def test_a_mapping_without_a_column_for_it_has_no_token(maria: MariaBench) -> None:
    """Refused when the source is opened, with the option to mend."""

    class Bare:
        """The mapping with everything but tokens."""

        def __init__(self, whole: Any) -> None:
            for name in (*dir(Booking), "clinic", "name"):
                if not name.startswith("_"):
                    setattr(self, name, getattr(whole, name))

    bare: Any = Bare(maria.mapping)
    with pytest.raises(Misconfigured) as told:
        SqlEmr(bare, maria.dialect(), Still(), mode="token")
    assert told.value.key == "memory"
