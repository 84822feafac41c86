"""`creneau status`: one screen."""

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Reply, Session, session, when
from agent.core.message import say

MARKS = {"ok": "+", "note": "·", "warn": "!", "fault": "x"}


def status(ctx: typer.Context) -> None:
    """Print whether it works, since when, what to do next; exit 1 when a part does not work."""
    here = session(ctx)
    reply = here.ask("status")
    if not here.put(reply):
        _screen(here, reply)
    if reply["working"] != "yes":
        raise typer.Exit(FINDING)


def _screen(here: Session, reply: Reply) -> None:
    says = here.cell(reply["says"])
    since = when(reply["since"])
    here.write(f"{says}  {here.speech(say('(since {when})', when=since))}" if since else says)
    here.write()
    for line in reply["lines"]:
        name = here.cell(line["name"]) + (f" ({line['source']})" if line["source"] else "")
        span = "" if line["for_s"] is None else f"  ({here.span(line['for_s'])})"
        here.write(f"  {MARKS[line['severity']]} {name:<34} {here.cell(line['says'])}{span}")
    counts = reply["counts"]
    here.write()
    here.tell(
        say(
            "  Online: {online}   To fill by phone: {unsold}   Tasks: {tasks}   Online bookings: {bookings}",
            **{name: int(counts[name]) for name in ("online", "unsold", "tasks", "bookings")},
        )
    )
    if reply["next"]:
        here.write()
        here.tell(say("What to do next:"))
        for step in reply["next"]:
            here.write(f"  - {here.cell(step)}")
