"""A whole made-up place: clinic with its EMR, hub, booking site and agent, in one folder on loopback.

Rule: everything in it is the real thing but the people; nothing outlives the folder.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from adapters.sql import private
from adapters.sql import sample as clinic
from agent.clock import SystemClock
from agent.config import read_plan, write_example
from agent.keys import make_root
from agent.wiring import Agent, open_door, start
from agent.wiring.catalog import entries
from hub import desk
from hub.client import PortalClient
from hub.serve import Handle, start_in_thread

CLINIC = "fjord"
SHARED = ("101", "102", "103")
"""Whose slots the sample's rules share."""


@dataclass
class Sample:
    """Context manager. `poll`: also the tick; `bookings`: how the sample clinic takes what was booked online."""

    folder: Path
    bookings: str = "automatic"
    poll: timedelta = timedelta(seconds=1)
    _open: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    def __enter__(self) -> Self:
        """Make the clinic and the hub; the agent starts with `enrol` and `start`."""
        self.now = SystemClock().now().utc
        self.emr = self.folder / "clinique.db"
        clinic.make(self.emr, (self.now - timedelta(days=1)).date())
        self.receptionist = clinic.receptionist(self.emr)
        self.hub: Handle | None = None
        self.agent: Agent | None = None
        self._open.callback(self._end)
        self.hub = start_in_thread(self.folder / "hub", private.free_port())  # it is left free while the hub is away
        self.file = self.folder / "creneau.toml"
        make_root(self.folder / "etat")
        write_example(self.file, self._answers())
        self.portal = self._open.enter_context(self._portal())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop all of it."""
        self._open.close()

    def ask(self, verb: str, **args: Any) -> Mapping[str, Any]:
        """Ask the agent, running or not, as its command line would."""
        with open_door(read_plan(self.file, entries())) as door:
            return door.ask(verb, args, "demo")

    def enrol(self) -> Mapping[str, Any]:
        """Join the hub with a fresh one-time code and put the sharing rules into force."""
        joined = self.ask("enrol", code=desk.code(self.folder / "hub", CLINIC, "Clinique du Fjord"))
        self.ask("sharing-apply", digest=self.ask("sharing-diff")["digest"])
        return joined

    def start(self) -> None:
        """Start the agent in this process."""
        self.agent = start(read_plan(self.file, entries()))

    def restart(self) -> None:
        """Stop the agent and start it again from its folder."""
        if self.agent is not None:
            self.agent.stop()
        self.start()

    def cut(self) -> None:
        """Take the hub away."""
        if self.hub is not None:
            self.hub.stop()

    def restore(self) -> None:
        """Bring the hub back where it was."""
        self.hub = start_in_thread(self.folder / "hub")

    def rows(self) -> list[clinic.Row]:
        """Return the EMR's appointments, read past the agent."""
        return clinic.rows(self.emr)

    def look(self) -> Mapping[str, Any]:
        """Return the clinic as the hub's operator sees it."""
        return desk.clinic(self.folder / "hub", CLINIC)

    def well(self) -> bool:
        """Say whether every leg's last step went well."""
        return self.agent is not None and self.agent.is_well()

    def beat(self) -> None:
        """Let a heartbeat go now instead of at its minute."""
        if self.agent is not None:
            self.agent.wake("beat")

    def trail(self, kind: str) -> list[bytes]:
        """Return the running agent's ledger lines of one kind."""
        if self.agent is None:
            return []
        return [line.body for line in self.agent.state.journal.records().ledger(0, 1_000_000) if line.kind == kind]

    @staticmethod
    def time() -> datetime:
        """Return the time by the system's clock."""
        return SystemClock().now().utc.astimezone(UTC)

    def _portal(self) -> PortalClient:
        token = desk.portal(self.folder / "hub", "site-web")
        if self.hub is None:
            raise RuntimeError("no hub")
        return PortalClient(self.hub.url, token, self.hub.ca_file)

    def _answers(self) -> dict[str, object]:
        if self.hub is None:
            raise RuntimeError("no hub")
        return {
            "hub.url": self.hub.url,
            "hub.ca_file": str(self.hub.ca_file),
            "emr.connection": f"sqlite:///{self.emr}",
            "emr.user": "",
            "emr.bookings": self.bookings,
            "emr.poll": self.poll,
            "sharing.enabled": True,
            "sharing.expires": (self.now + timedelta(days=200)).date(),
            "service.data_dir": str(self.folder / "etat"),
        }

    def _end(self) -> None:
        if self.agent is not None:
            self.agent.stop()
        if self.hub is not None:
            self.hub.stop()
