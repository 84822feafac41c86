"""The portal's side: tokens, slots, sealing keys, versions, forms."""

from datetime import timedelta
from typing import Any

import pytest

from agent.core.envelope import key_set, open_statement
from hub import desk


@pytest.fixture
def offered(agent: Any, slot: Any) -> Any:
    """Return an agent with two slots on offer."""
    agent.snapshot([slot("a"), slot("b", 10)])
    agent.beat()
    return agent


def detail(got: Any) -> Any:
    return got.status_code, got.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nope"}, {"Authorization": "Basic eDp5"}])
def test_without_a_token_nothing_is_shown(world: Any, headers: Any) -> None:
    """Every path of the portal asks for a bearer token."""
    for path in ("/slots", "/sites", "/clinics/fjord/sealing-key", "/clinics/fjord/bookings/booking-1"):
        assert world.client.get(f"/portal/v1{path}", headers=headers).status_code == 401


def test_a_revoked_token_ends(world: Any, portal: Any, clock: Any) -> None:
    """And so does a token that was replaced."""
    assert portal.get("/slots").status_code == 200
    newer = world.portal()
    assert portal.get("/slots").status_code == 401
    assert desk.revoke_portal(world.folder, "portail", clock=clock)
    assert newer.get("/slots").status_code == 401
    assert not desk.revoke_portal(world.folder, "portail", clock=clock)


def test_tokens_are_stored_hashed(world: Any, portal: Any) -> None:
    """The database holds nothing a thief could present."""
    token = portal.headers["Authorization"].split()[1].encode()
    assert all(token not in file.read_bytes() for file in world.folder.glob("hub.db*"))


def test_portals_are_rate_limited(portal: Any, reopened: Any) -> None:
    """The same meter as for agents."""
    from hub.limits import Rate

    tight = reopened(Rate(1.0, 1))
    got = [tight.client.get("/portal/v1/slots", headers=portal.headers) for _ in range(2)]
    assert [one.status_code for one in got] == [200, 429]


def test_slots_can_be_narrowed(world: Any, offered: Any, portal: Any, slot: Any) -> None:
    """By clinic, site and start, `from` included and `to` not."""
    ten = slot("b", 10)
    assert portal.slots(**{"from": ten["start"]}) == [ten["id"]]
    assert portal.slots(to=ten["start"]) == [slot("a")["id"]]
    assert portal.slots(site="elsewhere") == []
    assert portal.slots(clinic="saguenay") == []
    assert len(portal.slots(clinic="fjord", site="principal")) == 2


def test_a_slot_is_shown_with_its_clinic(offered: Any, portal: Any, slot: Any) -> None:
    """The wire members and the clinic that offers it."""
    shown = portal.get("/slots").json()["slots"][0]
    assert {name: value for name, value in shown.items() if value is not None} == slot("a") | {"clinic": "fjord"}


def test_sites_are_shown_as_the_clinic_describes_them(offered: Any, portal: Any) -> None:
    """Name, address and the text for an outage."""
    (site,) = portal.get("/sites").json()["sites"]
    assert (site["clinic"], site["name"], site["outage_text"]) == ("fjord", "Clinique du Fjord", "")


def test_the_sealing_key_is_the_clinics_own_word(world: Any, offered: Any, portal: Any) -> None:
    """The statement verifies by the clinic's signing key, not by the hub's."""
    held = portal.get("/clinics/fjord/sealing-key").json()
    said = open_statement(held["statement"], key_set(held["signing"]), clinic="fjord")
    assert said.n == 1
    world.agent("saguenay")
    assert detail(portal.get("/clinics/saguenay/sealing-key")) == (404, "no-sealing-key")


def test_the_same_version_and_body_repeat(offered: Any, portal: Any, slot: Any) -> None:
    """A portal whose answer was lost asks again, also after the clinic decided."""
    body = {
        "version": 1,
        "goal": slot("a")["id"],
        "expires_at": "2026-11-20T14:05:00Z",
        "patient": offered.sealed("booking-1", 1),
    }
    assert portal.put("booking-1", body).status_code == 202
    offered.report("booking-1", 1, 1, "booked")
    assert portal.put("booking-1", body).json() == {"booking": "booking-1", "version": 1}
    assert len(offered.orders()["orders"]) == 1


