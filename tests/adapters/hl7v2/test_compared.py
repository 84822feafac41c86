"""The mirror against the EMR's whole agenda, by a query over MLLP that a scripted EMR answers well and badly."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.conformance.bench import MONDAY, NOW
from adapters.er7 import scan
from adapters.hl7v2.build import Envelope
from adapters.hl7v2.query import Asking, question
from agent.core.errors import CreneauError, Refused, Transient
from agent.core.model import Severity, Window
from agent.ports import Reconciles
from tests.adapters.hl7v2.night import HORIZON, Night


def test_the_question_says_whose_agenda_and_from_when_to_when() -> None:
    """Valid HL7 in the eyes of hl7apy, local times, a number of its own for each page and one tag for all."""
    window = Window(NOW, NOW + timedelta(days=21))
    first = Asking("101", window, NOW, "salt")
    asked = [
        scan(question(each, Envelope("dme", "DME", "NORD", "")))
        for each in (first, Asking("101", window, NOW, "salt", "P2"))
    ]
    for message in asked:
        qrd, qrf, aip = (message.first(name) for name in ("QRD", "QRF", "AIP"))
        assert qrd is not None
        assert qrf is not None
        assert aip is not None
        assert (qrd.text(8), qrd.raw(9), aip.text(3)) == ("101", "SBK~SBL", "101")
        assert (qrf.text(2), qrf.text(3)) == ("20261120120000", "20261211120000")
        assert len(qrd.text(4)) == 10
    assert asked[0].first("DSC") is None
    assert asked[1].first("DSC") is not None
    assert len({message.msh.text(10) for message in asked}) == 2
    assert len({qrd.text(4) for message in asked if (qrd := message.first("QRD"))}) == 1


@pytest.mark.parametrize("page", [0, 1, 2])
def test_what_the_mirror_lacks_is_added(
    page: int, night: Callable[..., Night], caplog: pytest.LogCaptureFixture
) -> None:
    """Whole, in pages of one or two: bookings whose notices were lost are no longer sold; only counts are logged."""
    here = night()
    assert isinstance(here.emr(), Reconciles)
    here.put(8)
    here.deaf()
    here.put(9)
    here.put(10)
    here.put(11, "102")
    here.bench.emr.manners.page = page
    assert here.free() == [9, 10, 11]
    with caplog.at_level(logging.INFO, "creneau.hl7"):
        assert here.compare() == 3
    assert (here.free(), here.free("102")) == ([11], [8, 9, 10])
    (line,) = [each.getMessage() for each in caplog.records if "compared" in each.getMessage()]
    assert line == "hl7.compared shown=4 added=3 moved=0 gone=0 missing=0 held=0"


def test_what_moved_or_was_cancelled_unheard_is_put_right(night: Callable[..., Night]) -> None:
    """A lost S13 and a lost S15; what vanished goes at the second complete look, minutes later."""
    here = night()
    moved, gone = here.put(8), here.put(9)
    here.deaf()
    here.bench.emr.change(moved, "S13", start=MONDAY + timedelta(hours=10), end=MONDAY + timedelta(hours=11))
    here.bench.emr.change(gone, "S15", status="Cancelled")
    assert here.compare() == 1
    assert here.free() == [8, 11], "what was left out once is still taken"
    assert here.compare() is None, "not before some minutes"
    here.later(minutes=6)
    assert here.compare() == 1
    assert here.free() == [8, 9, 11]
    assert here.compare() is None, "nothing is missing any more: the next night"


def test_it_is_asked_each_night_at_its_hour(night: Callable[..., Night]) -> None:
    """At once when nothing was ever compared, then when 02:30 has passed, whatever the machine slept through."""
    here = night()
    assert [here.compare(), here.compare()] == [0, None]
    here.later(hours=14)
    assert here.compare() is None  # 02:00
    here.later(hours=1)
    assert [here.compare(), here.compare()] == [0, None]
    here.later(days=2)
    assert here.compare() == 0


@pytest.mark.parametrize(
    ("manners", "raises"),
    [
        ({"page": 1, "half": True}, Transient),
        ({"refuses": "AE"}, Transient),
        ({"refuses": "AR"}, Refused),
        ({"other": True}, Transient),
    ],
)
def test_an_answer_that_is_not_whole_changes_nothing(
    manners: dict[str, object], raises: type[CreneauError], night: Callable[..., Night]
) -> None:
    """Half the pages, an error, a refusal, the answer to another question: as if nobody had asked; then asked again."""
    here = night()
    here.put(8)
    assert here.compare() == 0
    here.deaf()
    here.put(9)
    here.put(10)
    here.later(days=1)
    before = here.notes()
    for name, value in manners.items():
        setattr(here.bench.emr.manners, name, value)
    with pytest.raises(raises):
        here.compare()
    assert here.notes() == before
    here.bench.emr.manners.half = here.bench.emr.manners.other = False
    here.bench.emr.manners.refuses = ""
    assert here.compare() == 2


@pytest.mark.parametrize(
    "answer",
    [
        "QAK|{tag}|OK\rSCH||F9|||||||||^^60^20261123090000\rAIP|1|A|101\rDSC|X|F",  # fragments
        "QAK|{tag}|OK\rSCH||F9|||||||||^^60^20261123090000\rAIP|1|A|101\rDSC|X|I",  # the same page for ever
        "QAK|{tag}|OK\rSCH||F9|||||||||^^60\rAIP|1|A|101",  # no time
        "QAK|{tag}|OK\rSCH|||||||||||^^60^20261123090000\rAIP|1|A|101",  # no number
        "QAK|{tag}|OK||2\rSCH||F9|||||||||^^60^20261123090000\rAIP|1|A|101",  # two, it says
        "QAK|{tag}|OK\rSCH||F9|||||||||^^60^202611230900\rSCH||F9|||||||||^^60^202611231000",  # one at two times
        "QAK|{tag}|OK",  # found, and nothing there
        "QAK|{tag}|NF\rSCH||F9|||||||||^^60^20261123090000",  # not found, and there it is
        "QAK|{tag}|AE",
        "QAK|{tag}|",
        "SCH||F9|||||||||^^60^20261123090000",  # no word of any query
        "QAK|{tag}|OK\rQRD|||||||||\rQRD\rSCH||F9|||||||||demain^^60^hier",
        "QAK|{tag}|NF\rQRD|20261120|R|I|ANOTHERS",
    ],
)
def test_an_answer_that_contradicts_itself_changes_nothing(answer: str, night: Callable[..., Night]) -> None:
    """Each is refused whole, whatever of it could be read."""
    here = night()
    here.put(8)
    before = here.notes()
    emr = here.bench.emr
    emr._agenda = lambda asked, qrd: emr._message(  # type: ignore[method-assign]
        "SQR^S25^SQR_S25", f"MSA|AA|{asked.msh.text(10)}", *answer.format(tag=qrd.text(4)).split("\r")
    )
    with pytest.raises(Transient):
        here.compare()
    assert here.notes() == before


def test_an_answer_that_names_nobody_is_of_whom_was_asked(night: Callable[..., Night]) -> None:
    """And one appointment shown under two people keeps both."""
    here = night()
    emr = here.bench.emr
    both = "SCH||F9|||||||||^^60^20261123090000"
    own = {"101": "SCH||F1|||||||||^^60^20261123110000", "102": "SCH||F2|||||||||^^60^20261123100000"}
    emr._agenda = lambda asked, qrd: emr._message(  # type: ignore[method-assign]
        "SQR^S25^SQR_S25", f"MSA|AA|{asked.msh.text(10)}", f"QAK|{qrd.text(4)}|OK", both, f"AIP|1|A|{qrd.text(8)}",
        own[qrd.text(8)],
    )  # fmt: skip
    assert here.compare() == 3
    assert (here.free("101"), here.free("102")) == ([8, 10], [8, 11])


def test_an_emr_that_never_answers_is_waited_for_no_longer_than_asked(night: Callable[..., Night]) -> None:
    """Transient after srm.wait; and close() from another thread ends the wait at once."""
    here = night(**{"srm.wait": timedelta(milliseconds=200)})
    here.bench.emr.manners.answers = False
    before = here.notes()
    with pytest.raises(Transient):
        here.compare()
    patient = night(**{"srm.wait": timedelta(minutes=5)})
    patient.bench.emr.manners.answers = False
    emr, ended = patient.emr(), threading.Event()

    def compare() -> None:
        with pytest.raises(Transient):
            emr.reconcile(HORIZON)
        ended.set()

    thread = threading.Thread(target=compare)
    thread.start()
    patient.bench.emr.obeyed(1)
    emr.close()
    thread.join(120)
    assert ended.is_set()
    assert here.notes() == before
    with pytest.raises(Transient):
        emr.reconcile(HORIZON)


def test_a_notice_that_comes_while_the_emr_is_asked_is_newer(night: Callable[..., Night]) -> None:
    """It books, moves and cancels between the EMR's look and our taking in: the notice stands."""
    here = night()
    moved, cancelled = here.put(8), here.put(9)
    emr = here.bench.emr
    answer = emr._agenda

    def slowly(*asked: object) -> bytes:
        was = answer(*asked)  # type: ignore[arg-type]
        if not any(row.start == MONDAY + timedelta(hours=11) for row in emr.rows.values()):
            here.put(11)
            emr.change(moved, "S13", start=MONDAY + timedelta(hours=10), end=MONDAY + timedelta(hours=11))
            emr.change(cancelled, "S15", status="Cancelled")
        return was

    emr._agenda = slowly  # type: ignore[method-assign]
    here.compare()
    assert here.free() == [8, 9]


