"""`creneau preview`: the agenda on the left, what would leave on the right."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.session import Reply, Session, save, session
from agent.core.message import Message, say

DAYS = typer.Option("--days", metavar="N", min=1, max=90, help=say("How many days from now.").id)
WHO = typer.Option("--who", metavar="WHO", help=say("One person, by code or part of the name; logged.").id)
HTML = typer.Option("--html", metavar="FILE", help=say("Write one page for a meeting instead.").id)
WIDE = typer.Option("--wide", help=say("Show every column.").id)


def preview(
    ctx: typer.Context,
    days: Annotated[int, DAYS] = 7,
    who: Annotated[str, WHO] = "",
    wide: Annotated[bool, WIDE] = False,
    html: Annotated[Path | None, HTML] = None,
) -> None:
    """Print the preview; its columns are those the agent sends."""
    here = session(ctx)
    reply = here.ask("preview", days=days, who=who)
    if html is not None:
        from agent.cli import page

        save(here, html, page.preview(here, reply))
        return
    if here.put(reply):
        return
    _rows(here, reply, wide=wide)
    here.write()
    here.tell(
        say("Slots that leave: {leaves}; that stay: {stays}.", **{name: int(n) for name, n in reply["counts"].items()})
    )
    _notes(here, reply)


def _rows(here: Session, reply: Reply, *, wide: bool) -> None:
    columns = [column for column in reply["columns"] if wide or not column["wide"]]
    titles: list[Message] = []
    for place, column in enumerate(columns):
        if place and column["side"] != columns[place - 1]["side"]:
            titles.append(Message("|"))
        titles.append(Message(column["title"]["id"]))
    here.table(titles, [_cells(columns, row) for row in reply["rows"]])


def _cells(columns: list[Any], row: Reply) -> list[object]:
    cells: list[object] = []
    for place, column in enumerate(columns):
        if place and column["side"] != columns[place - 1]["side"]:
            cells.append("|")
        cells.append(row.get(column["key"]))
    return cells


def _notes(here: Session, reply: Reply) -> None:
    for item in reply["new"]:
        code, free = item["code"], item["free"]
        if item["kind"] == "type":
            here.tell(say("new type {code}, not shared; free slots: {free}", code=code, free=free))
        else:
            here.tell(say("new person {code}, not shared; free slots: {free}", code=code, free=free))
    if not reply["complete"]:
        here.tell(say("The EMR answered in part only: slots are missing here."))
    if reply["rehearsal"]:
        here.tell(say("Rehearsal: nothing leaves while enabled = false."))
    elif not reply["applied"]:
        here.tell(say("These rules are not applied yet: creneau sharing diff, then creneau sharing apply"))
    if reply["posture"]["word"] != "open":
        here.tell(say("Now: {posture}", posture=here.cell(reply["posture"]["says"])))
