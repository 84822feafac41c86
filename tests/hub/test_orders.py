"""Orders: signed once, redelivered verbatim, acknowledged by a cursor; the slots they stand on; the long poll."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.core.changes import line
from agent.core.envelope import open_order, peek, unseal
from agent.core.sharing import revive
from hub import desk


def test_an_order_says_what_the_portal_asked(offered: Any, portal: Any, slot: Any, after: Any) -> None:
    """Signed by the hub, for this clinic, with the line as published and the patient sealed beside it."""
    assert portal.book(offered, "booking-1", slot("a")["id"]).status_code == 202
    entry = after()["orders"][0]
    order = open_order(entry["order"], offered.hub_keys, aud="fjord")
    assert (order.booking, order.version, order.goal) == ("booking-1", 1, slot("a")["id"])
    assert order.slot_line == line(revive(slot("a")), None)
    assert unseal(entry["patient"], offered.sealing)["booking"] == "booking-1"
    assert entry["outcome"] is None


def test_a_slot_under_an_order_is_hidden(offered: Any, portal: Any, slot: Any) -> None:
    """From the moment the order is placed nobody else is offered it."""
    portal.book(offered, "booking-1", slot("a")["id"])
    assert slot("a")["id"] not in portal.slots()
    offered.beat()
    assert slot("a")["id"] not in portal.slots()


def test_an_entry_is_redelivered_verbatim_until_acknowledged(offered: Any, portal: Any, slot: Any) -> None:
    """The cursor acknowledges; without it the same bytes come again."""
    portal.book(offered, "booking-1", slot("a")["id"])
    first, second = offered.orders(offered.cursor), offered.orders(offered.cursor)
    assert first["orders"] == second["orders"] != []
    quiet = offered.orders(first["cursor"])
    assert (quiet["orders"], quiet["next_call_s"]) == ([], 1)


def test_without_a_cursor_the_list_is_whole(offered: Any, portal: Any, slot: Any, after: Any) -> None:
    """A new agent learns every booking still to come, acknowledged or not, with the last outcome."""
    portal.book(offered, "booking-1", slot("a")["id"])
    after()
    offered.report("booking-1", 1, 1, "booked")
    reply = offered.orders()
    assert reply["full"]
    assert [entry["outcome"]["outcome"] for entry in reply["orders"]] == ["booked"]


@pytest.mark.parametrize("cursor", [{"log": "another", "n": 1}, {"log": "", "n": 99}])
def test_a_cursor_that_is_not_ours_gets_the_full_list(
    world: Any, offered: Any, portal: Any, slot: Any, cursor: Any
) -> None:
    """Another log, or a number the hub never gave: the hub lost data, so it lists everything."""
    portal.book(offered, "booking-1", slot("a")["id"])
    reply = offered.orders({"log": cursor["log"] or world.hub.log, "n": cursor["n"]})
    assert (reply["full"], len(reply["orders"])) == (True, 1)


def test_a_hub_that_came_back_from_a_backup_lists_everything(
    world: Any, offered: Any, portal: Any, slot: Any, reopened: Any, tmp_path: Path
) -> None:
    """A backup carries no log id, so the restored hub speaks under a new one."""
    portal.book(offered, "booking-1", slot("a")["id"])
    offered.orders(offered.cursor)
    desk.backup(world.folder, tmp_path / "copy.db")
    world.hub.close()
    for old in world.folder.glob("hub.db*"):
        old.unlink()
    (tmp_path / "copy.db").rename(world.folder / "hub.db")
    again = reopened()
    offered.world = again
    assert again.hub.log != world.hub.log
    assert offered.orders(offered.cursor)["full"]


def test_a_new_turn_gets_the_full_list_until_it_came_home(offered: Any, portal: Any, slot: Any, clock: Any) -> None:
    """After a lapse the turn has a higher number, and a lost answer does not lose the list."""
    portal.book(offered, "booking-1", slot("a")["id"])
    first = offered.orders(offered.cursor)
    cursor = first["cursor"]
    clock.tick(seconds=181)
    lost, again = offered.orders(cursor), offered.orders(cursor)
    assert lost["turn"]["number"] == again["turn"]["number"] > first["turn"]["number"]
    assert lost["full"]
    assert again["full"]
    assert not offered.orders(again["cursor"])["full"]


def test_a_past_and_decided_booking_is_no_longer_listed(offered: Any, portal: Any, slot: Any, clock: Any) -> None:
    """The full list holds what is still to come or undecided, nothing else."""
    portal.book(offered, "booking-1", slot("a")["id"])
    portal.book(offered, "booking-2", slot("b")["id"])
    offered.report("booking-1", 1, 1, "booked")
    clock.tick(days=4)
    listed = [peek(entry["order"]).claims["booking"] for entry in offered.orders()["orders"]]
    assert listed == ["booking-2"]


def test_hold_then_firm(offered: Any, portal: Any, slot: Any, after: Any) -> None:
    """The confirm names the same slot although the hold took it out of the view."""
    assert portal.book(offered, "booking-1", slot("a")["id"], firmness="hold").status_code == 202
    after()
    offered.report("booking-1", 1, 1, "held")
    assert portal.booking("booking-1")["word"] == "being-checked"
    offered.differ([], [slot("a")["id"]])
    assert portal.book(offered, "booking-1", slot("a")["id"], version=2).status_code == 202
    order = open_order(after()["orders"][0]["order"], offered.hub_keys, aud="fjord")
    assert (order.version, order.firmness, order.until) == (2, "firm", None)
    assert order.slot_line == line(revive(slot("a")), None)
    offered.report("booking-1", 2, 2, "booked")
    assert portal.booking("booking-1")["word"] == "booked"


def test_cancel_has_no_goal(offered: Any, portal: Any, slot: Any, after: Any) -> None:
    """Version 2 with goal none; the slot comes back when the agent offers it again under a new id."""
    portal.book(offered, "booking-1", slot("a")["id"])
    after()
    offered.report("booking-1", 1, 1, "booked")
    offered.differ([], [slot("a")["id"]])
    portal.put("booking-1", {"version": 2, "goal": None})
    order = open_order(after()["orders"][0]["order"], offered.hub_keys, aud="fjord")
    assert (order.goal, order.slot_line, order.patient_sha256) == (None, None, None)
    offered.report("booking-1", 2, 2, "cancelled")
    assert portal.booking("booking-1")["word"] == "not-booked"
    offered.differ([slot("again")])
    assert slot("again")["id"] in portal.slots()


def test_a_slot_that_stayed_in_the_view_is_offered_again_once_confirmed(
    offered: Any, portal: Any, slot: Any, clock: Any
) -> None:
    """Refused for another reason than the agenda, the slot returns when the agent proves its view after the outcome."""
    portal.book(offered, "booking-1", slot("a")["id"])
    offered.report("booking-1", 1, 1, "conflict")
    assert slot("a")["id"] not in portal.slots()
    clock.tick(seconds=30)
    offered.beat()
    assert slot("a")["id"] in portal.slots()


def test_a_snapshot_in_the_same_epoch_does_not_uncover_an_ordered_slot(offered: Any, portal: Any, slot: Any) -> None:
    """The order still stands on that id."""
    portal.book(offered, "booking-1", slot("a")["id"])
    offered.snapshot([slot("a"), slot("b", 10)], epoch=1, seq=9)
    assert portal.slots() == [slot("b")["id"]]


def test_only_the_newest_version_is_delivered(offered: Any, portal: Any, slot: Any, after: Any) -> None:
    """An older version nobody fetched is not news."""
    portal.book(offered, "booking-1", slot("a")["id"])
    portal.put("booking-1", {"version": 2, "goal": None})
    assert [peek(e["order"]).claims["version"] for e in after()["orders"]] == [2]


def test_a_waiting_call_goes_when_an_order_arrives(
    world: Any, offered: Any, portal: Any, slot: Any, after: Any
) -> None:
    """The poll may wait 50 s; the order ends it."""
    got = []
    poll = threading.Thread(target=lambda: got.append(after(wait_s=50)))
    poll.start()
    while world.hub.room.taken("fjord") == 0:
        pass
    portal.book(offered, "booking-1", slot("a")["id"])
    poll.join(40)
    assert len(got[0]["orders"]) == 1
    assert got[0]["next_call_s"] == 0


def test_a_waiting_call_goes_when_the_hub_stops(world: Any, offered: Any, after: Any) -> None:
    """A stop answers who waits, with nothing, rather than cutting them off."""
    got = []
    poll = threading.Thread(target=lambda: got.append(after(wait_s=50)))
    poll.start()
    while world.hub.room.taken("fjord") == 0:
        pass
    world.client.loop.call_soon_threadsafe(world.hub.room.close)
    poll.join(40)
    assert (got[0]["orders"], got[0]["next_call_s"]) == ([], 0)


def test_an_order_outlives_its_slot(offered: Any, portal: Any, slot: Any) -> None:
    """`expires_at` bounds the write and not the hub's memory."""
    body_time = (offered.world.clock.now() + timedelta(seconds=1)).isoformat()
    portal.book(offered, "booking-1", slot("a")["id"], expires_at=body_time)
    offered.world.clock.tick(days=30)
    assert len(offered.orders()["orders"]) == 1
    assert portal.booking("booking-1")["word"] == "being-checked"
