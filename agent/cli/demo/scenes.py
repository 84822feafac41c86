"""The scenes, in order: what a clinic would want to see before it believes us.

Rule: a scene asserts what it shows; the EMR's rows are read past the agent.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.cli.demo.stage import PATIENT, Stage
from agent.cli.session import when
from agent.core.errors import Refused
from agent.core.message import Message, say


@dataclass(frozen=True, slots=True)
class Scene:
    """A heading and what happens under it."""

    title: Message
    play: Callable[[Stage], None]


def agenda(stage: Stage) -> None:
    """Show the EMR's own agenda, counted."""
    shown = stage.sample.ask("preview", days=14)
    cells = Counter(str(row["cell"]["id"]) for row in shown["rows"])
    for cell, count in sorted(cells.items()):
        stage.tell(say("{cell}: {count}", cell=stage.here.speech(Message(cell)), count=count))
    stage.held["preview"] = shown


def rules(stage: Stage) -> None:
    """Show what the rules let out, and why the rest stays."""
    shown = stage.held["preview"]
    stage.tell(say("would leave: {count} slots", count=shown["counts"]["leaves"]))
    stays = Counter(str(row["why"]["id"]) for row in shown["rows"] if row["why"])
    for why, count in stays.most_common():
        stage.tell(say("stays at the clinic, {why}: {count}", why=stage.here.speech(Message(why)), count=count))
    first = [row for row in shown["rows"] if row["start"]][:3]
    for row in first:
        stage.tell(
            say("agenda {when} {who} → hub {start}, the team", when=row["when"], who=row["who"], start=row["start"])
        )


def push(stage: Stage) -> None:
    """Join the hub, start the agent, wait for the slots to stand there."""
    sample = stage.sample
    joined = sample.enrol()
    stage.tell(say("joined; fingerprint to compare by phone: {fingerprint}", fingerprint=joined["fingerprint"]))
    sample.start()
    slots = stage.until(say("no slot reached the hub"), sample.portal.slots)
    receipt = stage.until(say("no receipt came"), lambda: sample.trail("receipt"))[-1]
    sent = sample.trail("sent")[-1]
    stage.tell(say("signed message, {size} bytes: {start}…", size=len(sent), start=_visible(sent)))
    stage.tell(say("signed receipt, {size} bytes: {start}…", size=len(receipt), start=_visible(receipt)))
    stage.tell(say("the booking site can now offer {count} slots", count=len(slots)))


def hold(stage: Stage) -> None:
    """Hold a slot while the patient types; it leaves the list, the agenda is untouched."""
    from agent.wiring.sample import CLINIC

    sample, booking = stage.sample, stage.booking()
    slot = _one(stage)
    before = len(sample.rows())
    until = sample.time() + timedelta(minutes=5)
    sample.portal.hold(CLINIC, booking, 1, slot["id"], now=sample.time(), until=until)
    word = stage.word(stage.outcome(booking, 1))
    stage.tell(say("held for 5 minutes: {start} → {outcome}", start=when(slot["start"]), outcome=word))
    _sure(len(sample.rows()) == before, say("a hold must not touch the agenda"))
    stage.held.update(booking=booking, slot=slot)


def book(stage: Stage) -> None:
    """Confirm it; the sealed patient becomes one appointment, exactly once, across a restart."""
    from agent.wiring.sample import CLINIC

    sample, booking, slot = stage.sample, stage.held["booking"], stage.held["slot"]
    before = len(sample.rows())
    sample.portal.book(CLINIC, booking, 2, slot["id"], PATIENT, now=sample.time())
    outcome = stage.outcome(booking, 2)
    sample.restart()
    rows = [row for row in sample.rows() if row.creator == "creneau" and row.is_active]
    _sure(outcome == "booked" and len(rows) == 1 and len(sample.rows()) == before + 1, say("one appointment expected"))
    landed = f"{rows[0].start:%Y-%m-%d %H:%M}"
    stage.tell(say("{outcome}; in the agenda: {row}", outcome=stage.word(outcome), row=landed))
    stage.tell(say("agent stopped and started again: still one appointment"))


def race(stage: Stage) -> None:
    """Let the receptionist take a slot that is still offered online; the online order gives way."""
    from agent.wiring.sample import CLINIC

    booking, start = stage.until(say("no order was in time for a race"), lambda: _raced(stage))
    outcome = stage.outcome(booking, 1)
    rows = [row for row in stage.sample.rows() if row.creator == "creneau" and row.is_active]
    _sure(outcome == "conflict" and len(rows) == 1, say("the person at the desk must win"))
    others = stage.sample.portal.booking(CLINIC, booking)["alternatives"]
    word = stage.word(outcome)
    stage.tell(say("front desk booked {start} first → online: {outcome}", start=when(start), outcome=word))
    stage.tell(say("her appointment stands; the patient is shown {count} other slots", count=len(others)))
    stage.until(say("a slot that is taken is still offered"), lambda: start not in _starts(stage))


