"""The whole job, with hub and agent as real processes over HTTPS on the sample clinic."""

import signal
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

CLINIC = "fjord"
PATIENT = {
    "family": "Canari-Tremblay",
    "given": "Zoé",
    "born": "1991-04-12",
    "nam": "TREZ91541218",
    "phone": "418 555-0187",
}


def join(town: Any) -> None:
    """Enrol, apply the rules, start both sides."""
    town.start("hub")
    code = town.creneau("hub", "code", CLINIC, "--folder", str(town.hub_folder), "--name", "Clinique du Fjord")["code"]
    joined = town.creneau("enrol", code)
    clinic = town.creneau("hub", "clinic", CLINIC, "--folder", str(town.hub_folder))
    assert [agent["fingerprint"] for agent in clinic["agents"]] == [joined["fingerprint"]]
    assert town.portal.slots() == []
    town.creneau("sharing", "apply", "--yes")
    town.start("agent")
    town.offered()


def times(slot: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return start and the EMR's inclusive last minute, wall clock."""
    start, end = (datetime.fromisoformat(slot[name]).replace(tzinfo=None) for name in ("start", "end"))
    return start, end - timedelta(minutes=1)


def at(rows: list[Any]) -> list[tuple[datetime, datetime]]:
    """Return when appointments are, in order."""
    return sorted((row.start, row.end) for row in rows)


def equal_views(town: Any) -> None:
    """Wait until the hub offers exactly what the rules let out of the EMR as it is now."""
    town.until("equal views", lambda: town.lines() == town.at_hub())


def test_automatic_bookings_from_offer_to_cancel_across_restarts(town: Any) -> None:
    """Every outcome told is true to the EMR's tables, across restarts of both sides and a kill -9, and views end equal."""
    join(town)
    portal, now = town.portal, town.time
    first, second, third, fourth = town.offered()[:40:10]

    portal.hold(CLINIC, "story-hold-1", 1, first["id"], now=now(), until=now() + timedelta(minutes=10))
    assert town.outcome("story-hold-1", 1) == "held"
    assert town.ours() == []
    town.until("the held slot to vanish", lambda: first["id"] not in {slot["id"] for slot in portal.slots()})

    town.stop("agent", signal.SIGKILL)
    town.start("agent")
    portal.book(CLINIC, "story-hold-1", 2, first["id"], PATIENT, now=now())
    assert town.outcome("story-hold-1", 2) == "booked"
    assert at(town.ours()) == [times(first)]
    assert town.ours()[0].name.startswith("CANARI-TREMBLAY")

    portal.book(CLINIC, "story-hold-1", 3, second["id"], PATIENT, now=now())
    assert town.outcome("story-hold-1", 3) == "booked"
    assert at(town.ours()) == [times(second)]

    town.stop("agent")
    portal.book(CLINIC, "story-away-1", 1, third["id"], PATIENT, now=now())
    town.stop("hub")
    town.start("hub")
    town.start("agent")
    assert town.outcome("story-away-1", 1) == "booked"
    assert at(town.ours()) == sorted([times(second), times(third)])

    for number in ("101", "102", "103"):
        town.desk.book(number, times(fourth)[0], look=False)
    try:
        portal.book(CLINIC, "story-race-1", 1, fourth["id"], PATIENT, now=now())
    except httpx.HTTPStatusError:  # the hub had heard of it already
        assert fourth["id"] not in {slot["id"] for slot in portal.slots()}
    else:
        assert town.outcome("story-race-1", 1) == "conflict"
    assert at(town.ours()) == sorted([times(second), times(third)])

    portal.cancel(CLINIC, "story-hold-1", 4)
    assert town.outcome("story-hold-1", 4) == "cancelled"
    portal.cancel(CLINIC, "story-never-seen", 1)
    assert town.outcome("story-never-seen", 1) == "cancelled"
    assert at(town.ours()) == [times(third)]

    equal_views(town)
    stands = {row["booking"]: row["stands"] for row in town.creneau("bookings")["bookings"]}
    assert stands["story-away-1"] == "booked"
    words = [portal.booking(CLINIC, name)["word"] for name in ("story-hold-1", "story-away-1")]
    assert words == ["not-booked", "booked"]
    told = portal.booking(CLINIC, "story-hold-1")["outcomes"]
    assert [(one["version"], one["outcome"]) for one in told] == [
        (1, "held"),
        (2, "booked"),
        (3, "booked"),
        (4, "cancelled"),
    ]
    assert [one["rev"] for one in told] == sorted(one["rev"] for one in told)
    every_leg_well(town)
    no_patient_on_disk(town)


@pytest.mark.parametrize("town", ["tasks"], indirect=True)
def test_bookings_entered_by_the_front_desk(town: Any) -> None:
    """With `bookings = "tasks"` nothing is written; a person enters, moves and cancels, and each answer is told."""
    join(town)
    portal, now = town.portal, town.time
    first, second, third = town.offered()[:30:10]
    assert {slot["confirmation"] for slot in portal.slots()} == {"request"}

    portal.hold(CLINIC, "story-task-1", 1, first["id"], now=now(), until=now() + timedelta(minutes=10))
    assert town.outcome("story-task-1", 1) == "held"
    portal.book(CLINIC, "story-task-1", 2, first["id"], PATIENT, now=now())
    assert town.outcome("story-task-1", 2) == "requested"
    assert portal.booking(CLINIC, "story-task-1")["word"] == "being-checked"
    assert town.ours() == []

    town.stop("agent")
    town.start("agent")
    task = one_task(town, "enter")
    shown = town.creneau("tasks", "show", str(task["n"]))
    assert (shown["patient"]["family"], shown["patient"]["nam"]) == (PATIENT["family"], PATIENT["nam"])
    doctor = task["facts"]["practitioner"]
    number = town.desk.book(numbers(town)[doctor], times(first)[0])
    assert number is not None
    town.creneau("tasks", "done", str(task["n"]), "--in-agenda")
    assert town.outcome("story-task-1", 2, "booked") == "booked"

    portal.book(CLINIC, "story-task-2", 1, second["id"], PATIENT, now=now())
    assert town.outcome("story-task-2", 1) == "requested"
    town.creneau("tasks", "done", str(one_task(town, "enter")["n"]), "--not-in-agenda")
    assert town.outcome("story-task-2", 1, "conflict") == "conflict"

    portal.book(CLINIC, "story-task-1", 3, third["id"], PATIENT, now=now())
    assert town.outcome("story-task-1", 3) == "requested"
    task = one_task(town, "enter-move")
    town.desk.cancel(number)
    town.desk.book(numbers(town)[task["facts"]["practitioner"]], times(third)[0])
    town.creneau("tasks", "done", str(task["n"]), "--in-agenda")
    assert town.outcome("story-task-1", 3, "booked") == "booked"

    town.stop("hub")
    town.start("hub")
    portal.cancel(CLINIC, "story-task-1", 4)
    town.until("a task to cancel", lambda: kinds(town) == ["enter-cancel"])
    town.creneau("tasks", "done", str(one_task(town, "enter-cancel")["n"]), "--not-in-agenda")
    assert town.outcome("story-task-1", 4, "cancelled") == "cancelled"
    assert town.ours() == []
    assert kinds(town) == []
    equal_views(town)
    no_patient_on_disk(town)


def every_leg_well(town: Any) -> None:
    """Wait for the heartbeat, once a minute, that says so at the hub."""
    well = dict.fromkeys(("publish", "deliver", "receive", "apply", "beat"), "ok")

    def legs() -> object:
        seen = town.creneau("hub", "clinic", CLINIC, "--folder", str(town.hub_folder))
        return (seen["beat"] or {}).get("legs")

    town.until("a good heartbeat", lambda: legs() == well)
    assert legs() == well


def test_withdraw_takes_every_slot_offline_and_resume_brings_them_back(town: Any) -> None:
    """A manager's withdrawal empties the hub within a tick, with no epoch of its own; resume offers them anew."""
    join(town)
    before = town.creneau("hub", "clinic", CLINIC, "--folder", str(town.hub_folder))["view"]["epoch"]
    town.creneau("sharing", "withdraw", "--yes")
    town.until("no slot at the hub", lambda: town.portal.slots() == [])
    town.creneau("sharing", "resume")
    town.offered()
    assert town.creneau("hub", "clinic", CLINIC, "--folder", str(town.hub_folder))["view"]["epoch"] == before
    equal_views(town)


def test_a_second_agent_on_the_same_folder_is_turned_away(town: Any) -> None:
    """The state folder has one agent; the second says so and exits 1 without touching anything."""
    join(town)
    town.creneau("run", code=1)
    assert town.creneau("status", code=0)["working"] == "yes"


def kinds(town: Any) -> list[str]:
    """Return the kinds of open tasks."""
    return [task["kind"] for task in tasks(town)]


def tasks(town: Any) -> list[dict[str, Any]]:
    """Return open tasks; the command exits 1 when there are any."""
    reply = town.creneau("tasks", "list", code=None)
    found: list[dict[str, Any]] = reply["tasks"]
    return found


def one_task(town: Any, kind: str) -> dict[str, Any]:
    """Return the only open task, of this kind."""
    (task,) = town.until(f"a task {kind}", lambda: tasks(town))
    assert task["kind"] == kind
    return dict(task)


def numbers(town: Any) -> dict[str, str]:
    """Return the EMR's number of each practitioner's label."""
    listed = town.creneau("emr", "list")
    return {row["label"]: row["code"] for row in listed["names"] if row["kind"] == "practitioner"}


def no_patient_on_disk(town: Any) -> None:
    """No word of the patient stands in logs, state or the hub's store, live processes or not."""
    needles = [PATIENT[name].encode() for name in ("family", "nam", "phone")]
    for path in [*town.data.rglob("*"), *town.hub_folder.rglob("*"), *town.folder.glob("*.log")]:
        if path.is_file():
            assert not [needle for needle in needles if needle in path.read_bytes()], path
