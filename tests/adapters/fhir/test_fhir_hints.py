"""A cheap question between two reads: what it counts, whom it is never put to, and how soon a freed slot is back."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance.bench import at, book, cells
from adapters.fhir.bench import Screen
from adapters.fhir.newer import MOST
from agent.core.errors import Misconfigured, Transient
from agent.core.model import EmrName
from agent.wiring.sample import Sample
from tests.adapters.fhir.clinics import agendas, joined, until
from tests.adapters.fhir.conftest import Den, Place
from tests.adapters.fhir.hostile import Hostile

MORNING = cells(8, 9, 10, 11)
DME = EmrName("dme")


def touch(screen: Screen) -> dict[str, Any]:
    """Change a Slot at the desk; each time it is another version."""
    row = screen.all("Slot")[0]
    return screen.put({**row, "comment": f"{row.get('comment', '')}."})


def test_a_change_counts_once(place: Place, tmp_path: Path) -> None:
    """Beginning tells nothing, a change does, once; asked again within the overlap it is known, a second one is not."""
    bench = place.bench(tmp_path)
    bench.fresh(MORNING)
    emr = bench.adapter()
    begun, cursor = emr.changed(None)
    same, cursor = emr.changed(cursor)
    assert (begun, same) == (False, False)
    for _ in range(2):
        touch(place.screen)
        new, cursor = emr.changed(cursor)
        again, cursor = emr.changed(cursor)
        assert (new, again) == (True, False)
    emr.close()


def test_a_write_of_ours_counts_once(place: Place, tmp_path: Path) -> None:
    """A booking of this agent's, several requests long, is worth one read and then known."""
    bench = place.bench(tmp_path)
    bench.fresh(MORNING)
    emr, asks = bench.adapter(), bench.adapter()
    _, cursor = asks.changed(None)
    book(emr, at(emr, 9))
    new, cursor = asks.changed(cursor)
    assert (new, asks.changed(cursor)[0]) == (True, False)
    emr.close()
    asks.close()


def test_a_cursor_names_nobody_and_stays_short(den: Callable[[frozenset[str]], Den]) -> None:
    """It holds a time and marks: neither an id of the EMR nor a word of an appointment, however much changed."""
    one = den(frozenset())
    for n in range(3 * MOST):
        one.hostile.keep({"resourceType": "Slot", "id": f"slot-{n}", "comment": "TREMBLAY"})
    emr = one.adapter()
    cursor = None
    for _ in range(6):
        _, cursor = emr.changed(cursor)
        for n in range(MOST):
            one.hostile.keep({"resourceType": "Slot", "id": f"slot-{n}", "comment": "TREMBLAY"})
    assert cursor is not None
    assert len(json.loads(cursor)["seen"]) == 4 * MOST
    assert ("slot-" in cursor, "TREMBLAY" in cursor) == (False, False)
    emr.close()


@pytest.mark.parametrize("flaw", ["all-news", "no-news", "refused-news"])
def test_a_server_that_cannot_tell_is_never_asked(flaw: str, den: Callable[[frozenset[str]], Den]) -> None:
    """The trial saw that its filter is ignored, blind or refused: not one request is made."""
    one = den(frozenset({flaw}))
    one.tried()
    emr = one.adapter()
    one.hostile.asked.clear()
    _, cursor = emr.changed(None)
    assert (emr.changed(cursor)[0], one.hostile.asked) == (False, [])
    emr.close()


@pytest.mark.parametrize("flaw", ["all-news", "refused-news"])
def test_a_server_never_tried_is_asked_in_vain_once(flaw: str, den: Callable[[frozenset[str]], Den]) -> None:
    """It is found out by its first answer: older than what was asked for, or a refusal."""
    one = den(frozenset({flaw}))
    old = one.hostile.keep({"resourceType": "Slot", "id": "s"})
    old["meta"]["lastUpdated"] = "2020-01-01T00:00:00+00:00"
    emr = one.adapter()
    first, cursor = emr.changed(None)
    one.hostile.asked.clear()
    one.hostile.keep({"resourceType": "Slot", "id": "t"})
    assert (first, emr.changed(cursor)[0], one.hostile.asked) == (False, False, [])
    emr.close()


