"""Every message of the collection gives exactly what is written here."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hl7apy.parser
import pytest
from hl7apy.consts import VALIDATION_LEVEL

from adapters.er7 import Kind, Terms, Unread, messages, read, scan
from adapters.er7.reader import Odd

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MESSAGES = Path(__file__).with_name("messages")

READS: dict[str, tuple[Kind, str, str, str, str, tuple[str, ...], tuple[str, ...]]] = {
    # name: kind, filler, placer, start, end, people, places
    "block-s23-no-pid": (
        Kind.BLOCK, "FIL-7", "PLA-7", "2027-06-03T08:00:00-04:00", "2027-06-03T12:00:00-04:00",
        (), ("CLINIQUE-B", "POINT-B"),
    ),
    "clicrdv-s26-still-booked": (
        Kind.NO_SHOW, "70099903800^RVenligne", "", "2027-02-18T14:00:00-05:00", "2027-02-18T14:30:00-05:00",
        ("70000000001@000000089", "70000000001"), (),
    ),
    "gpms-s14-arrived": (
        Kind.BUSY, "", "00700412266", "2027-03-09T14:20:00-05:00", "2027-03-09T14:40:00-05:00",
        ("RVX",), ("ESS", "CAB TEMOIN, MD"),
    ),
    "initech-s17-empty-resources": (
        Kind.GONE, "", "RVTEST70", "2027-04-06T13:30:00-04:00", "2027-04-06T13:45:00-04:00", (), (),
    ),
    "ntierprise-healthmatics-siu-s12": (
        Kind.BUSY, "13030", "1209", "2019-04-23T14:00:00-04:00", "2019-04-23T14:15:00-04:00",
        ("FICTN", "JFICTN1"), ("MainOffi", "Healthmatics Clinic"),
    ),
    "rethinkhealth-siu-s12": (
        Kind.BUSY, "APT001", "APT001", "2026-03-25T14:00:00-04:00", "2026-03-25T14:30:00-04:00", ("4567",), (),
    ),
    "samedi-in-s12-latin1": (
        Kind.BUSY, "700890^emr", "", "2027-01-19T08:00:00-05:00", "2027-01-19T08:30:00-05:00",
        ("radiologue",), ("salle-1",),
    ),
    "samedi-out-s12-utf8": (
        Kind.BUSY, "a-éwxyz7test0fictif", "", "2027-05-18T07:00:00-04:00", "2027-05-18T07:30:00-04:00",
        ("2", "1"), (),
    ),
    "samedi-out-s15-still-booked": (
        Kind.GONE, "a-éwxyz7test0fictif", "", "2027-05-18T08:00:00-04:00", "2027-05-18T08:30:00-04:00", ("1",), (),
    ),
    "webchart-in-s15": (Kind.GONE, "3300417^3300417", "70211^70211", "", "", ("1",), ("CLIN",)),
    "webchart-out-s12-nk1-glued": (
        Kind.BUSY, "7004001", "7003001", "2027-04-27T08:45:00-04:00", "2027-04-27T09:00:00-04:00",
        ("70029",), ("30", "Clinique Riviere-Test"),
    ),
    "webchart-out-s14-note": (
        Kind.BUSY, "", "7003049", "2027-04-28T16:00:00-04:00", "2027-04-28T16:30:00-04:00",
        ("70135",), ("40", "Clinique Lac-Test"),
    ),
    "webchart-out-s15-noshow": (
        Kind.GONE, "7004001", "7003001", "2027-04-27T08:45:00-04:00", "2027-04-27T09:00:00-04:00",
        ("70029",), ("30", "Clinique Riviere-Test"),
    ),
}  # fmt: skip
REFUSED = {
    "gmed-s12-no-sch": (100, "SCH"),
    "srm-s01-two-groups": (200, "MSH-9.1"),
    "webchart-in-s12": (102, "AIL-6"),
    "webchart-in-s14": (102, "AIL-6"),
    "zorgdomein-srm-s01": (200, "MSH-9.1"),
}
ODD = {
    "block-s23-no-pid": (Odd.STATUS,),
    "clicrdv-s26-still-booked": (Odd.STATUS,),
    "webchart-in-s15": (Odd.ACTION,),
    "webchart-out-s12-nk1-glued": (Odd.GLUED,),
    "webchart-out-s14-note": (Odd.WORD,),
    "webchart-out-s15-noshow": (Odd.GLUED,),
}
SEVERAL = "webchart-in-three-in-one-file"


def test_every_message_of_the_collection_is_judged() -> None:
    """No file lies there without its right reading."""
    assert {path.stem for path in MESSAGES.glob("*.hl7")} == {*READS, *REFUSED, SEVERAL}


@pytest.mark.parametrize("name", READS)
def test_a_message_gives_the_documented_result(name: str, sent: Callable[[str], bytes], terms: Terms) -> None:
    """Kind, ids as sent, times, resources; what was odd is noted and nothing else is."""
    kind, filler, placer, start, end, people, places = READS[name]
    change = read(sent(name), terms, NOW)
    when = change.timing
    times = (when.start.isoformat(), when.end.isoformat()) if when else ("", "")
    assert (change.kind, change.filler, change.placer, *times) == (kind, filler, placer, start, end)
    assert (change.people, change.places) == (people, places)
    assert change.odd == ODD.get(name, ())
    assert change.arrived is (name == "gpms-s14-arrived")


@pytest.mark.parametrize("name", REFUSED)
def test_a_message_that_says_nothing_sure_is_refused(name: str, sent: Callable[[str], bytes], terms: Terms) -> None:
    """The code of table 0357 and the place, never a time made up."""
    with pytest.raises(Unread) as no:
        read(sent(name), terms, NOW)
    assert (no.value.code, no.value.place) == REFUSED[name]


@pytest.mark.parametrize("name", ["webchart-in-s12", "webchart-in-s14"])
def test_a_source_may_name_the_field_that_wins(name: str, sent: Callable[[str], bytes], terms: Terms) -> None:
    """With time_from the contradiction is settled by the clinic, not by us."""
    when = read(sent(name), replace(terms, time_from="sch11"), NOW).timing
    assert when is not None
    assert (when.start.isoformat(), when.end.isoformat()) == ("2027-04-15T09:00:00-04:00", "2027-04-15T09:45:00-04:00")
    by_rows = read(sent(name), replace(terms, time_from="aip"), NOW).timing
    assert by_rows is not None
    assert by_rows.start.isoformat() == "2027-04-12T09:00:00-04:00"


def test_several_messages_in_one_file_are_split(sent: Callable[[str], bytes], terms: Terms) -> None:
    """In file order; within one frame they are refused together."""
    parts = list(messages(sent(SEVERAL)))
    terms = replace(terms, time_from="sch11")
    assert [read(part, terms, NOW).event for part in parts] == ["S12", "S14", "S15"]
    with pytest.raises(Unread) as no:
        read(sent(SEVERAL), terms, NOW)
    assert (no.value.code, no.value.place) == (100, "MSH")


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", READS)
def test_line_ends_change_nothing(name: str, ends: bytes, sent: Callable[[str], bytes], terms: Terms) -> None:
    """CR, LF and CRLF are read the same."""
    body = sent(name)
    other = body.replace(b"\n", b"\r").replace(b"\r", ends)
    assert read(other, terms, NOW) == read(body, terms, NOW)


@pytest.mark.parametrize("name", sorted({*READS, *REFUSED}))
def test_hl7apy_finds_the_same_fields(name: str, sent: Callable[[str], bytes]) -> None:
    """An independent parser, slow and by the book, sees the same SCH, TQ1 and resource fields."""
    body = sent(name)
    message = scan(body)
    text = body.decode(message.charset).replace("\r\n", "\r").replace("\n", "\r")
    version = message.msh.text(12)
    for line, segment in zip([one for one in text.split("\r") if one], message.segments, strict=True):
        if segment.name in ("SCH", "TQ1", "AIS", "AIG", "AIL", "AIP") and not (
            segment.name == "TQ1" and version < "2.5"
        ):
            theirs = hl7apy.parser.parse_segment(line, version=version, validation_level=VALIDATION_LEVEL.TOLERANT)
            for number in range(1, len(segment.fields)):
                if segment.raw(number).strip("^~& "):
                    assert segment.raw(number).strip("^ ") == _er7(theirs, segment.name, number).strip("^ ")


def _er7(theirs: Any, name: str, number: int) -> str:
    value = getattr(theirs, f"{name}_{number}".lower()).to_er7()
    return "~".join(value) if isinstance(value, list) else str(value)