def test_many_that_vanish_at_once_are_held_back_and_alarm(
    night: Callable[..., Night], caplog: pytest.LogCaptureFixture
) -> None:
    """They stay taken, a doubt stays in doubt; the third list in a row is believed. What is new is taken all the same."""
    here = night()
    for day in range(4):
        for hour in (8, 9):
            here.put(hour, day=MONDAY + timedelta(days=day))
    assert here.compare() == 0
    rows = dict(here.bench.emr.rows)
    here.deaf()
    here.bench.emr.rows = {number: row for number, row in rows.items() if row.start.day == MONDAY.day}
    here.put(11, "102")
    here.tell(
        b"MSH|^~\\&|DME|CLINIQUE|||20261120120000||SIU^S12|X1|P|2.5\rSCH||F7|||||||||^^60^20261123\rAIP|1|A|102\r"
    )
    here.later(hours=-9)
    for n in (1, 2):
        here.later(days=1)
        with caplog.at_level(logging.ERROR, "creneau.hl7"):
            assert here.compare() == (1 if n == 1 else 0)
        assert f"held={n}" in caplog.text
        assert here.compare() is None, "not before the next night"
        assert here.faults()["hl7.held"] is Severity.WARN
        tuesday = Window(MONDAY + timedelta(days=1), MONDAY + timedelta(days=2))
        assert [row for row in here.emr().rows(tuesday) if row.cell.value == "busy"]
        assert (here.free(), here.free("102")) == ([10, 11], [])
        assert here.emr().doubts()
    here.later(days=1)
    assert here.compare() == 6
    assert "hl7.held" not in here.faults()
    assert here.emr().doubts() == []


def test_half_a_quiet_day_may_vanish(night: Callable[..., Night]) -> None:
    """Five at most are no alarm; the percentage is the clinic's."""
    here = night(**{"reconcile.most": 1})
    for hour in (8, 9, 10, 11):
        here.put(hour)
    here.deaf()
    here.bench.emr.rows = {}
    assert here.compare() == 0
    here.later(minutes=6)
    assert here.compare() == 4
    assert here.free() == [8, 9, 10, 11]
