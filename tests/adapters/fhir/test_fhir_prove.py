"""`creneau emr prove --on SCHEDULE` and `creneau check emr` as clinic IT runs them, against each server."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.fhir.bench import SCRATCH, Screen
from agent.clock import SystemClock
from agent.config import read_plan
from agent.wiring import Agent, open_door, start
from agent.wiring.catalog import entries
from tests.adapters.fhir.clinics import Clinic, Printed, runner
from tests.adapters.fhir.conftest import Den, Place
from tests.adapters.fhir.hostile import BARE, GP, MEDPLUM, UNGUARDED, Hostile

MAKE = Callable[[Any], Clinic]
ONCE = "one booking makes one appointment: the server looks for its name before it creates"
OWN = "one booking makes one appointment: under our own id, only where it is absent"
TWO = "one booking may make two appointments when two ask at once"
FENCED = "a write whose answer is lost is made again here until it is answered"
LOOKED = "a write whose answer is lost is not made again here"
AT_ONCE = "slot and appointment are written in one transaction"
IN_STEPS = "the slot is written first, the appointment second"


@pytest.fixture
def clinic(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> MAKE:
    """Lend what makes a clinic on a server's options."""
    return lambda options: Clinic(tmp_path, options, runner(capsys, monkeypatch))


def scratch(screen: Screen, name: str = SCRATCH, who: str = "creneau-trial") -> None:
    """Make an empty schedule of a person."""
    screen.put({"resourceType": "Schedule", "id": name, "actor": [{"reference": f"Practitioner/{who}"}]})


def proved(clinic: Clinic, lang: str = "en") -> Printed:
    return clinic.creneau(f"emr prove --on {SCRATCH} --yes", lang=lang)


def test_a_real_server_is_proved_from_the_command_line(place: Place, clinic: MAKE) -> None:
    """Untried, refused on a shared person's schedule, proved in French, told in English with its age; nothing stays."""
    here = clinic(place.server.options)
    if "kit" in place.server.secrets:
        assert here.creneau("secret set dme", typed=place.server.secrets["kit"])[0] == 0
    scratch(place.screen), scratch(place.screen, "kit-101", "101")
    place.screen.clear("Slot", "Appointment")
    code, told = here.creneau("check emr")
    assert (code, "this FHIR server was never tried" in told) == (1, True)
    code, told = here.creneau("emr prove --on kit-101 --yes")
    assert (code, "Schedule/kit-101 is of a person whose slots the clinic's file shares" in told) == (1, True)
    code, told = proved(here, "fr")
    assert code == 0, told
    assert "une réservation fait un seul rendez-vous : le serveur cherche son nom avant de créer" in told
    assert "une écriture dont la réponse est perdue est refaite ici jusqu'à une réponse" in told
    assert "Les réservations automatiques peuvent commencer." in told
    _, told = here.creneau("check emr")
    steps = AT_ONCE if place.server.options["auth"] == "smart" else IN_STEPS
    for sentence in (ONCE, FENCED, steps, f"proved on {SCRATCH}", "0 days ago"):
        assert sentence in told
    assert "never tried" not in told
    assert [place.screen.all(kind) for kind in ("Slot", "Appointment")] == [[], []]


@pytest.mark.parametrize(
    ("flaws", "sentences"),
    [
        (frozenset[str](), (ONCE, AT_ONCE, FENCED)),
        (MEDPLUM, (ONCE, IN_STEPS, FENCED, "a failed transaction is not undone", "a PATCH overwrites newer changes")),
        (GP, (ONCE, IN_STEPS, FENCED)),
        (UNGUARDED, (ONCE, LOOKED, "an old change of a slot overwrite", "an old change of an appointment overwrite")),
        (BARE, (TWO, "under our own id: run one agent only", LOOKED)),
        (BARE | {"no-own-ids"}, (TWO, "found by search: run one agent only", LOOKED)),
        (BARE | {"none-match"}, (OWN, FENCED)),
        (frozenset({"unmarked"}), (LOOKED, "a slot cannot be reserved here")),
        (frozenset({"lags"}), (LOOKED, "what was just written is found only later")),
        (frozenset({"revives"}), (FENCED, "an appointment deleted at the very moment it is changed comes back")),
        (frozenset({"minimal"}), (FENCED, "a write answers with little or nothing here")),
        (frozenset({"mute"}), (FENCED, "a write answers with little or nothing here")),
        (frozenset({"no-304"}), (FENCED, "what did not change is sent again whole")),
        (frozenset({"always-new"}), (FENCED, "a change that changes nothing makes a new version")),
        (frozenset({"no-news"}), (FENCED, "a search by _lastUpdated does not tell what is new here")),
        (frozenset({"all-news"}), (FENCED, "a search by _lastUpdated does not tell what is new here")),
        (frozenset({"no-total", "no-links"}), (FENCED, "a full page may hide more here")),
        (frozenset({"no-delete"}), (FENCED, "cannot be deleted here: they stay, more than a year ahead")),
    ],
    ids=lambda value: "+".join(sorted(value)) or "none" if isinstance(value, frozenset) else "",
)
def test_each_flaw_is_told_and_a_way_is_chosen(
    flaws: frozenset[str], sentences: tuple[str, ...], den: Callable[[frozenset[str]], Den], clinic: MAKE
) -> None:
    """What was seen decides how it is written to, and every sentence says what follows; nothing stays behind."""
    one = den(flaws)
    scratch(one.screen)
    here = clinic(one.options)
    code, told = proved(here)
    assert code == 0, told
    assert [sentence for sentence in sentences if sentence not in told] == []
    left = {row["status"] for key, row in one.hostile.store.items() if key[1] != SCRATCH}
    assert left == ({"entered-in-error"} if "no-delete" in flaws else set())
    _, told = here.creneau("check emr")
    assert (FENCED in told) is (FENCED in sentences)


