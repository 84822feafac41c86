"""`creneau exposure`: what an observer could infer from what the clinic shares."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.session import Reply, Session, save, session
from agent.core.message import Message, say

DAYS = typer.Option("--days", metavar="N", min=7, max=366, help=say("How many days of the agenda to look at.").id)
SAMPLE = typer.Option("--sample", help=say("The built-in made-up clinic instead of yours.").id)
HTML = typer.Option("--html", metavar="FILE", help=say("Write one page for a meeting instead.").id)
WIDTH = 30
"""Characters of the longest bar."""

KNOWN = say("The hub always knows its own bookings, and billing data exist elsewhere. No setting changes that.")


def exposure(
    ctx: typer.Context,
    days: Annotated[int, DAYS] = 28,
    sample: Annotated[bool, SAMPLE] = False,
    html: Annotated[Path | None, HTML] = None,
) -> None:
    """Print the sentence, the table, the chart."""
    here = session(ctx)
    reply = here.ask("exposure", days=days, sample=sample)
    if html is not None:
        save(here, html, _page(here, reply))
        return
    if here.put(reply):
        return
    here.write(here.cell(reply["says"]))
    here.write()
    here.tell(_about(reply))
    here.table(_titles(), [_cells(row) for row in reply["rows"]])
    here.write()
    _chart(here, reply)
    for note in _notes(reply):
        here.tell(note)


def _about(reply: Reply) -> Message:
    if reply["clinic"] == "own":
        return say("Your agenda: {doctors} people, {days} days. → marks your rules.", **_sizes(reply))
    return say("A made-up clinic: {doctors} people, {days} days. → marks your rules.", **_sizes(reply))


def _sizes(reply: Reply) -> dict[str, int]:
    return {"doctors": int(reply["doctors"]), "days": int(reply["days"])}


def _titles() -> tuple[Message, ...]:
    return (
        Message(""), say("what is shared"), say("error on a day, h"), say("error on the week, h"), say("useful slots"),
    )  # fmt: skip


def _cells(row: Reply) -> tuple[object, ...]:
    return (
        "→" if row["current"] else "",
        row["policy"],
        _hours(row["day_h"]),
        _hours(row["template_h"]),
        f"{round(row['useful'] * 100)} %",
    )


def _hours(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _chart(here: Session, reply: Reply) -> None:
    """Draw the error on the weekly hours: the longer, the less an observer knows."""
    here.tell(say("Error on the weekly hours, the longer the better:"))
    most = max((row["template_h"] or 0.0 for row in reply["rows"]), default=1.0) or 1.0
    for row in reply["rows"]:
        value = row["template_h"]
        bar = (
            here.speech(say("not to be told by person")) if value is None else "#" * max(1, round(value / most * WIDTH))
        )
        here.write(f"  {'→' if row['current'] else ' '} {_hours(value):>5}  {bar}")


def _notes(reply: Reply) -> list[Message]:
    found = [
        say(
            "A team of {size}: one absence guessed right {n} times out of 100",
            size=one["size"],
            n=round(one["auc"] * 100),
        )
        for one in reply["team"]
    ]
    found += [
        say("{day}: only {n} of the team work; their slots are nearly theirs by name", day=one["day"], n=one["people"])
        for one in reply["thin"]
    ]
    return [*found, KNOWN]


def _page(here: Session, reply: Reply) -> str:
    from agent import html as page

    says = Message(reply["says"]["id"], tuple(sorted(reply["says"]["args"].items())))
    body = [
        page.paragraph(here, says, "sentence"),
        page.paragraph(here, _about(reply)),
        page.table(
            here,
            say("What an observer of the hub is off by"),
            [*_titles()[1:], say("your rules")],
            (("out" if row["current"] else "", [*_cells(row)[1:], row["current"]]) for row in reply["rows"]),
        ),
        *(page.paragraph(here, note) for note in _notes(reply)),
    ]
    return page.document(here, say("What an observer could infer"), body)
