"""`creneau ledger list/report/export/verify`: what left, what came in, who did what."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Reply, Session, save, session, when
from agent.core.errors import Misconfigured
from agent.core.message import Message, say

LIMIT = typer.Option("--last", metavar="N", min=1, max=10_000, help=say("How many of the last lines.").id)
KIND = typer.Option("--kind", metavar="WORD", help=say("Lines of one kind alone: sent, received, veto…").id)
WHO = typer.Argument(metavar="WHO", help=say("The doctor, by EMR code or part of the name.").id)
MONTH = typer.Option("--month", metavar="YYYY-MM", help=say("Which month; this one by default.").id)
FILE = typer.Argument(metavar="FILE", help=say("Where to: .jsonl is the whole ledger, .csv the register.").id)
REGULATORY = typer.Option(
    "--regulatory", help=say("The six fields of the regulation on availability, as CSV; sent nowhere.").id
)
SINCE = typer.Option("--since", metavar="DAY", help=say("With --regulatory: from this day on.").id)
UNTIL = typer.Option("--until", metavar="DAY", help=say("With --regulatory: up to this day.").id)
EXPORTED = typer.Argument(metavar="[FILE]", help=say("An exported file; without it, this clinic's own ledger.").id)

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the start of a formula, or for a way to hide one."""

WRONG = {
    "chain": say("line {n} does not follow from the one before it: added, removed or changed"),
    "signature": say("line {n}: the hub's signature does not hold"),
    "receipt": say("line {n}: the receipt is for other bytes than were sent"),
    "head": say("line {n}: the hub countersigned another ledger than this one"),
    "keys": say("line {n}: the hub's keys do not follow from those before"),
}


def listing(ctx: typer.Context, last: Annotated[int, LIMIT] = 50, kind: Annotated[str, KIND] = "") -> None:
    """Print the last lines of the ledger."""
    here = session(ctx)
    reply = here.ask("ledger-list", limit=last, kind=kind)
    if here.put(reply):
        return
    rows = [(row["n"], when(row["at"]), row["what"], row["who"], row["detail"], row["bytes"]) for row in reply["rows"]]
    here.table((say("line"), say("when"), say("what"), say("who"), say("detail"), say("bytes")), rows)


def report(ctx: typer.Context, who: Annotated[str, WHO], month: Annotated[str, MONTH] = "") -> None:
    """Print one doctor's month."""
    here = session(ctx)
    reply = here.ask("ledger-report", who=who, month=month)
    if here.put(reply):
        return
    here.tell(say("{who}, {month}: what was shared with the hub", who=reply["who"], month=reply["month"]))
    names = ("published", "hours", "removed", "booked", "cancelled")
    rows = [(day["day"], *(day[name] for name in names)) for day in reply["days"]]
    rows.append((here.speech(say("total")), *(reply["totals"][name] for name in names)))
    titles = (say("day"), say("slots online"), say("hours"), say("taken back"), say("booked online"), say("cancelled"))
    here.table(titles, rows)
    for title, key in ((say("Who looked at these rows: {n}"), "looks"), (say("Vetoes kept or lifted: {n}"), "acts")):
        here.tell(Message(title.id, (("n", len(reply[key])),)))
        for one in reply[key]:
            here.write(f"  {when(one['at'])}  {one['who']}")
    here.tell(say("Added up from the ledger alone; to prove it: creneau ledger verify"))


def export(
    ctx: typer.Context,
    file: Annotated[Path, FILE],
    regulatory: Annotated[bool, REGULATORY] = False,
    since: Annotated[str, SINCE] = "",
    until: Annotated[str, UNTIL] = "",
) -> None:
    """Write the whole ledger (.jsonl), the register of communications (.csv) or the regulated fields."""
    here = session(ctx)
    with here.door() as ask:
        if regulatory:
            text = _regulatory(here, ask("ledger-regulatory", since=since, until=until)["rows"])
        elif file.suffix.casefold() == ".csv":
            text = _register(here, ask)
        else:
            text = "".join(_whole(ask))
    save(here, file, text)


