"""`creneau explain WHEN [WHO]`: why a slot, or a whole day, is or is not shared."""

import re
from typing import Annotated

import typer

from agent.cli.session import Reply, Session, session
from agent.core.message import Message, say

WORDS = typer.Argument(
    metavar="WHEN [WHO]",
    help=say("A day, perhaps with a time (2026-11-30 09:00, lundi, demain), then a person if you like.").id,
)
_CLOCK = re.compile(r"\d{1,2}[:h](\d{2})?")


def explain(ctx: typer.Context, words: Annotated[list[str], WORDS]) -> None:
    """Print every reason, in order, with the line of its rule."""
    here = session(ctx)
    day = words[:2] if len(words) > 1 and _CLOCK.fullmatch(words[1]) else words[:1]
    reply = here.ask("explain", when=" ".join(day), who=" ".join(words[len(day) :]))
    if here.put(reply):
        return
    if not reply["rows"]:
        here.tell(say("Nothing in the agenda then: neither free nor taken."))
    elif reply["time"] is None:
        _day(here, reply)
    else:
        for row in reply["rows"]:
            _slot(here, row)
    if not reply["applied"]:
        here.tell(say("No rules were ever put into force: creneau sharing diff, then creneau sharing apply"))
    elif not reply["same"]:
        here.tell(say("The file says something else than what is in force: creneau sharing diff"))
    if not reply["complete"]:
        here.tell(say("The EMR answered in part only: slots are missing here."))


def _day(here: Session, reply: Reply) -> None:
    """Print one line a row: the first reason is enough for a day."""
    rows = [
        (
            f"{row['when'][11:16]}-{row['until'][11:16]}",
            row["who"],
            row["type"],
            row["cell"],
            here.speech(_verdict(row)),
            _reason(here, row["reasons"][0]) if row["reasons"] else _rule(here, row),
        )
        for row in reply["rows"]
    ]
    here.write(str(reply["day"]))
    here.table((say("hours"), say("who"), say("type"), say("agenda"), say("shared"), say("why")), rows)


def _slot(here: Session, row: Reply) -> None:
    here.write(
        f"{row['when'][:10]} {row['when'][11:16]}-{row['until'][11:16]}  {row['who']}  {row['site']}  {row['type']}"
    )
    here.write(f"  {here.cell(row['cell'])}: {here.speech(_verdict(row))}")
    for number, reason in enumerate(row["reasons"], 1):
        here.write(f"  {number}. {_reason(here, reason)}")
    if row["rule"] is not None:
        here.write("  " + _rule(here, row))


def _verdict(row: Reply) -> Message:
    if row["leaves"] and row["online"]:
        return say("shared")
    if row["leaves"]:
        return say("shared, leaves with the next message")
    if row["online"]:
        return say("not shared any more, leaves the hub with the next message")
    return say("not shared")


def _reason(here: Session, reason: Reply) -> str:
    says = here.cell(reason["says"])
    if not reason["line"]:
        return says
    name = f"« {reason['name']} », " if reason["name"] else ""
    return f"{says} ({name}{here.speech(say('line {line}', line=reason['line']))})"


def _rule(here: Session, row: Reply) -> str:
    rule = row["rule"]
    return here.speech(say("allowed by “{name}”, line {line}", name=rule["name"], line=rule["line"]))
