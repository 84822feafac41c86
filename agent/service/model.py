"""What a service manager is asked, and what it answers.

Rule: the same five acts and the same states on every system.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

NAME = "creneau"
"""Of the systemd unit and of the Windows service; Windows does not mind the case."""


class State(StrEnum):
    """How the service is, now."""

    ABSENT = "absent"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Status:
    """`automatic`: starts with the machine; `restarts`: by the manager since the last start; `account`: who it runs as."""

    state: State
    automatic: bool
    restarts: int = 0
    account: str = ""


class Manager(Protocol):
    """Acts raise Misconfigured when the account or the installation does not allow them, Transient when one did not come about in time."""

    def install(self) -> None:
        """Make the service known and start it with the machine; idempotent."""
        ...

    def start(self) -> None:
        """Start and wait until it works."""
        ...

    def stop(self) -> None:
        """Stop and wait until it has."""
        ...

    def status(self) -> Status:
        """Return how it is; never raises for a service that is not there."""
        ...

    def uninstall(self) -> None:
        """Stop it and make it unknown; state and configuration stay; idempotent."""
        ...