def _raced(stage: Stage) -> tuple[str, str] | None:
    """Book by phone, then order online at once; None when the hub had already heard that the slot is gone."""
    import httpx

    from agent.wiring.sample import CLINIC, SHARED

    sample, booking, slot = stage.sample, stage.booking(), _one(stage)
    for number in SHARED:  # a slot of "the team" may be any of theirs
        sample.receptionist.book(number, datetime.fromisoformat(slot["start"]).replace(tzinfo=None))
    try:
        sample.portal.book(CLINIC, booking, 1, slot["id"], PATIENT, now=sample.time())
    except httpx.HTTPStatusError:
        return None
    return booking, slot["start"]


def outage(stage: Stage) -> None:
    """Cut the hub right after an order was taken; nothing is lost, and the clinic sees what nobody can book."""
    from agent.wiring.sample import CLINIC

    sample, booking, slot = stage.sample, stage.booking(), _one(stage)
    sample.portal.book(CLINIC, booking, 1, slot["id"], PATIENT, now=sample.time())
    stage.until(say("the order did not arrive"), lambda: _knows(stage, booking))
    sample.cut()
    stage.tell(say("hub cut"))
    unsold = stage.until(say("the outage was not noticed"), lambda: sample.ask("unsold")["unsold"])
    stage.tell(say("creneau unsold: {count} published slots to fill by phone", count=len(unsold)))
    rows = stage.until(say("the booking did not land"), lambda: _landed(stage, 2))
    stage.tell(say("meanwhile the booking landed in the agenda: {row}", row=f"{rows[-1].start:%Y-%m-%d %H:%M}"))
    sample.restore()
    told = stage.word(stage.outcome(booking, 1, word="booked"))
    stage.tell(say("hub restored; outcome told: {outcome}", outcome=told))
    _sure(len(_landed(stage, 2)) == 2, say("no appointment may be entered twice"))


def heartbeat(stage: Stage) -> None:
    """Show the clinic as the hub's operator sees it: every part well, and no number of the agenda."""
    sample = stage.sample
    sample.beat()  # the outage left its mark on the last one
    stage.until(say("a part of the agent is not well"), sample.well)
    sample.beat()
    seen = stage.until(say("no heartbeat came"), lambda: _beaten(stage))
    stage.tell(say("the hub's operator sees clinic {clinic}, and of it:", clinic=str(seen["clinic"])))
    told = {name: seen["beat"][name] for name in ("legs", "emr_read", "hub", "oldest", "disk", "uptime")}
    stage.here.write(f"   {json.dumps(told)}")


SCENES = (
    Scene(say("What the EMR holds"), agenda),
    Scene(say("What the sharing rules let out, and why the rest stays"), rules),
    Scene(say("The signed push and its receipt"), push),
    Scene(say("A hold"), hold),
    Scene(say("A booking lands in the EMR"), book),
    Scene(say("A race lost gracefully to the receptionist"), race),
    Scene(say("The hub cut and restored"), outage),
    Scene(say("A heartbeat"), heartbeat),
)


def _one(stage: Stage) -> dict[str, str]:
    """Return a slot offered now, the latest so that nothing else comes in the way."""
    slots = stage.until(say("no slot is offered"), stage.sample.portal.slots)
    slot: dict[str, str] = slots[-1]
    return slot


def _starts(stage: Stage) -> set[str]:
    return {slot["start"] for slot in stage.sample.portal.slots()}


def _knows(stage: Stage, booking: str) -> bool:
    return any(row["booking"] == booking for row in stage.sample.ask("bookings")["bookings"])


def _landed(stage: Stage, count: int) -> list[Any]:
    rows = [row for row in stage.sample.rows() if row.creator == "creneau" and row.is_active]
    return rows if len(rows) >= count else []


def _beaten(stage: Stage) -> dict[str, Any]:
    seen = dict(stage.sample.look())
    legs = seen["beat"]["legs"] if seen["beat"] else {}
    return seen if len(legs) == 5 and set(legs.values()) == {"ok"} else {}


def _visible(body: bytes) -> str:
    return body[:48].decode("ascii", "replace")


def _sure(true: bool, what: Message) -> None:
    if not true:
        raise Refused(say("show the demonstration"), what, reason="demo")
