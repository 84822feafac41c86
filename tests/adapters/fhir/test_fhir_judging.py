"""What is free is judged in memory: certain times, one status, nobody's appointment; published samples included."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.conformance import NAME, SITE
from adapters.fhir import agenda, record
from adapters.fhir import resources as fhir
from adapters.fhir.agenda import Pulled, Whose
from adapters.fhir.draft import cancelled, moved
from adapters.fhir.record import Applied, Place
from adapters.fhir.resources import Bad, entries, relative
from adapters.fhir.terms import APPLIED, BOOKING, CLAIM, CLAIMED, Terms
from adapters.fhir.validate import check_outbound, faults
from agent.core.booking import Outcome
from agent.core.errors import Misconfigured
from agent.core.model import BookingId, Practitioner, SiteId, SlotKey, Window
from agent.ports import SitePart

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
ALL = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
DR = Whose(Practitioner("101"), frozenset({"Practitioner/101"}), frozenset())
TERMS = Terms(NAME, (SITE,), "https://dme.example.org/fhir")


def page(*resources: Any, **more: Any) -> bytes:
    body = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}
    return json.dumps(body).encode()


def slot(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Slot",
        "id": "s1",
        "schedule": {"reference": "https://dme.example.org/fhir/Schedule/a/_history/3"},
        "status": "free",
        "start": "2026-11-23T09:00:00-05:00",
        "end": "2026-11-23T09:15:00-05:00",
        **more,
    }


def visit(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": "v1",
        "status": "booked",
        "start": "2026-11-23T14:10:00Z",
        "end": "2026-11-23T14:20:00Z",
        "participant": [{"actor": {"reference": "Practitioner/101"}, "status": "accepted"}],
        **more,
    }


def free(*resources: Any, terms: Terms = TERMS) -> list[str]:
    """Return the free slots of one page, by id."""
    read, _, _ = entries(page(*resources))
    pulled = Pulled(
        tuple(one for one in read if isinstance(one, fhir.Slot)),
        tuple(one for one in read if isinstance(one, fhir.Appointment)),
        {"Schedule/a": DR},
        NOW,
        tuple(one.doubtful for one in read if isinstance(one, Bad) and one.doubtful is not None),
        sum(isinstance(one, Bad) and one.doubtful is None for one in read),
    )
    return [str(one.key) for one in agenda.slots(pulled, terms, ALL)[0]]


def test_a_slot_is_free() -> None:
    """Nothing against it: it is offered."""
    assert free(slot()) == ["s1"]


@pytest.mark.parametrize(
    "more",
    [
        {"status": "busy"},
        {"status": "busy-unavailable"},
        {"status": "libre"},
        {"start": "2026-11-23T09:00:00"},
        {"start": "2026-11-23"},
        {"end": "2026-11-23T09:00:00-05:00"},
        {"end": "2026-11-23T08:00:00-05:00"},
        {"schedule": {"reference": "Schedule/unknown"}},
        {"schedule": "a"},
        {"start": None},
    ],
)
def test_whatever_is_not_certain_is_not_offered(more: dict[str, Any]) -> None:
    """Other statuses, known or not, times without offset, empty spans, strange schedules; the page's others stay."""
    assert free(slot(**more), slot(id="s2")) == ["s2"]


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({}, []),
        ({"status": "arrived"}, []),
        ({"status": "waitlist"}, []),
        ({"status": "booked-by-portal"}, []),
        ({"status": "cancelled"}, ["s1"]),
        ({"status": "entered-in-error"}, ["s1"]),
        ({"start": "2026-11-23T14:15:00Z"}, ["s1"]),
        ({"start": "2026-11-23T13:00:00Z", "end": "2026-11-23T14:00:00Z"}, ["s1"]),
        ({"start": "2026-11-23T14:00:00Z", "end": None}, []),
        ({"participant": [{"actor": {"reference": "Practitioner/102"}}]}, ["s1"]),
        ({"participant": [], "slot": [{"reference": "Slot/s1"}]}, []),
        ({"start": None, "end": None, "slot": [{"reference": "Slot/s1"}]}, []),
        ({"start": "2026-11-23T09:10:00"}, []),
        ({"start": "2026-11-23T09:10:00", "slot": [{"reference": "Slot/s9"}]}, ["s1"]),
        ({"start": 5, "participant": "nobody"}, []),
    ],
)
def test_an_appointment_takes_what_it_may_concern(more: dict[str, Any], left: list[str]) -> None:
    """By time and person, by its slot, by any status but two; unreadable ones take all they may concern."""
    assert free(slot(), visit(**more)) == left


