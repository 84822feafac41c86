"""Booking by request: what is sent, and every way an EMR can leave it in doubt."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import hl7apy.parser
import pytest
from hl7apy.consts import VALIDATION_LEVEL

from adapters.agenda import Opening
from adapters.conformance import NAME, SITE
from adapters.conformance.bench import DAY, MINE, MONDAY, at, book, cancel, cells, free, mine, move
from adapters.er7 import scan
from adapters.hl7v2.bench import ENQUIRED, Hl7Bench
from adapters.hl7v2.book import Hl7Booker
from adapters.hl7v2.build import Envelope
from adapters.hl7v2.requests import Ask as Wanted
from adapters.hl7v2.requests import number, request
from agent.core.booking import Op, Outcome, Recovery
from agent.core.errors import Ambiguous, Refused, Transient
from agent.core.model import Practitioner, Severity, Slot

MORNING = cells(8, 9, 10, 11)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Hl7Bench]]:
    """Make benches that are closed at the end."""
    benches: list[Hl7Bench] = []

    def make(**words: object) -> Hl7Bench:
        bench = Hl7Bench(tmp_path, {**ENQUIRED, **words})
        bench.fresh(MORNING)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


@contextmanager
def source(bench: Hl7Bench) -> Iterator[Hl7Booker]:
    emr = bench.adapter()
    assert isinstance(emr, Hl7Booker)
    try:
        yield emr
    finally:
        emr.close()


def test_a_request_says_who_when_and_under_which_number(made: Callable[..., Hl7Bench]) -> None:
    """Placer id = booking id, the time range, the person, the patient; hl7apy validates the very bytes."""
    bench = made(**{"srm.application": "DME", "srm.facility": "NORD"})
    with source(bench) as emr:
        book(emr, at(emr, 9))
    sent = next(each for each in bench.emr.heard if each.msh.text(9) == "SRM")
    arq, aip, pid = (sent.first(name) for name in ("ARQ", "AIP", "PID"))
    assert arq is not None
    assert aip is not None
    assert pid is not None
    assert [sent.msh.text(n) for n in (3, 5, 6)] == ["CRENEAU", "DME", "NORD"]
    assert (arq.text(1), arq.text(1, 2), arq.text(11), arq.text(11, 2)) == (
        MINE, "CRENEAU", "20261123090000", "20261123091500",
    )  # fmt: skip
    assert (aip.text(3), aip.text(6), aip.text(9)) == ("101", "20261123090000", "15")
    assert (pid.text(3), pid.text(5), pid.text(5, 2), pid.text(7)) == (
        "ZZYQ70510199", "Zzyzxowski", "Quillonette", "19700101",
    )  # fmt: skip
    text = "\r".join(sent.separators.field.join(each.fields).replace("MSH|||", "MSH|") for each in sent.segments)
    parsed = hl7apy.parser.parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert parsed.validate()


def test_the_same_version_is_asked_under_the_same_number() -> None:
    """And another version, or the undoing, under another."""
    assert number(MINE, 1, "S01") == number(MINE, 1, "S01")
    assert len({number(MINE, 1, "S01"), number(MINE, 2, "S01"), number(MINE, 1, "S01undo")}) == 3


def test_what_a_person_typed_cannot_break_a_message(patient: object) -> None:
    """Separators and line ends in a name stay text."""
    odd = replace(patient, family="Né|r^on~&\\", given="Zo\ré")  # type: ignore[type-var]
    ask = Wanted(MINE, 1, Op.CANCEL, None, "F1", odd, MONDAY)
    message = scan(request(ask, Envelope("cl", "", "", "l|abel")))
    pid = message.first("PID")
    assert pid is not None
    assert (pid.text(5), pid.text(5, 2)) == ("Né|r^on~&\\", "Zo é")


def test_an_emr_that_never_answers_is_asked_before_anything_is_said(made: Callable[..., Hl7Bench]) -> None:
    """It booked and said nothing: Ambiguous, then the enquiry shows it, and nothing is written twice."""
    bench = made()
    with source(bench) as emr:
        slot = at(emr, 9)
        emr.find(MINE)
        asked = len(bench.emr.heard)
        bench.emr.manners.answers = False
        emr._sender.to = replace(emr._sender.to, wait=timedelta(milliseconds=200))
        with pytest.raises(Transient):  # the enquiry before the write finds nobody: surely not done
            book(emr, slot)
        bench.emr.obeyed(asked + 1)
        assert [each.msh.text(9) for each in bench.emr.heard[asked:]] == ["SQM"]
    assert bench.appointments() == []


def test_a_lost_answer_is_ambiguous_and_found_out_by_asking(made: Callable[..., Hl7Bench]) -> None:
    """The first answer is lost, the appointment stands; the same write again makes no second one."""
    bench = made()
    with source(bench) as emr:
        slot = at(emr, 9)
        whole = emr._sender.exchange

        def deaf(body: bytes) -> object:
            whole(body)
            raise Ambiguous(emr_doing(), emr_doing())

        emr._sender.exchange = deaf  # type: ignore[method-assign,assignment]
        with pytest.raises(Ambiguous):
            book(emr, slot)
        emr._sender.exchange = whole  # type: ignore[method-assign]
        found = emr.find(MINE)
        assert found is not None
        assert (found.outcome, found.slot) == (Outcome.BOOKED, slot.key)
        assert book(emr, slot).outcome is Outcome.BOOKED
    assert mine(bench) == [9]


def emr_doing() -> object:
    from adapters.hl7v2.build import DOING

    return DOING


def test_a_request_that_only_waits_is_no_booking(made: Callable[..., Hl7Bench]) -> None:
    """Pending is Ambiguous: a person looks."""
    bench = made()
    bench.emr.manners.status = "Pending"
    with source(bench) as emr, pytest.raises(Ambiguous):
        book(emr, at(emr, 9))


def test_a_final_no_is_refused(made: Callable[..., Hl7Bench]) -> None:
    """AR: nothing stands, nothing is tried again."""
    bench = made()
    bench.emr.manners.refuses = "AR"
    with source(bench) as emr, pytest.raises(Refused):
        book(emr, at(emr, 9))
    assert bench.appointments() == []


def test_staff_that_took_the_time_and_an_undo_that_fails_are_said(made: Callable[..., Hl7Bench]) -> None:
    """Two stand in one time: Ambiguous, and what is found is not called verified."""
    bench = made()

    def taken() -> None:
        bench.book(MORNING[1])
        bench.emr.manners.refuses = "AR"

    emr = bench.between(taken)
    with pytest.raises(Ambiguous):
        book(emr, at(emr, 9))
    found = emr.find(MINE)  # type: ignore[attr-defined]
    assert found.pending
    emr.close()


class Cut(BaseException):
    """The process ends here."""


def cut_off(bench: Hl7Bench) -> None:
    """Let the agent die after the EMR's answer, before its last look."""

    def die() -> None:
        raise Cut

    emr = bench.between(die)
    with pytest.raises(Cut):
        book(emr, at(emr, 9))
    emr.close()


