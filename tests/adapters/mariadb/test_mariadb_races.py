"""Who wins when the desk and the agent want one time; and that the recipes nobody should use do double-book."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import pytest

from adapters.conformance import Opening
from adapters.conformance.bench import DAY, MINE, MONDAY, OTHER, at, book, cells, someone
from adapters.sql.mariadb_bench import MariaBench, OpenEmrBench
from adapters.sql.places import DAY as WHOLE_DAY
from adapters.sql.private import Server, connect
from adapters.sql.write import Point
from agent.core.booking import Effect, Op, Outcome, Write
from agent.core.errors import Transient
from agent.core.model import BookingId

CHECK = """SELECT appointment_no FROM appointment WHERE provider_no = '101' AND appointment_date = '2026-11-23'
AND start_time < '09:15:00' AND start_time >= '08:00:00' AND (end_time > '09:00:00' OR start_time >= '09:00:00')
AND (status IS NULL OR LEFT(status, 1) NOT IN ('C', 'D'))"""
INSERT = """INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, status, creator)
VALUES('101', '2026-11-23', '09:00:00', '09:14:00', 't', ?)"""
GUARDED = f"""INSERT INTO appointment(provider_no, appointment_date, start_time, end_time, status, creator)
SELECT '101', '2026-11-23', '09:00:00', '09:14:00', 't', ? FROM DUAL WHERE NOT EXISTS ({CHECK})"""  # noqa: S608 - constants


def test_a_booking_after_our_last_look_is_reported_at_the_next_read(maria: MariaBench) -> None:
    """She had the form open all the while and saves at the end: nothing prevents it, the next read says so."""
    emr = maria.adapter()
    assert book(emr, at(emr, 9)).outcome is Outcome.BOOKED
    maria.book(cells(9)[0])
    assert [each.code for each in emr.slots(DAY).findings] == ["oscar.double"]
    emr.close()


@pytest.mark.parametrize("filled", [False, True], ids=["empty day", "busy day"])
def test_two_agents_that_both_checked_get_one_row(server: Server, tmp_path: Any, filled: bool) -> None:
    """Both hold the gap and both insert: the database ends one by deadlock, which tries again and finds the other."""
    bench = MariaBench(server, tmp_path)
    bench.fresh(cells(8, 9, 10, 11))
    if filled:
        bench.book(cells(8)[0])
        bench.book(cells(10)[0])
    gate = threading.Barrier(2)

    def meet(point: Point) -> None:
        if point is Point.CHECKED and not gate.broken:
            try:
                gate.wait(1)
            except threading.BrokenBarrierError:
                return
            gate.abort()

    reader = bench.adapter()
    slot = at(reader, 9)
    reader.close()
    effects: list[Effect] = []

    def work(booking: BookingId) -> None:
        emr = bench.stepped(meet)
        for _ in range(20):  # its second try may meet the same lock once more: the agent comes again then
            with suppress(Transient):
                effects.append(book(emr, slot, booking=booking))
                break
        emr.close()

    threads = [threading.Thread(target=work, args=(each,)) for each in (MINE, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(effect.outcome for effect in effects) == [Outcome.BOOKED, Outcome.CONFLICT]
    assert sum(row.ours for row in bench.appointments()) == 1


def test_her_unsaved_booking_makes_us_wait_and_then_leave_nothing(maria: MariaBench) -> None:
    """She holds the time longer than we wait: Transient after two tries, no row, no memory; later it goes on."""
    emr = maria.stepped(lambda _: None, lock_s=1)
    slot = at(emr, 9)
    with closing(connect(maria.server.desk())) as base:
        maria.unsaved(base, cells(9)[0])
        with pytest.raises(Transient):
            book(emr, slot)
        base.rollback()
    assert (emr.find(MINE), maria.appointments()) == (None, [])
    assert book(emr, slot).outcome is Outcome.BOOKED
    emr.close()


def test_a_long_visit_that_starts_early_still_blocks(maria: MariaBench) -> None:
    """Three hours from 8 o'clock are found although the lock does not reach back to the day's start."""
    emr = maria.adapter()
    slot = at(emr, 10)
    maria.book(Opening("101", MONDAY + timedelta(hours=8), 180))
    assert book(emr, slot).outcome is Outcome.CONFLICT
    emr.close()


def test_a_longer_visit_than_any_before_is_found_at_the_last_look(maria: MariaBench) -> None:
    """A five-hour visit saved while we write lies outside our lock, and wins all the same."""
    long = Opening("101", MONDAY + timedelta(hours=6), 300)
    emr = maria.at(Point.CHECKED, lambda: [maria.book(long)][0] and None)
    maria.book(Opening("102", MONDAY + timedelta(hours=8)))
    slot = at(emr, 10)
    assert book(emr, slot).outcome is Outcome.CONFLICT
    assert [row.ours for row in maria.appointments()] == [False, False]
    emr.close()


@pytest.mark.parametrize(("bound", "waits"), [(60, False), (WHOLE_DAY, True)], ids=["bounded", "whole day"])
def test_other_doctors_screens_wait_only_within_the_longest_visit(maria: MariaBench, bound: int, waits: bool) -> None:
    """While we hold our lock, another doctor's early booking goes through; without the bound it would wait."""
    for hour in (8, 9):
        maria.book(Opening("102", MONDAY + timedelta(hours=hour)))
    seen: list[bool] = []

    def other() -> None:
        with closing(connect(maria.server.desk())) as base:
            base.execute("SET SESSION innodb_lock_wait_timeout = 1")
            try:
                maria.unsaved(base, cells(8.25, who="103")[0])
                seen.append(False)
            except Exception as error:  # noqa: BLE001 - the driver's own classes
                seen.append("1205" in str(error))
            base.rollback()

    emr = maria.at(Point.CHECKED, other)
    if bound == WHOLE_DAY:  # a visit nobody can measure takes the bound away
        with maria.base() as base:
            base.execute("UPDATE appointment SET end_time = '26:00:00' WHERE start_time = '08:00:00'")
    assert book(emr, at(emr, 11)).outcome is Outcome.BOOKED
    assert seen == [waits]
    emr.close()


