"""Bad days of the hub: what was lost there is told again, and nothing is booked twice."""

from typing import Any

from agent.wiring.sample import CLINIC
from hub import desk


def test_a_hub_restored_from_a_backup_hears_everything_again(day: Any) -> None:
    """Restored to before a booking was decided: the outcome is told again, slots agree, a cancel still goes through."""
    first, second, third = day.open()[:40:15]
    day.book("days-restored-1", 1, first["id"])
    day.outcome("days-restored-1", 1, "booked")
    saved = day.save_hub()
    day.hold("days-restored-1", 2, second["id"])
    day.book("days-restored-1", 3, second["id"])
    day.outcome("days-restored-1", 3, "booked")
    day.book("days-restored-2", 1, third["id"])
    day.outcome("days-restored-2", 1, "booked")
    before = day.log()
    day.bring_back(saved)
    assert day.log() != before
    day.until("the move told again", lambda: day.portal.outcome(CLINIC, "days-restored-1")[0] == 3)
    day.offered()
    assert len(day.ours()) == 2
    day.cancel("days-restored-1", 4)
    day.outcome("days-restored-1", 4, "cancelled")
    assert day.word("days-restored-1") == "not-booked"
    assert len(day.ours()) == 1


def test_a_hub_that_lost_its_database_is_joined_again_and_told_everything(day: Any) -> None:
    """The operator makes the hub anew; after one code the slots are back and kept bookings are told, none made twice."""
    first = day.open()[0]
    day.book("days-lost-1", 1, first["id"])
    day.outcome("days-lost-1", 1, "booked")
    day.sample.cut()
    for old in day.hub.glob("hub.db*"):
        old.unlink()
    (day.hub / "hub.json").unlink()
    port = int(day.sample.hub.url.rpartition(":")[2])
    desk.init(day.hub, f"https://127.0.0.1:{port}")
    day.sample.restore()
    day.shows("hub-made-anew")
    day.sample.ask("enrol", code=desk.code(day.hub, CLINIC, "Clinique du Fjord"))
    day.portal.close()
    day.portal = day.sample.portal = day.sample._portal()
    day.offered()
    told = day.until("the outcome told", lambda: desk_outcomes(day))
    assert [one["outcome"] for one in told] == ["booked"]
    assert len(day.ours()) == 1


def desk_outcomes(day: Any) -> list[dict[str, Any]]:
    """Return what the hub was told, booking known or not."""
    from hub.outcomes import by_rev

    with day.sample.hub.hub.store.read() as conn:
        return by_rev(conn, CLINIC, "days-lost-1")


def test_the_operator_sees_who_needs_a_call_and_whom_to_call(day: Any) -> None:
    """What the clinic wrote as its contact stands beside its state; a code's contact counts until the clinic joins."""
    desk.code(day.hub, CLINIC, contact="Ancien numéro")
    day.open()
    day.until("heard", lambda: desk.clinics(day.hub)[0]["state"] == "ok" or day.sample.beat())
    (clinic,) = desk.clinics(day.hub)
    assert clinic["contact"] == "Manon Tremblay, 418 555-0142"
    day.stop()
    with day.sample.hub.hub.store.write() as conn:
        conn.exec_driver_sql("UPDATE clinic SET beat_at = beat_at - 300000000")
    (clinic,) = desk.clinics(day.hub)
    assert clinic["state"] == "silent"
    assert desk.STATES.index("silent") < desk.NEEDY
