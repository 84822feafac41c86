"""A message that was not understood: which times it keeps back, how narrowly, and every way out, a restart included."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters import conformance
from adapters.catalog import ENTRIES
from adapters.conformance import NAME, SITE
from adapters.conformance.bench import MINE, NOW, book, cells, free
from adapters.conformance.bench import at as kit_at
from adapters.er7 import Terms
from adapters.hl7v2 import Hl7Emr, open_
from adapters.hl7v2.ack import read_ack
from adapters.hl7v2.bench import ENQUIRED, Hl7Bench
from adapters.hl7v2.book import Hl7Booker
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.mllp import Framer
from agent.core.booking import Outcome
from agent.core.errors import Refused
from agent.core.model import Instant, Severity, SiteId, Window
from agent.ports import Doubts, SitePart, Tools

WEEK = Window(NOW, NOW + timedelta(days=10))
HOURS = [
    {"practitioner": who, "type": "s", "days": ["lun", "mar"], "from": "08:00", "to": "10:00", "minutes": 60}
    for who in ("101", "102")
]
ALL = ["101 mon 08", "101 mon 09", "101 tue 08", "101 tue 09", "102 mon 08", "102 mon 09", "102 tue 08", "102 tue 09"]
DAYS = {23: "mon", 24: "tue"}
OF_101 = [each for each in ALL if each.startswith("102")]
MONDAY_OF_101 = [each for each in ALL if not each.startswith("101 mon")]


def source(tools: Tools, **options: object) -> Hl7Emr:
    given = {option.key: option.default for option in ENTRIES["hl7"].options}
    return open_(NAME, {**given, "openings": HOURS, "loaded": NOW.date(), **options}, tools)


def siu(*lines: str, event: str = "S12", number: str = "M1", sent: str = "20261120120000") -> bytes:
    return "\r".join((f"MSH|^~\\&|EMR|CL|||{sent}||SIU^{event}|{number}|P|2.5", *lines, "")).encode()


def appointment(start: str = "20261123083000", who: str = "101", length: str = "^^30", **words: str) -> bytes:
    return siu(f"SCH||F1|||||||||{length}^{start}", f"AIP|1|A|{who}", **words)


def tell(tools: Tools, *bodies: bytes, **how: object) -> list[str]:
    """Send messages; return the answers' words."""
    intake = Intake(tools.raw, Terms((SITE,), **how), tools.clock, tools.dice)  # type: ignore[arg-type]
    return [read_ack(body).word for each in bodies for body in Framer().feed(intake.take(each))]


def offered(emr: Hl7Emr, window: Window = WEEK) -> list[str]:
    reading = emr.slots(window)
    assert reading.complete
    return sorted(
        f"{slot.practitioner.key} {DAYS[slot.start.day]} {slot.start:%H}"
        for slot in reading.slots
        if slot.start.day in DAYS
    )


def at(tools: Tools, later: timedelta) -> Tools:
    class Then:
        def now(self) -> Instant:
            return Instant(NOW + later, timedelta(hours=1) + later)

    return replace(tools, clock=Then())


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (appointment("demain"), OF_101),  # no day is sure: all of that person's
        (appointment("20261123"), MONDAY_OF_101),  # a day without an hour
        (appointment(length="^^"), MONDAY_OF_101),  # no length: within its day
        (siu("SCH||F1|||||||1800||^^^202611230900", "AIP|1|A|101"), MONDAY_OF_101[2:]),  # 1800 minutes at most
        (siu("SCH||F1|||||||||^^30^202611230900", "AIP|1|A|101|||202611240900"), OF_101),  # two days quarrel
        (siu("SCH||F1|||||||||^^30^202611230900", "AIP|1|A|101|||hier"), OF_101),  # one of two is no time
        (siu("SCH||F1|||||||||^^30", "AIP|1|A|102"), [each for each in ALL if each.startswith("101")]),
        (siu("SCH||F1|||||||||^^30^demain"), []),  # nobody is named: all it could be
        (siu("PID|1||X", "AIP|1|A|101|||202611230900"), MONDAY_OF_101),  # no SCH: the row says whose and when
        (siu("SCH||F1|||||||||^^30^20261123|AIP|1|A|101", "AIG|1|A|102"), [*ALL[2:4], *ALL[6:]]),  # glued: is somebody else named?
        (siu("SCH||F1|||||||||^^^20261123", "AIP|1|A|101", event="S23"), OF_101),  # a block may last for weeks
        (siu("SCH||F1|||||||||^^30^20261123", "AIP|1|A|101", event="S99"), MONDAY_OF_101),  # an event nobody knows
        (b"\x89 no header at all", []),
        (appointment("20261123083000").replace(b"|2.5\r", b"|2.5||||||UTF-16\r"), MONDAY_OF_101),  # letters unread
        (appointment("20270323"), ALL),  # months away
        (appointment("30261123"), OF_101),  # a year that is none
        (appointment("20261123") * 2, []),  # two in one frame
        (appointment("20261123")[:-1], []),  # its last segment does not end: 101 may be half a code
        (appointment("20261123")[:-12], [*ALL[2:4], *ALL[6:]]),  # cut before it said whose it is
    ],
)  # fmt: skip
def test_what_was_not_understood_keeps_back_what_it_may_cover(body: bytes, left: list[str]) -> None:
    """That person's, those days; wider only where the message itself leaves it open. And the fault is shown."""
    tools = conformance.tools()
    emr = source(tools)
    assert offered(emr) == ALL
    assert tell(tools, body) != ["AA"]
    assert offered(emr) == left
    assert offered(source(tools)) == left, "a restart remembers it"
    shown = {each.code: each.severity for each in emr.slots(WEEK).findings}
    assert shown["hl7.doubt"] is Severity.FAULT
    (doubt,) = emr.doubts()
    assert doubt.why.partition(" ")[0].isdigit()


