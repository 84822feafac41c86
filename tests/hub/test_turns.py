"""Turns, and what else a beat carries: the ledger's head, the sealing key."""

from typing import Any

from agent.core.envelope import key_set, open_statement
from hub import desk


def test_a_beat_renews_the_turn(offered: Any, clock: Any) -> None:
    """The number stays while it is renewed in time."""
    numbers = []
    for _ in range(3):
        clock.tick(seconds=170)
        numbers.append(offered.beat()["turn"]["number"])
    assert len(set(numbers)) == 1


def test_a_restart_gets_a_higher_turn(offered: Any) -> None:
    """A new boot of the same instance is a new holder."""
    first = offered.beat()["turn"]
    second = offered.beat(boot="boot-2")["turn"]
    assert (second["number"], second["seconds"]) == (first["number"] + 1, 180)


def test_turns_grow_even_in_a_hub_that_lost_its_store(offered: Any, clock: Any) -> None:
    """No number is below the seconds since 1970, so a hub that begins anew gives none it gave before."""
    assert offered.beat()["turn"]["number"] == int(clock.now().timestamp())
    clock.tick(minutes=5)
    assert offered.beat()["turn"]["number"] == int(clock.now().timestamp())


def test_a_replacement_waits_until_the_old_turn_has_run_out(world: Any, offered: Any, clock: Any) -> None:
    """The former agent may believe in its turn for 180 s; its successor reads orders meanwhile, and has no turn."""
    former = offered.beat(renew=False)["turn"]["number"]
    other = world.agent(takeover=True)
    assert other.beat(renew=False)["turn"] is None
    assert other.orders()["turn"] is None
    assert offered.beat(renew=False)["turn"] is None
    clock.tick(seconds=180)
    assert other.beat(renew=False)["turn"]["number"] > former


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
    turn = offered.beat(boot="boot-2")["turn"]
    assert offered.send(late)["turn"] is None
    assert offered.beat(boot="boot-2")["turn"] == turn


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
