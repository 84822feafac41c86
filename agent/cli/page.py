"""The preview as one page for a doctors' meeting: self-contained, printable, readable by a screen reader.

Rule: no script and nothing from outside; every text passes through `escape`; no meaning by colour alone.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from agent.cli.session import Reply, Session
from agent.core.message import Message, say

STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:1.5rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}caption{text-align:left;font-weight:bold;padding:.5rem 0}
table{border-collapse:collapse;width:100%}th,td{border:1px solid #767676;padding:.3rem .5rem;text-align:left;
vertical-align:top}thead th{background:#eee}.out{border-left:.35rem solid #0b5394}.stays td{color:#3d3d3d}
.sentence{font-size:1.2rem;border-left:.35rem solid #0b5394;padding-left:1rem}
@media print{body{max-width:none;margin:0}thead{display:table-header-group}tr{break-inside:avoid}}
"""


def document(here: Session, title: Message, body: Iterable[str]) -> str:
    """Return a whole page in the language of the run."""
    lang = "fr-CA" if here.speech(say("yes")) == "oui" else "en-CA"
    head = escape(here.speech(title))
    inside = "\n".join(body)
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{head}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{head}</h1>\n{inside}\n"
        "</main>\n</body>\n</html>\n"
    )


def paragraph(here: Session, message: Message, kind: str = "") -> str:
    """Return one sentence as a paragraph."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(here.speech(message))}</p>"


def table(
    here: Session, caption: Message, titles: Iterable[Message], rows: Iterable[tuple[str, Iterable[object]]]
) -> str:
    """Return a table; each row is its CSS class and its cells, the first of which heads the row."""
    head = "".join(f'<th scope="col">{escape(here.speech(title))}</th>' for title in titles)
    lines = [f"<table>\n<caption>{escape(here.speech(caption))}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>"]
    for kind, cells in rows:
        first, *others = (escape(here.cell(cell)) for cell in cells)
        mark = f' class="{kind}"' if kind else ""
        lines.append(
            f'<tr{mark}><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"
        )
    return "\n".join([*lines, "</tbody>\n</table>"])


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
