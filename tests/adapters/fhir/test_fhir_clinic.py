"""What the clinic chose: whose names, which guide, how patients are found, what is validated; on real servers."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.conformance import NAME, tools
from adapters.conformance.bench import DAY, MINE, MONDAY, OTHER, at, book, cancel, cells, move
from adapters.fhir.bench import FhirBench
from adapters.fhir.emr import FhirEmr
from adapters.fhir.factory import open_
from adapters.fhir.line import Line, Open
from adapters.fhir.patient import Patients
from agent.core.booking import Effect, Op, Outcome, Write
from agent.core.errors import Misconfigured
from agent.core.model import Patient
from tests.adapters.fhir.conftest import Place
from tests.adapters.fhir.hostile import Hostile, running

FIXTURES = Path(__file__).parent / "fixtures"
MORNING = cells(8, 9, 10, 11)
NAM = "urn:oid:2.16.124.10.101.1.60.100"


@pytest.fixture
def router(places: Callable[[str], Place]) -> Place:
    """Lend Medplum's router."""
    return places("medplum")


def known(place: Place, **more: Any) -> dict[str, Any]:
    """Put a patient into the server."""
    row = {
        "resourceType": "Patient",
        "id": "zoe",
        "name": [{"family": "Neron Cote", "given": ["ZOÉ"]}],
        "birthDate": "1980-02-03",
        "identifier": [{"system": NAM, "value": "NERZ 8052 0312"}],
        **more,
    }
    return place.screen.put(row)


ZOE = Patient(MINE, 1, "Néron-Côté", "Zoé", date(1980, 2, 3), "NERZ80520312", "418 555-0177", "", "F", "béquilles")


@pytest.mark.parametrize(
    ("patient", "row", "found"),
    [
        (ZOE, {}, True),
        (replace(ZOE, nam=""), {"name": [{"family": "Néron-Côté", "given": ["Zoé"]}]}, True),
        (replace(ZOE, family="Autre"), {}, True),
        (replace(ZOE, nam="", given="Lise"), {}, False),
        (replace(ZOE, born=date(1981, 2, 3)), {}, False),
        (replace(ZOE, born=None), {}, False),
        (ZOE, {"active": False}, False),
    ],
)
def test_a_patient_is_one_certain_match_or_text(
    patient: Patient, row: dict[str, Any], found: bool, place: Place, tmp_path: Path
) -> None:
    """By health card and birth date, else by names as people compare them; unmatched ones bring their phone."""
    place.screen.clear("Patient")
    known(place, **row)
    bench = place.bench(tmp_path)
    bench.fresh(MORNING)
    emr = open_(NAME, {**place.server.options, "nam_system": NAM}, place.tools)
    effect = emr.write(Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, patient, None))
    assert (effect.outcome, effect.matched) == (Outcome.BOOKED, found)
    actors = [one["actor"] for one in place.screen.get("Appointment", str(effect.ref))["participant"]]
    assert [one.get("reference") for one in actors] == ["Practitioner/101", "Patient/zoe" if found else None]
    assert ("418 555-0177" in json.dumps(actors, ensure_ascii=False)) is not found
    emr.close()


def test_two_who_fit_are_nobody(place: Place) -> None:
    """The desk chooses between twins."""
    place.screen.clear("Patient")
    known(place), known(place, id="twin")
    emr = open_(NAME, {**place.server.options, "nam_system": NAM}, place.tools)
    assert "reference" not in Patients(emr._line, NAM).actor(ZOE)
    emr.close()


def test_no_name_goes_into_an_address() -> None:
    """A server without search by POST is asked nothing: the name stays text."""
    with running(frozenset()) as (hostile, base):
        line = Line(base, Open(), tools().clock)
        patients = Patients(line, NAM)
        assert [patients.actor(ZOE)["display"][:10] for _ in range(2)] == ["NÉRON-CÔTÉ"] * 2
        assert hostile.asked == [("POST", "Patient/_search")]
        line.close()


