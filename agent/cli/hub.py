"""`creneau hub …`: what a hub operator does with the reference hub.

Rule: the only file of the agent that imports `hub`, and only when one of these commands runs.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Session, session
from agent.core.errors import Misconfigured
from agent.core.message import say

FOLDER = typer.Option("--folder", metavar="FOLDER", envvar="CRENEAU_HUB", help=say("Where the hub keeps its data.").id)
ORIGIN = typer.Argument(metavar="URL", help=say("The hub's address, https://…").id)
DATABASE = typer.Option("--database", metavar="URL", help=say("A database's address; SQLite by default.").id)
HOST = typer.Option("--host", metavar="ADDRESS", help=say("The address to listen on.").id)
PORT = typer.Option("--port", metavar="N", min=1, max=65535, help=say("The port to listen on.").id)
CERT = typer.Option("--cert", metavar="FILE", help=say("Certificate chain, PEM; a private authority otherwise.").id)
KEY = typer.Option("--key", metavar="FILE", help=say("Its private key, PEM.").id)
CLINIC = typer.Argument(metavar="CLINIC", help=say("The clinic's id.").id)
NAME = typer.Option("--name", metavar="NAME", help=say("The clinic's name.").id)
CONTACT = typer.Option("--contact", metavar="TEXT", help=say("Whom to call at the clinic.").id)
TAKEOVER = typer.Option("--takeover", help=say("For an agent that replaces another.").id)
PORTAL = typer.Argument(metavar="NAME", help=say("The portal's name.").id)
REVOKE = typer.Option("--revoke", help=say("End its token instead.").id)
BOOKING = typer.Argument(metavar="ID", help=say("The booking's id.").id)
ACTION = typer.Argument(metavar="stop|start", help=say("Stop or restart offering slots.").id)
KEYS = typer.Argument(metavar="rotate", help=say("Publish the next key set.").id)
ONE = typer.Option("--clinic", metavar="CLINIC", help=say("One clinic; all of them otherwise.").id)
VERSION = typer.Argument(metavar="VERSION", help=say("The version agents should run, as in 0.2.0.").id)
MINIMUM = typer.Option("--minimum", metavar="VERSION", help=say("The oldest version this hub still wants to hear.").id)
PACKAGE = typer.Option("--file", metavar="FILE", help=say("A package of that version; its digest is told.").id)
FILE = typer.Argument(metavar="FILE", help=say("The file to write.").id)


STATE = {
    "torn": say("two copies run"),
    "silent": say("silent"),
    "degraded": say("working in part"),
    "new": say("not heard yet"),
    "stopped": say("stopped by you"),
    "ok": say("works"),
}
"""A clinic's state in words; the keys are those of hub.desk."""
WORD = {"booked": say("booked"), "not-booked": say("not booked"), "being-checked": say("being checked")}
"""What the patient reads."""
FIELD = {
    "clinic": say("clinic"),
    "name": say("name"),
    "state": say("state"),
    "heard": say("heard"),
    "offered": say("slots"),
    "undecided": say("undecided"),
    "version": say("version"),
    "contact": say("whom to call"),
}


class Keys(StrEnum):
    """What `creneau hub keys` is told."""

    ROTATE = "rotate"


class Offering(StrEnum):
    """What `creneau hub offers` is told."""

    STOP = "stop"
    START = "start"


Folder = Annotated[Path, FOLDER]
HERE = Path("hub-data")


def _desk() -> ModuleType:
    """Import the hub; Misconfigured when its extra is not installed."""
    try:
        from hub import desk
    except ModuleNotFoundError as cause:
        raise Misconfigured(
            say("open the hub"),
            say("the hub's parts are not installed"),
            say("install the package creneau[{extra}]", extra="hub"),
        ) from cause
    return desk


def init(
    ctx: typer.Context, url: Annotated[str, ORIGIN], folder: Folder = HERE, database: Annotated[str, DATABASE] = ""
) -> None:
    """Create a hub."""
    here = session(ctx)
    thumb = _desk().init(folder, url.rstrip("/"), database=database)
    if not here.put({"folder": str(folder), "origin": url.rstrip("/"), "key": thumb}):
        here.tell(say("Hub created in {folder}; key {key}", folder=str(folder), key=thumb))


def serve(
    ctx: typer.Context,
    folder: Folder = HERE,
    host: Annotated[str, HOST] = "127.0.0.1",
    port: Annotated[int, PORT] = 8443,
    cert: Annotated[Path | None, CERT] = None,
    key: Annotated[Path | None, KEY] = None,
) -> None:
    """Serve until stopped."""
    here = session(ctx)
    _desk()
    from hub.serve import serve as run

    says = say("The hub listens on {host}:{port}. Stop it with Ctrl+C.", host=host, port=str(port))
    run(folder, host, port, cert, key, lambda: here.tell(says))


def code(
    ctx: typer.Context,
    clinic: Annotated[str, CLINIC],
    folder: Folder = HERE,
    name: Annotated[str, NAME] = "",
    contact: Annotated[str, CONTACT] = "",
    takeover: Annotated[bool, TAKEOVER] = False,
) -> None:
    """Issue a one-time code, shown once."""
    here = session(ctx)
    shown = _desk().code(folder, clinic, name, contact=contact, takeover=takeover)
    if not here.put({"clinic": clinic, "code": shown}):
        here.write(shown)


def takeover(ctx: typer.Context, clinic: Annotated[str, CLINIC], folder: Folder = HERE) -> None:
    """Issue the code that lets another agent take the clinic over."""
    code(ctx, clinic, folder, takeover=True)


