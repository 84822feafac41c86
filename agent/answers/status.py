"""`status`: one screen: is it working, since when, what to do next.

Rule: plain words only; a manager never reads how the parts talk to one another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from agent.answers import tasks, unsold, words
from agent.answers.house import Asked, House
from agent.answers.shape import moment, sentence, since
from agent.answers.sharing import posture_of
from agent.core.errors import CreneauError
from agent.core.health import MOST_SKEW, was_set
from agent.core.message import Message, say
from agent.core.model import EmrName, Severity
from agent.core.news import News
from agent.core.sharing import Posture, SharingRules
from agent.ports import Health, LegHealth

LEGS: Mapping[str, Message] = {
    "listen": say("Hearing the EMR"),
    "hint": say("Asking the EMR for changes"),
    "publish": say("Reading the agenda"),
    "deliver": say("Sending to the hub"),
    "receive": say("Receiving bookings"),
    "apply": say("Handling bookings"),
    "beat": say("Contact with the hub"),
}
SKEW = timedelta(minutes=2)
"""From how far off the clock is shown."""
REMIND = (60, 30, 7, 1)
"""Days before the sharing expires at which people are reminded; status says so from the first on."""
SOON = 7

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person: the rows of `tasks-list` and of `unsold`; `online`: slots published and still to come."""

    tasks: Sequence[Line]
    unsold: Sequence[Line]
    online: int


def waiting(house: House, asked: Asked) -> Waiting:
    """Ask the journal once for what a screen both counts and lists."""
    asked = Asked({}, asked.who, asked.now)
    told = unsold.listing(house, asked)
    return Waiting(tasks.listing(house, asked)["tasks"], told["unsold"], told["published"])


def status(house: House, asked: Asked, waits: Waiting | None = None) -> Mapping[str, Any]:
    """Answer {working, since, says, lines, next, counts}.

    `working`: "yes", "partly", "no" or "stopped". `lines`: {part, name, source, severity, says, for_s}: seconds since the last good
    step of a part that works, since it went down for one that does not. `next`: sentences, each a
    command to type. `counts`: {online, unsold, tasks, bookings}. `expiry`: see `expiry`. `news`: [{emr, kind, code,
    label, free}], types and people of the EMR that no line of the file names. `waits`: of this very moment, when the
    caller lists it too.
    """
    waits = waits or waiting(house, asked)
    health = house.board.read() if house.board else None
    posture = posture_of(house.records.facts())
    applied = house.applied()
    lines = [
        *_legs(health, asked),
        *_agendas(health),
        *_machine(house, health, asked),
        *_sharing(posture, applied, asked.now.utc.date()),
    ]
    counts = {
        "online": waits.online,
        "unsold": len(waits.unsold),
        "tasks": len(waits.tasks),
        "bookings": sum(row.outcome is not None for row in house.records.bookings()),
    }
    working = _working(health, lines)
    return {
        "working": working,
        "since": moment(_since(health, asked)) if health else None,
        "says": sentence(_says(working)),
        "lines": lines,
        "next": [
            sentence(step)
            for step in dict.fromkeys(
                (
                    *_next(house, working, posture, applied, counts, asked.now.utc.date()),
                    *_remedies(house, health, asked),
                )
            )
        ],
        "counts": counts,
        "expiry": expiry(applied, asked.now.utc.date()),
        "news": [_new(name, one) for name, found in sorted(health.news.items()) for one in found] if health else [],
    }


def _new(emr: EmrName, one: News) -> Mapping[str, Any]:
    return {"emr": emr, "kind": one.kind, "code": one.code, "label": one.label, "free": one.free}


def expiry(applied: SharingRules | None, today: date) -> Mapping[str, Any] | None:
    """Return {expires, days, reminder}: the last reminder that is due, null before the first; None = nothing applied.

    `days` is negative once the sharing has expired.
    """
    if applied is None or not applied.enabled:
        return None
    left = (applied.expires - today).days
    due = min((days for days in REMIND if left <= days), default=None)
    return {"expires": str(applied.expires), "days": left, "reminder": due}


def _legs(health: Health | None, asked: Asked) -> Iterable[Line]:
    for name, leg in sorted(health.legs.items()) if health else ():
        kind, _, source = name.partition(":")
        ok = leg.kind == "ok"
        last = (leg.last or leg.since) if ok else leg.since
        yield {
            "part": kind,
            "name": sentence(LEGS.get(kind, say("{name}", name=kind))),
            "source": source,
            "severity": Severity.OK.value if ok else Severity.FAULT.value,
            "says": sentence(_leg(leg)),
            "for_s": int((asked.now.age - last.age).total_seconds()),
        }


def _leg(leg: LegHealth) -> Message:
    if leg.kind == "ok":
        return say("works")
    if leg.what is not None:
        return leg.what
    if leg.kind == "misconfigured":
        return say("stopped: something must be mended")
    return say("does not answer; trying again")


def _agendas(health: Health | None) -> Iterable[Line]:
    """Yield why a source that is read offers less than it could, or nothing at all."""
    for emr, found in sorted(health.findings.items()) if health else ():
        for each in found:
            if each.severity is Severity.FAULT:
                line = {"part": "agenda", "name": sentence(say("The agenda")), "source": emr}
                yield {**line, "severity": Severity.FAULT.value, "says": sentence(each.says), "for_s": None}


