"""Self-contained pages for people: printable, readable by a screen reader, nothing from outside.

Rule: every text passes through `escape`; no meaning by colour alone; a script, if any, is named by its digest.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from typing import Any, Protocol

from agent.core.message import Message, say


class Voice(Protocol):
    """Whoever says messages and JSON values in one language."""

    def speech(self, message: Message) -> str:
        """Return the sentence."""
        ...

    def cell(self, value: object) -> str:
        """Return a JSON value as a person reads it."""
        ...


def spoken(here: "Voice", value: object) -> str:
    """Return a JSON value of an answer as a person reads it: a sentence in this language, yes or no, a text as it is."""
    if value is None:
        return ""
    if isinstance(value, Mapping) and "id" in value:
        return here.speech(sentence_of(value))
    if isinstance(value, bool):
        return here.speech(say("yes") if value else say("no"))
    return str(value)


def sentence_of(value: Mapping[str, Any]) -> Message:
    """Return the message an answer carries as {"id", "args"}."""
    return Message(str(value["id"]), tuple(sorted(value.get("args", {}).items())))


STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:1.5rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}caption{text-align:left;font-weight:bold;padding:.5rem 0}
table{border-collapse:collapse;width:100%}th,td{border:1px solid #767676;padding:.3rem .5rem;text-align:left;
vertical-align:top}thead th{background:#eee}.out{border-left:.35rem solid #0b5394}.stays td{color:#3d3d3d}
.sentence{font-size:1.2rem;border-left:.35rem solid #0b5394;padding-left:1rem}
@media print{body{max-width:none;margin:0}thead{display:table-header-group}tr{break-inside:avoid}}
"""


def document(here: Voice, title: Message, body: Iterable[str], *, style: str = "", script: str = "") -> str:
    """Return a whole page in the language of the run.

    The Content-Security-Policy (CSP Level 3) lets nothing in from outside, and no script but this very one.
    """
    lang = "fr-CA" if here.speech(say("yes")) == "oui" else "en-CA"
    head = escape(here.speech(title))
    inside = "\n".join(body)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    if script:
        policy += f"; script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
    end = f"<script>{script}</script>\n" if script else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{head}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n<main>\n<h1>{head}</h1>\n{inside}\n"
        f"</main>\n{end}</body>\n</html>\n"
    )


def paragraph(here: Voice, message: Message, kind: str = "") -> str:
    """Return one sentence as a paragraph."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(here.speech(message))}</p>"


def table(
    here: Voice, caption: Message, titles: Iterable[Message], rows: Iterable[tuple[str, Iterable[object]]]
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
