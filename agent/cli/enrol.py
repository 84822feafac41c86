"""`creneau enrol CODE`: join a hub."""

from typing import Annotated

import typer

from agent.cli.session import session
from agent.core.message import say

CODE = typer.Argument(metavar="CODE", help=say("The one-time code of the hub operator.").id)


def enrol(ctx: typer.Context, code: Annotated[str, CODE]) -> None:
    """Join, then print the fingerprint both sides compare."""
    here = session(ctx)
    reply = here.ask("enrol", code=code)
    if here.put(reply):
        return
    here.tell(say("Joined {hub} as {clinic}.", hub=reply["hub"], clinic=reply["clinic"]))
    here.tell(say("Fingerprint: {fingerprint}", fingerprint=reply["fingerprint"]))
    here.tell(say("Compare it with the hub operator, by phone."))
