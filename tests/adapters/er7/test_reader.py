"""The rules of reading one by one: time sources, lengths, clocks that jump, letters, ids."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.er7 import Kind, Terms, Unread, head, messages, read, scan
from adapters.er7.reader import Action, Odd
from adapters.er7.scan import Separators, escape, unescape
from agent.core.model import SiteId
from agent.ports import SitePart

NOW = datetime(2027, 1, 1, tzinfo=UTC)
MSH = r"MSH|^~\&|EMR|CL|||20270101120000||SIU^S12|M1|P|2.5"


def siu(sch: str = "SCH|P1|F1", *rows: str, msh: str = MSH, event: str = "S12") -> bytes:
    return "\r".join([msh.replace("S12", event), sch, *rows]).encode() + b"\r"


def sch(eleven: str, *, nine: str = "", ten: str = "", status: str = "") -> str:
    return f"SCH|P1|F1|||||||{nine}|{ten}|{eleven}||||||||||||||{status}"


def span(body: bytes, terms: Terms) -> tuple[str, str]:
    when = read(body, terms, NOW).timing
    assert when is not None
    return when.start.strftime("%d %H:%M"), when.end.strftime("%d %H:%M")


def refused(body: bytes, terms: Terms) -> tuple[int, str]:
    with pytest.raises(Unread) as no:
        read(body, terms, NOW)
    return no.value.code, no.value.place


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (siu(sch("^^30")), "SCH-11"),
        (siu(sch("^^30^20270315"), "AIP|1|A|7|||202703150900"), "SCH-11.4"),
        (siu(sch("^^30^2027031509")), "SCH-11.4"),
        (siu(sch("^^30^20270315250000")), "SCH-11.4"),
        (siu(sch("^^30^20270230090000")), "SCH-11.4"),
        (siu(sch("^^30^lundi")), "SCH-11.4"),
        (siu("SCH|P1|F1", "AIP|1|A|7|||000101010900|999999|h|15|m"), "AIP-6"),
        (siu(sch("^^30^999912312359")), "SCH-11.4"),
        (siu(sch("^^30^202703150900"), "AIP|1|A|7|||202703150901"), "AIP-6"),
        (siu(sch("^^30^202703150900~^^30^202703220900")), "SCH-11.4"),
        (siu(sch("^^^202703150900^202703150930"), "TQ1|1||||||202703150900|202703150945"), "SCH-11.5"),
        (siu(sch("^^^202703150900")), "SCH-9"),
        (siu(sch("^^^202703150900", nine="0", ten="m")), "SCH-9"),
        (siu(sch("^^^202703150900", nine="2", ten="mois")), "SCH-9"),
        (siu(sch("^^^202703150900^202703150900")), "SCH-11.5"),
        (siu(sch("^^^202703150900^202703150830")), "SCH-11.5"),
        (siu(sch("^^^202703150900^202903150830")), "SCH-11.5"),
        (siu(sch("^^30^202703140230")), "SCH-11.4"),
        (siu(sch("^^30^20270315090000+1599")), "SCH-11.4"),
    ],
)
def test_no_time_is_ever_made_up(body: bytes, place: str, terms: Terms) -> None:
    """None, half of one, an impossible one, two that differ: refused, and the place is named."""
    assert refused(body, terms)[1] == place


@pytest.mark.parametrize(
    ("body", "due"),
    [
        (siu(sch("^^30^202703150900")), ("15 09:00", "15 09:30")),
        (siu(sch("^^M45^202703150900")), ("15 09:00", "15 09:45")),
        (siu(sch("^^s900^202703150900 ")), ("15 09:00", "15 09:15")),
        (siu(sch("^^H1^2027031509000000")), ("15 09:00", "15 10:00")),
        (siu(sch("^^30^20270315090000.0000-0400")), ("15 09:00", "15 09:30")),
        (siu(sch("^^30^20270315130000+0000")), ("15 09:00", "15 09:30")),
        (siu(sch("^^30^20270315090059"), "AIP|1|A|7|||202703150900"), ("15 09:00", "15 09:30")),
        (siu(sch("^^^202703150900", nine="1", ten="heure")), ("15 09:00", "15 10:00")),
        (siu(sch("^^^202703150900", nine="20", ten="m^Minutes")), ("15 09:00", "15 09:20")),
        (siu("SCH|P1|F1", "AIS|1|A|X|202703150900|||20|min"), ("15 09:00", "15 09:20")),
        (siu("SCH|P1|F1", "AIP|1|A|7|||202703150915|15|min|30|min"), ("15 09:00", "15 09:30")),
        (siu("SCH|P1|F1", "AIP|1|A|7|||202703150900|15^Roy^Anne||30|min"), ("15 09:00", "15 09:30")),  # a shifted row
        (siu("SCH|P1|F1", "AIP|1|A|7|||202703150900|||15|m", "AIL|1|A|R|||202703150900|||20|m"), ("15 09:00", "15 09:20")),
        (siu(sch('""^""^30^202703150900^""')), ("15 09:00", "15 09:30")),
        (siu(sch("^^30^202703150900"), "RGS|1|D", "AIP|1||7|||202703160900"), ("15 09:00", "15 09:30")),
        (siu(sch("^^30^202703150900"), "AIP|1|D|7|||202703160900"), ("15 09:00", "15 09:30")),
        (siu(sch("^^^202703142330^202703150015")), ("14 23:30", "15 00:15")),
    ],
)  # fmt: skip
def test_a_time_is_read_where_the_sender_put_it(body: bytes, due: tuple[str, str], terms: Terms) -> None:
    """Every source of a start, an end and a length, with offsets, fractions, blanks and rows taken away."""
    assert span(body, terms) == due


def test_a_bare_length_takes_the_unit_another_field_confirms(terms: Terms) -> None:
    """1800 beside 30 minutes is seconds; alone it is refused unless the source's unit is set."""
    seconds = siu(sch("^^^202703150900", nine="1800"), "TQ1|1|1800|||||202703150900||||||30^min")
    assert span(seconds, terms) == ("15 09:00", "15 09:30")
    alone = siu(sch("^^^202703150900", nine="1800"))
    assert refused(alone, terms) == (102, "SCH-9")
    assert span(alone, replace(terms, unit="s")) == ("15 09:00", "15 09:30")
    assert span(siu(sch("^^^202703150900", nine="20")), replace(terms, unit="m")) == ("15 09:00", "15 09:20")


