"""`creneau check`: touch everything, change nothing."""

from typing import Annotated

import typer

from agent.cli.failing import CANNOT_TELL, FINDING
from agent.cli.session import Reply, Session, session
from agent.cli.status import MARKS
from agent.core.message import say

PART = typer.Argument(metavar="[config|emr|hub|machine]", help=say("What to look at; everything by default.").id)


def check(ctx: typer.Context, part: Annotated[str, PART] = "all") -> None:
    """Print one line a finding; exit 1 when something must be mended, 2 when the answer cannot be had."""
    here = session(ctx)
    reply = here.ask("check", part=part)
    if not here.put(reply):
        here.tell(say("file: {file}", file=str(here.file())))
        for found in reply["findings"]:
            _line(here, found)
    if reply["worst"] == "fault":
        unreachable = all(
            found["code"].endswith(".unreachable") for found in reply["findings"] if found["severity"] == "fault"
        )
        raise typer.Exit(CANNOT_TELL if unreachable else FINDING)
    if reply["worst"] == "warn":
        raise typer.Exit(FINDING)


def _line(here: Session, found: Reply) -> None:
    source = found.get("emr") or found["part"]
    place = f"  ({found['file']}:{found['line']}{', ' * bool(found['key'])}{found['key']})" if found.get("line") else ""
    here.write(f"{MARKS[found['severity']]} {source:<10} {here.cell(found['says'])}{place}")
    if "hint" in found and found["severity"] != "ok":
        hint = here.cell(found["hint"])
        here.write(" " * 13 + here.speech(say("try:   {hint}", hint=hint)))