def test_the_desk_reads_label_note_and_kind(place: Place, tmp_path: Path) -> None:
    """The appointment bears the clinic's label, the patient's note, the slot's type and times, and our mark."""
    bench = place.bench(tmp_path)
    bench.fresh(MORNING)
    emr = bench.adapter()
    slot = at(emr, 9)
    effect = book(emr, slot)
    row = place.screen.get("Appointment", str(effect.ref))
    assert (row["status"], row["description"], row["comment"]) == ("booked", "Réservé en ligne", "Xylographe")
    assert (row["start"], row["slot"]) == (slot.start.isoformat(), [{"reference": f"Slot/{slot.key}"}])
    assert row["serviceType"] == [{"coding": [{"code": "s"}]}]
    cancel(emr, 2, effect.ref, slot)
    gone = place.screen.get("Appointment", str(effect.ref))
    assert (gone["status"], gone["cancelationReason"]["coding"][0]["code"]) == ("cancelled", "cancelled")
    emr.close()


def test_a_move_keeps_what_staff_wrote(place: Place, tmp_path: Path) -> None:
    """An element the desk added, and a second practitioner's slot, both end in the one appointment."""
    bench = place.bench(tmp_path)
    bench.fresh([*MORNING, *cells(14, who="102")])
    emr = bench.adapter()
    old, new = at(emr, 9), at(emr, 14, "102")
    had = book(emr, old)
    row = place.screen.get("Appointment", str(had.ref))
    place.screen.put({**row, "patientInstruction": "à jeun"})
    effect = move(emr, new, 2, had, old)
    after = place.screen.get("Appointment", str(had.ref))
    assert (effect.outcome, after["patientInstruction"]) == (Outcome.BOOKED, "à jeun")
    people = [one["actor"].get("reference") for one in after["participant"]]
    assert people == ["Practitioner/102", None]
    emr.close()


def test_what_vanished_is_not_made_again(router: Place, tmp_path: Path) -> None:
    """An appointment the desk deleted is `checking` for whoever still knows it."""
    bench = router.bench(tmp_path)
    bench.fresh(MORNING)
    emr = bench.adapter()
    old = at(emr, 9)
    had = book(emr, old)
    router.screen.clear("Appointment")
    assert move(emr, at(emr, 10), 2, had, old) == Effect(MINE, 0, Outcome.CHECKING, had.ref, old.key)
    assert bench.appointments() == []
    emr.close()


def test_outbound_resources_are_held_against_r4(router: Place, tmp_path: Path) -> None:
    """All that a booking, a move and a cancel send is valid R4; a Slot of the server that is not is named by check."""
    bench = FhirBench(tmp_path, {**router.server.options, "validate": "outbound"}, router.screen, router.tools)
    bench.fresh(MORNING)
    emr = bench.adapter()
    old = at(emr, 9)
    had = book(emr, old)
    assert move(emr, at(emr, 10), 2, had, old).outcome is Outcome.BOOKED
    assert cancel(emr, 3, had.ref).outcome is Outcome.CANCELLED
    assert cancel(emr, 1, booking=OTHER).outcome is Outcome.CANCELLED
    emr.close()
    key = router.screen.all("Slot")[0]["id"]
    router.screen.clear("Slot")
    row = {"resourceType": "Slot", "id": key, "schedule": {"reference": "Schedule/kit-101"}, "status": "free"}
    times = {"start": MONDAY.isoformat(), "end": (MONDAY + timedelta(minutes=15)).isoformat()}
    router.screen.put({**row, **times, "overbooked": "perhaps"})
    emr = open_(NAME, {**router.server.options, "validate": "sample"}, router.tools)
    assert [each.code for each in emr.slots(DAY).findings] == ["fhir.invalid"]
    emr.close()