@pytest.mark.parametrize(
    "body",
    [
        *(appointment("demain", event=event).replace(b"|F1|", b"||") for event in ("S15", "S17", "S20", "S24", "S26")),
        siu("EVN|A01", event="A01").replace(b"SIU", b"ADT"),
        siu("ARQ|1", event="S01").replace(b"SIU", b"SRM"),
    ],
)
def test_what_takes_no_time_keeps_nothing_back(body: bytes) -> None:
    """A cancel or no-show that cannot be read frees nothing, which is safe; other messages are not about an agenda."""
    tools = conformance.tools()
    assert tell(tools, body) != ["AA"]
    emr = source(tools)
    assert offered(emr) == ALL
    assert emr.doubts() == []


def test_sent_again_and_understood_it_keeps_nothing_back_any_more() -> None:
    """A newer message about the same appointment; an older one, or one without a time, proves nothing."""
    tools = conformance.tools()
    emr = source(tools)
    tell(tools, appointment("demain"))
    tell(tools, appointment(number="M0", sent="20261120110000", start="202611240800"))
    tell(tools, siu("SCH||F1", "AIP|1|D|101", event="S20", number="M2", sent="20261120120100"))
    assert offered(emr) == OF_101
    tell(tools, appointment(number="M3", sent="20261120120200"))
    assert offered(emr) == offered(source(tools)) == ["101 mon 09", *ALL[2:]]
    assert emr.doubts() == []
    assert "hl7.doubt" not in {each.code for each in emr.slots(WEEK).findings}


def test_cancelled_it_keeps_nothing_back_any_more() -> None:
    """The appointment it spoke of is gone, wherever it was."""
    tools = conformance.tools()
    tell(tools, appointment("demain"), siu("SCH||F1", event="S15", number="M2", sent="20261120120100"))
    assert offered(source(tools)) == ALL


def test_a_setting_that_reads_it_settles_it() -> None:
    """The kept message is read again under the new setting, without the EMR sending anything."""
    tools = conformance.tools()
    tell(tools, siu("SCH||F1|||||||30||^^^202611230900", "AIP|1|A|101"))
    assert offered(source(tools)) == MONDAY_OF_101
    assert offered(source(tools, unit="minutes")) == ["101 mon 08", *ALL[2:]]
    assert offered(source(tools)) == ["101 mon 08", *ALL[2:]], "what was understood stays so"


def test_the_same_bytes_sent_again_after_a_setting_are_accepted() -> None:
    """A sender that repeats what got AE must not hear AE for ever."""
    tools = conformance.tools()
    body = siu("SCH||F1|||||||30||^^^202611230900", "AIP|1|A|101")
    assert tell(tools, body) == tell(tools, body) == ["AE"]
    emr = source(tools, unit="minutes")
    assert tell(tools, body, unit="m") == ["AE"], "not yet read: the stored answer"
    source(tools).slots(WEEK)
    assert tell(tools, body, unit="m") == tell(tools, body, unit="m") == tell(tools, body) == ["AA"]
    assert offered(emr) == ["101 mon 08", *ALL[2:]]


def test_one_number_with_other_bytes_keeps_its_times_back() -> None:
    """The EMR's counter began again: the second is refused, and what it books is not sold until it comes anew."""
    tools = conformance.tools()
    second = siu("SCH||F2|||||||||^^30^202611240800", "AIP|1|A|102")
    assert tell(tools, appointment(), second, second) == ["AA", "AR", "AR"]
    emr = source(tools)
    assert offered(emr) == ["101 mon 09", "101 tue 08", "101 tue 09", "102 mon 08", "102 mon 09"]
    tell(tools, second.replace(b"|M1|", b"|M2|"))
    assert offered(emr) == [each for each in ALL if each not in ("101 mon 08", "102 tue 08")]


