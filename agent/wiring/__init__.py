"""The composition root: a plan in, running parts out.

Rule: the only package that opens the catalog of adapters.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.answers import Answers
from agent.config import Plan, data_folder
from agent.door import Client, listening
from agent.ports import Door
from agent.wiring.agent import Agent
from agent.wiring.house import door_path, house
from agent.wiring.owner import as_owner
from agent.wiring.state import State

__all__ = ["Agent", "open_door", "running", "start"]


def start(plan: Plan) -> Agent:
    """Return a running agent. Raises Refused when one runs already, Misconfigured when it cannot start."""
    return Agent(plan)


@contextmanager
def open_door(plan: Plan) -> Iterator[Door]:
    """Lend the running agent's door; with none running, take the state lock and answer in this process."""
    path = door_path(plan.service.data_dir)
    if listening(path):
        yield Client(path)
        return
    with as_owner(plan.service.data_dir), State(plan) as state:
        yield Answers(house(state, None, lambda _kind: None, lambda: state.renew(state.written)))


def running(file: Path) -> Door | None:
    """Return the door of the agent that runs beside a file with faults, None when there is none."""
    path = door_path(data_folder(file))
    return Client(path) if listening(path) else None
