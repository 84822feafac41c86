"""`creneau update check`: is there a newer signed version."""

import typer

from agent.cli.failing import FINDING
from agent.cli.session import session
from agent.core.message import say


def check(ctx: typer.Context) -> None:
    """Say it; exit 1 when something is to be done."""
    here = session(ctx)
    reply = here.ask("update")
    if not here.put(reply):
        here.write(here.cell(reply["says"]))
        for name, digest in reply["files"].items():
            here.write(f"  {digest}  {name}")
        if reply["hint"]:
            here.tell(say("try:   {hint}", hint=here.cell(reply["hint"])))
    if reply["state"] not in {"current", "unknown"}:
        raise typer.Exit(FINDING)
