"""The page at the front desk: is it working, what is there to do, which places to fill by phone.

Rule: a file that stopped being written says so by itself; nothing on it names a patient.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from agent.core.message import Message, say
from agent.desk.voice import ClinicVoice
from agent.html import document, paragraph, sentence_of, table

Answer = Mapping[str, Any]

OLD_S = 180
"""From how old the page says that it is old: three minutes missed."""
STYLE = """
.state{font-size:1.6rem;font-weight:bold;border:.2rem solid;padding:.5rem 1rem;margin:1rem 0}
.yes{border-color:#1b5e20}.partly,.no,.stopped{border-color:#8b0000;background:#fff3f3}
#old{border:.3rem solid #8b0000;background:#fff3f3;padding:.5rem 1rem;font-size:1.4rem;font-weight:bold}
button{font:inherit;padding:.4rem .8rem;border:.1rem solid #1a1a1a;background:#fff;color:#1a1a1a}
button:focus-visible{outline:.25rem solid #0b5394;outline-offset:.15rem}.late th,.late td{font-weight:bold}
.wide{overflow-x:auto}.wide:focus-visible{outline:.25rem solid #0b5394}
@media print{button,#again{display:none}}
"""
SCRIPT = f"""
(function(){{
var state=document.getElementById('state'),old=document.getElementById('old'),stop=document.getElementById('pause');
var written=Date.parse(document.getElementById('written').getAttribute('datetime')),paused=false,loaded=Date.now();
function look(){{
old.hidden=!(Math.abs(Date.now()-written)>{OLD_S * 1000});state.hidden=!old.hidden;
if(!paused&&Date.now()-loaded>60000){{paused=true;location.reload();}}
}}
stop.hidden=false;
stop.addEventListener('click',function(){{paused=!paused;stop.setAttribute('aria-pressed',String(paused));}});
look();setInterval(look,5000);
}})();
"""
MARKS = {"yes": "\N{HEAVY CHECK MARK}", "partly": "\N{WARNING SIGN}", "no": "\N{HEAVY BALLOT X}"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the page shows: the answers of `status`, `tasks-list` and `unsold`, and when they were given."""

    clinic: str
    status: Answer
    tasks: Sequence[Answer]
    unsold: Sequence[Answer]
    at: datetime


def page(voice: ClinicVoice, shown: Answers) -> str:
    """Return the whole page, in the clinic's language."""
    body = [
        *_head(voice, shown),
        *_to_do(voice, shown),
        *_unsold(voice, shown),
        *_to_decide(voice, shown),
        *_parts(voice, shown.status),
    ]
    title = say("{clinic}: online appointments", clinic=shown.clinic)
    return document(voice, title, body, style=STYLE, script=SCRIPT)


def _head(voice: ClinicVoice, shown: Answers) -> Iterable[str]:
    working = str(shown.status["working"])
    mark = MARKS.get(working, MARKS["no"])
    says = escape(voice.cell(shown.status["says"]))
    stale = voice.speech(
        say("This page is old: nobody renews it. Whether appointments come in is not known. Call your IT person.")
    )
    yield f'<p id="old" role="alert" hidden>{escape(stale)}</p>'
    yield f'<div id="state"><p class="state {working}"><span aria-hidden="true">{mark} </span>{says}</p>'
    if shown.status["since"]:
        yield paragraph(voice, say("As it is since {when}.", when=voice.moment(shown.status["since"])))
    yield "</div>"
    when = f'<time id="written" datetime="{shown.at.isoformat(timespec="seconds")}">{escape(voice.moment(shown.at))}</time>'
    written = escape(voice.speech(say("Written on {when}, anew every minute.", when="\0"))).replace("\0", when)
    yield f"<p>{written}</p>"
    without = voice.speech(say("If that is more than three minutes ago, the page is old: call your IT person."))
    yield f"<noscript><p>{escape(without)}</p></noscript>"
    stop = escape(voice.speech(say("Hold the page still")))
    yield f'<p id="again"><button id="pause" type="button" aria-pressed="false" hidden>{stop}</button></p>'


def _to_do(voice: ClinicVoice, shown: Answers) -> Iterable[str]:
    yield f"<h2>{escape(voice.speech(say('To do: {n}', n=len(shown.tasks))))}</h2>"
    if not shown.tasks:
        yield paragraph(voice, say("Nothing needs a person."))
        return
    yield paragraph(voice, say("The patient's details: creneau tasks show, and the number of the line."))
    titles = (say("no."), say("what to do"), say("appointment"), say("who"), say("since"), say("answer before"))
    yield _wide(voice, say("What needs a person"), titles, (_task(voice, task, shown.at) for task in shown.tasks))


def _task(voice: ClinicVoice, task: Answer, now: datetime) -> tuple[str, list[object]]:
    facts, until = task["facts"], task["deadline"]
    start = facts.get("start")
    late = until is not None and datetime.fromisoformat(until) <= now
    last = voice.speech(say("too late: call the patient")) if late else voice.moment(until)
    opened = voice.moment(task["opened"])
    return "late" if late else "", [
        task["n"], task["says"], voice.moment(start), facts.get("practitioner"), opened, last,
    ]  # fmt: skip


def _unsold(voice: ClinicVoice, shown: Answers) -> Iterable[str]:
    if not shown.unsold:
        return
    yield f"<h2>{escape(voice.speech(say('Places to fill by phone: {n}', n=len(shown.unsold))))}</h2>"
    why = sentence_of(shown.unsold[0]["why"])
    yield paragraph(voice, say("Nobody can book these online now: {why}.", why=voice.speech(why)))
    titles = (say("when"), say("who"), say("site"), say("type"))
    rows = (
        ("", [voice.moment(row["when"]), row["who"], row["site"], row["type"]])
        for row in sorted(shown.unsold, key=lambda row: str(row["when"]))
    )
    yield _wide(voice, say("Published, and not to be booked now"), titles, rows)


def _to_decide(voice: ClinicVoice, shown: Answers) -> Iterable[str]:
    """Yield what the manager should decide: new types and people, an end of the sharing that comes near."""
    lines = [new(one) for one in shown.status["news"]]
    expiry = shown.status["expiry"]
    if expiry is not None and expiry["reminder"] is not None:
        lines.append(expires(expiry))
    if not lines:
        return
    yield f"<h2>{escape(voice.speech(say('For the manager')))}</h2>"
    yield "<ul>" + "".join(f"<li>{escape(voice.speech(line))}</li>" for line in lines) + "</ul>"


def new(one: Answer) -> Message:
    """Return the sentence about one code that no line of the file names."""
    label, free = str(one["label"]), int(one["free"])
    if one["kind"] == "type":
        return say("New type in the EMR, not shared: {label} (free places: {n})", label=label, n=free)
    return say(
        "New person in the EMR, not shared: {label}, code {code} (free places: {n})",
        label=label,
        code=str(one["code"]),
        n=free,
    )


def expires(expiry: Answer) -> Message:
    """Return the sentence about the end of the sharing."""
    if expiry["days"] < 0:
        return say("The sharing ended on {day}: nothing is published.", day=str(expiry["expires"]))
    return say("The sharing ends on {day}, days left: {n}.", day=str(expiry["expires"]), n=int(expiry["days"]))


def _parts(voice: ClinicVoice, status: Answer) -> Iterable[str]:
    titles = (say("part"), say("state"))
    rows = (("", [line["name"], line["says"]]) for line in status["lines"])
    yield f"<h2>{escape(voice.speech(say('In detail')))}</h2>"
    yield _wide(voice, say("Each part and its state"), titles, rows)
    steps = [escape(voice.cell(step)) for step in status["next"]]
    if steps:
        yield paragraph(voice, say("What to do next, for the IT person:"))
        yield "<ul>" + "".join(f"<li>{step}</li>" for step in steps) + "</ul>"


def _wide(
    voice: ClinicVoice, caption: Message, titles: Iterable[Message], rows: Iterable[tuple[str, Iterable[object]]]
) -> str:
    """Return a table that scrolls by itself on a narrow or enlarged screen (WCAG 1.4.10), by keyboard too (2.1.1)."""
    name = escape(voice.speech(caption), quote=True)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{name}">{table(voice, caption, titles, rows)}</div>'
    )
