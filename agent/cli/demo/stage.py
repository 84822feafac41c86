"""What every scene of the demonstration uses: the sample, the screen, a way to wait.

Rule: a scene that does not come to its end stops the demonstration with a plain error, never with a claim.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from agent.cli.session import Session
from agent.core.errors import Transient
from agent.core.message import Message, say

if TYPE_CHECKING:
    from agent.wiring.sample import Sample

T = TypeVar("T")
PATIENCE_S = 60.0
LOOK_S = 0.05
PATIENT = {
    "family": "Tremblay",
    "given": "Rosalie",
    "born": "1991-04-12",
    "nam": "TRER91541218",
    "phone": "418 555-0187",
}


@dataclass
class Stage:
    """One demonstration. `bookings` counts those made, so that each has a name of its own."""

    here: Session
    sample: "Sample"
    bookings: int = 0
    held: dict[str, Any] = field(default_factory=dict)

    def title(self, number: int, title: Message) -> None:
        """Print the heading of a scene."""
        self.here.write()
        self.here.write(f"{number}. {self.here.speech(title)}")

    def tell(self, message: Message) -> None:
        """Print one indented sentence."""
        self.here.write(f"   {self.here.speech(message)}")

    def until(self, what: Message, ready: Callable[[], T | None]) -> T:
        """Return the first true answer of `ready`; Transient when it does not come in time."""
        clock = self.sample.time
        ends = clock() + timedelta(seconds=PATIENCE_S)
        while not (found := ready()):
            if clock() > ends:
                raise Transient(say("show the demonstration"), what, say("creneau demo"))
            threading.Event().wait(LOOK_S)
        return found

    def word(self, outcome: str) -> str:
        """Return an outcome of the wire as people say it."""
        from agent.answers.words import OUTCOME
        from agent.core.booking import Outcome

        return self.here.speech(OUTCOME[Outcome(outcome)])

    def booking(self) -> str:
        """Return a fresh booking id."""
        self.bookings += 1
        return f"demo-booking-{self.bookings}"

    def outcome(self, booking: str, version: int, *, word: str = "") -> str:
        """Wait for the outcome of a version, or for one certain word, and return it."""
        from agent.wiring.sample import CLINIC

        def ready() -> str:
            told = self.sample.portal.outcome(CLINIC, booking)
            return told[1] if told[0] == version and word in ("", told[1]) else ""

        return self.until(say("the outcome of a booking did not come"), ready)
