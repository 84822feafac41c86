"""`creneau version`."""

import platform

import typer

from agent import __version__
from agent.cli.session import session
from agent.core.message import say

SYSTEMS = "Linux (systemd, glibc 2.28+), Windows 10/11, Windows Server 2016+"


def version(ctx: typer.Context) -> None:
    """Print version, build and supported systems."""
    here = session(ctx)
    build = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if here.put({"version": __version__, "build": build, "systems": SYSTEMS}):
        return
    here.write(f"creneau {__version__}  ({build})")
    here.tell(say("Supported: {systems}", systems=SYSTEMS))
