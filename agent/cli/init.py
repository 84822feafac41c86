"""`creneau init`: a commented configuration, the data folder and the vault's root key.

Rule: nothing that exists is overwritten; what is not asked keeps the example's value.
"""

import sys
from typing import Annotated

import typer

from agent.cli.session import Session, session
from agent.core.message import Message, say

NAME = typer.Option("--name", metavar="TEXT", help=say("The clinic's name.").id)
CONTACT = typer.Option("--contact", metavar="TEXT", help=say("Whom the hub operator calls.").id)
HUB = typer.Option("--hub", metavar="URL", help=say("The hub's address, https://…").id)
MAPPING = typer.Option("--mapping", metavar="TEXT", help=say("The EMR's mapping: oscar, or a file.").id)
CONNECTION = typer.Option("--connection", metavar="TEXT", help=say("How to connect to the EMR, without a password.").id)
USER = typer.Option("--user", metavar="TEXT", help=say("The EMR database account.").id)
ADDRESS = typer.Option("--address", metavar="TEXT", help=say("The site's address.").id)
PHONE = typer.Option("--phone", metavar="TEXT", help=say("The site's phone.").id)
DATA = typer.Option("--data-dir", metavar="FOLDER", help=say("Where the agent keeps its state.").id)

QUESTIONS = {
    "clinic.name": say("Name of the clinic"),
    "clinic.contact": say("Name and phone of the person the hub operator calls"),
    "hub.url": say("Address of the hub"),
    "emr.connection": say("Connection to the EMR (ODBC, without a password)"),
    "emr.user": say("EMR database account"),
    "site.address": say("Address of the site"),
    "site.phone": say("Phone of the site"),
}


def init(  # noqa: PLR0913, PLR0917 - one flag a question; typer calls by name
    ctx: typer.Context,
    name: Annotated[str | None, NAME] = None,
    contact: Annotated[str | None, CONTACT] = None,
    hub: Annotated[str | None, HUB] = None,
    mapping: Annotated[str | None, MAPPING] = None,
    connection: Annotated[str | None, CONNECTION] = None,
    user: Annotated[str | None, USER] = None,
    address: Annotated[str | None, ADDRESS] = None,
    phone: Annotated[str | None, PHONE] = None,
    data_dir: Annotated[str | None, DATA] = None,
) -> None:
    """Write the configuration from flags, and from questions on a terminal."""
    from agent.config import write_example

    here = session(ctx)
    given = {
        "clinic.name": name,
        "clinic.contact": contact,
        "hub.url": hub,
        "emr.mapping": mapping,
        "emr.connection": connection,
        "emr.user": user,
        "site.name": name,
        "site.address": address,
        "site.phone": phone,
        "service.data_dir": data_dir,
    }
    answers: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    if sys.stdin.isatty():
        _ask(here, answers)
    file = here.file()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_example(file, answers)
    folder = _vault(here)
    if here.put({"file": str(file), "data_dir": folder}):
        return
    here.tell(say("Wrote {file}.", file=str(file)))
    here.tell(say("Data folder and vault: {folder}", folder=folder))
    here.tell(say("Next: edit it, creneau secret set dme, creneau check, creneau preview, creneau enrol CODE"))


def _ask(here: Session, answers: dict[str, object]) -> None:
    """Ask what no flag gave; an empty answer keeps the example's value."""
    for key, question in QUESTIONS.items():
        if key not in answers and (said := _line(here, question)):
            answers[key] = said
    if "clinic.name" in answers:
        answers.setdefault("site.name", answers["clinic.name"])


def _line(here: Session, question: Message) -> str:
    print(here.speech(question) + " ? ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _vault(here: Session) -> str:
    """Make the data folder and the root key; return the folder."""
    from agent.keys import make_root

    folder = here.plan().service.data_dir
    make_root(folder)
    return str(folder)
