"""Build the command from its table, in one language.

Rule: every name, alias and help line comes from `table.py`; an alias is the same command, hidden from the help.
"""

from typing import Any

import typer

from agent.cli import helping
from agent.cli.session import Speaks
from agent.cli.table import COMMANDS, GROUPS, Command
from agent.core.message import say

HELP = say("Publish the slots the clinic chooses, take bookings back.")
MORE = say("More: backup, restore, bundle, update, hub. Everywhere: --lang fr|en, --config FILE, --json")
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def build(speech: Speaks) -> Any:
    """Return the command, ready for `standalone_mode=False`."""
    root = _typer(speech(HELP))
    root.callback(epilog=speech(MORE))(_everywhere)
    apps = {"": root}
    for group in GROUPS:
        for word in dict.fromkeys((group.word, group.alias)):
            apps[word] = _typer(speech(group.help))
            root.add_typer(apps[word], name=word, hidden=group.hidden or word != group.word)
    for command in COMMANDS:
        _register(apps, command, speech)
    built = typer.main.get_command(root)
    _translate(built, speech)
    return built


def _typer(text: str) -> typer.Typer:
    return typer.Typer(
        cls=helping.Group,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(SETTINGS),
    )


def _everywhere(
    lang: str = typer.Option("", "--lang", metavar="fr|en", help=say("Language of this run.").id),
    config: str = typer.Option("", "--config", metavar="FILE", help=say("The configuration file to use.").id),
    as_json: bool = typer.Option(False, "--json", help=say("Print JSON instead of text.").id),
) -> None:
    """Show in the help what `front` has taken out of the arguments already."""


def _register(apps: dict[str, typer.Typer], command: Command, speech: Speaks) -> None:
    """Put the command into its group under both names, and into the alias's group likewise."""
    group, _, word = command.words.rpartition(" ")
    french, _, alias = command.alias.rpartition(" ")
    text = speech(command.help)
    if command.example:
        text += "\n\n\b\n  " + command.example
    names = {"also": command.alias} if command.alias != command.words else {}
    epilog = speech(say("Also: creneau {also}", **names)) if names else ""
    for place in dict.fromkeys((group, french)):
        for name in dict.fromkeys((word, alias)):
            apps[place].command(
                name, cls=helping.Command, help=text, epilog=epilog, hidden=command.hidden or name != word
            )(command.work)


def _translate(command: Any, speech: Speaks) -> None:
    """Say the help of every option in the language; what is written beside an option is a catalogue text."""
    for param in command.params:
        text = getattr(param, "help", None)
        if text:
            param.help = speech(say(text))
    for below in getattr(command, "commands", {}).values():
        _translate(below, speech)