@pytest.mark.parametrize(
    ("flaw", "sentence"),
    [
        ("no-identifiers", "does not keep our mark on an appointment: nothing is written"),
        ("undated", "a taken time may look free. Share nothing; nothing is written"),
        ("versionless", "this server tells no versions"),
    ],
)
def test_a_server_that_cannot_be_written_is_not(
    flaw: str, sentence: str, den: Callable[[frozenset[str]], Den], clinic: MAKE
) -> None:
    """The proof fails, its bookings stay tasks, check goes on saying why, and what it made is gone all the same."""
    one = den(frozenset({flaw}))
    scratch(one.screen)
    here = clinic(one.options)
    code, told = proved(here)
    assert (code, sentence in told, "Not proved: bookings stay tasks." in told) == (1, True, True)
    code, told = here.creneau("check emr")
    assert (code, sentence in told, "the proof of" in told) == (1, True, True)
    assert [key for key in one.hostile.store if key[1] != SCRATCH] == []


def test_a_trial_sends_nothing_but_r4(den: Callable[[frozenset[str]], Den], clinic: MAKE) -> None:
    """With all that leaves held against R4, the same rows are kept."""
    one = den(frozenset())
    scratch(one.screen)
    code, told = proved(clinic({**one.options, "validate": "outbound"}))
    assert (code, "breaks R4" in told) == (0, False), told


def test_a_server_of_xml_is_refused(den: Callable[[frozenset[str]], Den], clinic: MAKE) -> None:
    """Whatever it is asked for: check and proof name it as a fault to mend, and no write is thought to have failed."""
    one = den(frozenset({"xml"}))
    scratch(one.screen)
    here = clinic(one.options)
    for line in ("check emr", f"emr prove --on {SCRATCH} --yes"):
        code, told = here.creneau(line)
        assert (code, "answers in XML only: Créneau reads JSON" in told) == (1, True), told


def booked(screen: Screen) -> None:
    who = [{"actor": {"reference": "Practitioner/creneau-trial"}, "status": "accepted"}]
    screen.post({"resourceType": "Appointment", "status": "booked", **tomorrow(), "participant": who})


def tomorrow() -> dict[str, str]:
    start = SystemClock().now().utc + timedelta(days=1)
    return {"start": f"{start:%Y-%m-%dT14:00:00Z}", "end": f"{start:%Y-%m-%dT14:15:00Z}"}


def slotted(screen: Screen) -> None:
    schedule = {"reference": f"Schedule/{SCRATCH}"}
    screen.post({"resourceType": "Slot", "schedule": schedule, "status": "free", **tomorrow()})


@pytest.mark.parametrize("flaws", [frozenset[str](), frozenset({"no-actor"})], ids=["by-person", "by-day"])
@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (booked, f"Schedule/{SCRATCH} is of a person who has appointments"),
        (slotted, f"Schedule/{SCRATCH} has slots"),
        (lambda screen: scratch(screen, who="101"), "is of a person whose slots the clinic's file shares"),
        (lambda screen: screen.clear("Schedule"), f"there is no Schedule/{SCRATCH} on this server"),
    ],
    ids=["appointments", "slots", "shared", "absent"],
)
def test_a_schedule_somebody_needs_is_refused(
    act: Callable[[Screen], None],
    sentence: str,
    flaws: frozenset[str],
    den: Callable[[frozenset[str]], Den],
    clinic: MAKE,
) -> None:
    """Before anything is made, and what stands there stays."""
    one = den(flaws)
    scratch(one.screen)
    act(one.screen)
    before = dict(one.hostile.store)
    code, told = proved(clinic(one.options))
    assert (code, sentence in told) == (1, True), told
    assert one.hostile.store == before


