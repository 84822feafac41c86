"""What is wrong with a configuration file, all of it at once.

Rule: a fault shows key, value, line and hint, and never a value that may be a secret.
"""

import re
from dataclasses import dataclass

from agent.core.errors import Misconfigured
from agent.core.message import Message, say

_SECRET = re.compile(r"pwd|pass|secret|token|jeton|api.?key|://[^/\s]*@", re.IGNORECASE)
_SHOWN = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend. `line` 0 means the file as a whole; `value` is as the person wrote it, or "***"."""

    file: str
    key: str
    value: str
    line: int
    says: Message
    hint: Message | None = None


class Faults(Misconfigured):
    """Every fault of a configuration, in the order of its lines; as an error it speaks for the first."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        """Keep the faults; there is at least one."""
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.line)))
        first = self.faults[0]
        super().__init__(
            say("read the configuration"), first.says, first.hint, file=first.file, key=first.key, line=first.line
        )


class Wrong(ValueError):  # noqa: N818 - named by what it says of a value
    """A value that cannot be read; only between the files of this package."""

    def __init__(self, says: Message, hint: Message | None = None) -> None:
        """Keep the two sentences."""
        super().__init__(str(says))
        self.says = says
        self.hint = hint


def shown(key: str, value: object) -> str:
    """Return the value as it may be shown: short, on one line, and never a secret."""
    if value is None or isinstance(value, dict):
        return ""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if _SECRET.search(key) or _SECRET.search(text):
        return "***"
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
