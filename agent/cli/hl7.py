"""`creneau hl7 …`: try an HL7 interface by hand; say of a message that was not understood that it is settled."""

import threading
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Reply, Session, session, when
from agent.core.message import say

FILE = typer.Argument(metavar="FILE", help=say("A file with one or more HL7 messages.").id)
ZONE = typer.Option("--zone", metavar="ZONE", help=say("Time zone of the site, such as America/Toronto.").id)
WINS = typer.Option("--time-from", metavar="FIELD", help=say("The field that wins when times differ.").id)
UNIT = typer.Option("--unit", metavar="WORD", help=say("Unit of a bare length: minutes or seconds.").id)
WHERE = typer.Argument(metavar="HOST:PORT", help=say("Where to send, or to listen.").id)
WAIT = typer.Option("--wait", metavar="S", min=1, max=600, help=say("Seconds to wait for an answer.").id)
N = typer.Argument(min=0, metavar="N", help=say("The message's number.").id)
EMR = typer.Option("--emr", metavar="ID", help=say("Which source, when there are several.").id)
YES = typer.Option("--yes", help=say("Do it without asking.").id)
FOLDER = typer.Option("--folder", metavar="FOLDER", help=say("Where the messages are kept.").id)


class Field(StrEnum):
    """What `--time-from` may be."""

    AGREE = "agree"
    TQ1 = "tq1"
    SCH11 = "sch11"
    AIS = "ais"
    AIG = "aig"
    AIL = "ail"
    AIP = "aip"


class Unit(StrEnum):
    """What `--unit` may be."""

    REFUSE = "refuse"
    MINUTES = "minutes"
    SECONDS = "seconds"


def explain(
    ctx: typer.Context,
    file: Annotated[Path, FILE],
    zone: Annotated[str, ZONE] = "America/Toronto",
    time_from: Annotated[Field, WINS] = Field.AGREE,
    unit: Annotated[Unit, UNIT] = Unit.REFUSE,
) -> None:
    """Print what is understood, field by field; exit 1 when a message is refused."""
    from agent.config.values import zone as known
    from agent.wiring import hl7

    here = session(ctx)
    found = hl7.explain(file, known(zone), time_from.value, unit.value)
    said = [
        {"code": each["code"], "lines": [{**line, "says": here.speech(line["says"])} for line in each["lines"]]}
        for each in found
    ]
    if not here.put({"messages": said}):
        for number, each in enumerate(said, 1):
            here.tell(say("Message {n}", n=number))
            for line in each["lines"]:
                here.write(f"  {line['place']:<9} {line['text']:<28} {line['says']}".rstrip())
    if any(each["code"] for each in said):
        raise typer.Exit(FINDING)


def send(
    ctx: typer.Context, file: Annotated[Path, FILE], where: Annotated[str, WHERE], wait: Annotated[int, WAIT] = 15
) -> None:
    """Send every message of a file; exit 1 when one is not accepted."""
    from agent.wiring import hl7

    here = session(ctx)
    done = []
    for number, word in hl7.send(file, where, timedelta(seconds=wait)):
        done.append({"number": number, "answer": word})
        if not here.as_json:
            here.write(f"{number}  {word}")
    here.put({"messages": done})
    if not done or any(each["answer"] not in {"AA", "CA"} for each in done):
        raise typer.Exit(FINDING)


def doubts(ctx: typer.Context) -> None:
    """Print what is kept back because a message was not understood; exit 1 when there is any."""
    here = session(ctx)
    reply = here.ask("hl7-doubts")
    if not here.put(reply):
        if not reply["doubts"]:
            here.tell(say("Every message about an appointment was understood."))
        else:
            titles = (
                say("EMR"),
                say("no."),
                say("since"),
                say("event"),
                say("who"),
                say("from"),
                say("to"),
                say("why"),
            )
            here.table(titles, [_doubt(here, each) for each in reply["doubts"]])
            here.tell(say("Save the appointment in the EMR again, or look at the agenda and say: creneau hl7 settle N"))
    if reply["doubts"]:
        raise typer.Exit(FINDING)


def settle(
    ctx: typer.Context,
    n: Annotated[int, N],
    emr: Annotated[str, EMR] = "",
    yes: Annotated[bool, YES] = False,
) -> None:
    """Put the times of one message online again; the ledger keeps who said so."""
    here = session(ctx)
    here.confirm(
        say("These hours go online again: did you look at the EMR, and is what stands there known? Go on?"),
        yes=yes,
    )
    reply = here.ask("hl7-settle", n=n, emr=emr)
    if not here.put(reply):
        here.tell(say("Settled: its times go online again."))


def _doubt(here: Session, each: Reply) -> tuple[object, ...]:
    whom = ", ".join(each["whom"]) or here.speech(say("anybody"))
    until = when(each["end"]) or here.speech(say("no end"))
    return (
        each["emr"],
        each["n"],
        when(each["since"]),
        each["event"] or "?",
        whom,
        when(each["start"]),
        until,
        each["why"],
    )


def listen(
    ctx: typer.Context, where: Annotated[str, WHERE] = "127.0.0.1:2575", folder: Annotated[Path, FOLDER] = Path("hl7")
) -> None:
    """Take messages in until Ctrl+C; each is kept as a file before it is answered."""
    from agent.wiring import hl7

    here = session(ctx)

    def heard(body: bytes, reply: bytes) -> None:
        if not body:
            here.tell(say("Listening at {where}. Stop it with Ctrl+C.", where=reply.decode()))
            return
        event, word = hl7.summary(body, reply)
        here.write(f"{event}  {word}")

    stop = threading.Event()
    try:
        hl7.listen(folder, where, heard, stop)
    finally:
        stop.set()
