"""The preview as one page for a doctors' meeting.

Rule: the same columns and the same words as on the screen.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from agent.cli.session import Reply, Session
from agent.core.message import Message, say
from agent.html import document, paragraph, table


def preview(here: Session, reply: Reply) -> str:
    """Return the preview as a page: the same columns as the screen, wide ones too."""
    counts = {name: int(n) for name, n in reply["counts"].items()}
    body = [
        paragraph(here, say("Slots that leave: {leaves}; that stay: {stays}.", **counts), "sentence"),
        paragraph(
            here,
            say(
                "On the left the clinic's agenda; on the right, marked “leaves”, all that the hub would read but for"
                " random numbers. Nothing else leaves: no patient, no taken place, no reason."
            ),
        ),
        *(paragraph(here, note) for note in _notes(here, reply)),
        table(
            here,
            say("Agenda and what leaves"),
            [*(Message(column["title"]["id"]) for column in reply["columns"]), say("leaves")],
            (_row(here, reply, row) for row in reply["rows"]),
        ),
        paragraph(
            here,
            say("The hub always knows its own bookings, and billing data exist elsewhere. No setting changes that."),
        ),
    ]
    return document(here, say("Preview of what the clinic would share"), body)


def _row(here: Session, reply: Reply, row: Mapping[str, Any]) -> tuple[str, list[object]]:
    leaves = row.get("start") is not None
    kind = "out" if leaves else "stays" if row.get("why") else ""
    word = here.speech(say("leaves") if leaves else say("stays")) if kind else ""
    return kind, [*(row.get(column["key"]) for column in reply["columns"]), word]


def _notes(here: Session, reply: Reply) -> Iterable[Message]:
    if reply["rehearsal"]:
        yield say("Rehearsal: nothing leaves while enabled = false.")
    elif not reply["applied"]:
        yield say("These rules are not applied yet: creneau sharing diff, then creneau sharing apply")
    if reply["posture"]["word"] != "open":
        yield say("Now: {posture}", posture=here.cell(reply["posture"]["says"]))
    if not reply["complete"]:
        yield say("The EMR answered in part only: slots are missing here.")
