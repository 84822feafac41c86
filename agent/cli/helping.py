"""Help screens in the language of the run.

Rule: typer writes the screen; the few words it brings itself are said through the catalogue here.
"""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from agent.core.message import Message, say

WORDS = (
    ("Usage: ", say("Usage: ")),
    ("\nOptions:", say("Options:")),
    ("\nArguments:", say("Arguments:")),
    ("\nCommands:", say("Commands:")),
    ("Show this message and exit.", say("Show this message and exit.")),
    ("[required]", say("[required]")),
    ("[default: ", say("[default: ")),
    ("[OPTIONS]", say("[OPTIONS]")),
    ("COMMAND [ARGS]...", say("COMMAND [ARGS]…")),
)


def spoken(text: str, context: Any) -> str:
    """Return a help screen with its own words translated, when the run has a language."""
    session = context.find_root().obj
    if session is None:
        return text
    for english, message in WORDS:
        lead = "\n" if english.startswith("\n") else ""
        text = text.replace(english, lead + _said(session, message))
    return text


def _said(session: Any, message: Message) -> str:
    return str(session.speech(message))


class Command(TyperCommand):
    """A command whose help is spoken."""

    def get_help(self, ctx: Any) -> str:
        """Return the help screen."""
        return spoken(super().get_help(ctx), ctx)


class Group(TyperGroup):
    """A group whose help is spoken, with its commands in the table's order."""

    def get_help(self, ctx: Any) -> str:
        """Return the help screen."""
        return spoken(super().get_help(ctx), ctx)