def test_two_appointments_on_a_free_slot_are_busy() -> None:
    """Whatever the status says."""
    assert free(slot(), visit(slot=[{"reference": "Slot/s1"}]), visit(id="v2", slot=[{"reference": "Slot/s1"}])) == []


def test_entries_of_no_kind_cost_only_themselves() -> None:
    """Null, a list, an unknown type and a Slot without id do not fail a page."""
    assert free(None, {"resourceType": "Flag", "id": "x"}, {"resourceType": "Slot"}, slot()) == ["s1"]


def test_what_is_no_bundle_fails() -> None:
    """A login page is no answer, a bare OperationOutcome neither."""
    for body in (b"<html>", b"{}", b'{"resourceType":"OperationOutcome"}', b'{"resourceType":"Bundle","entry":5}'):
        with pytest.raises(msgspec.DecodeError):
            entries(body)


def test_after_a_cancellation_a_slot_says_so() -> None:
    """By the slot it names, or by person and start."""
    for gone in (visit(status="cancelled", slot=[{"reference": "Slot/s1"}], start=None, end=None),
                 visit(status="cancelled", start="2026-11-23T14:00:00Z")):  # fmt: skip
        read, _, _ = entries(page(slot(), gone))
        pulled = Pulled((read[0],), (read[1],), {"Schedule/a": DR}, NOW)  # type: ignore[arg-type]
        assert [one.after_cancel for one in agenda.slots(pulled, TERMS, ALL)[0]] == [True]


@pytest.mark.parametrize(
    ("word", "age", "left"),
    [("3", 4, []), ("3", 6, ["s1"]), ("hold 2026-11-20T00:10:00+00:00", 60, []),
     ("hold 2026-11-19T23:00:00+00:00", 1, ["s1"]), ("hold never", 6, ["s1"])],
)  # fmt: skip
def test_a_claim_of_ours_does_not_last(word: str, age: int, left: list[str]) -> None:
    """A Slot claimed by a write that ended is free after five minutes, one held five minutes after its end."""
    at = (NOW - timedelta(minutes=age)).isoformat()
    mark = [{"system": CLAIM, "value": "b1"}, {"system": CLAIMED, "value": word}]
    claimed = slot(status="busy", identifier=mark, meta={"lastUpdated": at})
    assert free(claimed) == left
    unsure = visit(start="2026-12-01T14:00:00Z", end="2026-12-01T14:15:00Z", identifier=[
        {"system": BOOKING, "value": "b1"}, {"system": APPLIED, "value": "3 booked s2 20261201T140000Z unsure s1"}])  # fmt: skip
    assert free(claimed, unsure) == []


