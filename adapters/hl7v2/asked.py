"""What we remember of a booking asked of the EMR: where it was put, which version, whether it was looked at since.

Rule: no patient datum; a note is written before a request leaves and after its answer came.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from agent.core.model import BookingId, Slot

PREFIX = "b:"


@dataclass(frozen=True, slots=True)
class Asked:
    """What we remember of a booking. `version`: of the last answer, `trying`: of the last request, at `sent`.

    `key`, `who`, `start`: where we put it; `filler`: the EMR's number; `verified`: looked at again since.
    Of a request without an answer: `aim`, the slot it asks for; `leaving`, "cancel" or "undo", when it takes ours out.
    """

    booking: str
    version: int = 0
    trying: int = 0
    sent: str = ""
    key: str = ""
    who: str = ""
    site: str = ""
    start: str = ""
    filler: str = ""
    cancelled: bool = False
    verified: bool = True
    aim: str = ""
    leaving: str = ""

    @property
    def id(self) -> BookingId:
        """Return the booking's id."""
        return BookingId(self.booking)

    @property
    def note(self) -> str:
        """Return the name it is kept under."""
        return PREFIX + hashlib.sha256(self.booking.encode()).hexdigest()[:32]

    def at(self, slot: Slot) -> "Asked":
        """Return it as put into a slot."""
        who, start = slot.practitioner.key, slot.start.isoformat()
        return replace(self, key=str(slot.key), who=who, site=str(slot.site), start=start)

    def answered(self) -> "Asked":
        """Return it with no request open."""
        return replace(self, aim="", leaving="")

    def dump(self) -> bytes:
        """Return it as a note."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()


def load(note: bytes) -> Asked:
    """Read a note."""
    return Asked(**json.loads(note))
