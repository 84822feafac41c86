"""Read one source for an answer: its own EMR object, closed again whatever happens.

Rule: an answer never shares an EMR object with a leg, and an incomplete reading is said to be one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.answers.house import House
from agent.core.model import EmrName, Reading, Window
from agent.ports import Emr


@contextmanager
def opened(house: House, name: EmrName) -> Iterator[Emr]:
    """Lend an EMR object for this call's own thread."""
    emr = house.open_emr(name)
    try:
        yield emr
    finally:
        emr.close()


def read(house: House, window: Window) -> list[tuple[EmrName, Reading]]:
    """Read every source once."""
    found = []
    for source in house.plan().emrs:
        with opened(house, source.id) as emr:
            found.append((source.id, emr.slots(window)))
    return found
