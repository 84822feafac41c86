"""`creneau demo`: the whole job on a made-up clinic."""

import typer

from agent.cli.session import session


def demo(ctx: typer.Context) -> None:
    """Run the demonstration; it needs no file, no server and no account."""
    from agent.cli.demo import run

    run(session(ctx))
