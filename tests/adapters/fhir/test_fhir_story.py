"""A whole day at a clinic on FHIR: hub, agent and a server nobody here wrote."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.fhir.bench import SCRATCH
from agent.wiring.sample import CLINIC, Sample
from tests.adapters.fhir.clinics import on_fhir
from tests.adapters.fhir.conftest import Place

BOOKING = "fhir-story-1"
PATIENT = {"family": "Tremblay", "given": "Zoé", "born": "1991-04-12", "nam": "TREZ91541218", "phone": "418 555-0187"}


def until(sample: Sample, ready: Callable[[], object]) -> None:
    """Wait until `ready` is true, at most a minute."""
    ends = sample.time() + timedelta(seconds=60)
    while not ready():
        assert sample.time() < ends
        threading.Event().wait(0.05)


def statuses(place: Place) -> list[str]:
    """Return the statuses of the server's slots that are not free."""
    return [row["status"] for row in place.screen.all("Slot") if row["status"] != "free"]


def taken(place: Place) -> dict[str, Any]:
    (slot,) = (row for row in place.screen.all("Slot") if row["status"] == "busy")
    return slot


def appointment(place: Place) -> dict[str, Any]:
    (made,) = place.screen.all("Appointment")
    return made


def test_a_booking_made_online_is_an_appointment_on_the_server(place: Place, tmp_path: Path) -> None:
    """Proved by command, published, held, booked by the stored profile with patient and mark, moved, cancelled."""
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
        for secret in [place.server.secrets[name] for name in ("kit",) if name in place.server.secrets]:
            sample.ask("secret-set", name="dme", value=secret)
        sample.enrol()
        assert sample.ask("emr-prove", on=SCRATCH, emr="")["passed"]
        sample.start()
        until(sample, sample.portal.slots)
        first, second = sample.portal.slots()[:2]
        ends = sample.time() + timedelta(minutes=10)
        sample.portal.hold(CLINIC, BOOKING, 1, first["id"], now=sample.time(), until=ends)
        until(sample, lambda: statuses(place) == ["busy-tentative"])
        sample.portal.book(CLINIC, BOOKING, 2, first["id"], PATIENT, now=sample.time())
        until(sample, lambda: sample.portal.outcome(CLINIC, BOOKING) == (2, "booked"))
        made = appointment(place)
        assert (made["status"], made["start"]) == ("booked", taken(place)["start"])
        assert "TREMBLAY, Zoé" in made["participant"][-1]["actor"]["display"]
        sample.portal.book(CLINIC, BOOKING, 3, second["id"], PATIENT, now=sample.time())
        until(sample, lambda: sample.portal.outcome(CLINIC, BOOKING) == (3, "booked"))
        moved = appointment(place)
        assert (moved["id"], moved["slot"]) == (made["id"], [{"reference": f"Slot/{taken(place)['id']}"}])
        assert moved["slot"] != made["slot"]
        sample.portal.cancel(CLINIC, BOOKING, 4)
        until(sample, lambda: sample.portal.outcome(CLINIC, BOOKING) == (4, "cancelled"))
        assert (appointment(place)["status"], statuses(place)) == ("cancelled", [])
    screen.clear("Slot", "Appointment")
