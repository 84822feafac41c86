"""Give the front desk's minute its collaborators, anew whenever the file changes.

Rule: with no folder and no address there is nothing to do and nothing is loaded.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.answers import House
from agent.config import Plan
from agent.core.errors import CreneauError
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.language import Speech
from agent.wiring.state import State

if TYPE_CHECKING:
    from agent.desk.minute import Minute


class FrontDesk:
    """The clock's third job. `run` is called by one thread at a time."""

    def __init__(self, state: State, house: House) -> None:
        self._state = state
        self._house = house
        self._plan: Plan | None = None
        self._minute: Minute | None = None

    def run(self) -> None:
        """Renew the page and send what is due."""
        plan = self._state.plan
        if not plan.desk.folder and not plan.desk.email:
            return
        if self._plan is None or _about(self._plan) != _about(plan):
            self._plan, self._minute = plan, self._made(plan)
        if self._minute is not None:
            self._minute.run()

    def stop(self) -> None:
        """Let an e-mail under way fail at once."""
        if self._minute is not None and self._minute.send is not None:
            self._minute.send.close()

    def _made(self, plan: Plan) -> "Minute":
        from agent.desk.mail import Smtp
        from agent.desk.minute import Minute
        from agent.desk.voice import ClinicVoice

        return Minute(
            house=self._house,
            voice=ClinicVoice(Speech(plan.clinic.language), ZoneInfo(plan.sites[0].time_zone)),
            folder=Path(plan.desk.folder) if plan.desk.folder else None,
            send=Smtp(plan.desk, self._state.keys.secret) if plan.desk.email else None,
        )


def desk_findings(plan: Plan, secret: Callable[[str], str]) -> Iterable[Finding]:
    """Yield whether the page can be written where the file says, and whether the mail server would take an e-mail."""
    from agent.desk.mail import Smtp

    folder = plan.desk.folder
    if folder and not (Path(folder).is_dir() and os.access(folder, os.W_OK)):
        says = say("the page of the front desk cannot be written into {folder}", folder=folder)
        yield Finding("desk.folder", Severity.FAULT, says, say("make the folder, and let the service's account write"))
    elif folder:
        yield Finding(
            "desk.folder", Severity.OK, say("the page of the front desk is written into {folder}", folder=folder)
        )
    if not plan.desk.email:
        return
    try:
        Smtp(plan.desk, secret).probe()
    except CreneauError as fault:
        yield Finding("desk.mail", Severity.FAULT, fault.what, fault.hint)
    else:
        yield Finding("desk.mail", Severity.OK, say("the mail server answers, encrypted"))


def _about(plan: Plan) -> tuple[object, ...]:
    """Return what the minute was built from."""
    return plan.desk, plan.clinic, plan.sites[0].time_zone
