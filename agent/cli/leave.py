"""`creneau leave`: withdraw, settle, forget the hub."""

from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import session
from agent.core.message import say

YES = typer.Option("--yes", help=say("Do it without asking.").id)
ANYWAY = typer.Option("--anyway", help=say("Leave though something is still open: a hub that is gone for good.").id)


def leave(ctx: typer.Context, yes: Annotated[bool, YES] = False, anyway: Annotated[bool, ANYWAY] = False) -> None:
    """Ask, withdraw, and leave when nothing is open; exit 1 while something is."""
    here = session(ctx)
    here.confirm(say("Take every slot offline and leave the hub for good?"), yes=yes)
    reply = here.ask("leave", anyway=anyway)
    if not here.put(reply):
        if reply["left"]:
            here.tell(say("Left the hub; its keys are destroyed. Appointments stay in the agenda, the ledger stays."))
            here.tell(say("Fingerprint that ends here: {fingerprint}", fingerprint=reply["fingerprint"]))
        else:
            here.tell(say("Every slot is withdrawn. Before leaving, this must end:"))
        for step in reply["next"]:
            here.write(f"  - {here.cell(step)}")
    if not reply["left"]:
        raise typer.Exit(FINDING)