def test_a_person_settles_it() -> None:
    """One message, by its number, for good; a number nobody knows is refused."""
    tools = conformance.tools()
    tell(tools, appointment("demain"), siu("SCH||F2|||||||||^^30^demain", "AIP|1|A|102", number="M2"))
    emr = source(tools)
    assert isinstance(emr, Doubts)
    first, second = emr.doubts()
    assert (first.event, first.whom, first.end, first.why) == ("S12", ("101",), None, "102 SCH-11.4")
    assert second.whom == ("102",)
    assert emr.settle(first.number) == first
    assert offered(emr) == offered(source(tools)) == [each for each in ALL if each.startswith("101")]
    with pytest.raises(Refused):
        emr.settle(first.number)


def test_what_is_past_keeps_nothing_back() -> None:
    """The day it named is over; the note goes with the next message."""
    tools = conformance.tools()
    tell(tools, appointment("20261123"))
    assert source(tools).doubts()
    late = at(tools, timedelta(days=4))
    assert source(late).doubts() == []
    tell(late, appointment(number="M9", start="202611300800"))
    source(late).slots(WEEK)
    assert tools.store.notes("d:") == {}


def test_no_patient_is_kept_and_no_site_but_its_own_is_held() -> None:
    """Of two sites the one it names; PID and notes stay in the message."""
    sites = (replace(SITE, emr_code="SUD"), SitePart(SiteId("nord"), SITE.zone, "NORD"))
    tools = replace(conformance.tools(), sites=sites)
    hours = [{**HOURS[0], "site": str(site.id)} for site in sites]
    tell(tools, siu("SCH||F1|||||||||^^30^demain", "PID|1||SECRET||Nomtest", "AIL|1|A|NORD"))
    emr = source(tools, openings=hours)
    assert {slot.site for slot in emr.slots(WEEK).slots} == {SITE.id}
    kept = b"".join(tools.store.notes("").values())
    assert b"SECRET" not in kept
    assert b"Nomtest" not in kept


def test_sites_with_different_clocks_hold_the_day_of_both() -> None:
    """No site is named: from the earlier midnight to the later one, of everybody at both."""
    sites = (replace(SITE, emr_code="EST"), SitePart(SiteId("ouest"), "America/Vancouver", "OUEST"))
    tools = replace(conformance.tools(), sites=sites)
    hours = [{**HOURS[0], "site": str(site.id), "to": "09:00", "days": ["lun", "mar"]} for site in sites]
    body = siu("SCH||F1|||||||||^^30^20261123", "AIP|1|A|101")
    Intake(tools.raw, Terms(sites), tools.clock, tools.dice).take(body)
    emr = source(tools, openings=hours)
    (doubt,) = emr.doubts()
    assert doubt.end is not None
    assert (doubt.start.hour, doubt.end.hour, (doubt.end - doubt.start).days) == (5, 8, 1)
    assert {(slot.site, slot.start.day) for slot in emr.slots(WEEK).slots if slot.start.day in DAYS} == {
        (site.id, 24) for site in sites
    }


def test_an_order_for_a_time_in_doubt_is_a_conflict(tmp_path: Path) -> None:
    """It was sold before the doubt: nothing is asked of the EMR."""
    bench = Hl7Bench(tmp_path, ENQUIRED)
    bench.fresh(cells(8, 9))
    emr = bench.adapter()
    assert isinstance(emr, Hl7Booker)
    try:
        slot = kit_at(emr, 8)
        bench.emr.tell(siu("SCH||F1|||||||||^^30^20261123", f"AIP|1|A|{slot.practitioner.key}"))
        assert free(emr) == []
        assert book(emr, slot).outcome is Outcome.CONFLICT
        assert not [each for each in bench.emr.heard if each.msh.text(9) == "SRM"]
        assert emr.find(MINE) is None
        assert isinstance(emr.settle(emr.doubts()[0].number).number, int)
        bench.emr._lines = lambda row: [  # type: ignore[method-assign]
            f"SCH|{row.placer}|{row.filler}|||||||||^^^demain||||||||||||||{row.status}",
            f"AIP|1|A|{row.who}",
        ]
        assert book(emr, slot, 2).outcome is Outcome.BOOKED, (
            "its own notice, not understood, is no reason to give it up"
        )
        assert len(emr.doubts()) == 1
        assert book(emr, slot, 2).outcome is Outcome.BOOKED
    finally:
        emr.close()
        bench.close()
