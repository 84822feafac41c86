"""What OSCAR's own rows look like after we wrote, and what happens when the database is not as expected."""

import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance import NAME, Still
from adapters.conformance.bench import DAY, MINE, MONDAY, at, book, cancel, cells, move
from adapters.sql.bench import LABEL, OscarBench
from adapters.sql.emr import SqlEmr
from adapters.sql.oscar import Oscar, Terms
from adapters.sql.sample import Receptionist
from adapters.sql.sqlite import SCHEME, Sqlite
from adapters.sql.write import Point
from agent.core.booking import Effect, Op, Outcome, Write
from agent.core.errors import Ambiguous, Misconfigured, Transient
from agent.core.model import EmrRef, Patient, Severity, SiteId
from agent.ports import SitePart


def ask(bench: OscarBench, patient: Patient | None, terms: Terms | None = None) -> Effect:
    emr = SqlEmr(Oscar(terms or bench.terms), Sqlite(f"{SCHEME}{bench.path}"), Still())
    try:
        return emr.write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, patient, None))
    finally:
        emr.close()


def row(bench: OscarBench, table: str = "appointment") -> dict[str, Any]:
    with bench.base() as base:
        base.row_factory = sqlite3.Row
        return dict(base.execute(f"SELECT * FROM {table} ORDER BY 1 DESC").fetchone())  # noqa: S608 - a test's own word


def person(bench: OscarBench, hin: str, family: str, given: str, born: tuple[str, str, str]) -> None:
    with bench.base() as base:
        base.execute(
            """INSERT INTO demographic(hin, last_name, first_name, year_of_birth, month_of_birth, date_of_birth,
            lastUpdateDate) VALUES(?, ?, ?, ?, ?, ?, '')""",
            (hin, family, given, *born),
        )


def test_a_row_of_ours_is_one_the_screens_could_have_made(bench: OscarBench, patient: Patient) -> None:
    """Inclusive end, program 0, status t, creator creneau, the label in remarks and notes, local time stamps."""
    ask(bench, patient)
    seen = row(bench)
    assert (seen["start_time"], seen["end_time"], seen["appointment_date"]) == ("09:00:00", "09:14:00", "2026-11-23")
    assert (seen["program_id"], seen["status"], seen["creator"], seen["lastupdateuser"]) == (0, "t", "creneau", "")
    assert (seen["remarks"], seen["bookingSource"], seen["location"]) == (LABEL, None, "")
    assert seen["createdatetime"] == "2026-11-20 12:00:00"


def test_an_unmatched_patient_brings_name_and_phone(bench: OscarBench, patient: Patient) -> None:
    """Nobody of that card and birth date: demographic 0, the name as text, the phone in the notes, matched False."""
    effect = ask(bench, patient)
    seen = row(bench)
    assert (effect.matched, seen["demographic_no"], seen["name"]) == (False, 0, "NÉRON-CÔTÉ,ZOÉ")
    assert seen["notes"] == f"{LABEL} - 418 555-0177 - béquilles"


@pytest.mark.parametrize(
    ("hin", "family", "given", "born", "matched"),
    [
        ("NERZ80520312", "AUTRE", "NOM", ("1980", "02", "03"), True),
        ("nerz 8052 0312", "AUTRE", "NOM", ("1980", "2", "3"), True),
        ("NERZ80520312", "AUTRE", "NOM", ("1981", "02", "03"), False),
        ("", "NERON COTE", "ZOE", ("1980", "02", "03"), True),
        ("", "NERON COTE", "ZOE", ("1980", "02", "04"), False),
        ("", "NERON", "ZOE", ("1980", "02", "03"), False),
        ("", "NERON COTE", "ZOE", ("1980", "", "03"), False),
    ],
)
def test_patients_match_by_card_or_by_name_with_birth_date(
    bench: OscarBench,
    patient: Patient,
    hin: str,
    family: str,
    given: str,
    born: tuple[str, str, str],
    matched: bool,
) -> None:
    """Card and birth date, else both names (no accents, no hyphens) and birth date; anything less is no match."""
    person(bench, hin, family, given, born)
    assert ask(bench, patient).matched is matched
    assert (row(bench)["demographic_no"] == 1) is matched


def test_two_who_could_be_meant_are_nobody(bench: OscarBench, patient: Patient) -> None:
    """Two of the same names born the same day: no match, the desk decides."""
    person(bench, "", "Néron-Côté", "Zoé", ("1980", "02", "03"))
    person(bench, "", "NERON COTE", "ZOE", ("1980", "02", "03"))
    assert ask(bench, patient).matched is False


def test_without_a_birth_date_nobody_is_meant(bench: OscarBench, patient: Patient) -> None:
    """A card alone proves nothing; a booking without any patient still stands."""
    person(bench, "NERZ80520312", "Néron-Côté", "Zoé", ("1980", "02", "03"))
    assert ask(bench, replace(patient, born=None)).matched is False
    bench.fresh(cells(9))
    assert ask(bench, None).outcome is Outcome.BOOKED


