"""`creneau sharing show/diff/apply/pause/withdraw/resume` and `creneau freeze`."""

from typing import Annotated

import typer

from agent.cli.failing import FINDING
from agent.cli.session import Reply, Session, session, when
from agent.core.message import Message, say

YES = typer.Option("--yes", help=say("Do it without asking.").id)
SHOWN = 40
"""Slots listed of each kind; --json has them all."""


def show(ctx: typer.Context) -> None:
    """Print the rules of the file in plain words."""
    here = session(ctx)
    reply = here.ask("sharing-show")
    if here.put(reply):
        return
    if reply["enabled"]:
        here.tell(say("Sharing is on until {day}.", day=str(reply["expires"])))
    else:
        here.tell(say("Rehearsal: nothing leaves while enabled = false."))
    for said in reply["says"]:
        here.write("  " + here.cell(said))
    for rule in reply["allow"]:
        _rule(here, rule, say("Shared: {name} (line {line})", name=rule["name"], line=rule["line"]))
    for rule in reply["deny"]:
        _rule(here, rule, say("Never: {name} (line {line})", name=rule["name"], line=rule["line"]))
    if not reply["applied"]:
        here.tell(say("These rules are not applied yet: creneau sharing diff, then creneau sharing apply"))


def _rule(here: Session, rule: Reply, title: Message) -> None:
    here.tell(title)
    named = {
        "types": say("types"),
        "people": say("people"),
        "sites": say("sites"),
        "days": say("days"),
        "between": say("hours"),
        "to": say("for"),
    }
    for key, word in named.items():
        if rule[key]:
            joined = (" - " if key == "between" else ", ").join(here.cell(value) for value in rule[key])
            here.write(f"    {here.speech(word)} : {joined}")


def diff(ctx: typer.Context) -> None:
    """Print what would appear and vanish; exit 1 when there is a difference."""
    here = session(ctx)
    reply = here.ask("sharing-diff")
    if not here.put(reply):
        _difference(here, reply)
    if reply["appear"] or reply["vanish"] or reply["change"]:
        raise typer.Exit(FINDING)


def apply(ctx: typer.Context, yes: Annotated[bool, YES] = False) -> None:
    """Show the difference, ask, put it into force."""
    here = session(ctx)
    with here.door() as ask:
        reply = ask("sharing-diff")
        if reply["same"]:
            if not here.put(reply):
                here.tell(say("These rules are in force already."))
            return
        if not here.as_json:
            _difference(here, reply)
        here.confirm(say("Put these rules into force?"), yes=yes)
        done = ask("sharing-apply", digest=reply["digest"])
    if here.put({**reply, **done}):
        return
    if done["enabled"]:
        here.tell(say("In force until {day}.", day=str(done["expires"])))
    else:
        here.tell(say("Applied. Rehearsal: nothing leaves while enabled = false."))


def _difference(here: Session, reply: Reply) -> None:
    if reply["rehearsal"]:
        here.tell(say("Rehearsal (enabled = false): this is what would appear."))
    counts = {
        "appear": say("Slots that appear: {n}", n=len(reply["appear"])),
        "vanish": say("Slots that vanish: {n}", n=len(reply["vanish"])),
        "change": say("Slots that change: {n}", n=len(reply["change"])),
    }
    for name, says in counts.items():
        slots = reply[name]
        here.tell(says)
        for slot in slots[:SHOWN]:
            here.write(
                f"  {when(slot['when'])}-{when(slot['until'])[11:]}  {slot['who']}  {slot['site']}  {slot['type']}"
            )
        if len(slots) > SHOWN:
            here.tell(say("  … and {n} more", n=len(slots) - SHOWN))


def pause(ctx: typer.Context) -> None:
    """Let nothing new appear."""
    _posture(ctx, "sharing-pause")


def withdraw(ctx: typer.Context, yes: Annotated[bool, YES] = False) -> None:
    """Take every slot offline, after asking."""
    session(ctx).confirm(say("Take every slot offline?"), yes=yes)
    _posture(ctx, "sharing-withdraw")


def resume(ctx: typer.Context) -> None:
    """End a pause, a withdrawal or a freeze."""
    _posture(ctx, "sharing-resume")


def freeze(ctx: typer.Context) -> None:
    """Write nothing into the EMR until resume; it never asks, since it is for emergencies."""
    _posture(ctx, "freeze")


def _posture(ctx: typer.Context, verb: str) -> None:
    here = session(ctx)
    reply = here.ask(verb)
    if not here.put(reply):
        here.tell(say("Now: {posture}", posture=here.cell(reply["says"])))
        if reply["posture"] != "open":
            here.tell(say("To end it: creneau sharing resume"))