def sample(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


class Aggregator(Hostile):
    """France's SAS: slots by the practitioners' names, changes by `PUT Appointment?identifier=`."""

    def __init__(self) -> None:
        super().__init__(frozenset())
        self.searches: list[dict[str, str]] = []

    def search(self, kind: str, params: Any) -> tuple[int, Any]:
        self.searches.append({"kind": kind, **dict(params)})
        if kind == "Slot" and "identifier" not in dict(params):
            return 200, sample("sas-slots.json")
        return super().search(kind, [pair for pair in params if pair[0] in ("identifier", "date")])

    def handle(self, method: str, path: str, params: Any, body: Any, headers: Any) -> tuple[int, Any]:
        if method == "PUT" and path == "Appointment":
            self.asked.append((method, path))
            found = self.matching("Appointment", params)
            return self.put("Appointment", found[0]["id"], body, {}) if found else self.create("Appointment", body, "")
        return super().handle(method, path, params, body, headers)


OID = "urn:oid:1.2.250.1.71.4.2.1"
SAS = {"practitioners": f"{OID}|810100050075", "practitioner_system": OID, "type_from": "specialty"}
WRITTEN_OUT = {
    "mime": "application/json+fhir",
    "search": [
        "schedule.actor:Practitioner.identifier={practitioners}",
        "status=free",
        "_include=Slot:schedule",
        "_include:iterate=Schedule:actor",
    ],
    "change_by": "identifier",
}


@pytest.mark.parametrize("guide", [{"guide": "sas"}, WRITTEN_OUT], ids=["named", "written-out"])
def test_frances_guide_is_configuration(guide: dict[str, object]) -> None:
    """SAS searches by practitioner and status, names people by their national number, and is never fenced."""
    hostile = Aggregator()
    with running(frozenset(), hostile) as (_, base):
        emr = open_(NAME, {"server": base, **guide, **SAS}, tools())
        (slot,) = emr.slots(DAY).slots
        assert (slot.practitioner.key, slot.type, slot.start.isoformat()) == (
            "810100050075",
            "SM54",
            "2026-11-23T04:00:00-05:00",
        )
        asked = next(one for one in hostile.searches if one["kind"] == "Slot")
        assert asked["schedule.actor:Practitioner.identifier"] == SAS["practitioners"]
        assert (asked["status"], asked["start"][:2]) == ("free", "le" if "guide" in guide else "lt")
        hostile.keep({"resourceType": "Schedule", "id": "essai"})
        assert all(row.kept is not False for row in emr.prove("essai"))
        assert emr.rules.fenced is False
        _sas_books(emr, hostile)
        emr.close()


def _sas_books(emr: FhirEmr, hostile: Aggregator) -> None:
    """Book, and see every change go to the business name, without a version."""
    slot = emr.slots(DAY).slots[0]
    for entry in sample("sas-slots.json")["entry"]:
        hostile.keep(entry["resource"])
    hostile.asked.clear()
    effect = book(emr, slot)
    assert effect.outcome is Outcome.BOOKED
    puts = [path for method, path in hostile.asked if method == "PUT" and path.startswith("Appointment")]
    assert set(puts) == {"Appointment"}
    assert hostile.store["Appointment", str(effect.ref)]["status"] == "booked"


@pytest.mark.parametrize(("kept", "free"), [(("1",), 0), (("2", "12345678"), 1)], ids=["booked", "cancelled"])
def test_an_appointment_that_names_its_practitioner_by_number_takes_the_time(kept: tuple[str, ...], free: int) -> None:
    """SAS' own samples: the reference is a bare national number, without system or address."""
    hostile = Aggregator()
    for entry in sample("sas-appointments.json")["entry"]:
        if entry["resource"]["id"] in kept:
            hostile.keep(entry["resource"])
    with running(frozenset(), hostile) as (_, base):
        emr = open_(NAME, {"server": base, "guide": "sas", **SAS}, tools())
        assert len(emr.slots(DAY).slots) == free
        emr.close()


def test_a_server_of_another_version_is_refused() -> None:
    """R5 answers look alike and mean something else."""

    class Later(Hostile):
        def handle(self, method: str, path: str, params: Any, body: Any, headers: Any) -> tuple[int, Any]:
            status, what = super().handle(method, path, params, body, headers)
            return status, {**what, "fhirVersion": "5.0.0"} if path == "metadata" else what

    with running(frozenset(), Later(frozenset())) as (_, base):
        emr = open_(NAME, {"server": base}, tools())
        with pytest.raises(Misconfigured, match=r"5\.0\.0"):
            list(emr.check())
        emr.close()


@pytest.mark.parametrize("status", [302, 403, 429, 500])
def test_a_status_says_what_to_do(status: int) -> None:
    """A redirect and a refusal are a person's; busy and failed are tried again."""
    from agent.core.errors import Transient

    class Sick(Hostile):
        def handle(self, *_: Any) -> tuple[int, Any]:
            return status, {}

    with running(frozenset(), Sick(frozenset())) as (_, base):
        emr = open_(NAME, {"server": base}, tools())
        with pytest.raises(Misconfigured if status in (302, 403) else Transient, match=str(status)):
            emr.slots(DAY)
        emr.close()
