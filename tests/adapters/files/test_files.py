"""Files: half written, rewritten, cut off, emptied, in other letters and shapes; and the watcher."""

import os
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters import conformance
from adapters.catalog import ENTRIES
from adapters.conformance import NAME
from adapters.conformance.bench import DAY, NOW, cells
from adapters.files import FilesEmr, open_
from adapters.hl7v2.bench import calendar
from agent.core.errors import Misconfigured, Transient
from agent.core.model import Severity
from agent.ports import Tools

HOURS = {"practitioner": "101", "type": "s", "days": ["lun"], "from": "08:00", "to": "12:00", "minutes": 60}


class Folder:
    """The drop folder and the agent's memory; every file is a minute newer than the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path / "depot"
        self.path.mkdir()
        self.tools: Tools = conformance.tools()
        self._minute = 0

    def drop(self, text: str | bytes, name: str = "agenda.csv", encoding: str = "utf-8") -> None:
        self._minute += 1
        file = self.path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        at = NOW.timestamp() - 3600 + 60 * self._minute
        os.utime(file, (at, at))

    def source(self, **options: object) -> FilesEmr:
        given = {option.key: option.default for option in ENTRIES["files"].options}
        return open_(NAME, {**given, "folder": self.path, **options}, self.tools)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Make an empty drop folder."""
    return Folder(tmp_path)


def taken(*hours: int, who: str = "101") -> str:
    rows = [f"{who};2026-11-23 {hour:02}:00;2026-11-23 {hour + 1:02}:00" for hour in hours]
    return "\n".join(["practitioner;start;end", *rows, ""])


def hours(source: FilesEmr) -> list[int]:
    return [slot.start.hour for slot in source.slots(DAY).slots]


def faults(source: FilesEmr) -> list[str]:
    reading = source.slots(DAY)
    found = [each.code for each in reading.findings if each.severity is Severity.FAULT]
    assert reading.complete is not bool(found)
    return found


TAKEN = {"holds": "taken", "openings": [HOURS]}


def test_what_vanishes_is_free_only_after_a_second_complete_file(folder: Folder) -> None:
    """Vanish on cancel: one file that leaves it out may be half an export; two are believed, and it is flagged."""
    source = folder.source(**TAKEN)
    folder.drop(taken(8, 9, 10))
    assert hours(source) == [11]
    folder.drop(taken(8, 10))
    assert hours(source) == [11]
    assert hours(folder.source(**TAKEN)) == [11]
    folder.drop(taken(8, 10))
    reading = source.slots(DAY)
    assert [(slot.start.hour, slot.after_cancel) for slot in reading.slots] == [(9, True), (11, False)]


def test_what_comes_back_in_time_was_never_gone(folder: Folder) -> None:
    """Left out once, there again: still taken."""
    source = folder.source(**TAKEN)
    for content in (taken(8, 9), taken(8), taken(8, 9), taken(8)):
        folder.drop(content)
        assert 9 not in hours(source)


def many(count: int) -> str:
    rows = [
        f"101;2026-11-23 {8 + n // 4:02}:{n % 4 * 15:02};2026-11-23 {8 + n // 4:02}:{n % 4 * 15 + 14:02}"
        for n in range(count)
    ]
    return "\n".join(["practitioner;start;end", *rows, ""])


def test_a_mass_vanishing_is_held_back_until_three_files_say_so(folder: Folder) -> None:
    """Half an export frees nothing; the alarm is a fault, and the third file in a row is believed."""
    source = folder.source(**TAKEN)
    folder.drop(many(16))
    assert hours(source) == []
    for _ in range(2):
        folder.drop(many(4) + " " * _)
        assert faults(source) == ["files.held"]
        assert faults(source) == ["files.held"]
    folder.drop(many(4) + "\n\n")
    assert faults(source) == []
    assert hours(source) == []
    folder.drop(many(4) + "\n")
    assert hours(source) == [9, 10, 11]


def test_a_good_file_ends_a_hold(folder: Folder) -> None:
    """The whole export again: nothing had happened."""
    source = folder.source(**TAKEN)
    folder.drop(many(16))
    hours(source)
    folder.drop(many(2))
    assert faults(source) == ["files.held"]
    folder.drop(many(16) + "\n")
    assert faults(source) == []