def test_the_clinic_names_type_person_and_place() -> None:
    """The type from the chosen element, the person by identifier, the site by a place of the schedule."""
    concept = {"coding": [{"display": "no code"}, {"code": "W"}], "text": "Semi-urgent"}
    one = msgspec.convert(slot(specialty=[{"text": "Famille"}], appointmentType=concept, serviceType=[]), fhir.Slot)
    kinds = ("service-type", "service-category", "specialty", "appointment-type")
    words = [agenda.word(one, Terms(NAME, (SITE,), "", type_from=kind)) for kind in kinds]  # type: ignore[arg-type]
    assert words == ["", "", "Famille", "W"]
    schedule = msgspec.convert(
        {"resourceType": "Schedule", "id": "a", "actor": [
            {"reference": "Location/nord"}, {"reference": "Practitioner/7", "display": "Dr G"}, {"display": "?"}]},
        fhir.Schedule)  # fmt: skip
    known = agenda.whose(schedule, {"Practitioner/7": "P-7"}, "urn:p")
    people, names = frozenset({"Practitioner/7"}), frozenset({"|P-7", "urn:p|P-7"})
    assert known == Whose(Practitioner("P-7", None, "Dr G"), people, frozenset({"nord"}), names)
    assert agenda.whose(schedule, {"Practitioner/8": "P-8"}) is None
    assert agenda.whose(msgspec.structs.replace(schedule, actor=[]), {}) is None
    two = Terms(NAME, (SitePart(SiteId("n"), "America/Toronto", "nord"), SITE), "")
    assert [two.site(frozenset(places)) for places in ({"nord"}, {"sud"})] == list(two.sites)
    assert Terms(NAME, two.sites[:1], "").site(frozenset({"sud"})) is None


def test_the_zone_is_the_sites() -> None:
    """A UTC instant is shown on the site's clock, in both its turns of an autumn hour."""
    hours = [slot(id=f"s{n}", start=f"2026-11-01T0{n}:30:00Z", end=f"2026-11-01T0{n}:45:00Z") for n in (5, 6)]
    read, _, _ = entries(page(*hours))
    pulled = Pulled(tuple(one for one in read if isinstance(one, fhir.Slot)), (), {"Schedule/a": DR}, NOW)
    starts = [one.start.isoformat() for one in agenda.slots(pulled, TERMS, ALL)[0]]
    assert starts == ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"]


def test_references_lose_base_and_version() -> None:
    """Absolute, versioned and relative ones are one; a urn stays."""
    same = ("Slot/1", "https://h/fhir/Slot/1", "http://h:9/r4/Slot/1/_history/2", "Slot/1/")
    assert {relative(text) for text in same} == {"Slot/1"}
    assert relative("urn:uuid:1") == "urn:uuid:1"
    logical = fhir.Reference(identifier=fhir.Identifier("s", "v"))
    assert (logical.key, fhir.Reference().key) == ("s|v", "")


@pytest.mark.parametrize(
    ("name", "slots", "appointments", "bad"),
    [
        ("bars-slots-GET-success.json", 3, 0, 0),
        ("bars-appointment-GET-success.json", 0, 2, 0),
        ("ihe-example-iti-scheduling-bundle.json", 0, 3, 0),
        ("gpconnect-stu3-search_for_free_slots_response.json", 2, 0, 0),
        ("sas-slots.json", 1, 0, 0),
        ("sas-appointments.json", 0, 3, 0),
    ],
)
def test_published_samples_are_read(name: str, slots: int, appointments: int, bad: int) -> None:
    """Every readable entry of a published page is there."""
    read, _, _ = entries((FIXTURES / name).read_bytes())
    kinds = [type(one).__name__ for one in read]
    assert (kinds.count("Slot"), kinds.count("Appointment"), kinds.count("Bad")) == (slots, appointments, bad), kinds


def test_the_models_of_r4_refuse_what_was_published_wrong() -> None:
    """BaRS' response has a reference with braces in its place; STU3's category is no R4; ours are valid."""
    stu3 = json.loads((FIXTURES / "gpconnect-stu3-search_for_free_slots_response.json").read_text(encoding="utf-8"))
    assert any(faults(entry["resource"]) for entry in stu3["entry"])
    bars = json.loads((FIXTURES / "bars-process-message-booking-response.json").read_text(encoding="utf-8"))
    assert any(faults(entry["resource"]) for entry in bars["entry"])
    good = json.loads((FIXTURES / "bars-slots-GET-success.json").read_text(encoding="utf-8"))
    assert [faults(entry["resource"]) for entry in good["entry"]] == [[]] * len(good["entry"])
    ours = cancelled(BookingId("b-1"), Applied(2, Outcome.CANCELLED))
    assert (faults(ours), faults({"resourceType": "Nothing"})) == ([], ["resourceType"])
    check_outbound(ours)
    check_outbound(b"no resource")
    with pytest.raises(Misconfigured, match="status"):
        check_outbound({**ours, "status": 5})