def test_a_person_the_clinic_cannot_name_is_somebody(den: Callable[[frozenset[str]], Den], clinic: MAKE) -> None:
    """Without the business name the clinic goes by, a schedule's person may still have patients."""
    one = den(frozenset())
    scratch(one.screen)
    booked(one.screen)
    code, told = proved(clinic({**one.options, "practitioner_system": "urn:nobody"}))
    assert (code, "is of a person who has appointments" in told) == (1, True), told


@pytest.mark.parametrize(
    ("flaws", "nth"),
    [(frozenset[str](), 1), (frozenset[str](), 20), (frozenset({"unmarked"}), 2), (frozenset({"no-identifiers"}), 6)],
)
def test_a_trial_that_was_killed_is_cleared_away_by_the_next(
    flaws: frozenset[str], nth: int, den: Callable[[frozenset[str]], Den], clinic: MAKE
) -> None:
    """Killed after the server's nth write and before its answer: check tells it, and the next trial takes all away."""
    one = den(flaws)
    scratch(one.screen)
    here = clinic(one.options)
    reached, go, left = threading.Event(), threading.Event(), [nth]

    def handle(method: str, *words: Any) -> tuple[int, Any]:
        answer = Hostile.handle(one.hostile, method, *words)
        left[0] -= method in ("POST", "PUT")
        if left[0] == 0 and not reached.is_set():
            reached.set()
            go.wait(120)
        return answer

    one.hostile.handle = handle  # type: ignore[method-assign]
    process = here.started(f"emr prove --on {SCRATCH} --yes")
    assert reached.wait(120)
    process.kill()
    process.wait(120)
    go.set()
    del one.hostile.handle  # type: ignore[misc]
    assert len(one.hostile.store) > 1
    if nth > 1:
        assert "things behind on the server" in here.creneau("check emr")[1]
    code, told = proved(here)
    assert (code == 0) is ("no-identifiers" not in flaws)
    assert "what an earlier trial left behind is taken away" in told
    assert [key for key in one.hostile.store if key[1] != SCRATCH] == []
    assert "things behind on the server" not in here.creneau("check emr")[1]


def test_what_a_server_will_not_give_back_is_told(den: Callable[[frozenset[str]], Den], clinic: MAKE) -> None:
    """Neither deleted nor marked: it is counted, kept in mind, tried again, and bookings are as safe as before."""
    one = den(frozenset({"no-delete", "sealed"}))
    scratch(one.screen)
    here = clinic(one.options)
    code, told = proved(here)
    left = len(one.hostile.store) - 1
    assert (code, f"{left} things of a trial cannot be deleted here" in told) == (0, True), told
    assert f"a trial left {left} things behind on the server" in here.creneau("check emr")[1]
    one.hostile.flaws = frozenset()
    assert "what an earlier trial left behind is taken away" in proved(here)[1]
    assert [key for key in one.hostile.store if key[1] != SCRATCH] == []


def test_another_version_of_the_server_asks_for_another_proof(
    den: Callable[[frozenset[str]], Den], clinic: MAKE
) -> None:
    """What was seen was seen of the one before; the command is named."""
    one = den(frozenset())
    scratch(one.screen)
    here = clinic(one.options)
    assert proved(here)[0] == 0
    assert "another version" not in here.creneau("check emr")[1]
    one.hostile.release = "H 2"
    code, told = here.creneau("check emr")
    assert code == 1
    assert "the FHIR server is another version than the one that was tried" in told
    assert "creneau emr prove --on SCHEDULE" in told


def test_a_running_agent_books_by_itself_from_the_proof_on(den: Callable[[frozenset[str]], Den], clinic: MAKE) -> None:
    """Asked through its door: before, automatic bookings are tasks; after, its legs run by the stored profile."""
    one = den(MEDPLUM)
    scratch(one.screen)
    here = clinic(one.options)
    plan = read_plan(here.file, entries())
    running = start(plan)
    try:
        assert isinstance(running, Agent)
        assert bookings(running) == "tasks"
        with open_door(plan) as door:
            assert door.ask("emr-prove", {"on": SCRATCH, "emr": ""}, "manon")["passed"]
        assert bookings(running) == "automatic"
    finally:
        running.stop()


def bookings(running: Agent) -> str:
    (source,) = running.state.plan.emrs
    return source.bookings