@pytest.mark.parametrize("desk", [False, True])
def test_a_write_cut_off_is_verified_when_it_is_asked_again(made: Callable[..., Hl7Bench], *, desk: bool) -> None:
    """Until then it proves nothing; then it stands, or gives way to the desk."""
    bench = made()
    cut_off(bench)
    with source(bench) as emr:
        slot = bench_slot(bench)
        found = emr.find(MINE)
        assert found is not None
        assert found.pending
        if desk:
            bench.book(MORNING[1])
        effect = book(emr, slot)
        assert effect.outcome is (Outcome.CONFLICT if desk else Outcome.BOOKED)
        assert not effect.pending
    assert mine(bench) == ([] if desk else [9])


def bench_slot(bench: Hl7Bench) -> Slot:
    """Return the slot at nine as the agenda had it before anything was booked."""
    start = MORNING[1].start
    opening = Opening(SITE.id, "101", start, start + timedelta(minutes=15), "s")
    return Slot(NAME, opening.key, SITE.id, Practitioner("101"), opening.start, opening.end, "s")


def test_an_appointment_of_ours_elsewhere_is_said_and_not_moved(made: Callable[..., Hl7Bench]) -> None:
    """Asked to book where it does not stand, an EMR that cannot move is left as it is."""
    bench = made()
    with source(bench) as emr:
        other = at(emr, 11)
        book(emr, at(emr, 9))
        with pytest.raises(Refused) as no:
            book(emr, other, version=2)
    assert no.value.reason == "move-unsupported"
    assert mine(bench) == [9]


