"""The system of our appointments' business name is the clinic's choice; changing it loses nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance import NAME, tools
from adapters.conformance.bench import DAY, MINE, OTHER, at, book, cancel, cells, free, mine, move
from adapters.fhir.bench import FhirBench, Screen, prepared
from adapters.fhir.factory import open_
from adapters.fhir.terms import APPLIED, BOOKING
from agent.core.booking import Outcome
from agent.core.errors import Misconfigured
from agent.ports import Tools
from tests.adapters.fhir.aggregator import SAS, Aggregator, sample
from tests.adapters.fhir.conftest import Den, Place, another
from tests.adapters.fhir.hostile import running

MORNING = cells(8, 9, 10, 11)
OWN, LATER = "https://clinique.example.org/rendez-vous", "urn:oid:2.16.124.113635.1.4"


def named(screen: Screen, ref: object) -> set[str]:
    """Return the systems of an appointment's business names."""
    return {name["system"] for name in screen.get("Appointment", str(ref))["identifier"]}


def under(system: str, options: dict[str, Any], screen: Screen, given: Tools) -> FhirBench:
    """Return a bench whose clinic names its appointments so, proved again as the agent asks for."""
    chosen = {**options, "booking_system": system}
    with closing(open_(NAME, chosen, given)) as emr, pytest.raises(Misconfigured, match="never tried"):
        cancel(emr, 1)
    prepared(chosen, screen, given)
    return FhirBench(Path(), chosen, screen, given)


def lived(benches: Iterator[FhirBench], screen: Screen, first: str, second: str) -> None:
    """Book under one name; under the next all of it is still ours: found, moved, listed, cancelled, never doubled."""
    bench = next(benches)
    bench.fresh(MORNING)
    with closing(bench.adapter()) as emr:
        old = at(emr, 9)
        had = book(emr, old)
        assert named(screen, had.ref) == {first, APPLIED}
    bench = next(benches)
    with closing(bench.adapter()) as emr:
        assert book(emr, old) == had
        other = book(emr, at(emr, 10), booking=OTHER)
        assert (named(screen, other.ref), free(emr)) == ({second, APPLIED}, [8, 11])
        moved = move(emr, at(emr, 11), 2, had, old)
        assert (moved.outcome, moved.ref, named(screen, had.ref)) == (Outcome.BOOKED, had.ref, {first, APPLIED})
        assert {effect.booking for effect in emr.ours(DAY)} == {MINE, OTHER}
        assert {row.cell.value for row in emr.rows(DAY)} == {"free", "ours"}
        for booking, version in ((MINE, 3), (OTHER, 2)):
            assert cancel(emr, version, booking=booking).outcome is Outcome.CANCELLED
        assert (mine(bench), free(emr)) == ([], [8, 9, 10, 11])
    screen.clear("Slot", "Appointment")


@pytest.mark.parametrize(("first", "second"), [(BOOKING, OWN), (OWN, BOOKING)], ids=["given", "taken-back"])
def test_a_change_of_name_loses_nothing_on_a_real_server(first: str, second: str, place: Place) -> None:
    """SEKMET and Medplum keep and find appointments by the clinic's own system and by the default alike."""
    options, given = dict(place.server.options), another(place)
    given.store.note({"capability": None})
    lived((under(name, options, place.screen, given) for name in (first, second)), place.screen, first, second)


@pytest.mark.parametrize(
    "flaws", [frozenset[str](), frozenset({"no-conditional", "none-match"})], ids=["name", "own-id"]
)
def test_even_a_former_name_of_the_clinics_is_remembered(
    flaws: frozenset[str], den: Callable[[frozenset[str]], Den]
) -> None:
    """From one own system to another: the trial noted the first, whichever way appointments are made."""
    one = den(flaws)
    lived((under(name, one.options, one.screen, one.tools) for name in (OWN, LATER)), one.screen, OWN, LATER)


def test_a_change_by_name_goes_to_the_name_it_was_made_under() -> None:
    """France's guide changes by `PUT Appointment?identifier=`: an older appointment answers to the older name."""
    hostile, given = Aggregator(), tools()
    for entry in sample("sas-slots.json")["entry"]:
        hostile.keep(entry["resource"])
    hostile.keep({"resourceType": "Schedule", "id": "essai"})
    with running(frozenset(), hostile) as (_, base):
        for system in (OWN, LATER):
            with closing(open_(NAME, {"server": base, "guide": "sas", "booking_system": system, **SAS}, given)) as emr:
                assert all(row.kept is not False for row in emr.prove("essai"))
                hostile.searches.clear()
                if system == OWN:
                    assert book(emr, emr.slots(DAY).slots[0]).outcome is Outcome.BOOKED
                else:
                    assert cancel(emr, 2).outcome is Outcome.CANCELLED
                assert {one["identifier"] for one in hostile.searches if one["kind"] == "PUT"} == {f"{OWN}|{MINE}"}


@pytest.mark.parametrize(
    "system", ["rendez-vous", "urn:creneau:claim", "https://a b", "https://a|b", "https://a,b", "é:x"]
)
def test_what_cannot_be_searched_for_is_refused(system: str) -> None:
    """A system is a URI without the signs of a search, and none that already means something of ours."""
    options = {"server": "https://dme.example.org/fhir", "booking_system": system}
    with pytest.raises(Misconfigured) as wrong:
        open_(NAME, options, tools())
    assert wrong.value.key == "booking_system"
