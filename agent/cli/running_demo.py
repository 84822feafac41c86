"""`creneau demo`: the whole job on a made-up clinic."""

from typing import Annotated

import typer

from agent.cli.session import session
from agent.core.message import say

SERVE = typer.Option("--serve", help=say("Keep it running until Ctrl+C, to look around.").id)


def demo(ctx: typer.Context, serve: Annotated[bool, SERVE] = False) -> None:
    """Run the demonstration; it needs no file, no server and no account."""
    from agent.cli.demo import run

    run(session(ctx), serve=serve)
