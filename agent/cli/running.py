"""`creneau run` as the command line's table knows it."""

import typer

from agent.cli.run import live
from agent.cli.session import session


def run(ctx: typer.Context) -> None:
    """Run the agent until it is told to stop."""
    live(session(ctx))
