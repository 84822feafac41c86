"""`check`: touch everything, change nothing, as the account the agent runs as.

Rule: every part is looked at whatever another part says; an error becomes a finding, never the end.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.prove import standing
from agent.answers.reading import opened
from agent.answers.shape import fault, finding
from agent.core.errors import CreneauError, Refused
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.core.sheet import Faults

Line = Mapping[str, Any]


def check(house: House, asked: Asked) -> Line:
    """Answer {findings: [{part, code, severity, says, hint?}], worst}; `part`: config, emr, hub, machine or all."""
    part = asked.text("part", "all")
    if part != "all" and part not in PARTS:
        raise Refused(
            say("check the agent"),
            say("there is no part {part}", part=part),
            say("config, emr, hub, machine or all"),
            reason="schema",
        )
    found = [line for name, look in PARTS.items() if part in (name, "all") for line in look(house)]
    order = [severity.value for severity in Severity]
    worst = max((line["severity"] for line in found), key=order.index, default=Severity.OK.value)
    return {"findings": found, "worst": worst}


def _config(house: House) -> Iterable[Line]:
    try:
        sharing = house.file()
    except Faults as faults:
        yield from _faults("config", faults)
        return
    except CreneauError as error:
        yield fault("config", error)
        return
    yield finding("config", Finding("config.read", Severity.OK, say("{file} is whole", file=str(sharing.plan.file))))
    for note in sharing.plan.notes:
        yield finding("config", note)
    applied = house.applied()
    if applied is None or applied.digest != sharing.rules.digest:
        yield finding(
            "config",
            Finding(
                "config.not-applied",
                Severity.NOTE,
                say("the sharing rules of the file are not applied: what they add does not leave"),
                say("creneau sharing diff"),
            ),
        )


def _faults(part: str, faults: Faults) -> Iterable[Line]:
    """Yield every fault of a hand-written file, with its place."""
    for one in faults.faults:
        found = finding(part, Finding(f"{part}.fault", Severity.FAULT, one.says, one.hint))
        yield {**found, "file": one.file, "key": one.key, "value": one.value, "line": one.line}


def _emr(house: House) -> Iterable[Line]:
    automatic = _automatic(house)
    for source in house.plan().emrs:
        try:
            with opened(house, source.id) as emr:
                found = [*emr.check(), *standing(house, source.id, emr, automatic=source.id in automatic)]
        except Faults as faults:
            yield from ({**line, "emr": source.id} for line in _faults("emr", faults))
            continue
        except CreneauError as error:
            yield {**fault("emr", error), "emr": source.id}
            continue
        for one in found or [Finding("emr.read", Severity.OK, say("the EMR answers"))]:
            yield {**finding("emr", one), "emr": source.id}


def _automatic(house: House) -> frozenset[str]:
    """Return the sources whose bookings the file wants written by themselves, proved or not."""
    try:
        return frozenset(source.id for source in house.file().plan.emrs if source.bookings == "automatic")
    except CreneauError:  # the part "config" tells
        return frozenset()


def _hub(house: House) -> Iterable[Line]:
    try:
        identity = house.keys.identity()
        says = say("enrolled at {hub}, fingerprint {fingerprint}", hub=identity.hub, fingerprint=identity.fingerprint)
        yield finding("hub", Finding("hub.enrolled", Severity.OK, says))
        for one in house.hub_findings():
            yield finding("hub", one)
    except CreneauError as error:
        yield fault("hub", error)


def _machine(house: House) -> Iterable[Line]:
    sizes = house.records.sizes()
    mb = max(1, sizes.used >> 20)
    if sizes.low:
        says, hint = say("the disk is nearly full: no order is taken"), say("free some space on the data disk")
        yield finding("machine", Finding("machine.disk", Severity.FAULT, says, hint))
    else:
        yield finding("machine", Finding("machine.journal", Severity.OK, say("the journal holds {mb} MB", mb=mb)))
    bad = house.records.verify()
    if bad is not None:
        says, hint = say("the ledger was changed at line {n}", n=bad), say("keep a copy and call the hub operator")
        yield finding("machine", Finding("machine.ledger", Severity.FAULT, says, hint))
    try:
        for one in house.machine_findings():
            yield finding("machine", one)
    except CreneauError as error:
        yield fault("machine", error)


PARTS: Mapping[str, Callable[[House], Iterable[Line]]] = {
    "config": _config,
    "emr": _emr,
    "hub": _hub,
    "machine": _machine,
}
