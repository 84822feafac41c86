"""`creneau emr`: what the EMR calls things, and what its database must allow."""

from typing import Annotated

import typer

from agent.cli.session import session
from agent.core.message import say

KINDS = {"type": say("type"), "practitioner": say("person"), "site": say("site")}
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
