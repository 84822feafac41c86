"""One family of errors; the class is the retry policy.

Rule: an error says what we were doing, what happened and what to do next, and never carries a value from the EMR.
"""

from datetime import timedelta

from agent.core.message import Message


class CreneauError(Exception):
    """`doing`: what we were at. `what`: the cause, scrubbed of parameters. `hint`: the next command or act."""

    def __init__(self, doing: Message, what: Message, hint: Message | None = None) -> None:
        """Keep the three sentences; the English cause is the exception's own text."""
        super().__init__(str(what))
        self.doing = doing
        self.what = what
        self.hint = hint


class Transient(CreneauError):  # noqa: N818 - the family is named by retry policy, not by suffix
    """Surely not done; try again with full jitter, not before `after`."""

    def __init__(
        self, doing: Message, what: Message, hint: Message | None = None, *, after: timedelta | None = None
    ) -> None:
        """Keep `after`, the hub's or server's Retry-After."""
        super().__init__(doing, what, hint)
        self.after = after


class Ambiguous(CreneauError):  # noqa: N818
    """It may have happened: ask before writing again."""


class Refused(CreneauError):  # noqa: N818
    """Final; `reason` is the stable word for it."""

    def __init__(self, doing: Message, what: Message, hint: Message | None = None, *, reason: str = "rule") -> None:
        """Keep the stable reason."""
        super().__init__(doing, what, hint)
        self.reason = reason


class Misconfigured(CreneauError):  # noqa: N818
    """Stop that part and say which line of which file to mend; `line` 0 means the file as a whole."""

    def __init__(
        self,
        doing: Message,
        what: Message,
        hint: Message | None = None,
        *,
        file: str = "",
        key: str = "",
        line: int = 0,
    ) -> None:
        """Keep the place of the fault."""
        super().__init__(doing, what, hint)
        self.file = file
        self.key = key
        self.line = line
