"""`creneau emr list`: what the EMR calls things."""

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