def portal(
    ctx: typer.Context, name: Annotated[str, PORTAL], folder: Folder = HERE, revoke: Annotated[bool, REVOKE] = False
) -> None:
    """Issue a portal's token, shown once, or end it."""
    here = session(ctx)
    if revoke:
        ended = bool(_desk().revoke_portal(folder, name))
        if not here.put({"portal": name, "ended": ended}):
            here.tell(say("Token ended.") if ended else say("There is no such token."))
        if not ended:
            raise typer.Exit(FINDING)
        return
    token = _desk().portal(folder, name)
    if not here.put({"portal": name, "token": token}):
        here.write(token)


def clinics(ctx: typer.Context, folder: Folder = HERE) -> None:
    """Count clinics by state, print every one, those to call first; exit 1 when one needs somebody."""
    here, desk = session(ctx), _desk()
    ranks = {state: rank for rank, state in enumerate(desk.STATES)}
    found = sorted(desk.clinics(folder), key=lambda row: (ranks[row["state"]], row["clinic"]))
    counts = {state: sum(row["state"] == state for row in found) for state in desk.STATES}
    if not here.put({"clinics": found, "states": counts}):
        words = [f"{here.speech(STATE[state])} {n}" for state, n in counts.items() if n]
        here.tell(say("Clinics: {counts}", counts=", ".join(words) or "0"))
        here.write()
        titles = ("clinic", "name", "state", "heard", "offered", "undecided", "version", "contact")
        here.table([FIELD[name] for name in titles], [[_cell(here, row, name) for name in titles] for row in found])
        spread = Counter(str(row["version"]) for row in found if row["version"])
        if spread:
            versions = ", ".join(f"{name} ({n})" for name, n in sorted(spread.items()))
            here.tell(say("Versions: {spread}", spread=versions))
    if any(row["state"] in desk.STATES[: desk.NEEDY] for row in found):
        raise typer.Exit(FINDING)


def _cell(here: Session, row: Mapping[str, Any], name: str) -> str:
    return here.speech(STATE[row[name]]) if name == "state" else here.cell(row[name])


def clinic(ctx: typer.Context, clinic: Annotated[str, CLINIC], folder: Folder = HERE) -> None:
    """Print one clinic: its state and its agents with their fingerprints."""
    here = session(ctx)
    found = _desk().clinic(folder, clinic)
    if here.put(found):
        return
    for name, title in FIELD.items():
        here.write(f"{here.speech(title):<16} {_cell(here, found, name)}")
    rows = [
        (agent["fingerprint"], agent["current"], agent["software"], agent["since"], agent["retired"])
        for agent in found["agents"]
    ]
    here.write()
    here.table((say("fingerprint"), say("current"), say("software"), say("since"), say("retired")), rows)


def booking(ctx: typer.Context, booking: Annotated[str, BOOKING], folder: Folder = HERE) -> None:
    """Follow one booking through its versions; exit 1 when nobody knows it."""
    here = session(ctx)
    found = _desk().booking(folder, booking)
    if not here.put({"bookings": found}):
        if not found:
            here.tell(say("No clinic has a booking {booking}.", booking=booking))
        for row in found:
            here.write(f"{row['clinic']}  {row['portal']}  {here.speech(WORD[row['word']])}")
            for version in row["versions"]:
                here.write("  " + "  ".join(f"{key}={value}" for key, value in version.items()))
            for outcome in row["outcomes"]:
                here.write("  " + "  ".join(f"{key}={value}" for key, value in outcome.items()))
    if not found:
        raise typer.Exit(FINDING)


def offers(
    ctx: typer.Context, action: Annotated[Offering, ACTION], folder: Folder = HERE, clinic: Annotated[str, ONE] = ""
) -> None:
    """Stop or restart offering slots."""
    here = session(ctx)
    n = _desk().offers(folder, start=action is Offering.START, name=clinic or None)
    if not here.put({"clinics": n}):
        here.tell(say("Clinics changed: {n}", n=n))


def revoke(ctx: typer.Context, clinic: Annotated[str, CLINIC], folder: Folder = HERE) -> None:
    """Shut out a clinic's keys."""
    here = session(ctx)
    n = _desk().revoke(folder, clinic)
    if not here.put({"clinic": clinic, "keys": n}):
        here.tell(say("Keys shut out: {n}", n=n))


def keys(ctx: typer.Context, action: Annotated[Keys, KEYS], folder: Folder = HERE) -> None:
    """Publish the next key set; agents follow with their next heartbeat."""
    here = session(ctx)
    del action  # there is one
    made = _desk().rotate_keys(folder)
    if not here.put(made):
        here.tell(say("Key set {n} is published; its key is {key}.", n=made["n"], key=made["key"]))
        here.tell(say("Save the folder keys apart from the backups, and make a backup: creneau hub backup FILE"))


def release(
    ctx: typer.Context,
    version: Annotated[str, VERSION],
    folder: Folder = HERE,
    minimum: Annotated[str, MINIMUM] = "",
    file: Annotated[list[Path] | None, PACKAGE] = None,
) -> None:
    """Tell agents which version to run; the digests are those of the files given."""
    here = session(ctx)
    _desk()
    from hub import releases

    told = releases.tell(folder, version, minimum, {one.name: _digest(one) for one in file or []})
    if not here.put({"n": told.n, "version": told.version, "minimum": told.minimum, "files": dict(told.files)}):
        here.tell(
            say("Agents will be told of {version}; at least {minimum}.", version=told.version, minimum=told.minimum)
        )


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as cause:
        hint = say("give the path of a package")
        raise Misconfigured(say("read the file"), say("the file cannot be read"), hint, file=str(file)) from cause


def backup(ctx: typer.Context, file: Annotated[Path, FILE], folder: Folder = HERE) -> None:
    """Save the hub's store."""
    here = session(ctx)
    _desk().backup(folder, file)
    if not here.put({"file": str(file)}):
        here.tell(say("Saved in {file}.", file=str(file)))
