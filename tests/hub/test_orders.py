"""Orders and outcomes: signed once, redelivered verbatim, decided by facts; turns; the long poll."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.core.changes import line
from agent.core.envelope import key_set, open_order, open_statement, recall, unseal
from agent.core.sharing import revive
from hub import desk


@pytest.fixture
def offered(agent: Any, slot: Any) -> Any:
    """Return an agent with three slots on offer and a cursor that has seen the full list."""
    agent.snapshot([slot("a"), slot("b", 10), slot("c", 11, mode="video")])
    agent.cursor = agent.orders()["cursor"]
    return agent


@pytest.fixture
def after(offered: Any) -> Any:
    """Return a function that asks for orders behind the agent's cursor."""

    def ask(**more: Any) -> Any:
        reply = offered.orders(offered.cursor, **more)
        offered.cursor = reply["cursor"]
        return reply

    return ask


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
    cursor = offered.orders(offered.cursor)["cursor"]
    clock.tick(seconds=181)
    lost, again = offered.orders(cursor), offered.orders(cursor)
    assert lost["turn"]["number"] == again["turn"]["number"] == 2
    assert lost["full"]
    assert again["full"]
    assert not offered.orders(again["cursor"])["full"]


def test_a_past_and_decided_booking_is_no_longer_listed(offered: Any, portal: Any, slot: Any, clock: Any) -> None:
    """The full list holds what is still to come or undecided, nothing else."""
    portal.book(offered, "booking-1", slot("a")["id"])
    portal.book(offered, "booking-2", slot("b")["id"])
    offered.report("booking-1", 1, 1, "booked")
    clock.tick(days=4)
    listed = [recall(entry["order"]).claims["booking"] for entry in offered.orders()["orders"]]
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


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("held", "being-checked"),
        ("requested", "being-checked"),
        ("checking", "being-checked"),
        ("superseded", "being-checked"),
        ("booked", "booked"),
        ("changed", "booked"),
        ("conflict", "not-booked"),
        ("released", "not-booked"),
        ("expired", "not-booked"),
        ("cancelled", "not-booked"),
        ("cancelled-by-clinic", "not-booked"),
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
    kept = {recall(e["order"]).claims["booking"]: e["patient"] is not None for e in offered.orders()["orders"]}
    assert kept == {"booking-1": False, "booking-2": True}


def test_a_superseded_version_loses_its_patient_at_once(world: Any, offered: Any, portal: Any, slot: Any) -> None:
    """Only the newest version is sealed at the hub."""
    portal.book(offered, "booking-1", slot("a")["id"])
    portal.book(offered, "booking-1", slot("b")["id"], version=2)
    sealed = [one["sealed"] for one in desk.booking(world.folder, "booking-1")[0]["versions"]]
    assert sealed == [False, True]


def test_only_the_newest_version_is_delivered(offered: Any, portal: Any, slot: Any, after: Any) -> None:
    """An older version nobody fetched is not news."""
    portal.book(offered, "booking-1", slot("a")["id"])
    portal.put("booking-1", {"version": 2, "goal": None})
    assert [recall(e["order"]).claims["version"] for e in after()["orders"]] == [2]


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
    poll.join(20)
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
    poll.join(20)
    assert (got[0]["orders"], got[0]["next_call_s"]) == ([], 0)


def test_a_beat_renews_the_turn(offered: Any, clock: Any) -> None:
    """The number stays while it is renewed in time."""
    numbers = []
    for _ in range(3):
        clock.tick(seconds=170)
        numbers.append(offered.beat()["turn"]["number"])
    assert numbers == [1, 1, 1]


def test_a_restart_gets_a_higher_turn(offered: Any) -> None:
    """A new boot of the same instance is a new holder."""
    assert offered.beat(boot="boot-2")["turn"] == {"number": 2, "seconds": 180}


def test_a_replacement_waits_until_the_old_turn_has_run_out(world: Any, offered: Any, clock: Any) -> None:
    """The former agent may believe in its turn for 180 s; its successor reads orders meanwhile, and has no turn."""
    other = world.agent(takeover=True)
    assert other.beat(renew=False)["turn"] is None
    assert other.orders()["turn"] is None
    assert offered.beat(renew=False)["turn"] is None
    clock.tick(seconds=180)
    assert other.beat(renew=False)["turn"]["number"] == 2


def test_two_boots_that_alternate_get_no_turn(world: Any, offered: Any, clock: Any) -> None:
    """A, B, A: a cloned machine. Neither may write, and the operator sees it."""
    first, offered.boot = offered.boot, "boot-2"
    clock.tick(seconds=1)
    offered.beat()
    clock.tick(seconds=1)
    assert offered.orders(boot=first).problem == "not-current"
    assert offered.orders(boot="boot-2").problem == "not-current"
    assert offered.beat()["turn"] is None
    assert desk.clinics(world.folder, clock=clock)[0]["state"] == "torn"
    assert world.agent(takeover=True).orders().problem is None


def test_a_late_message_of_the_former_boot_is_no_clone(offered: Any, clock: Any) -> None:
    """What was signed before the restart and arrives after it changes nothing for the new boot."""
    late = offered.seal("beat", {"boot": offered.boot} | _beat(offered))
    clock.tick(seconds=2)
    offered.beat(boot="boot-2")
    assert offered.send(late)["turn"] is None
    assert offered.beat(boot="boot-2")["turn"]["number"] == 2


def _beat(agent: Any) -> Any:
    health = dict.fromkeys(("uptime", "emr_read", "hub", "oldest"), "<2min")
    rest = {"version": "1", "os": "linux", "instance": agent.instance, "legs": {}, "disk": "ok", "key_age_d": 0}
    return health | rest | {"update": False, "keys": 1}


def test_the_ledger_head_is_countersigned(offered: Any) -> None:
    """Once a day the hub signs what the clinic's ledger came to."""
    assert offered.beat(ledger_head="abc")["countersigned"] == "abc"


def test_a_sealing_statement_never_goes_back(world: Any, offered: Any, portal: Any) -> None:
    """A higher number replaces, a lower one does not, and a stranger's is refused."""
    offered.beat(sealing=offered.statement(n=2))
    newest = portal.get("/clinics/fjord/sealing-key").json()
    offered.beat(sealing=offered.statement(n=1))
    assert portal.get("/clinics/fjord/sealing-key").json() == newest
    other = world.agent("saguenay")
    assert offered.beat(sealing=other.statement()).problem == "schema"


def test_a_replacement_states_its_own_sealing_key(world: Any, offered: Any, portal: Any) -> None:
    """After a takeover the former key is withdrawn at once, and the numbers begin anew."""
    offered.beat(sealing=offered.statement(n=7))
    other = world.agent(takeover=True)
    assert portal.get("/clinics/fjord/sealing-key").status_code == 404
    other.beat(renew=False)
    held = portal.get("/clinics/fjord/sealing-key").json()
    assert held["statement"] != offered.statement(n=7)
    assert open_statement(held["statement"], key_set(held["signing"]), clinic="fjord").n == 1


def test_an_order_outlives_its_slot(offered: Any, portal: Any, slot: Any) -> None:
    """`expires_at` bounds the write and not the hub's memory."""
    body_time = (offered.world.clock.now() + timedelta(seconds=1)).isoformat()
    portal.book(offered, "booking-1", slot("a")["id"], expires_at=body_time)
    offered.world.clock.tick(days=30)
    assert len(offered.orders()["orders"]) == 1
    assert portal.booking("booking-1")["word"] == "being-checked"
