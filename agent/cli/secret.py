"""`creneau secret set/list`: the vault, by name."""

import getpass
import sys
from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import session
from agent.core.message import say

NAME = typer.Argument(metavar="NAME", help=say("The id of the [[emr]] section it is for.").id)


def put(ctx: typer.Context, name: Annotated[str, NAME]) -> None:
    """Ask for the value, hidden on a terminal, else the first line of the input, and store it."""
    here = session(ctx)
    if sys.stdin.isatty():
        value = getpass.getpass(here.speech(say("Secret for {name}: ", name=name)))
    else:
        value = sys.stdin.readline().rstrip("\r\n")
    reply = here.ask("secret-set", name=name, value=value)
    if not here.put(reply):
        here.tell(say("Stored {name}.", name=reply["name"]))
        if not reply["used"]:
            here.tell(say("No [[emr]] section has the id {name}: nothing uses it yet.", name=reply["name"]))


def listing(ctx: typer.Context) -> None:
    """Print names, never values; exit 1 when a source has none."""
    here = session(ctx)
    reply = here.ask("secret-list")
    if not here.put(reply):
        rows = [(item["name"], item["stored"], item["used"]) for item in reply["secrets"]]
        here.table((say("name"), say("stored"), say("used by an EMR")), rows)
    if any(item["used"] and not item["stored"] for item in reply["secrets"]):
        raise typer.Exit(FINDING)
