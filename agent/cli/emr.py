"""`creneau emr`: what the EMR calls things, and what its database must allow."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Reply, Session, session, when
from agent.cli.status import MARKS
from agent.core.message import say

KINDS = {"type": say("type"), "practitioner": say("person"), "site": say("site")}
FILE = typer.Argument(metavar="[FILE]", help=say("A mapping file; the configured one by default.").id)
EMR = typer.Option("--emr", metavar="ID", help=say("Which source, when there are several.").id)
ON = typer.Option("--on", metavar="SCRATCH", help=say("A scratch copy, or an empty schedule: for trials only.").id)
YES = typer.Option("--yes", help=say("Do it without asking.").id)
AHEAD = typer.Option("--days", metavar="N", min=1, max=366, help=say("How many days ahead to read.").id)
DAYS = typer.Option("--days", metavar="N", min=1, max=366, help=say("How many days ahead to count.").id)


def listing(ctx: typer.Context, days: Annotated[int, DAYS] = 28) -> None:
    """Print every code with its free slots and the word the file gives it."""
    here = session(ctx)
    reply = here.ask("emr-list", days=days)
    if here.put(reply):
        return
    rows = [
        (
            item["emr"],
            here.speech(KINDS[item["kind"]]),
            item["code"],
            item["label"],
            item["free"],
            item["named"] or here.speech(say("new, not shared")),
        )
        for item in reply["names"]
    ]
    here.table((say("EMR"), say("kind"), say("code"), say("name"), say("free"), say("in your file")), rows)


def grants(ctx: typer.Context) -> None:
    """Print the statements as they are, ready to be run; nothing is sent to the database."""
    here = session(ctx)
    reply = here.ask("emr-grants")
    if here.put(reply):
        return
    for item in reply["grants"]:
        if item["sql"] is None:
            here.tell(say("{emr}: no rights to ask for", emr=item["emr"]))
        else:
            print(f"-- [[emr]] {item['emr']}")
            print(item["sql"], end="")


def trying(
    ctx: typer.Context,
    file: Annotated[str, FILE] = "",
    emr: Annotated[str, EMR] = "",
    days: Annotated[int, AHEAD] = 14,
) -> None:
    """Print counts and a few slots of what was read; or every line of the mapping to mend, and exit 1."""
    here = session(ctx)
    path = str(Path(file).absolute()) if file.endswith(".toml") else file
    reply = here.ask("emr-try", file=path, emr=emr, days=days)
    shown = here.put(reply)
    if "faults" in reply:
        for fault in [] if shown else reply["faults"]:
            _fault(here, fault)
        raise typer.Exit(FINDING)
    if not shown:
        _tried(here, reply)


def prove(
    ctx: typer.Context,
    on: Annotated[str, ON],
    emr: Annotated[str, EMR] = "",
    yes: Annotated[bool, YES] = False,
) -> None:
    """Print each promise and race as it ended; exit 1 when one was broken."""
    here = session(ctx)
    here.confirm(say("Is {name} there for trials only? What stands in it may be erased.", name=on), yes=yes)
    reply = here.ask("emr-prove", on=on, emr=emr)
    if not here.put(reply):
        rows = [(_ended(here, one), one["runs"], one["title"] or one["name"], one["says"]) for one in reply["tried"]]
        here.table((say("result"), say("runs"), say("promise"), say("seen instead")), rows)
        for found in (found for one in reply["tried"] for found in one["means"]):
            here.write(f"{MARKS[found['severity']]} {here.cell(found['says'])}")
        if reply["passed"]:
            here.tell(say("Proved on {on}, {at}. Automatic bookings may begin.", on=on, at=when(reply["at"])))
        else:
            here.tell(say("Not proved: bookings stay tasks."))
    if not reply["passed"]:
        raise typer.Exit(FINDING)


def _ended(here: Session, one: Reply) -> str:
    """Say how one promise ended: what was tried and is not there is another thing than what was not asked."""
    words = {True: say("kept"), False: say("BROKEN"), None: say("not here") if one["says"] else say("not asked")}
    return here.speech(words[one["kept"]])


def _tried(here: Session, reply: Reply) -> None:
    here.tell(say("{n} free slots in the next {days} days", n=reply["free"], days=reply["days"]))
    if reply["taken"] is not None:
        here.tell(say("{n} appointments and blocked times", n=reply["taken"]))
    for title, counts in ((say("code"), reply["types"]), (say("person"), reply["people"])):
        here.table((title, say("free")), sorted(counts.items()))
    rows = [
        (when(one["start"]), one["end"][11:16], one["practitioner"], one["label"], one["type"], one["site"])
        for one in reply["samples"]
    ]
    here.table((say("start"), say("end"), say("code"), say("name"), say("type"), say("site")), rows)
    for found in reply["findings"]:
        here.write(f"{MARKS[found['severity']]} {here.cell(found['says'])}")


def _fault(here: Session, fault: Reply) -> None:
    value = f" = {fault['value']}" if fault["value"] else ""
    here.write(f"{MARKS['fault']} {here.cell(fault['says'])}  ({fault['file']}:{fault['line']}, {fault['key']}{value})")
    if fault["hint"] is not None:
        here.write("   " + here.speech(say("try:   {hint}", hint=here.cell(fault["hint"]))))
