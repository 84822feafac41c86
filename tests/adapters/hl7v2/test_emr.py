"""The source on its mirror: loaded or not, silent or not, whose codes, and notices that arrive while it reads."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters import conformance
from adapters.catalog import ENTRIES
from adapters.conformance import NAME, SITE
from adapters.conformance.bench import DAY, MONDAY, NOW, cells
from adapters.er7 import Terms
from adapters.hl7v2 import Hl7Emr, open_
from adapters.hl7v2.ack import read_ack
from adapters.hl7v2.bench import calendar
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.sender import Sender, Towards
from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.core.model import Instant, Severity
from agent.ports import Tools

HOURS = {"practitioner": "101", "type": "s", "days": ["lun"], "from": "08:00", "to": "12:00", "minutes": 60}


def defaults(**options: object) -> dict[str, object]:
    return {option.key: option.default for option in ENTRIES["hl7"].options} | options


def emr(tools: Tools, **options: object) -> Hl7Emr:
    return open_(NAME, defaults(openings=[HOURS], loaded=NOW.date(), **options), tools)


def siu(event: str = "S12", hour: int = 9, who: str = "101", number: int = 1, minute: int = 0) -> bytes:
    start = f"20261123{hour:02}0000"
    lines = (
        f"MSH|^~\\&|EMR|CL|||20261120120{minute}00||SIU^{event}|M{number}.{minute}|P|2.5",
        f"SCH||F{number}|||||||||^^60^{start}",
        f"AIP|1|A|{who}",
    )
    return "\r".join(lines).encode()


def tell(tools: Tools, *bodies: bytes) -> None:
    intake = Intake(tools.raw, Terms((SITE,)), tools.clock, tools.dice)
    for body in bodies:
        intake.take(body)


def at(tools: Tools, moment: datetime) -> Tools:
    class Then:
        def now(self) -> Instant:
            return Instant(moment, timedelta(hours=1))

    return replace(tools, clock=Then())


def hours(source: Hl7Emr) -> list[int]:
    return [slot.start.hour for slot in source.slots(DAY).slots]


def faults(source: Hl7Emr) -> list[str]:
    reading = source.slots(DAY)
    found = [each.code for each in reading.findings if each.severity is Severity.FAULT]
    assert reading.complete is not bool(found)
    assert not (found and reading.slots)
    return found


def test_a_notice_takes_its_time_and_a_cancel_gives_it_back() -> None:
    """Read at the next poll, in whatever order; a repeat changes nothing."""
    tools = conformance.tools()
    source = emr(tools)
    assert hours(source) == [8, 9, 10, 11]
    tell(tools, siu(), siu("S13", 10, minute=1))
    assert hours(source) == [8, 9, 11]
    tell(tools, siu("S15", 10, minute=2), siu("S15", 10, minute=2))
    assert hours(source) == [8, 9, 10, 11]


def test_two_objects_of_one_source_share_the_mirror() -> None:
    """Each leg has its own; what one took in the other sees, and a restart too."""
    tools = conformance.tools()
    first, second = emr(tools), emr(tools)
    assert hours(second) == [8, 9, 10, 11]
    tell(tools, siu())
    assert hours(first) == [8, 10, 11]
    assert hours(second) == hours(emr(tools)) == [8, 10, 11]


def test_an_unchanged_poll_writes_nothing() -> None:
    """Neither notes nor settlements."""
    tools = conformance.tools()
    source = emr(tools)
    tell(tools, siu())
    hours(source)
    before = dict(tools.store.notes(""))
    hours(source)
    assert dict(tools.store.notes("")) == before


def test_a_settling_that_fails_loses_nothing() -> None:
    """The message stays unread and its appointment is taken in the next time."""
    tools = conformance.tools()
    source = emr(tools)
    tell(tools, siu())
    whole = tools.raw.settle

    def broken(*_: object) -> None:
        raise Transient(say("settle"), say("the disk is full"))

    tools.raw.settle = broken  # type: ignore[method-assign]
    with pytest.raises(Transient):
        source.slots(DAY)
    tools.raw.settle = whole  # type: ignore[method-assign]
    assert hours(source) == [8, 10, 11]
    assert hours(emr(tools)) == [8, 10, 11]


@pytest.mark.parametrize("loaded", [None, NOW.date() + timedelta(days=1)])
def test_an_agenda_that_was_never_sent_whole_is_not_published(loaded: date | None) -> None:
    """The notices speak of changes only: what was booked before them would be sold again."""
    source = open_(NAME, defaults(openings=[HOURS], loaded=loaded), conformance.tools())
    assert faults(source) == ["hl7.not-loaded"]


def test_silence_in_open_hours_stops_publication_and_a_message_ends_it() -> None:
    """Nights and week-ends do not count; four open hours do."""
    tools = conformance.tools()
    tell(tools, siu())
    assert faults(emr(at(tools, MONDAY + timedelta(hours=11, minutes=59)))) == []
    late = at(tools, MONDAY + timedelta(days=1))
    assert faults(emr(late, silence=timedelta(hours=4))) == []
    assert faults(emr(late, silence=timedelta(hours=3))) == ["hl7.silent"]
    tell(late, siu("S12", 11, number=2))
    assert faults(emr(late, silence=timedelta(hours=3))) == []


def test_a_week_of_silence_is_too_long_whatever_the_hours() -> None:
    """A calendar without past days must not hide it."""
    tools = conformance.tools()
    tell(tools, siu())
    assert faults(emr(at(tools, NOW + timedelta(days=8)), silence=timedelta(days=30))) == ["hl7.silent"]


def test_other_codes_than_the_openings_stop_publication() -> None:
    """Five appointments, and none of anybody the openings name: they would all be sold twice."""
    tools = conformance.tools()
    source = emr(tools)
    tell(tools, *[siu(number=n, who="GAGNON") for n in range(1, 6)])
    assert faults(source) == ["hl7.other-codes"]
    tell(tools, siu(number=6, hour=8))
    assert faults(source) == []


def test_dead_letters_are_counted_and_said() -> None:
    """What could not be read is told for a week, with what to do."""
    tools = conformance.tools()
    source = emr(tools)
    tell(tools, siu().replace(b"20261123090000", b"demain"), siu(number=2))
    assert [each.code for each in source.slots(DAY).findings] == ["hl7.dead-letters", "hl7.doubt"]
    assert hours(source) == []
    assert source.slots(DAY).findings == emr(tools).slots(DAY).findings


def test_a_mere_wake_has_no_slots_and_keeps_nothing_of_anybody() -> None:
    """Beside a database source: messages are stored, acknowledged, settled, and no mirror is made."""
    tools = replace(conformance.tools(), sites=())
    source = open_(NAME, defaults(role="wake", **{"srm.address": "127.0.0.1:1"}), tools)
    tell(tools, siu(), siu().replace(b"20261123090000", b"demain").replace(b"M1.0", b"M2"))
    reading = source.slots(DAY)
    assert (reading.slots, reading.complete) == ((), True)
    assert tools.raw.unread(10) == []
    assert not tools.store.notes("m:")
    assert [each.code for each in source.check()] == ["hl7.heard", "hl7.slots"]


def test_check_says_what_a_person_should_know() -> None:
    """When it was last heard, how many slots it finds."""
    tools = conformance.tools()
    tell(tools, siu())
    assert [each.code for each in emr(tools).check()] == ["hl7.heard", "hl7.slots"]


def test_names_show_the_codes_of_both_sides() -> None:
    """So that a person can compare them."""
    tools = conformance.tools()
    tell(tools, siu(), siu(number=2, who="GAGNON"))
    found = {(each.kind, each.code): each.free for each in emr(tools).names(DAY)}
    assert found == {("type", "s"): 3, ("practitioner", "101"): 3, ("practitioner", "GAGNON"): 0, ("site", "*"): 3}


def test_the_calendar_is_cut_in_cells(tmp_path: Path) -> None:
    """One event of an hour is four quarters; a closed day has none; a file that is gone is said."""
    file = tmp_path / "heures.ics"
    file.write_bytes(calendar([replace(cells(9)[0], minutes=60)]))
    options = {"loaded": NOW.date(), "calendar": file, "cells": timedelta(minutes=15)}
    tools = conformance.tools()
    assert len(open_(NAME, defaults(**options), tools).slots(DAY).slots) == 4
    assert not open_(NAME, defaults(**options, closed=[MONDAY.date()]), tools).slots(DAY).slots
    file.unlink()
    with pytest.raises(Misconfigured):
        open_(NAME, defaults(**options), tools).slots(DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"listen": "2575"}, {"listen": "127.0.0.1:port"}, {"connections": 0}, {"idle": timedelta(0)},
        {"closed": ["2026-12-25"]}, {"srm.address": "dme"}, {"openings": ["lundi"]},
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_said_at_once(wrong: Mapping[str, object]) -> None:
    """Before anything listens."""
    with pytest.raises(Misconfigured):
        open_(NAME, defaults(**wrong), conformance.tools())


def test_it_listens_until_it_is_told_to_stop() -> None:
    """A message over the wire is kept, wakes the readers, and is in the next read."""
    tools = conformance.tools()
    source = emr(tools, listen="127.0.0.1:0")
    stop, woken = threading.Event(), threading.Event()
    ports: list[int] = []
    import adapters.hl7v2.emr as module

    class Noted(module.Listener):
        def bind(self) -> Any:
            made = super().bind()
            ports.append(made.getsockname()[1])
            return made

    real, module.Listener = module.Listener, Noted  # type: ignore[misc]
    try:
        thread = threading.Thread(target=source.serve, args=(stop, woken.set))
        thread.start()
        while not ports:
            thread.join(0.01)
        sender = Sender(Towards("127.0.0.1", ports[0], timedelta(seconds=120)))
        assert read_ack(sender.ask(siu())[1]).word == "AA"
        sender.close()
        assert woken.wait(120)
        assert hours(source) == [8, 10, 11]
    finally:
        module.Listener = real  # type: ignore[misc]
        stop.set()
        thread.join(120)
    assert not thread.is_alive()