# ---- recipes nobody should use: each of these does double-book


def double(server: Server, script: Callable[[Any, Any], None], level: str = "REPEATABLE READ") -> int:
    """Run a script on two connections on an empty day; return how many appointments stand."""
    server.empty()
    with closing(connect(server.desk())) as agent, closing(connect(server.desk())) as she:
        for each in (agent, she):
            each.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
            each.commit()
        script(agent, she)
        agent.commit()
        she.commit()
        found = she.execute(CHECK).fetchall()
        she.commit()
    return len(found)


def plain_check(agent: Any, she: Any) -> None:
    for each, name in ((agent, "a"), (she, "b")):
        assert each.execute(CHECK).fetchall() == []
        if each is she:
            agent.execute(INSERT, ("a",))
            she.execute(INSERT, (name,))


def locked_check(agent: Any, she: Any) -> None:
    for each in (agent, she):
        assert each.execute(f"{CHECK} FOR UPDATE").fetchall() == []
    agent.execute(INSERT, ("a",))
    she.execute(INSERT, ("b",))


def guarded_by_both(agent: Any, she: Any) -> None:
    assert agent.execute(GUARDED, ("a",)).rowcount == 1
    assert she.execute(GUARDED, ("b",)).rowcount == 1


def guarded_after_her_look(agent: Any, she: Any) -> None:
    assert she.execute(CHECK).fetchall() == []
    assert agent.execute(GUARDED, ("a",)).rowcount == 1
    agent.commit()
    she.execute(INSERT, ("b",))