def test_a_file_still_being_written_is_left_alone(folder: Folder) -> None:
    """Young files, unfinished names and hidden ones are not there yet."""
    source = folder.source(settle=timedelta(minutes=5), **TAKEN)
    folder.drop(taken(8))
    folder.drop(taken(9), ".agenda.csv")
    folder.drop(taken(9), "~agenda.csv")
    folder.drop(taken(9), "agenda.csv.part")
    assert hours(source) == [9, 10, 11]
    young = folder.path / "agenda2.csv"
    young.write_text(taken(11), encoding="utf-8")
    at = NOW.timestamp() - 60
    os.utime(young, (at, at))
    assert hours(source) == [9, 10, 11]


@pytest.mark.parametrize(
    "bad",
    [
        "", "practitioner;start;end\n101;2026-11-23 09:00", "practitioner;start;end\n101;demain;2026-11-23 10:00\n",
        "practitioner;start;end\n101;2026-11-23 10:00;2026-11-23 09:00\n", 'practitioner;start;end\n"101;2026',
        "practitioner;start;end\n101;2026-03-08 02:30;2026-03-08 03:30\n",
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_changes_nothing(folder: Folder, bad: str) -> None:
    """The last whole one stands, and it is said why."""
    source = folder.source(**TAKEN)
    folder.drop(taken(8))
    assert hours(source) == [9, 10, 11]
    folder.drop(bad)
    reading = source.slots(DAY)
    assert [slot.start.hour for slot in reading.slots] == [9, 10, 11]
    assert [each.code for each in reading.findings] == ["files.refused"]
    folder.drop(taken(8, 9))
    assert hours(source) == [10, 11]


def test_without_a_file_or_with_an_old_one_nothing_is_published(folder: Folder) -> None:
    """An export that stopped is an agenda nobody knows."""
    source = folder.source(**TAKEN)
    assert faults(source) == ["files.none"]
    folder.drop("x")
    with pytest.raises(Misconfigured):
        source.slots(DAY)
    folder.drop(taken(8))
    assert faults(source) == []
    assert faults(folder.source(oldest=timedelta(minutes=30), **TAKEN)) == ["files.old"]


def test_a_folder_that_is_not_there_is_said(folder: Folder) -> None:
    """A share that is down, a path with a slip."""
    with pytest.raises(Transient):
        folder.source(folder=folder.path / "ailleurs").slots(DAY)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_letters_and_separators_of_any_export(folder: Folder, encoding: str) -> None:
    """With a mark or without, comma or semicolon or tab, dates as they are written here."""
    text = "Médecin\tJour\tDébut\tDurée\tMotif\tÉtat\n101\t23/11/2026\t9h00\t15\tS\tLibre\n101\t23/11/2026\t9h15\t15\t\tPrésent\n"
    columns = {
        "practitioner": "Médecin", "date": "Jour", "start": "Début", "minutes": "Durée", "type": "Motif", "status": "État",
    }  # fmt: skip
    folder.drop(text, encoding=encoding)
    source = folder.source(columns=columns, time_format="%d/%m/%Y %Hh%M", free_words=["libre"])
    (slot,) = source.slots(DAY).slots
    assert (slot.practitioner.key, slot.type, slot.start.hour, slot.end.minute) == ("101", "S", 9, 15)


def test_a_free_row_that_cannot_be_read_is_left_out_and_said(folder: Folder) -> None:
    """It makes no slot, and the others stand."""
    folder.drop("practitioner,start,end,type\n101,2026-11-23 09:00,2026-11-23 09:15,s\n101,demain,demain,s\n")
    reading = folder.source().slots(DAY)
    assert [slot.start.hour for slot in reading.slots] == [9]
    assert [each.code for each in reading.findings] == ["files.left-out"]


def test_calendars_of_several_people_are_one_agenda(folder: Folder) -> None:
    """Each file is one person's; all together are the whole."""
    folder.drop(calendar(cells(8, 9)), "101.ics")
    folder.drop(calendar(cells(9, who="102")), "102.ics")
    reading = folder.source(format="ical", files="each").slots(DAY)
    assert sorted((slot.practitioner.key, slot.start.hour) for slot in reading.slots) == [
        ("101", 8),
        ("101", 9),
        ("102", 9),
    ]


def test_a_calendar_of_taken_times_leaves_the_rest(folder: Folder) -> None:
    """Busy events take the opening hours of the one person it is about."""
    data = calendar(cells(9)).replace(b"RESOURCES:101\r\n", b"").replace(b"TRANSP:TRANSPARENT\r\n", b"")
    folder.drop(data, "gagnon.ics")
    source = folder.source(format="ical", practitioner="101", **TAKEN)
    assert hours(source) == [8, 10, 11]
    assert {each.code: each.free for each in source.names(DAY)} == {"s": 3, "101": 3, "*": 3}
    assert [row.cell.value for row in source.rows(DAY)] == ["free", "busy", "free", "free"]
    assert [each.code for each in source.check()] == ["files.slots"]


def siu(event: str, hour: int, number: int, minute: int = 0) -> str:
    return (
        f"MSH|^~\\&|EMR|CL|||20261120110{minute}00||SIU^{event}|M{number}.{minute}|P|2.5\r"
        f"SCH||F{number}|||||||||^^60^20261123{hour:02}0000\rAIP|1|A|101\r"
    )


def test_an_hl7_batch_is_the_whole_agenda(folder: Folder) -> None:
    """With its envelope; one whose end is missing is still being written."""
    source = folder.source(format="hl7", openings=[HOURS])
    folder.drop("FHS|^~\\&\rBHS|^~\\&\r" + siu("S12", 9, 1) + siu("S12", 10, 2) + "BTS|2\rFTS|1\r", "a.hl7")
    assert hours(source) == [8, 11]
    folder.drop("FHS|^~\\&\rBHS|^~\\&\r" + siu("S12", 9, 1), "b.hl7")
    assert hours(source) == [8, 11]
    folder.drop(siu("S12", 9, 1) + siu("S12", 10, 2).replace("20261123", "demain"), "c.hl7")
    assert hours(source) == [8, 11]
    assert [each.code for each in source.slots(DAY).findings] == ["files.refused"]


def test_hl7_files_of_changes_are_applied_once_each(folder: Folder) -> None:
    """In order, also after a restart, and the same content under another name changes nothing."""
    options = {"format": "hl7", "files": "changes", "openings": [HOURS]}
    source = folder.source(**options)
    folder.drop(siu("S12", 9, 1), "1.hl7")
    assert hours(source) == [8, 10, 11]
    folder.drop(siu("S13", 10, 1, 1), "2.hl7")
    folder.drop(siu("S12", 9, 1), "3.hl7")
    assert hours(folder.source(**options)) == [8, 9, 11]
    folder.drop(siu("S15", 10, 1, 2), "4.hl7")
    assert hours(source) == [8, 9, 10, 11]


def test_a_file_of_changes_that_cannot_be_read_stops_the_offer(folder: Folder) -> None:
    """What it books nobody knows: nothing is offered until it is mended or taken away."""
    options = {"format": "hl7", "files": "changes", "openings": [HOURS]}
    source = folder.source(**options)
    folder.drop(siu("S12", 9, 1), "1.hl7")
    assert hours(source) == [8, 10, 11]
    folder.drop(siu("S12", 10, 2).replace("20261123", "demain"), "2.hl7")
    for each in (source, folder.source(**options)):
        reading = each.slots(DAY)
        assert (reading.slots, reading.complete) == ((), False)
        assert [(one.code, one.severity) for one in reading.findings] == [("files.refused", Severity.FAULT)]
    folder.drop(siu("S12", 10, 2), "2.hl7")
    assert hours(source) == [8, 11]


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": {"docteur": "x"}}, {"columns": {"start": "x"}}, {"most": 0}, {"settle": "10s"},
        {"files": "changes"}, {"openings": ["lundi"]},
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_said_at_once(folder: Folder, wrong: dict[str, object]) -> None:
    """Before anything is read."""
    with pytest.raises(Misconfigured):
        folder.source(**wrong)


def test_closed_days_have_no_slots(folder: Folder) -> None:
    """Whatever the export says."""
    folder.drop("practitioner,start,end\n101,2026-11-23 09:00,2026-11-23 09:15\n")
    assert hours(folder.source(closed=[date(2026, 11, 23)])) == []


def test_the_watcher_wakes_when_the_folder_changes(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a new file, for one that changed, and again when it has come to rest; it ends when told to."""
    import adapters.files.emr as module

    monkeypatch.setattr(module, "EVERY", 0.01)
    source, stop = folder.source(settle=timedelta(0)), threading.Event()
    woken = threading.Semaphore(0)
    thread = threading.Thread(target=source.serve, args=(stop, woken.release))
    thread.start()
    try:
        wait: Callable[[], bool] = lambda: woken.acquire(timeout=120)  # noqa: E731
        folder.drop(taken(8))
        assert wait()
        assert wait()
        folder.drop(taken(8, 9))
        assert wait()
        assert wait()
    finally:
        stop.set()
        thread.join(120)
    assert not thread.is_alive()