def test_the_night_with_an_hour_twice_is_flagged_and_settled_by_the_source(terms: Terms) -> None:
    """The first unless fold says the second; a field with an offset settles it."""
    body = siu(sch("^^30^202711070130"))
    change = read(body, terms, NOW)
    assert Odd.TWICE in change.odd
    assert change.timing is not None
    assert change.timing.start.utcoffset() == timedelta(hours=-4)
    second = read(body, replace(terms, fold="second"), NOW).timing
    assert second is not None
    assert second.start.utcoffset() == timedelta(hours=-5)
    settled = read(siu(sch("^^30^202711070130"), "AIP|1|A|7|||20271107013000-0500"), terms, NOW)
    assert settled.timing is not None
    assert settled.timing.start.utcoffset() == timedelta(hours=-5)
    assert Odd.TWICE not in settled.odd


@pytest.mark.parametrize("event", ["S15", "S16", "S17", "S26", "S24"])
def test_a_cancel_needs_the_number_only(event: str, terms: Terms) -> None:
    """Bad times never refuse it."""
    change = read(siu(sch("^^30^demain"), event=event), terms, NOW)
    assert change.timing is None
    assert change.filler == "F1"


@pytest.mark.parametrize(
    ("event", "kind", "action"),
    [
        ("S13", Kind.BUSY, Action.STATE),
        ("S18", Kind.BUSY, Action.ADD),
        ("S21", Kind.BUSY, Action.TAKE),
        ("S23", Kind.BLOCK, Action.STATE),
    ],
)
def test_the_event_decides(event: str, kind: Kind, action: Action, terms: Terms) -> None:
    """Whatever the status words say; they are noted when they differ."""
    change = read(siu(sch("^^30^202703150900", status="Cancelled"), event=event), terms, NOW)
    assert (change.kind, change.action) == (kind, action)
    assert Odd.STATUS in change.odd


@pytest.mark.parametrize(
    ("body", "due"),
    [
        (b"", (100, "MSH")),
        (b"PID|1", (100, "MSH")),
        (b"MSH|", (100, "MSH")),
        (b"MSH||||", (101, "MSH-2")),
        (b"MSH|^^\\&|", (101, "MSH-2")),
        (siu(event="S25"), (201, "MSH-9.2")),
        (siu(msh=MSH.replace("SIU", "ADT")), (200, "MSH-9.1")),
        (siu("SCH||"), (101, "SCH-2")),
        (siu('SCH|""|""'), (101, "SCH-2")),
        (siu(msh=MSH + "||||||KOI8-R"), (103, "MSH-18")),
        (siu(msh=MSH + "||||||UNICODE UTF-8") + b"NTE|1||\xe9\r", (103, "MSH-18")),
        (siu(msh=MSH + "||||||8859/16"), (103, "MSH-18")),
        (siu() + b"NTE|1||\x81\xe9\r", (103, "MSH-18")),
    ],
)
def test_what_is_no_message_for_us_is_refused_with_its_code(body: bytes, due: tuple[int, str], terms: Terms) -> None:
    """Table 0357: content is 1xx, what is not ours at all is 2xx."""
    assert refused(body, terms) == due


def test_letters_are_read_by_what_the_message_names() -> None:
    """Unsaid: UTF-8, else the letters of a French Windows; said: that and nothing else."""
    assert scan(siu("SCH|é|F1")).charset == "utf-8"
    assert scan(siu() + b"NTE|1||\xe9t\xe9 \x9cuf\r").charset == "cp1252"
    assert scan(siu(msh=MSH + "||||||8859/15") + b"NTE|1||\xbd\r").segments[-1].text(3) == "œ"