def locked_after_her_look(agent: Any, she: Any) -> None:
    assert she.execute(CHECK).fetchall() == []
    assert agent.execute(f"{CHECK} FOR UPDATE").fetchall() == []
    agent.execute(INSERT, ("a",))
    agent.commit()
    she.execute(INSERT, ("b",))


def plain_check_of_unsaved(agent: Any, she: Any) -> None:
    she.execute(INSERT, ("b",))
    assert agent.execute(CHECK).fetchall() == []
    agent.execute(INSERT, ("a",))


@pytest.mark.parametrize(
    ("script", "level"),
    [
        (plain_check, "REPEATABLE READ"),
        (locked_check, "READ COMMITTED"),
        (guarded_by_both, "READ COMMITTED"),
        (guarded_after_her_look, "REPEATABLE READ"),
        (locked_after_her_look, "REPEATABLE READ"),
        (plain_check_of_unsaved, "REPEATABLE READ"),
    ],
)
def test_an_unsafe_recipe_double_books(server: Server, script: Callable[[Any, Any], None], level: str) -> None:
    """A plain check, READ COMMITTED, or no look after the commit: two appointments stand."""
    assert double(server, script, level) == 2


@pytest.mark.parametrize("guard", ["lock", "level"])
def test_without_its_guards_the_recipe_itself_double_books(any_bench: MariaBench | OpenEmrBench, guard: str) -> None:
    """No FOR UPDATE, or READ COMMITTED, no session lock and no last look: two agents get one time.

    So the tests above, and the thousand races, can fail; in every mapping and with either memory.
    """
    any_bench.fresh(cells(9))
    if isinstance(any_bench, OpenEmrBench):
        any_bench.weekly()  # a row of that very day would be a lock for both, and save READ COMMITTED by accident
    gate = threading.Barrier(2)

    def meet(point: Point) -> None:
        if point is Point.CHECKED:
            gate.wait(60)

    reader = any_bench.adapter()
    slot = at(reader, 9)
    reader.close()

    def work(booking: BookingId) -> None:
        emr = any_bench.stepped(meet)
        dialect: Any = emr._session.dialect
        writer: Any = emr._writer
        dialect.alone = "SELECT 1 WHERE ? <> ''"
        if guard == "lock":
            dialect.lock = ""
        else:
            dialect.begin_write = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
            claim = emr._session._begin
            emr._session._begin = lambda sql: (claim(sql), claim("START TRANSACTION"))[1]  # type: ignore[method-assign]
        writer._settle = lambda known: Effect(known.booking, 1, Outcome.BOOKED)
        book(emr, slot, booking=booking)
        emr.close()

    threads = [threading.Thread(target=work, args=(each,)) for each in (MINE, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(any_bench.appointments()) == 2


def test_without_its_last_look_a_stale_form_double_books(any_bench: MariaBench | OpenEmrBench) -> None:
    """She looked before, saves right after our commit: only the look after it makes room."""
    emr = any_bench.adapter()
    writer: Any = emr._writer
    writer._settle = lambda known: [any_bench.book(cells(9)[0])][0] and Effect(known.booking, 1, Outcome.BOOKED)
    book(emr, at(emr, 9))
    assert len(any_bench.appointments()) == 2
    emr.close()


def test_a_write_of_another_version_finds_a_placed_row_first(maria: MariaBench) -> None:
    """Cut off after the commit, then cancelled by a newer version: the row is verified, then cancelled."""
    emr = maria.at(Point.COMMITTED, _end)
    slot = at(emr, 9)
    with pytest.raises(KeyboardInterrupt):
        book(emr, slot)
    again = maria.adapter()
    write = Write(MINE, 2, Op.CANCEL, None, None, None, someone(MINE, 2), None)
    assert again.write(write).outcome is Outcome.CANCELLED
    assert maria.appointments() == []
    emr.close()
    again.close()


def _end() -> None:
    raise KeyboardInterrupt