def test_the_same_version_with_another_body_is_refused(offered: Any, portal: Any, slot: Any) -> None:
    """One version is one goal."""
    portal.book(offered, "booking-1", slot("a")["id"])
    assert detail(portal.book(offered, "booking-1", slot("b")["id"])) == (409, "other-body")


def test_a_lower_version_is_refused(offered: Any, portal: Any, slot: Any) -> None:
    """Versions only grow."""
    portal.book(offered, "booking-1", slot("a")["id"], version=3)
    assert detail(portal.book(offered, "booking-1", slot("b")["id"], version=2)) == (409, "stale-version")


def test_a_slot_is_ordered_once(offered: Any, portal: Any, slot: Any) -> None:
    """The second booking of one slot never reaches the clinic."""
    portal.book(offered, "booking-1", slot("a")["id"])
    assert detail(portal.book(offered, "booking-2", slot("a")["id"])) == (409, "slot-gone")
    assert len(offered.orders()["orders"]) == 1


def test_a_lapsed_slot_cannot_be_ordered(offered: Any, portal: Any, slot: Any, clock: Any) -> None:
    """What is not shown is not sold."""
    clock.tick(minutes=10)
    assert detail(portal.book(offered, "booking-1", slot("a")["id"])) == (409, "slot-gone")


def test_an_unknown_clinic_is_not_found(offered: Any, portal: Any, slot: Any) -> None:
    """And leaves nothing behind."""
    got = portal.put("booking-1", {"version": 1, "goal": None}, clinic="nowhere")
    assert detail(got) == (404, "unknown-clinic")
    assert detail(portal.get("/clinics/fjord/bookings/booking-1")) == (404, "unknown-booking")


def test_a_portal_sees_its_own_bookings_only(world: Any, offered: Any, portal: Any, slot: Any) -> None:
    """Another portal neither reads nor changes them."""
    portal.book(offered, "booking-1", slot("a")["id"])
    other = world.portal("autre")
    assert detail(other.get("/clinics/fjord/bookings/booking-1")) == (404, "unknown-booking")
    assert detail(other.put("booking-1", {"version": 2, "goal": None})) == (409, "other-portal")


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 0},
        {"version": "1"},
        {"version": 2**53},
        {"goal": "short"},
        {"firmness": "soft"},
        {"firmness": "hold"},
        {"until": "2026-11-20T14:10:00Z"},
        {"expires_at": None},
        {"expires_at": "2026-11-20T14:10:00"},
        {"patient": None},
        {"patient": "Manon Tremblay"},
        {"goal": None},
        {"name": "Manon Tremblay"},
    ],
)
def test_a_body_out_of_form_is_refused_without_echo(offered: Any, portal: Any, slot: Any, changed: Any) -> None:
    """The answer names places, never values: they may be a patient's."""
    body = {
        "version": 1,
        "goal": slot("a")["id"],
        "expires_at": "2026-11-20T14:05:00Z",
        "patient": offered.sealed("booking-1", 1),
    }
    got = portal.put("booking-1", body | changed)
    assert detail(got) == (422, "schema")
    assert "Tremblay" not in got.text
    assert offered.orders()["orders"] == []


def test_a_hold_is_short(offered: Any, portal: Any, slot: Any, clock: Any) -> None:
    """Fifteen minutes at most."""
    long = (clock.now() + timedelta(minutes=15, seconds=1)).isoformat()
    got = portal.book(offered, "booking-1", slot("a")["id"], firmness="hold", until=long)
    assert detail(got) == (422, "until-too-long")


def test_a_booking_id_out_of_form_is_refused(offered: Any, portal: Any, slot: Any) -> None:
    """Eight to 64 letters, digits, dashes and underscores."""
    assert portal.book(offered, "short", slot("a")["id"]).status_code == 422


def test_a_large_body_is_refused_by_its_length(world: Any, portal: Any) -> Any:
    """Before a byte of it is read, and without a length at all."""

    async def endless() -> Any:
        yield b"{}"

    path = "/portal/v1/clinics/fjord/bookings/booking-1"
    assert world.client.put(path, content=b"x" * 70_000, headers=portal.headers).status_code == 413
    assert world.client.put(path, content=endless(), headers=portal.headers).status_code == 411


def test_a_state_is_not_cached(offered: Any, portal: Any, slot: Any) -> None:
    """A proxy must not show yesterday's word."""
    portal.book(offered, "booking-1", slot("a")["id"])
    assert portal.get("/clinics/fjord/bookings/booking-1").headers["cache-control"] == "no-store"
