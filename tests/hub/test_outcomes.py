"""Outcomes are facts: kept by rev, shown in three words, and the end of the patient's details."""

from typing import Any

import pytest

from agent.core.envelope import peek
from hub import desk


def test_a_move_that_is_lost_keeps_the_old(offered: Any, portal: Any, slot: Any) -> None:
    """`conflict` with `kept` tells the patient that the first appointment stands."""
    portal.book(offered, "booking-1", slot("a")["id"])
    offered.report("booking-1", 1, 1, "booked")
    portal.book(offered, "booking-1", slot("b")["id"], version=2)
    assert portal.booking("booking-1")["word"] == "being-checked"
    offered.report("booking-1", 2, 2, "conflict", kept=True)
    assert portal.booking("booking-1")["word"] == "booked"


def test_a_conflict_offers_others_of_the_same_kind(offered: Any, portal: Any, slot: Any) -> None:
    """Same site, clientele, reason and mode, never the slot that was lost."""
    portal.book(offered, "booking-1", slot("a")["id"])
    offered.report("booking-1", 1, 1, "conflict")
    state = portal.booking("booking-1")
    assert state["word"] == "not-booked"
    assert [one["id"] for one in state["alternatives"]] == [slot("b")["id"]]


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("held", "being-checked"),
        ("requested", "being-checked"),
        ("checking", "being-checked"),
        ("booked", "booked"),
        ("changed", "booked"),
        ("conflict", "not-booked"),
        ("released", "not-booked"),
        ("expired", "not-booked"),
        ("cancelled", "not-booked"),
        ("cancelled-by-clinic", "not-booked"),
        ("superseded", "not-booked"),
        ("refused: reseal", "not-booked"),
    ],
)
def test_the_patient_is_told_one_of_three_words(offered: Any, portal: Any, slot: Any, outcome: Any, word: Any) -> None:
    """Every outcome of the protocol has its word."""
    portal.book(offered, "booking-1", slot("a")["id"])
    assert portal.booking("booking-1")["word"] == "being-checked"
    offered.report("booking-1", 1, 1, outcome)
    assert portal.booking("booking-1")["word"] == word


def test_outcomes_are_kept_by_rev(offered: Any, portal: Any, slot: Any) -> None:
    """All are stored, in whatever order they come; the highest rev is shown; a repetition is no new one."""
    portal.book(offered, "booking-1", slot("a")["id"])
    times = {"start": slot("a")["start"], "end": slot("a")["end"]}
    offered.report("booking-1", 1, 2, "cancelled-by-clinic")
    assert offered.report("booking-1", 1, 1, "booked", slot=times)["accepted"] == 1
    offered.report("booking-1", 1, 1, "booked", slot=times)
    state = portal.booking("booking-1")
    assert [one["rev"] for one in state["outcomes"]] == [1, 2]
    assert state["outcomes"][0]["slot"] == times
    assert state["word"] == "not-booked"


def test_contradicting_outcomes_are_being_checked(world: Any, offered: Any, portal: Any, slot: Any) -> None:
    """Two agents that say different things of one rev: a person looks, until a higher rev settles it."""
    portal.book(offered, "booking-1", slot("a")["id"])
    other = world.agent(takeover=True)
    offered.report("booking-1", 1, 1, "booked")
    other.report("booking-1", 1, 1, "conflict")
    assert portal.booking("booking-1")["word"] == "being-checked"
    other.report("booking-1", 1, 2, "booked")
    assert portal.booking("booking-1")["word"] == "booked"


def test_an_agent_that_was_replaced_counts_no_further_than_its_version(
    world: Any, offered: Any, portal: Any, slot: Any
) -> None:
    """It goes on counting revs of an older version: the word stays that of the newest (simulated life 30)."""
    portal.book(offered, "booking-1", slot("a")["id"])
    portal.book(offered, "booking-1", None, version=2)
    other = world.agent(takeover=True)
    other.report("booking-1", 2, 2, "cancelled")
    offered.report("booking-1", 1, 2, "changed")
    offered.report("booking-1", 1, 3, "booked")
    assert portal.booking("booking-1")["word"] == "not-booked"
    assert portal.booking("booking-1")["outcomes"][-1]["outcome"] == "cancelled"


def test_versions_the_hub_lost_are_counted_by_rev(offered: Any, portal: Any, slot: Any) -> None:
    """A hub and a journal from backups: the last word of the one agent counts (simulated lives 41 and 203)."""
    portal.book(offered, "booking-1", slot("a")["id"])
    offered.report("booking-1", 2, 2, "booked")
    offered.report("booking-1", 1, 3, "conflict")
    assert portal.booking("booking-1")["word"] == "not-booked"


def test_superseded_says_what_stands(offered: Any, portal: Any, slot: Any) -> None:
    """The EMR knows a version that neither hub nor journal has: what it kept is the truth (simulated life 94)."""
    portal.book(offered, "booking-1", slot("a")["id"])
    offered.report("booking-1", 1, 1, "superseded", kept=True)
    assert portal.booking("booking-1")["word"] == "booked"


def test_outcomes_need_no_turn(world: Any, offered: Any, portal: Any, slot: Any) -> None:
    """An agent that was replaced still reports what it did."""
    portal.book(offered, "booking-1", slot("a")["id"])
    world.agent(takeover=True)
    assert offered.orders(offered.cursor).problem == "not-current"
    assert offered.report("booking-1", 1, 1, "booked")["accepted"] == 1
    assert portal.booking("booking-1")["word"] == "booked"


def test_an_outcome_of_an_unknown_booking_is_kept(offered: Any, portal: Any, slot: Any) -> None:
    """A hub that lost a booking believes the report, and shows it once the portal asks again."""
    assert offered.report("booking-1", 1, 1, "booked")["accepted"] == 1
    portal.book(offered, "booking-1", slot("a")["id"])
    assert portal.booking("booking-1")["word"] == "booked"


def test_an_outcome_out_of_form_is_refused_by_place(offered: Any) -> None:
    """The problem names the member and no value."""
    reply = offered.report("no", 1, 1, "booked")
    assert (reply.status, reply.problem, reply["where"]) == (422, "schema", ["outcomes.0.booking"])


def test_the_patient_is_erased_a_day_after_the_final_outcome(
    world: Any, offered: Any, portal: Any, slot: Any, clock: Any
) -> None:
    """The order stays provable, the seal is gone; without a final outcome it stays."""
    from hub import outcomes

    portal.book(offered, "booking-1", slot("a")["id"])
    portal.book(offered, "booking-2", slot("b")["id"])
    offered.report("booking-1", 1, 1, "booked")
    offered.report("booking-2", 1, 1, "requested")
    clock.tick(hours=23, minutes=59)
    assert outcomes.sweep(world.hub.store, clock.now())["patients"] == 0
    clock.tick(minutes=1)
    assert outcomes.sweep(world.hub.store, clock.now())["patients"] == 1
    kept = {peek(e["order"]).claims["booking"]: e["patient"] is not None for e in offered.orders()["orders"]}
    assert kept == {"booking-1": False, "booking-2": True}


def test_a_superseded_version_loses_its_patient_at_once(world: Any, offered: Any, portal: Any, slot: Any) -> None:
    """Only the newest version is sealed at the hub."""
    portal.book(offered, "booking-1", slot("a")["id"])
    portal.book(offered, "booking-1", slot("b")["id"], version=2)
    sealed = [one["sealed"] for one in desk.booking(world.folder, "booking-1")[0]["versions"]]
    assert sealed == [False, True]
