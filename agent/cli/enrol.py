"""`creneau enrol CODE`: join a hub."""

from typing import Annotated

import typer

from agent.cli.session import session
from agent.core.message import say

CODE = typer.Argument(metavar="CODE", help=say("The one-time code of the hub operator.").id)

REPLACE = typer.Option("--replace", help=say("Take over after lost hardware; the old agent is shut out.").id)
YES = typer.Option("--yes", help=say("Do not ask.").id)


def enrol(
    ctx: typer.Context,
    code: Annotated[str, CODE],
    replace: Annotated[bool, REPLACE] = False,
    yes: Annotated[bool, YES] = False,
) -> None:
    """Join, then print the fingerprint both sides compare."""
    here = session(ctx)
    if replace:
        here.confirm(say("The clinic's other agent is shut out for good. Go on?"), yes=yes)
    reply = here.ask("enrol", code=code, **({"replace": True} if replace else {}))
    if here.put(reply):
        return
    here.tell(say("Joined {hub} as {clinic}.", hub=reply["hub"], clinic=reply["clinic"]))
    here.tell(say("Fingerprint: {fingerprint}", fingerprint=reply["fingerprint"]))
    here.tell(say("Compare it with the hub operator, by phone."))
