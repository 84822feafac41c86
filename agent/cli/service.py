"""`creneau service ACTION`: the agent as a service of this system."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Session, session
from agent.core.message import Message, say
from agent.service import Manager, State, Status, manager

ACTION = typer.Argument(metavar="install|start|stop|restart|status|uninstall", help=say("What to do.").id)


class Action(StrEnum):
    """What `creneau service` is told."""

    INSTALL = "install"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    STATUS = "status"
    UNINSTALL = "uninstall"


SAYS = {
    State.ABSENT: say("The service is not installed."),
    State.STOPPED: say("The service is stopped."),
    State.STARTING: say("The service is starting."),
    State.RUNNING: say("The service is running."),
    State.STOPPING: say("The service is stopping."),
    State.FAILED: say("The service failed."),
}


def service(ctx: typer.Context, action: Annotated[Action, ACTION]) -> None:
    """Act, then say how the service is; exit 1 when it is not as asked."""
    here = session(ctx)
    service = manager(here.file())
    for step in _steps(service, action):
        step()
    found = service.status()
    if not here.put(
        {
            "state": found.state.value,
            "automatic": found.automatic,
            "restarts": found.restarts,
            "account": found.account,
        }
    ):
        _tell(here, found)
    running = found.state is State.RUNNING
    wanted = {Action.START: running, Action.RESTART: running, Action.STATUS: running}
    if not wanted.get(action, True):
        raise typer.Exit(FINDING)


def _steps(service: Manager, action: Action) -> Sequence[Callable[[], None]]:
    return {
        Action.INSTALL: (service.install,),
        Action.START: (service.start,),
        Action.STOP: (service.stop,),
        Action.RESTART: (service.stop, service.start),
        Action.STATUS: (),
        Action.UNINSTALL: (service.uninstall,),
    }[action]


def _tell(here: Session, found: Status) -> None:
    here.tell(SAYS[found.state])
    if found.state is not State.ABSENT:
        lines: list[Message] = [
            say("Account: {account}", account=found.account),
            say("Starts with the machine.") if found.automatic else say("Does not start with the machine."),
        ]
        if found.restarts:
            lines.append(say("Restarted by the system: {n}", n=found.restarts))
        for line in lines:
            here.tell(line)
