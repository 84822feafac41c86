"""Give the front desk's minute its collaborators, anew whenever the file changes.

Rule: with no folder and no address there is nothing to do and nothing is loaded.
"""

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.answers import House
from agent.config import Plan
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


def _about(plan: Plan) -> tuple[object, ...]:
    """Return what the minute was built from."""
    return plan.desk, plan.clinic, plan.sites[0].time_zone
