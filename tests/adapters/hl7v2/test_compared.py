"""The mirror against the EMR's whole agenda: by a query over MLLP that a scripted EMR answers well and badly, by files."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.conformance import SITE
from adapters.conformance.bench import DAY, MONDAY, NOW, at, book, cells
from adapters.er7 import scan
from adapters.hl7v2 import Hl7Emr
from adapters.hl7v2.bench import Hl7Bench, calendar
from adapters.hl7v2.book import Hl7Booker
from adapters.hl7v2.build import Envelope
from adapters.hl7v2.query import Asking, question
from agent.core.booking import Outcome
from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.model import Instant, Severity, Window
from agent.ports import Reconciles

ZONE = ZoneInfo(SITE.zone)
HORIZON = Window(NOW, NOW + timedelta(days=14))
DEAF: dict[str, object] = {"srm.enquiry": "sqm", "srm.placer": "kept", "srm.wait": timedelta(seconds=20)}


class Night:
    """An EMR whose notices get lost, and an agent that compares. `now` moves the agent's clock."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.bench = Hl7Bench(folder, {**DEAF, "reconcile.by": "sqm", **options})
        self.bench.fresh(cells(8, 9, 10, 11, who="101") + cells(8, 9, 10, 11, who="102"))
        self.tell = self.bench.emr.tell
        self.since = timedelta(0)
        night = self

        class Clock:
            def now(self) -> Instant:
                return Instant(NOW + night.since, timedelta(hours=1) + night.since)

        from dataclasses import replace

        self.bench._tools = replace(self.bench._tools, clock=Clock())
        self.emrs: list[Hl7Emr] = []

    def deaf(self) -> None:
        """Let every further notice get lost."""
        self.bench.emr.tell = lambda _: None

    def emr(self) -> Hl7Emr:
        self.emrs.append(self.bench.adapter())
        return self.emrs[-1]

    def compare(self) -> int | None:
        """Compare by an object of its own, as the nightly job does."""
        return self.emr().reconcile(Window(NOW + self.since, NOW + self.since + timedelta(days=14)))

    def free(self, who: str = "101") -> list[int]:
        reading = self.emr().slots(DAY)
        return sorted(slot.start.hour for slot in reading.slots if slot.practitioner.key == who)

    def faults(self) -> dict[str, Severity]:
        return {each.code: each.severity for each in self.emr().slots(DAY).findings}

    def put(self, hour: int, who: str = "101", day: datetime = MONDAY) -> str:
        return self.bench.emr.book(who, day + timedelta(hours=hour), 60)

    def notes(self) -> dict[str, bytes]:
        """Return all that is kept, once what arrived is taken in."""
        self.free()
        return dict(self.bench._tools.store.notes(""))

    def later(self, **span: int) -> None:
        self.since += timedelta(**span)

    def close(self) -> None:
        for emr in self.emrs:
            emr.close()
        self.bench.close()


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Callable[..., Night]]:
    made: list[Night] = []

    def make(**options: object) -> Night:
        made.append(Night(tmp_path, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


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
    while not patient.bench.emr.heard:
        thread.join(0.01)
    emr.close()
    thread.join(20)
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


def test_one_complete_look_is_as_good_as_a_whole_sending(night: Callable[..., Night]) -> None:
    """Without `loaded` slots come with the first comparison, and stop when none has reached that far."""
    here = night(loaded=None)
    assert here.faults()["hl7.not-loaded"] is Severity.FAULT
    here.deaf()
    here.put(8)
    assert here.compare() == 1
    assert here.free() == [9, 10, 11]
    assert "hl7.not-loaded" not in here.faults()
    far = Window(NOW + timedelta(days=20), NOW + timedelta(days=22))
    assert [each.code for each in here.emr().slots(far).findings] == ["hl7.not-loaded"]
    assert [each.code for each in here.emr().check()][-1] == "hl7.requests"


def test_a_complete_look_freshens_the_mirror(night: Callable[..., Night]) -> None:
    """Silence is over, and it is said when nothing was compared for two days."""
    here = night(silence=timedelta(hours=2))
    assert here.faults() == {"hl7.not-compared": Severity.WARN}
    here.compare()
    assert here.faults() == {}
    here.later(days=2, hours=22)  # Monday at ten
    assert here.faults() == {"hl7.not-compared": Severity.WARN}
    here.later(minutes=30)
    assert here.faults() == {"hl7.not-compared": Severity.WARN, "hl7.silent": Severity.FAULT}
    here.compare()
    assert here.faults() == {}


def test_a_person_new_in_the_opening_hours_is_asked_about_at_once(night: Callable[..., Night]) -> None:
    """Without `loaded`, nothing of anybody is published before the EMR was asked about each."""
    here = night(loaded=None)
    here.compare()
    assert here.faults() == {}
    here.bench._folder.joinpath("openings.ics").write_bytes(calendar(cells(8, who="101") + cells(9, 10, who="103")))
    here.deaf()
    here.put(9, "103")
    assert here.faults() == {"hl7.not-loaded": Severity.FAULT}
    assert here.compare() == 1
    assert here.free("103") == [10]
    here.bench._folder.joinpath("openings.ics").write_bytes(calendar([]))
    here.later(days=1)
    assert here.compare() is None, "nobody to ask about"


def test_a_complete_look_settles_what_was_in_doubt(night: Callable[..., Night]) -> None:
    """What was received before it was asked, as far as it reaches; the appointment itself stands where the EMR shows it."""
    here = night()
    here.put(9)
    here.tell(b"MSH|^~\\&|DME|CLINIQUE|||20261120120000||SIU^S12|X1|P|2.5\rSCH||F7|||||||||^^60^demain\rAIP|1|A|102\r")
    assert here.free("102") == []
    here.later(hours=1)
    here.deaf()
    here.put(10, "102")
    here.compare()
    assert (here.free(), here.free("102")) == ([8, 10, 11], [8, 9, 11])
    (left,) = here.emr().doubts()
    assert left.start == NOW + timedelta(hours=1) + timedelta(days=21), "beyond what was shown nothing is proved"
    assert here.faults()["hl7.doubt"] is Severity.FAULT


def test_what_it_does_not_reach_it_does_not_touch(night: Callable[..., Night]) -> None:
    """Yesterday, months ahead, somebody the opening hours do not name, a cancelled row: none of them is called gone."""
    here = night()
    here.put(9, day=NOW - timedelta(days=1))
    here.put(9, day=MONDAY + timedelta(days=90))
    here.put(9, "NOBODY")
    here.bench.emr.change(here.put(10), "S15", status="Cancelled")
    before = here.notes()
    here.deaf()
    here.bench.emr.rows = {}
    for _ in range(2):
        assert here.compare() == 0
        here.later(days=1)
    assert {key: note for key, note in here.notes().items() if key.startswith("m:")} == {
        key: note for key, note in before.items() if key.startswith("m:")
    }


def test_a_message_that_came_while_the_emr_was_asked_stays_in_doubt(night: Callable[..., Night]) -> None:
    """Its appointment may be newer than the list."""
    here = night()
    answer = here.bench.emr._agenda
    late = b"MSH|^~\\&|DME|CLINIQUE|||20261120120000||SIU^S12|X1|P|2.5\rSCH||F7|||||||||^^60^demain\rAIP|1|A|102\r"

    def slowly(*asked: object) -> bytes:
        here.tell(late)
        return answer(*asked)  # type: ignore[arg-type]

    here.bench.emr._agenda = slowly  # type: ignore[method-assign]
    assert here.compare() == 0
    assert here.free("102") == []
    assert len(here.emr().doubts()) == 1


def test_a_booking_of_ours_that_vanished_is_to_be_checked(night: Callable[..., Night]) -> None:
    """Never called cancelled by the clinic on a list's word, and never made again."""
    here = night()
    emr = here.emr()
    assert isinstance(emr, Hl7Booker)
    effect = book(emr, at(emr, 9))
    assert effect.outcome is Outcome.BOOKED
    here.deaf()
    here.bench.emr.rows = {}
    here.compare()
    here.later(minutes=6)
    here.compare()
    found = [each.outcome for each in emr.ours(DAY)]
    assert found == []


def test_a_source_without_such_a_way_is_never_due(night: Callable[..., Night]) -> None:
    """None, and no finding about it; a wrong setting is said with its key."""
    here = night(**{"reconcile.by": "none"})
    assert here.compare() is None
    assert here.faults() == {}
    for wrong in (
        {"reconcile.at": "25:00"},
        {"reconcile.by": "file"},
        {"reconcile.most": 101},
        {"reconcile.address": "x"},
    ):
        with pytest.raises(Misconfigured):
            night(**wrong).emr()


# ---- by files


def siu(number: int, hour: int, who: str = "101", status: str = "S12") -> str:
    return (
        f"MSH|^~\\&|DME|CLINIQUE|||20261120080000||SIU^{status}|E{number}|P|2.5\r"
        f"SCH||RV{number}|||||||||^^60^20261123{hour:02}0000\rAIP|1|A|{who}\r"
    )


def drop(folder: Path, text: str, written: datetime, name: str = "tout.hl7") -> None:
    part = folder / f"{name}.part"
    part.write_text(text, encoding="utf-8")
    os.utime(part, (written.timestamp(), written.timestamp()))
    part.replace(folder / name)


def batch(*messages: str) -> str:
    return "FHS|^~\\&\rBHS|^~\\&\r" + "".join(messages) + f"BTS|{len(messages)}\rFTS|1\r"


@pytest.fixture
def dropped(night: Callable[..., Night], tmp_path: Path) -> tuple[Night, Path]:
    folder = tmp_path / "depot"
    folder.mkdir()
    return night(**{"reconcile.by": "file", "reconcile.folder": folder}), folder


def test_a_file_of_all_appointments_is_compared_once(dropped: tuple[Night, Path]) -> None:
    """Added and left out, twice for what is gone; the same file is not read again."""
    here, folder = dropped
    here.put(8)
    here.later(hours=1)
    assert here.compare() is None
    drop(folder, batch(siu(7, 9), siu(8, 10), siu(8, 11)), NOW + timedelta(minutes=30))
    assert [here.compare(), here.compare()] == [2, None]
    assert here.free() == [10]
    here.later(days=1)
    drop(folder, batch(siu(7, 9), siu(8, 11)), NOW + timedelta(days=1))
    assert here.compare() == 1
    assert here.free() == [8, 10]


def test_a_file_knows_nothing_of_what_came_after_it(dropped: tuple[Night, Path]) -> None:
    """A booking told since, or a few minutes before by another clock, is not in it and stays."""
    here, folder = dropped
    drop(folder, batch(siu(7, 9)), NOW - timedelta(seconds=30))
    here.put(8)
    for day in (0, 1):
        assert here.compare() == (1, None)[day]
    assert here.free() == [10, 11]


@pytest.mark.parametrize(
    "text",
    [
        "",
        batch(siu(7, 9))[:-10],  # the envelope is open
        batch(siu(7, 9), siu(8, 10).replace("20261123100000", "demain")),
        batch(siu(7, 9), siu(8, 10).replace("SIU^S12", "ADT^A08")),
        batch(siu(7, 9), siu(8, 10, status="S26").replace("^^60^20261123100000", "")),
    ],
)
def test_a_file_that_is_not_whole_changes_nothing(text: str, dropped: tuple[Night, Path]) -> None:
    """Still being written, or a message of it cannot be read: the next one counts."""
    here, folder = dropped
    here.put(8)
    here.later(hours=1)
    before = here.notes()
    drop(folder, text, NOW)
    with pytest.raises(Transient):
        here.compare()
    assert here.notes() == before
    drop(folder, batch(siu(7, 9)), NOW + timedelta(minutes=30))
    assert here.compare() == 1


def test_a_file_just_written_waits(dropped: tuple[Night, Path]) -> None:
    """Ten seconds; an empty agenda is one too when its envelope says so."""
    here, folder = dropped
    drop(folder, batch(), NOW)
    assert here.compare() is None
    here.later(minutes=1)
    assert here.compare() == 0
