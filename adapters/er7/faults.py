"""Why a message cannot be understood, in the words of HL7 table 0357.

Rule: a fault names a place in the message (segment-field), never what stands there.
"""

from agent.core.errors import Refused
from agent.core.message import Message, say

READING = say("read an HL7 message")
SEGMENT, MISSING, DATA_TYPE, TABLE = 100, 101, 102, 103
TYPE, EVENT, DUPLICATE, INTERNAL = 200, 201, 205, 207


class Unread(Refused):
    """A message that gives no appointment. `code`: table 0357, 1xx content, 2xx rejection; `place`: "SCH-11"."""

    def __init__(self, code: int, place: str, what: Message) -> None:
        """Keep where and why."""
        super().__init__(READING, what, reason="hl7")
        self.code = code
        self.place = place

    @property
    def is_final(self) -> bool:
        """Say whether sending it again is of no use whatever the setting: it is not for us at all."""
        return self.code >= TYPE