def test_separators_are_those_of_the_message(terms: Terms) -> None:
    """A sender may choose its own; one that leaves the escape out escapes nothing."""
    body = b"MSH#*!?%#EMR#CL###20270101120000##SIU*S12#M1#P#2.5\rSCH#P1#F?S?1#########**30*202703150900\r"
    assert read(body, terms, NOW).filler == "F*1"
    bare = b"MSH|^|EMR|CL|||20270101120000||SIU^S12|M1|P|2.5\rSCH|P1|F~1\\|||||||||^^30^202703150900\r"
    assert read(bare, terms, NOW).filler == "F~1\\"


def test_escapes_are_read_and_written() -> None:
    r"""\F\ \S\ \T\ \R\ \E\ \.br\ \X..\; what is unfinished or unknown stays text."""
    marks = Separators()
    assert unescape(r"a\F\b\S\c\T\d\R\e\E\f\.br\g\X41\\H\h\N\ ", marks) == "a|b^c&d~e\\f\ngAh "
    assert unescape(r"50\% \Z\ \X4\ fin\F", marks) == r"50\% \Z\ \X4\ fin\F"
    text = "a|b^c&d~e\\f\rg\r\nh"
    assert unescape(escape(text, marks), marks) == "a|b^c&d~e\\f\rg\rh"


def test_the_site_gives_the_zone(terms: Terms) -> None:
    """Named by room, visit or facility; unnamed, the zone is sure only where all sites share it."""
    two = (SitePart(SiteId("a"), "America/Toronto", "NORD"), SitePart(SiteId("b"), "America/Halifax", "SUD"))
    terms = replace(terms, sites=two)
    line = sch("^^30^202703150900")
    assert refused(siu(line), terms) == (101, "AIL-3")
    for row in ("AIL|1|A|^R2^^SUD", "PV1|1||SUD"):
        change = read(siu(line, row), terms, NOW)
        assert change.timing is not None
        assert (change.site, change.timing.start.utcoffset()) == ("SUD", timedelta(hours=-3))
    assert read(siu(line, msh=MSH.replace("CL", "NORD")), terms, NOW).site == "NORD"
    same = replace(terms, sites=(two[0], replace(two[1], zone="America/Toronto")))
    assert read(siu(line), same, NOW).site == ""


def test_the_order_of_messages_is_by_their_own_time(terms: Terms) -> None:
    """MSH-7 in UTC; unread, the arrival; shown twice, the reading nearest to the arrival."""
    line = sch("^^30^202703150900")
    assert read(siu(line), terms, NOW).sent == datetime(2027, 1, 1, 17, tzinfo=UTC)
    assert read(siu(line, msh=MSH.replace("20270101120000", "hier")), terms, NOW).sent == NOW
    twice = siu(line, msh=MSH.replace("20270101120000", "20271107013000"))
    for hour in (5, 6):
        arrived = datetime(2027, 11, 7, hour, 31, tzinfo=UTC)
        assert read(twice, terms, arrived).sent == datetime(2027, 11, 7, hour, 30, tzinfo=UTC)


def test_a_file_with_envelopes_gives_its_messages() -> None:
    """FHS, BHS, BTS, FTS and MLLP frames around them are taken off; an empty file holds none."""
    one, two = siu(), siu().replace(b"M1", b"M2")
    file = b"FHS|^~\\&\rBHS|^~\\&\r" + one + two + b"BTS|2\rFTS|1\r"
    assert [head(each).text(10) for each in messages(file)] == ["M1", "M2"]
    assert [head(each).text(10) for each in messages(b"\x0b" + one + b"\x1c\r\x0b" + two + b"\x1c\r")] == ["M1", "M2"]
    assert list(messages(b"")) == []


@pytest.mark.parametrize("row", ["AIP|1|A|7", "TQ1|1||||||202703150900", "AIP|1|A|7|||202703150900|||15|m", ""])
def test_a_message_that_breaks_off_in_what_is_read_is_refused(row: str, terms: Terms) -> None:
    """Half an id, a time or a code looks whole; a message may end without CR only after them."""
    body = siu(sch("^^30^202703150900"), row).rstrip(b"\r")
    if row:
        assert refused(body, terms)[0] == 100
        assert read(body + b"|||||||||||\r", terms, NOW).filler == "F1"
    else:
        assert read(body, terms, NOW).filler == "F1"  # it ends with SCH-25
        assert refused(body[: body.rindex(b"2027031509") + 10], terms) == (100, "SCH-11")


def test_a_line_broken_inside_a_field_is_passed_over(terms: Terms) -> None:
    """A stray CR in a note (a known fault of engines) loses that piece of note and nothing else."""
    change = read(siu(sch("^^30^202703150900"), "NTE|1||premier", "second, sans nom", "AIP|1|A|7"), terms, NOW)
    assert change.people == ("7",)
