"""A hub brought back from a backup, and portals that repeat what it lost."""

from typing import Any

from hub import desk


def test_a_repeated_put_after_a_restore_is_never_answered_gone(offered: Any, portal: Any, slot: Any) -> None:
    """Lost with its order: try later; told again by the clinic: accepted, booked, and a cancel still goes through."""
    world, wanted = offered.world, "b".ljust(22, "x")
    offered.differ(gone=[wanted])
    desk.restored(world.folder, clock=world.clock)
    body = {
        "version": 1,
        "goal": wanted,
        "expires_at": "2026-11-20T14:30:00Z",
        "patient": offered.sealed("booking-1", 1),
    }
    got = portal.put("booking-1", body)
    assert (got.status_code, got.json()["detail"], got.headers["Retry-After"]) == (503, "restored", "10")
    offered.report("booking-1", 1, 2, "booked")
    for _ in range(2):
        assert portal.put("booking-1", body).status_code == 202
    assert portal.booking("booking-1")["word"] == "booked"
    assert portal.put("booking-1", body | {"version": 2}).status_code == 503
    cancel = {"version": 2, "goal": None, "expires_at": None}
    assert portal.put("booking-1", cancel).status_code == 202
    assert portal.booking("booking-1")["word"] == "being-checked"
    assert [one["outcome"]["rev"] for one in offered.orders()["orders"]] == [2]


def test_what_is_gone_ten_minutes_after_a_restore_is_gone(offered: Any, portal: Any) -> None:
    """By then every clinic has told what it had to tell."""
    world, wanted = offered.world, "b".ljust(22, "x")
    desk.restored(world.folder, clock=world.clock)
    offered.differ(gone=[wanted])
    world.clock.tick(minutes=11)
    body = {
        "version": 1,
        "goal": wanted,
        "expires_at": "2026-11-20T15:30:00Z",
        "patient": offered.sealed("booking-1", 1),
    }
    assert (portal.put("booking-1", body).status_code, portal.put("booking-1", body).json()["detail"]) == (
        409,
        "slot-gone",
    )
