"""`creneau bookings` and `creneau unsold`."""

from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import session, when
from agent.core.message import say

PAST = typer.Option("--past", help=say("Those that are over too.").id)


def bookings(ctx: typer.Context, past: Annotated[bool, PAST] = False) -> None:
    """Print where each online booking stands."""
    here = session(ctx)
    reply = here.ask("bookings", past=past)
    if here.put(reply):
        return
    if not reply["bookings"]:
        here.tell(say("No online booking."))
        return
    rows = [
        (when(row["when"]), row["who"], row["site"], row["type"], row["says"], row["booking"])
        for row in reply["bookings"]
    ]
    here.table((say("when"), say("who"), say("site"), say("type"), say("stands"), say("booking")), rows)


def unsold(ctx: typer.Context) -> None:
    """Print the published slots nobody can book now; exit 1 when there are any."""
    here = session(ctx)
    reply = here.ask("unsold")
    if not here.put(reply):
        if not reply["published"]:
            here.tell(say("No slot is published."))
        elif not reply["unsold"]:
            here.tell(say("All published slots can be booked online ({n}).", n=reply["published"]))
        else:
            rows = [
                (when(row["when"]), row["who"], row["site"], row["type"], row["why"], when(row["since"]))
                for row in reply["unsold"]
            ]
            here.table((say("when"), say("who"), say("site"), say("type"), say("why"), say("since")), rows)
    if reply["unsold"]:
        raise typer.Exit(FINDING)