def _whole(ask: Any) -> Iterator[str]:
    from agent.answers.ledgerfile import dump

    after: int | None = 0
    while after is not None:
        reply = ask("ledger-export", after=after)
        if after == 0:
            yield from dump([reply["header"]])
        yield from dump(reply["lines"])
        after = reply["next"]


def _register(here: Session, ask: Any) -> str:
    """Return the register: every message that left, with nature, recipient and purpose."""
    titles = (
        say("when"), say("line"), say("nature of the information"), say("recipient"), say("purpose and justification"),
        say("detail"),
    )  # fmt: skip
    rows: list[tuple[object, ...]] = []
    after: int | None = 0
    while after is not None:
        reply = ask("ledger-list", after=after, limit=5000)
        rows += [
            (row["at"], row["n"], here.cell(row["nature"]), row["recipient"], here.cell(row["purpose"]), row["detail"])
            for row in reply["rows"]
            if row["nature"]
        ]
        after = reply["next"]
    return sheet([here.speech(title) for title in titles], rows)


def _regulatory(here: Session, rows: Iterable[Mapping[str, Any]]) -> str:
    titles = {
        "bookable_from": say("bookable from"), "start": say("start"), "end": say("end"),
        "clientele": say("category of persons"), "reason": say("reason"), "redirect": say("redirection source"),
        "mode": say("mode"), "place": say("name of the place"), "contact": say("contact of the place"),
    }  # fmt: skip
    return sheet([here.speech(title) for title in titles.values()], [[row[key] for key in titles] for row in rows])


def sheet(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return CSV (RFC 4180) that Excel reads with its accents; no cell is taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    out.write("\N{BYTE ORDER MARK}")
    writer.writerow([plain(title) for title in titles])
    writer.writerows([plain("" if cell is None else str(cell)) for cell in row] for row in rows)
    return out.getvalue()


def plain(cell: str) -> str:
    """Return a cell no spreadsheet runs: a leading apostrophe where it would begin a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) or cell.startswith(FORMULA) else cell


def verify(ctx: typer.Context, file: Annotated[Path | None, EXPORTED] = None) -> None:
    """Prove the ledger, or an exported file with nothing else at hand; exit 1 when a line is wrong."""
    here = session(ctx)
    reply = here.ask("ledger-verify") if file is None else _offline(file)
    if not here.put(reply):
        _proof(here, reply)
    if not reply["whole"]:
        raise typer.Exit(FINDING)


def _offline(file: Path) -> Reply:
    from agent.answers.ledger import proof_json
    from agent.answers.ledgerfile import examine

    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            return proof_json(examine(lines))
    except (OSError, UnicodeDecodeError) as cause:
        raise Misconfigured(
            say("read the exported ledger"), say("the file cannot be read"), say("name another file"), file=str(file)
        ) from cause


def _proof(here: Session, reply: Reply) -> None:
    if reply["wrong"] is not None:
        wrong = reply["wrong"]
        here.tell(Message(WRONG[wrong["why"]].id, (("n", wrong["n"]),)))
        here.tell(say("Everything before that line holds. Keep a copy and call the hub operator."))
        return
    here.tell(say("The chain holds: lines {first} to {last}.", first=reply["first"], last=reply["last"]))
    here.tell(say("Receipts the hub signed for the very bytes sent: {n}", n=reply["receipts"]))
    here.tell(say("Booking requests signed by the hub: {n}", n=reply["orders"]))
    if reply["signed"]:
        covered, day = reply["covered"], when(reply["signed"])
        here.tell(say("Countersigned by the hub up to line {n}, last on {day}.", n=covered, day=day))
    if reply["unproved"]:
        here.tell(say("Signed with keys this ledger does not hold, not proved: {n}", n=reply["unproved"]))
    if reply["fingerprint"]:
        here.tell(say("Hub {hub}, fingerprint {fingerprint}", hub=reply["hub"], fingerprint=reply["fingerprint"]))