def test_texts_are_cut_and_cleaned_before_the_database_sees_them(bench: OscarBench, patient: Patient) -> None:
    """Names end at 50 characters, notes at 255, remarks at 50; emoji and control characters become blanks."""
    terms = replace(bench.terms, label="é" * 60)
    ask(bench, replace(patient, family="N" * 51, note="a😀b\x00c\n" + "x" * 300), terms)
    seen = row(bench)
    assert (len(seen["name"]), len(seen["notes"]), len(seen["remarks"])) == (50, 255, 50)
    assert " a b c x" in seen["notes"]


def test_a_cancel_leaves_a_copy_in_the_archive(bench: OscarBench) -> None:
    """Cancel = archive the row as it was, then status C."""
    emr = bench.adapter()
    had = book(emr, at(emr, 9))
    cancel(emr, 2, had.ref)
    assert (row(bench)["status"], row(bench, "appointmentArchive")["status"]) == ("C", "t")
    assert str(row(bench, "appointmentArchive")["appointment_no"]) == had.ref
    emr.close()


def test_yielding_deletes_and_keeps_a_copy(bench: OscarBench) -> None:
    """A row undone seconds after its making leaves the day sheet, as OSCAR's own delete does."""
    emr = bench.between(lambda: [bench.book(cells(9)[0])][0] and None)
    book(emr, at(emr, 9))
    with bench.base() as base:
        assert base.execute("SELECT COUNT(*) FROM appointment").fetchone() == (1,)
    assert row(bench, "appointmentArchive")["creator"] == "creneau"
    emr.close()


def test_a_row_that_vanished_is_checking_and_never_made_again(bench: OscarBench) -> None:
    """Staff deleted our row: find and the same order again say checking; ours() lists it no more."""
    emr = bench.adapter()
    slot = at(emr, 9)
    had = book(emr, slot)
    Receptionist(bench.path).delete(int(had.ref or 0))
    assert [emr.find(MINE), book(emr, slot)] == [
        Effect(MINE, 1, Outcome.CHECKING, had.ref, slot.key),
    ] * 2
    assert (bench.appointments(), list(emr.ours(DAY))) == ([], [])
    emr.close()


def test_cut_off_before_the_commit_leaves_nothing(bench: OscarBench) -> None:
    """A death between check and commit is undone by the database; the booking has no trace."""

    def die(point: Point) -> None:
        if point is Point.CHECKED:
            raise KeyboardInterrupt

    emr = SqlEmr(Oscar(bench.terms), Sqlite(f"{SCHEME}{bench.path}"), Still(), die)
    with pytest.raises(KeyboardInterrupt):
        book(emr, at(emr, 9))
    assert (emr.find(MINE), bench.appointments()) == (None, [])
    emr.close()


def test_an_old_appointment_received_during_a_move_is_kept(bench: OscarBench) -> None:
    """The patient arrives for the old time while the move is under way: the new one is undone."""
    first = bench.adapter()
    old, new = at(first, 9), at(first, 10)
    had = book(first, old)
    first.close()
    emr = bench.between(lambda: bench.receive(had.ref) if had.ref else None)
    effect = move(emr, new, 2, had, old)
    assert (effect.outcome, effect.ref, effect.theirs) == (Outcome.CONFLICT, had.ref, True)
    assert [each.start.hour for each in bench.appointments()] == [9]
    emr.close()


def test_a_row_received_before_the_last_look_is_not_undone(bench: OscarBench) -> None:
    """Staff touch our row between commit and last look: it is theirs, whatever overlaps it."""

    def act() -> None:
        bench.book(cells(9)[0])
        for each in bench.appointments():
            if each.ours:
                bench.receive(each.ref)

    emr = bench.between(act)
    effect = book(emr, at(emr, 9))
    assert (effect.outcome, effect.theirs, len(bench.appointments())) == (Outcome.CHANGED, True, 2)
    emr.close()


def test_a_lost_sidecar_row_is_replaced_by_the_orders_own_word(bench: OscarBench) -> None:
    """The sidecar was emptied: a move still gives up the appointment the agent knows, if it is ours and in its place."""
    emr = bench.adapter()
    old, new = at(emr, 9), at(emr, 10)
    had = book(emr, old)
    with bench.base() as base:
        base.execute("DELETE FROM creneau_applied")
    assert move(emr, new, 2, had, old).outcome is Outcome.BOOKED
    assert [each.start.hour for each in bench.appointments()] == [10]
    emr.close()


def test_a_move_from_somebody_elses_row_is_a_conflict(bench: OscarBench) -> None:
    """An order that names a row of the clinic's own changes nothing."""
    ref = bench.book(cells(9)[0])
    emr = bench.adapter()
    effect = move(emr, at(emr, 10), 2, Effect(MINE, 1, Outcome.BOOKED, ref), None)
    assert (effect.outcome, effect.ref) == (Outcome.CONFLICT, None)
    assert [(each.start.hour, each.ours) for each in bench.appointments()] == [(9, False)]
    emr.close()