def _machine(house: House, health: Health | None, asked: Asked) -> Iterable[Line]:
    """Yield what of the machine stops us without stopping a leg: a clock far off or set, a full disk."""
    says: list[tuple[Message, Severity]] = []
    skew = _skew(health)
    if abs(skew) > SKEW:
        far = say("this machine's clock is {seconds} s off", seconds=round(skew.total_seconds()))
        says.append((far, Severity.FAULT if abs(skew) > MOST_SKEW else Severity.WARN))
    if _was_set(health, asked):
        wait = say("this machine's clock was set: no booking is touched until the hub has told the time again")
        says.append((wait, Severity.WARN))
    if house.records.sizes().low:
        says.append((say("the disk is nearly full: no order is taken"), Severity.FAULT))
    for said, severity in says:
        name = sentence(say("This machine"))
        line = {"part": "machine", "name": name, "source": "", "severity": severity.value}
        yield {**line, "says": sentence(said), "for_s": None}


def _skew(health: Health | None) -> timedelta:
    return timedelta(0) if health is None or health.skew is None else health.skew


def _was_set(health: Health | None, asked: Asked) -> bool:
    return health is not None and was_set(health.heard, asked.now)


def _remedies(house: House, health: Health | None, asked: Asked) -> Iterable[Message]:
    """Yield what the faults themselves ask for."""
    for _, leg in sorted(health.legs.items()) if health else ():
        if leg.hint is not None:
            yield leg.hint
    for _, found in sorted(health.findings.items()) if health else ():
        yield from (each.hint for each in found if each.severity is Severity.FAULT and each.hint is not None)
    if abs(_skew(health)) > SKEW or _was_set(health, asked):
        yield say("turn on time synchronisation")
    if house.records.sizes().low:
        yield say("free some space on the data disk")


def _sharing(posture: Posture, applied: SharingRules | None, today: date) -> Iterable[Line]:
    says, severity = words.POSTURE[posture], Severity.OK if posture is Posture.OPEN else Severity.WARN
    if posture is Posture.OPEN:
        if applied is None:
            says, severity = say("no rules are in force: nothing leaves"), Severity.NOTE
        elif not applied.enabled:
            says, severity = say("rehearsal: nothing leaves"), Severity.NOTE
        elif applied.expires < today:
            says, severity = say("expired on {day}: nothing leaves", day=str(applied.expires)), Severity.WARN
        elif (left := (applied.expires - today).days) <= REMIND[0]:
            says, severity = say("in force; days left: {n}", n=left), Severity.WARN if left <= SOON else Severity.NOTE
        else:
            says = say("in force until {day}", day=str(applied.expires))
    yield {
        "part": "sharing",
        "name": sentence(say("Sharing")),
        "source": "",
        "severity": severity.value,
        "says": sentence(says),
        "for_s": None,
    }


def _working(health: Health | None, lines: Iterable[Line]) -> str:
    if health is None:
        return "stopped"
    legs = [line["severity"] for line in lines if line["part"] in LEGS]
    bad = sum(severity != Severity.OK.value for severity in legs)
    ill = any(line["part"] in ("machine", "agenda") and line["severity"] == Severity.FAULT.value for line in lines)
    return "yes" if not bad and not ill else "no" if bad == len(legs) else "partly"


def _says(working: str) -> Message:
    return {
        "yes": say("Créneau is working."),
        "partly": say("Créneau is working in part."),
        "no": say("Créneau is running, but nothing works."),
        "stopped": say("Créneau is stopped."),
    }[working]


def _since(health: Health, asked: Asked) -> Any:
    """Return since when it has been as it is: the last change of any leg, or the start."""
    changed = [leg.since for leg in health.legs.values()]
    return since(max(changed, key=lambda then: then.age, default=health.started), asked.now)


def _next(
    house: House, working: str, posture: Posture, applied: SharingRules | None, counts: Mapping[str, int], today: date
) -> Iterable[Message]:
    if not _enrolled(house):
        yield say("Join the hub: creneau enrol CODE")
    if applied is None or not applied.enabled:
        yield say("Look at what would leave: creneau preview")
    if applied is None:
        yield say("Put the rules into force: creneau sharing apply")
    if working == "stopped":
        yield say("Start the agent: creneau run, or its service")
    elif working != "yes":
        yield say("Find out what is wrong: creneau check")
    if applied is not None and applied.enabled and (applied.expires - today).days <= REMIND[1]:
        yield say("Renew the sharing: write a later expires, then creneau sharing apply")
    if counts["tasks"]:
        yield say("Tasks to answer ({n}): creneau tasks list", n=counts["tasks"])
    if counts["unsold"]:
        yield say("Slots to fill by phone ({n}): creneau unsold", n=counts["unsold"])
    if posture is not Posture.OPEN:
        online = say("Put the slots back online: creneau sharing resume")
        yield online if posture.is_offline else say("End the pause or the freeze: creneau sharing resume")


def _enrolled(house: House) -> bool:
    try:
        house.keys.identity()
    except CreneauError:
        return False
    return True