def test_a_strict_server_is_asked_in_its_words(den: Callable[[frozenset[str]], Den]) -> None:
    """One that refuses `_elements` is asked without, once and for all: from then on one request a kind."""
    one = den(frozenset({"strict"}))
    emr = one.adapter()
    _, cursor = emr.changed(None)
    one.hostile.asked.clear()
    one.hostile.keep({"resourceType": "Appointment", "id": "a"})
    new, _ = emr.changed(cursor)
    assert (new, one.hostile.asked) == (True, [("GET", "Slot"), ("GET", "Appointment")])
    emr.close()


@pytest.mark.parametrize(("flaw", "kind"), [("half", Transient), ("cut", Transient), ("xml", Misconfigured)])
def test_a_lost_answer_is_an_error_of_the_house(
    flaw: str, kind: type[Exception], den: Callable[[frozenset[str]], Den]
) -> None:
    """Whoever asks keeps its place: the next question brings what was missed."""
    one = den(frozenset())
    emr = one.adapter()
    _, cursor = emr.changed(None)
    one.hostile.keep({"resourceType": "Slot", "id": "s"})
    one.hostile.flaws = frozenset({flaw})
    with pytest.raises(kind):
        emr.changed(cursor)
    one.hostile.flaws = frozenset()
    assert emr.changed(cursor)[0] is True
    emr.close()


def test_a_question_is_small(den: Callable[[frozenset[str]], Den]) -> None:
    """Two requests, ids and versions only where the server can, a bounded page; nothing is kept on the disk."""
    one = den(frozenset())
    searches: list[dict[str, str]] = []

    def search(kind: str, params: Any) -> tuple[int, Any]:
        searches.append({"kind": kind, **dict(params)})
        return Hostile.search(one.hostile, kind, params)

    def note(_changes: object) -> None:
        raise AssertionError

    one.hostile.search = search  # type: ignore[method-assign]
    one.tools.store.note = note  # type: ignore[method-assign]
    emr = one.adapter()
    emr.changed(None)
    emr.close()
    assert [search["kind"] for search in searches] == ["Slot", "Appointment"]
    assert {(search["_count"], search["_elements"]) for search in searches} == {(str(MOST), "id,meta")}


def _taken(screen: Screen) -> dict[str, Any]:
    """Let the desk take the last slot of 103; return the appointment."""
    last = max(
        (row for row in screen.all("Slot") if "kit-103" in row["schedule"]["reference"]), key=lambda row: row["start"]
    )
    screen.set(last["id"], "busy")
    return screen.post(
        {
            "resourceType": "Appointment",
            "status": "booked",
            "start": last["start"],
            "end": last["end"],
            "slot": [{"reference": f"Slot/{last['id']}"}],
            "participant": [{"actor": {"reference": "Practitioner/103"}, "status": "accepted"}],
        }
    )


def test_a_slot_freed_at_the_desk_is_back_without_waiting_for_the_poll(place: Place, tmp_path: Path) -> None:
    """Read once an hour: staff cancels, the next question finds it, the source is read and the hub has the slot."""
    with Sample(tmp_path, poll=timedelta(hours=1)) as sample:
        agendas(place.screen, sample.now, 4)
        taken = _taken(place.screen)
        joined(sample, place.server)
        sample.start()
        agent = sample.agent
        assert agent is not None
        until(sample, lambda: len(sample.portal.slots()) == 11)
        until(sample, sample.well)
        board = agent.state.board
        assert "hint:dme" in board.read().legs
        before = board.read().reads[DME]
        place.screen.put({**taken, "status": "cancelled"})
        place.screen.set(taken["slot"][0]["reference"].rpartition("/")[2], "free")
        agent.wake("hint")  # a quarter of an hour passes
        until(sample, lambda: len(sample.portal.slots()) == 12)
        assert board.read().reads[DME].age > before.age
        lines = {line["name"]["id"]: line["severity"] for line in sample.ask("status")["lines"]}
        assert lines["Asking the EMR for changes"] == "ok"
    place.screen.clear("Slot", "Appointment")
