"""`creneau backup` and `creneau restore`: the clinic's state in one sealed file.

Rule: the passphrase is asked, never an argument that other accounts could read.
"""

import getpass
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.account import account
from agent.cli.session import Session, session
from agent.core.errors import Misconfigured, Refused
from agent.core.message import Message, say

TO = typer.Argument(metavar="FILE", help=say("The file to write.").id)
FROM = typer.Argument(metavar="FILE", help=say("The backup to bring back.").id)
YES = typer.Option("--yes", help=say("Do it without asking.").id)


def backup(ctx: typer.Context, file: Annotated[Path, TO]) -> None:
    """Save configuration, secrets, journal and ledger; who we are to the hub stays here."""
    here = session(ctx)
    if file.exists():
        hint = say("choose another name, or move it away first")
        raise Refused(say("save the agent's state"), say("the file exists already"), hint, reason="exists")
    reply = here.ask("backup", passphrase=_passphrase(here, twice=True))
    try:
        shutil.move(reply["file"], file)
        _ours(file)
    except OSError as cause:
        says, hint = say("the file cannot be written"), say("the copy lies here: {file}", file=reply["file"])
        raise Misconfigured(say("save the agent's state"), says, hint, file=str(file)) from cause
    if not here.put({"file": str(file)}):
        here.tell(say("Saved in {file}.", file=str(file)))
        here.tell(say("Keep the passphrase elsewhere: without it nobody opens this file."))


def restore(ctx: typer.Context, file: Annotated[Path, FROM], yes: Annotated[bool, YES] = False) -> None:
    """Bring a backup back; the agent must be stopped."""
    here = session(ctx)
    here.confirm(say("What the data folder holds now is set aside. Go on?"), yes=yes)
    found = here.places.restore(file, _passphrase(here, twice=False), here.file(), account())
    if here.put({"made": found.made, "version": found.version, "aside": found.aside}):
        return
    here.tell(
        say("Brought back what was saved at {made} by version {version}.", made=found.made, version=found.version)
    )
    if found.aside:
        here.tell(say("The former journal: {file}", file=found.aside))
    here.tell(say("On another machine: creneau enrol --replace CODE. Then: creneau service start"))


def _passphrase(here: Session, *, twice: bool) -> str:
    """Ask on a terminal, twice for a new one; else read the first line of the input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    said = getpass.getpass(here.speech(say("Passphrase of the backup: ")))
    if twice and getpass.getpass(here.speech(say("Once more: "))) != said:
        raise Refused(_DOING, say("the two are not the same"), say("type it again"), reason="schema")
    return said


_DOING: Message = say("read the passphrase")


def _ours(file: Path) -> None:
    """Give the file to whoever asked: it was the service's."""
    if sys.platform != "win32":
        os.chown(file, os.getuid(), os.getgid())
