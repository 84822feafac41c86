"""A sentence for a person, not yet in any language.

Rule: nothing here translates; only the command line and the services render a message.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the English text of the catalogue with `{name}` places, `args` the values for them."""

    id: str
    args: tuple[tuple[str, str | int], ...] = ()

    def __str__(self) -> str:
        """Return the English sentence, for logs and tracebacks."""
        return self.id.format_map(dict(self.args))


def say(text: str, /, **args: str | int) -> Message:
    """Make a message from its English text; the catalogue is extracted from the calls of this function."""
    return Message(text, tuple(sorted(args.items())))
