"""`creneau init`: a commented configuration, the data folder and the vault's root key.

Rule: nothing that exists is overwritten, and a wrong answer leaves nothing behind; what is not asked keeps the
example's value.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.session import Session, sendable, session
from agent.core.errors import Misconfigured
from agent.core.message import Message, say

DOING = say("write the configuration")

NAME = typer.Option("--name", metavar="TEXT", help=say("The clinic's name.").id)
CONTACT = typer.Option("--contact", metavar="TEXT", help=say("Whom the hub operator calls.").id)
HUB = typer.Option("--hub", metavar="URL", help=say("The hub's address, https://…").id)
ADAPTER = typer.Option("--adapter", metavar="TEXT", help=say("The way into the EMR: sql, fhir, hl7 or files.").id)
MAPPING = typer.Option("--mapping", metavar="TEXT", help=say("The EMR's mapping: oscar, openemr, or a file.").id)
CONNECTION = typer.Option("--connection", metavar="TEXT", help=say("How to connect to the EMR, without a password.").id)
USER = typer.Option("--user", metavar="TEXT", help=say("The EMR database account.").id)
SERVER = typer.Option("--server", metavar="URL", help=say("fhir: the EMR's FHIR address, https://…").id)
LISTEN = typer.Option("--listen", metavar="TEXT", help=say("hl7: where the EMR sends its notices, host:port.").id)
FOLDER = typer.Option("--folder", metavar="FOLDER", help=say("files: where the EMR drops its files.").id)
ADDRESS = typer.Option("--address", metavar="TEXT", help=say("The site's address.").id)
PHONE = typer.Option("--phone", metavar="TEXT", help=say("The site's phone.").id)
DATA = typer.Option("--data-dir", metavar="FOLDER", help=say("Where the agent keeps its state.").id)

QUESTIONS = {
    "clinic.name": say("Name of the clinic"),
    "clinic.contact": say("Name and phone of the person the hub operator calls"),
    "hub.url": say("Address of the hub"),
    "emr.adapter": say("The way into the EMR (sql, fhir, hl7, files)"),
    "emr.connection": say("Connection to the EMR (ODBC, without a password)"),
    "emr.user": say("EMR database account"),
    "emr.server": say("FHIR address of the EMR"),
    "emr.listen": say("Where the EMR sends its notices (host:port)"),
    "emr.folder": say("Folder where the EMR drops its files"),
    "site.address": say("Address of the site"),
    "site.phone": say("Phone of the site"),
}
OWN = {
    "emr.mapping": "sql",
    "emr.connection": "sql",
    "emr.user": "sql",
    "emr.server": "fhir",
    "emr.listen": "hl7",
    "emr.folder": "files",
}
"""The way into the EMR an answer belongs to."""


def init(  # noqa: PLR0913, PLR0917 - one flag a question; typer calls by name
    ctx: typer.Context,
    name: Annotated[str | None, NAME] = None,
    contact: Annotated[str | None, CONTACT] = None,
    hub: Annotated[str | None, HUB] = None,
    adapter: Annotated[str | None, ADAPTER] = None,
    mapping: Annotated[str | None, MAPPING] = None,
    connection: Annotated[str | None, CONNECTION] = None,
    user: Annotated[str | None, USER] = None,
    server: Annotated[str | None, SERVER] = None,
    listen: Annotated[str | None, LISTEN] = None,
    folder: Annotated[str | None, FOLDER] = None,
    address: Annotated[str | None, ADDRESS] = None,
    phone: Annotated[str | None, PHONE] = None,
    data_dir: Annotated[str | None, DATA] = None,
) -> None:
    """Write the configuration from flags, and from questions on a terminal."""
    here = session(ctx)
    given = {
        "clinic.name": name,
        "clinic.contact": contact,
        "hub.url": hub,
        "emr.adapter": adapter,
        "emr.mapping": mapping,
        "emr.connection": connection,
        "emr.user": user,
        "emr.server": server,
        "emr.listen": listen,
        "emr.folder": folder,
        "site.name": name,
        "site.address": address,
        "site.phone": phone,
        "service.data_dir": data_dir,
    }
    answers: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    file = here.file()
    fresh = not _stands(file)
    if fresh and sys.stdin.isatty():
        _ask(here, answers)
    if fresh:
        _one_way(answers)
    data = _fresh(here, file, sendable(answers)) if fresh else _kept(here, file)
    if here.put({"file": str(file), "data_dir": data}):
        return
    here.tell(say("Wrote {file}.", file=str(file)) if fresh else say("{file} is kept as it is.", file=str(file)))
    here.tell(say("Data folder and vault: {folder}", folder=data))
    here.tell(say("Next: edit it, creneau secret set dme, creneau check, creneau preview, creneau enrol CODE"))


def _ask(here: Session, answers: dict[str, object]) -> None:
    """Ask what no flag gave; an empty answer keeps the example's value, the end of the input ends the command."""
    for key, question in QUESTIONS.items():
        other = OWN.get(key, way := answers.get("emr.adapter", "sql")) != way
        if key not in answers and not other and (said := _line(here, question)):
            answers[key] = said
    if "clinic.name" in answers:
        answers.setdefault("site.name", answers["clinic.name"])


def _one_way(answers: dict[str, object]) -> None:
    """Let the section be of one way into the EMR. Raises Misconfigured."""
    from agent.config import WAYS

    way = str(answers.setdefault("emr.adapter", "sql"))
    hint = say("write one of: {words}", words=", ".join(WAYS))
    if way not in WAYS:
        raise Misconfigured(DOING, say("there is no such way into the EMR"), hint, key="--adapter")
    for key in answers.keys() & OWN.keys():
        if OWN[key] != way:
            flag = "--" + key.partition(".")[2]
            hint = say("add --adapter {way}, or leave it out", way=OWN[key])
            raise Misconfigured(DOING, say("this answer belongs to another way into the EMR"), hint, key=flag)


def _line(here: Session, question: Message) -> str:
    print(here.speech(question) + " ? ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def _stands(file: Path) -> bool:
    """Say whether the file is there; a folder closed to us says so when we write."""
    try:
        return file.exists()
    except OSError:
        return False


def _fresh(here: Session, file: Path, answers: Mapping[str, object]) -> str:
    """Write the file, the data folder and the root key, or nothing at all; return the folder."""
    from agent.config import Faults, write_example

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        hint = say("run the command as an administrator or as the service's account")
        raise Misconfigured(DOING, say("its folder cannot be made"), hint, file=str(file.parent)) from cause
    write_example(file, answers)
    try:
        return _vault(here)[0]
    except Misconfigured as wrong:
        file.unlink(missing_ok=True)  # so that a password typed by mistake is nowhere, and init may be run again
        if isinstance(wrong, Faults):
            raise Faults(tuple(replace(fault, file="", line=0) for fault in wrong.faults)) from wrong
        raise


def _kept(here: Session, file: Path) -> str:
    """Make the root key a file that exists still lacks; return the folder. Raises Misconfigured when it has one."""
    folder, made = _vault(here)
    if not made:
        raise Misconfigured(
            DOING, say("the file exists already"), say("edit it, or move it away first"), file=str(file)
        )
    return folder


def _vault(here: Session) -> tuple[str, bool]:
    """Make the data folder and the root key; return the folder, and whether there was no key yet."""
    from agent.keys import make_root

    folder = here.plan().service.data_dir
    return str(folder), make_root(folder)
