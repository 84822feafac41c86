"""What people are written about: read from the answers the command line gives.

Rule: a cause is a state, never an event, so that nothing is missed while nobody could be written to.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from agent.core.message import say
from agent.core.notices import Cause
from agent.desk.page import Answers, expires
from agent.desk.voice import ClinicVoice
from agent.html import sentence_of

SOON = timedelta(hours=1)
"""Before its deadline a task is written about at once."""
AT_ONCE = timedelta(0)
DAILY = timedelta(days=1)
HOURLY = timedelta(hours=1)


def causes(voice: ClinicVoice, shown: Answers) -> tuple[Cause, ...]:
    """Return what holds now."""
    return (*_down(voice, shown), *_tasks(shown), *_unsold(shown), *_manager(shown))


def _down(voice: ClinicVoice, shown: Answers) -> Iterable[Cause]:
    for line in shown.status["lines"]:
        if line["severity"] != "fault":
            continue
        part = voice.cell(line["name"])
        yield Cause(
            key=f"down:{line['part']}:{line['source']}",
            says=say("{part}: {state}.", part=part, state=voice.cell(line["says"])),
            hint=say("creneau status"),
            over=say("{part}: works again.", part=part),
        )


def _tasks(shown: Answers) -> Iterable[Cause]:
    waits = len(shown.tasks)
    if not waits:
        return
    hint = say("creneau tasks list")
    yield Cause("tasks", say("Tasks that need a person: {n}.", n=waits), hint, AT_ONCE, HOURLY * 4)
    near = [task for task in shown.tasks if _near(task, shown.at)]
    if near:
        says = say("Tasks to answer within the hour, or the patient is told no: {n}.", n=len(near))
        yield Cause("tasks-near", says, hint, AT_ONCE, HOURLY)
    for kind in sorted({str(task["kind"]) for task in shown.tasks} & {"limit", "quarantine"}):
        first = next(task for task in shown.tasks if task["kind"] == kind)
        yield Cause(f"task:{kind}", sentence_of(first["says"]), hint, AT_ONCE, DAILY)


def _near(task: Mapping[str, Any], now: datetime) -> bool:
    until = task["deadline"]
    return until is not None and now < datetime.fromisoformat(until) <= now + SOON


def _unsold(shown: Answers) -> Iterable[Cause]:
    if shown.unsold:
        says = say("Published places nobody can book now, to fill by phone: {n}.", n=len(shown.unsold))
        over = say("Every published place can be booked online again.")
        yield Cause("unsold", says, say("creneau unsold"), over=over)


def _manager(shown: Answers) -> Iterable[Cause]:
    news = shown.status["news"]
    if news:
        says = say("New types or people in the EMR, not shared until somebody decides: {n}.", n=len(news))
        hint = say("add them to the file, then creneau sharing diff")
        yield Cause("news:" + ",".join(sorted(f"{one['kind']}:{one['code']}" for one in news)), says, hint, again=None)
    expiry = shown.status["expiry"]
    if expiry is not None and expiry["reminder"] is not None:
        hint = say("Renew the sharing: write a later expires, then creneau sharing apply")
        yield Cause(f"expiry:{expiry['expires']}:{expiry['reminder']}", expires(expiry), hint, again=None)