@pytest.mark.parametrize(
    "spoil",
    ["DROP TABLE creneau_applied", "ALTER TABLE creneau_applied DROP COLUMN previous"],
    ids=["missing", "older"],
)
def test_without_its_sidecar_nothing_is_written(bench: OscarBench, spoil: str) -> None:
    """A missing or older creneau_applied is Misconfigured with the command that shows its DDL; reading goes on."""
    with bench.base() as base:
        base.execute(spoil)
    emr = bench.adapter()
    slot = at(emr, 9)
    with pytest.raises(Misconfigured) as told:
        book(emr, slot)
    assert str(told.value.hint) == "creneau emr grants"
    assert [each.code for each in emr.check() if each.severity is Severity.WARN] == ["oscar.sidecar"]
    assert bench.appointments() == []
    emr.close()


def test_check_names_every_table_that_is_missing(bench: OscarBench) -> None:
    """A missing table is a fault with its name; the trial read is then left out."""
    with bench.base() as base:
        base.execute("DROP TABLE scheduleholiday")
    emr = bench.adapter()
    faults = [each for each in emr.check() if each.severity is Severity.FAULT]
    assert [dict(each.says.args) for each in faults] == [{"table": "scheduleholiday"}]
    with pytest.raises(Misconfigured):
        emr.slots(DAY)
    emr.close()


def test_check_counts_what_it_found(bench: OscarBench) -> None:
    """A sound database: engine facts, tables, sidecar, free slots; all OK."""
    emr = bench.adapter()
    found = list(emr.check())
    assert {each.severity for each in found} == {Severity.OK}
    assert {each.code for each in found} == {
        "sql.version",
        "sql.journal",
        "oscar.table",
        "oscar.sidecar",
        "oscar.slots",
    }
    emr.close()


def test_a_lock_held_too_long_is_transient(bench: OscarBench) -> None:
    """Somebody holds the database longer than we wait: nothing is written, try again later."""
    emr = SqlEmr(Oscar(bench.terms), Sqlite(f"{SCHEME}{bench.path}", wait_ms=20), Still())
    slot = at(emr, 9)
    with bench.base() as base:
        base.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient):
            book(emr, slot)
    assert book(emr, slot).outcome is Outcome.BOOKED
    emr.close()


def test_a_missing_file_is_never_made(tmp_path: Path) -> None:
    """The adapter opens a database, it does not create one."""
    path = tmp_path / "absent.db"
    emr = SqlEmr(Oscar(Terms(NAME, ())), Sqlite(f"{SCHEME}{path}"), Still())
    with pytest.raises(Misconfigured):
        emr.slots(DAY)
    assert not path.exists()
    emr.close()


def test_close_ends_a_write_under_way(bench: OscarBench) -> None:
    """close() from another thread waits for the transaction, then lets nothing more in."""
    inside = threading.Event()

    def wait(point: Point) -> None:
        if point is Point.CHECKED:
            inside.set()
            emr._session._closed.wait(60)

    emr = SqlEmr(Oscar(bench.terms), Sqlite(f"{SCHEME}{bench.path}"), Still(), wait)
    slot, ends = at(emr, 9), list[object]()

    def work() -> None:
        try:
            ends.append(book(emr, slot))
        except (Transient, Ambiguous) as error:
            ends.append(error)

    worker, closer = threading.Thread(target=work), threading.Thread(target=emr.close)
    worker.start()
    inside.wait(60)
    closer.start()
    worker.join(120)
    closer.join(120)
    assert isinstance(ends[0], Transient | Ambiguous)
    again = bench.adapter()
    assert book(again, slot).outcome is Outcome.BOOKED
    assert len(bench.appointments()) == 1
    again.close()


def test_the_site_is_written_where_oscar_keeps_it(bench: OscarBench) -> None:
    """With named sites the appointment carries the site's name as its location."""
    with bench.base() as base:
        base.execute("UPDATE scheduledate SET reason = 'Fjord'")
    terms = replace(bench.terms, sites=(SitePart(SiteId("fjord"), "America/Toronto", "Fjord"),))
    ask(bench, None, terms)
    assert row(bench)["location"] == "Fjord"


def test_ours_follows_a_row_staff_moved_out_of_the_window(bench: OscarBench) -> None:
    """An appointment staff moved to another day is listed for its old day and its new one."""
    emr = bench.adapter()
    had = book(emr, at(emr, 9))
    far = cells(9 + 24 * 7)[0]
    bench.move(had.ref or EmrRef(""), far)
    week = replace(DAY, start=MONDAY + timedelta(days=7), end=MONDAY + timedelta(days=8))
    found = [list(emr.ours(window)) for window in (DAY, week)]
    assert [[each.outcome for each in part] for part in found] == [[Outcome.CHANGED]] * 2
    emr.close()
