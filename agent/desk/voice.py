"""The clinic's language, for what is written without anyone at the keyboard.

Rule: times are the clinic's own, whatever zone the machine is set to.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.core.message import Message
from agent.html import spoken
from agent.language import Speech


@dataclass(frozen=True, slots=True)
class ClinicVoice:
    """The html.Voice of one clinic: its language and its first site's zone."""

    words: Speech
    zone: ZoneInfo

    def speech(self, message: Message) -> str:
        """Return the sentence."""
        return self.words.say(message)

    def cell(self, value: object) -> str:
        """Return a JSON value as a person reads it."""
        return spoken(self, value)

    def local(self, at: datetime | str) -> datetime:
        """Return a moment, or one as an answer writes it, in the clinic's zone."""
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
        return moment.astimezone(self.zone)

    def time(self, at: datetime | str) -> str:
        """Return "9 h 00"."""
        return self.words.time(self.local(at))

    def moment(self, at: datetime | str | None) -> str:
        """Return "lundi 23 novembre, 9 h 00", "" for none."""
        return "" if at is None else self.words.moment(self.local(at))
