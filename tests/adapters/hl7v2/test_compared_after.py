"""What one complete look at the EMR's whole agenda settles, and what it does not reach."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.conformance.bench import DAY, MONDAY, NOW, at, book, cells
from adapters.hl7v2.bench import calendar
from adapters.hl7v2.book import Hl7Booker
from agent.core.booking import Outcome
from agent.core.errors import Misconfigured
from agent.core.model import Severity, Window
from tests.adapters.hl7v2.night import Night


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