def test_a_move_by_s02_goes_there_and_back(made: Callable[..., Hl7Bench]) -> None:
    """Where the EMR moves in one piece: the new time, and the old one again when the desk has the new."""
    bench = made(**{"srm.moves": True})
    with source(bench) as emr:
        old, new = at(emr, 9), at(emr, 10)
        had = book(emr, old)
        effect = move(emr, new, 2, had, old)
        assert (effect.outcome, effect.slot, effect.version) == (Outcome.BOOKED, new.key, 2)
        assert (mine(bench), free(emr)) == ([10], [8, 9, 11])
    moved = bench.between(lambda: _ignore(bench.book(MORNING[3])))
    effect = move(moved, at(moved, 11), 3, effect, new)
    assert (effect.outcome, effect.slot) == (Outcome.CONFLICT, new.key)
    assert mine(bench) == [10]
    moved.close()


def test_an_appointment_the_emr_no_longer_shows_has_vanished(made: Callable[..., Hl7Bench]) -> None:
    """No notice came, but asked it knows nothing: no trace, so that a person looks."""
    bench = made()
    with source(bench) as emr:
        book(emr, at(emr, 9))
        bench.emr.rows.clear()
        assert emr.find(MINE) is None


def test_cancelling_what_the_desk_cancelled_already_says_so(made: Callable[..., Hl7Bench]) -> None:
    """Nothing is sent for it."""
    bench = made()
    with source(bench) as emr:
        had = book(emr, at(emr, 9))
        (row,) = bench.appointments()
        bench.cancel(row.ref)
        asked = len([each for each in bench.emr.heard if each.msh.text(9) == "SRM"])
        assert cancel(emr, 2, had.ref).outcome is Outcome.CANCELLED_BY_CLINIC
        assert len([each for each in bench.emr.heard if each.msh.text(9) == "SRM"]) == asked


@pytest.mark.parametrize(
    ("enquiry", "placer", "due"),
    [
        ("sqm", "kept", Recovery.ENQUIRE),
        ("mirror", "kept", Recovery.ABSENT_UNSURE),
        ("none", "kept", Recovery.BLIND),
        ("sqm", "lost", Recovery.BLIND),
    ],
)
def test_promises_are_those_of_the_source(
    made: Callable[..., Hl7Bench], enquiry: str, placer: str, due: Recovery
) -> None:
    """An absence proves something only where the EMR can be asked by our number."""
    with source(made(**{"srm.enquiry": enquiry, "srm.placer": placer})) as emr:
        assert (emr.rules.recovery, emr.rules.fenced, emr.rules.tombstone) == (due, False, False)
        assert emr.rules.enquire_first is (enquiry == "sqm")


def test_check_tries_the_way_of_requests_and_asks_nothing(made: Callable[..., Hl7Bench]) -> None:
    """Reached or not, it is said."""
    bench = made()
    with source(bench) as emr:
        assert [each.code for each in emr.check()][-1] == "hl7.requests"
        assert bench.emr.heard == []
    bench.emr.close()
    with source(bench) as emr:
        last = list(emr.check())[-1]
        assert (last.code, last.severity) == ("hl7.no-requests", Severity.WARN)


def test_rows_show_which_appointments_are_ours(made: Callable[..., Hl7Bench]) -> None:
    """Ours, the desk's, and what is free."""
    bench = made()
    with source(bench) as emr:
        book(emr, at(emr, 9))
        bench.book(MORNING[2])
        cells_ = [(row.start.hour, row.cell.value) for row in emr.rows(DAY)]
    assert cells_ == [(8, "free"), (9, "ours"), (10, "busy"), (11, "free")]


def _ignore(_: object) -> None:
    """Let an act of the desk return nothing."""
