"""A whole day at a clinic on FHIR: hub, agent and a server nobody here wrote; booked online, cancelled online."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from adapters.fhir.bench import SCRATCH
from agent.wiring.sample import CLINIC, Sample
from tests.adapters.fhir.clinics import on_fhir
from tests.adapters.fhir.conftest import Place

PATIENT = {"family": "Tremblay", "given": "Zoé", "born": "1991-04-12", "nam": "TREZ91541218", "phone": "418 555-0187"}


def until(sample: Sample, ready: Callable[[], object]) -> None:
    """Wait until `ready` is true, at most a minute."""
    ends = sample.time() + timedelta(seconds=60)
    while not ready():
        assert sample.time() < ends
        threading.Event().wait(0.05)


def test_a_booking_made_online_is_an_appointment_on_the_server(places: Callable[[str], Place], tmp_path: Path) -> None:
    """Proved by command, published, booked by the stored profile with patient and mark, and freed by the cancel."""
    place = places("medplum")
    screen = place.screen
    screen.clear("Slot", "Appointment")
    with Sample(tmp_path) as sample:
        day = (sample.now + timedelta(days=3)).replace(hour=14, minute=0, second=0, microsecond=0)
        for who in ("101", "102", "103"):
            schedule = {"reference": f"Schedule/{screen.schedule(who)}"}
            for n in range(8):
                start = day + timedelta(minutes=15 * n)
                times = {"start": start.isoformat(), "end": (start + timedelta(minutes=15)).isoformat()}
                kind = [{"coding": [{"code": "s"}]}]
                screen.post(
                    {"resourceType": "Slot", "schedule": schedule, "status": "free", **times, "serviceType": kind}
                )
        sample.file.write_text(on_fhir(sample.file.read_text(encoding="utf-8"), place.server.options), encoding="utf-8")
        sample.enrol()
        assert sample.ask("emr-prove", on=SCRATCH, emr="")["passed"]
        sample.start()
        until(sample, sample.portal.slots)
        slot = sample.portal.slots()[0]
        sample.portal.book(CLINIC, "fhir-story-1", 1, slot["id"], PATIENT, now=sample.time())
        until(sample, lambda: sample.portal.outcome(CLINIC, "fhir-story-1") == (1, "booked"))
        (made,) = screen.all("Appointment")
        (taken,) = (row for row in screen.all("Slot") if row["status"] == "busy")
        assert (made["status"], made["slot"], made["start"]) == (
            "booked",
            [{"reference": f"Slot/{taken['id']}"}],
            taken["start"],
        )
        assert "TREMBLAY, Zoé" in made["participant"][-1]["actor"]["display"]
        sample.portal.cancel(CLINIC, "fhir-story-1", 2)
        until(sample, lambda: sample.portal.outcome(CLINIC, "fhir-story-1") == (2, "cancelled"))
        assert [row["status"] for row in screen.all("Appointment")] == ["cancelled"]
        assert {row["status"] for row in screen.all("Slot")} == {"free"}
    screen.clear("Slot", "Appointment")
