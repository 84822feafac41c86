"""A line between agent and hub that fails in every way a line can; every word told stays true."""

from collections.abc import Callable

from tests.faults.conftest import Faulty
from tests.faults.wire import MODES, Wire


def test_whatever_the_line_does_nothing_is_lost_or_done_twice(make: Callable[..., Faulty], wire: Wire) -> None:
    """Delayed, reset, corrupted, half open, a hole that never answers: an order waits out each and is told once."""
    town = make(wire=wire)
    town.join()
    names = []
    for mode in MODES:
        wire.set(mode)
        names.append(town.book(f"fault-wire-{mode}"))
        town.until(f"{mode} met", lambda: wire.harmed > 2 or (wire.mode == "hole" and wire.harmed))
        wire.set("")
        assert town.told(names[-1]) == ["booked"]
    assert town.told(*names) == ["booked"] * len(MODES)
    town.judge()


def test_a_hub_killed_in_the_middle_of_an_answer_is_told_the_same_again(
    make: Callable[..., Faulty], wire: Wire
) -> None:
    """It dies with the answer half sent, at two answers about bookings; started again, all is as told."""
    town = make(wire=wire)
    town.join()
    for n in range(2):
        name = town.book(f"fault-answer-{n}")
        dying = town.running.pop("hub")
        wire.on_answer = dying.kill
        town.until("the hub to be killed", lambda gone=dying.poll: gone() is not None)
        town.start("hub")
        assert town.told(name) == ["booked"]
    town.judge()
