"""`creneau tasks list/show/done`: what needs a person."""

from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Reply, Session, session, when
from agent.core.message import say

N = typer.Argument(min=1, metavar="N", help=say("The task's number.").id)
ALL = typer.Option("--all", help=say("Those already answered too.").id)
ANSWER = typer.Option(
    "--in-agenda/--not-in-agenda", help=say("What you saw: it is in the agenda, or it is not.").id, show_default=False
)
PATIENT = {
    "family": say("family name"),
    "given": say("given name"),
    "born": say("born on"),
    "nam": say("health number"),
    "phone": say("phone"),
    "email": say("e-mail"),
    "sex": say("sex"),
    "note": say("note"),
}


def listing(ctx: typer.Context, every: Annotated[bool, ALL] = False) -> None:
    """Print open tasks; exit 1 when there are any."""
    here = session(ctx)
    reply = here.ask("tasks-list", answered=every)
    if not here.put(reply):
        if not reply["tasks"]:
            here.tell(say("Nothing needs a person."))
        else:
            here.table(
                (say("task"), say("since"), say("when"), say("who"), say("answer before"), say("what to do")),
                [_row(task) for task in reply["tasks"]],
            )
    if any(task["answer"] is None for task in reply["tasks"]):
        raise typer.Exit(FINDING)


def _row(task: Reply) -> tuple[object, ...]:
    facts = task["facts"]
    start, until = when(facts.get("start")), when(task["deadline"])
    return task["n"], when(task["opened"]), start, facts.get("practitioner"), until, task["says"]


def show(ctx: typer.Context, n: Annotated[int, N]) -> None:
    """Print one task with the patient's details; the ledger keeps who looked."""
    here = session(ctx)
    reply = here.ask("tasks-show", n=n)
    if here.put(reply):
        return
    task = reply["task"]
    here.write(f"{task['n']}. {here.cell(task['says'])}")
    facts = task["facts"]
    slot = (when(facts.get("start")), facts.get("practitioner"), facts.get("site"), facts.get("type"))
    here.write("   " + "  ".join(str(part) for part in slot if part))
    if reply["patient"] is None:
        here.tell(say("The patient's details are no longer kept."))
    else:
        _patient(here, reply["patient"])
    if task["answer"] is None:
        here.tell(say("Then: creneau tasks done {n} --in-agenda   or   --not-in-agenda", n=task["n"]))


def _patient(here: Session, patient: Reply) -> None:
    for name, title in PATIENT.items():
        if patient.get(name):
            here.write(f"   {here.speech(title):<16} {patient[name]}")


def done(ctx: typer.Context, n: Annotated[int, N], in_agenda: Annotated[bool, ANSWER]) -> None:
    """Answer a task. There is no default: the person says which."""
    here = session(ctx)
    reply = here.ask("tasks-done", n=n, in_agenda=in_agenda)
    if not here.put(reply):
        here.tell(say("Task {n} is answered.", n=n))