# ---- what an appointment of ours remembers

AT = Place(SlotKey("s1"), datetime(2026, 11, 23, 14, tzinfo=UTC))


def ours(applied: Applied | str, **more: Any) -> record.Record:
    names = [{"system": BOOKING, "value": "b-1"}, {"system": APPLIED, "value": str(applied)}]
    start, end = "2026-11-23T14:00:00Z", "2026-11-23T14:15:00Z"
    read = record.read(visit(start=start, end=end, slot=[{"reference": "Slot/s1"}], identifier=names, **more))
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("applied", "more", "outcome", "theirs"),
    [
        (Applied(3, Outcome.BOOKED, AT), {}, Outcome.BOOKED, False),
        (Applied(3, Outcome.BOOKED, AT, sure=False), {"status": "pending"}, Outcome.BOOKED, False),
        (Applied(3, Outcome.BOOKED, AT), {"status": "arrived"}, Outcome.CHANGED, True),
        (Applied(3, Outcome.BOOKED, AT), {"status": "noshow"}, Outcome.CHANGED, True),
        (Applied(3, Outcome.BOOKED, AT), {"status": "cancelled"}, Outcome.CANCELLED_BY_CLINIC, True),
        (Applied(3, Outcome.BOOKED, Place(SlotKey("s2"), AT.start)), {}, Outcome.CHANGED, True),
        (Applied(3, Outcome.CONFLICT, AT), {}, Outcome.CONFLICT, False),
        (Applied(3, Outcome.CONFLICT), {"status": "cancelled"}, Outcome.CONFLICT, False),
        (Applied(3, Outcome.CANCELLED), {"status": "cancelled"}, Outcome.CANCELLED, False),
        (Applied(3, Outcome.CANCELLED), {"status": "booked"}, Outcome.CHANGED, True),
        (Applied(3, Outcome.BOOKED, AT), {"status": "entered-in-error"}, Outcome.CHECKING, False),
        ("lost", {}, Outcome.CHANGED, True),
        ("lost", {"status": "cancelled"}, Outcome.CANCELLED_BY_CLINIC, True),
    ],
)
def test_an_effect_is_read_off_the_appointment(
    applied: Applied | str, more: dict[str, Any], outcome: Outcome, theirs: bool
) -> None:
    """What we last did beside how it stands now; what staff touched, or took our memory from, is theirs."""
    one = ours(applied, **more)
    effect = record.answer(one)
    assert (effect.outcome, effect.theirs) == (outcome, theirs)
    assert effect.pending is (isinstance(applied, Applied) and not applied.sure)


def test_a_memory_survives_its_writing() -> None:
    """The business name reads back as what was written, and an appointment without ours is nobody's."""
    for applied in (Applied(3, Outcome.BOOKED, AT, sure=False, previous=SlotKey("s0")), Applied(1, Outcome.CONFLICT)):
        assert ours(applied).applied == applied
    assert record.read(visit()) is None
    assert record.moment("2026-11-23T09:00:00") is None


def test_a_change_keeps_what_it_is_not_about() -> None:
    """Unknown elements, other business names and the patient stay in the resource that is written back."""
    one = ours(Applied(1, Outcome.BOOKED, AT), extension=[{"url": "urn:x", "valueString": "kept"}])
    after = moved(one, Applied(2, Outcome.BOOKED, AT))
    assert after["extension"] == [{"url": "urn:x", "valueString": "kept"}]
    assert [name["value"] for name in after["identifier"]] == ["b-1", "2 booked s1 20261123T140000Z sure -"]
