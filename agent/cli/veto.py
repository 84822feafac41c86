"""`creneau veto add/lift/list`: a doctor's own no."""

import getpass
import sys
from typing import Annotated

import typer

from agent.cli.session import session, when
from agent.core.message import say

WHO = typer.Argument(metavar="WHO", help=say("The doctor, by EMR code or part of the name.").id)


def add(ctx: typer.Context, who: Annotated[str, WHO]) -> None:
    """Keep the veto and print the doctor's code, once."""
    here = session(ctx)
    reply = here.ask("veto-add", who=who)
    if here.put(reply):
        return
    here.tell(say("Veto of {who}: nothing of theirs leaves from now on.", who=reply["who"]))
    here.tell(say("Code for the doctor alone: {code}", code=reply["code"]))
    here.tell(say("It is shown this once and kept nowhere. To lift it: creneau veto lift {who}", who=reply["codes"][0]))


def lift(ctx: typer.Context, who: Annotated[str, WHO]) -> None:
    """Ask for the code, hidden on a terminal, else the first line of the input, and lift the veto."""
    here = session(ctx)
    if sys.stdin.isatty():
        code = getpass.getpass(here.speech(say("The doctor's code: ")))
    else:
        code = sys.stdin.readline().rstrip("\r\n")
    reply = here.ask("veto-lift", who=who, code=code)
    if not here.put(reply):
        here.tell(say("The veto of {who} is lifted; the rules decide again.", who=reply["who"]))


def listing(ctx: typer.Context) -> None:
    """Print the vetoes in force."""
    here = session(ctx)
    reply = here.ask("veto-list")
    if here.put(reply):
        return
    if not reply["vetoes"]:
        here.tell(say("No veto."))
        return
    rows = [(row["who"], row["emr"], row["code"], when(row["since"]), row["by"]) for row in reply["vetoes"]]
    here.table((say("who"), say("EMR"), say("code"), say("since"), say("kept by")), rows)
