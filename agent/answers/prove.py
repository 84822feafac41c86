"""`emr prove`: try the bookings of a source on a scratch copy, and keep what came of it.

Rule: a proof is kept with its day and its fingerprint, passed or not; `check` shows it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.reading import opened
from agent.answers.shape import finding, moment, sentence
from agent.answers.source import source_of
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import EmrName, Finding, Severity
from agent.ports import Emr, Proved, Proves

FACT = "proof:"
OLD = timedelta(days=180)
"""A proof older than this is worth repeating, whatever the EMR says of its version."""
AGAIN = say("creneau emr prove --on SCRATCH")


@dataclass(frozen=True, slots=True)
class Proof:
    """What is kept of the last one. `fingerprint` "": there was none. `runs`: promises and races together."""

    fingerprint: str = ""
    at: str = ""
    on: str = ""
    runs: int = 0
    broken: tuple[str, ...] = ()

    def lifts(self, wanted: str) -> bool:
        """Say whether it passed for this very mapping, recipe and kind of server."""
        return self.fingerprint == wanted and not self.broken and self.runs > 0


def proof_of(facts: Mapping[str, str], emr: EmrName) -> Proof:
    """Return the last proof of a source."""
    kept = json.loads(facts.get(f"{FACT}{emr}", "{}"))
    return Proof(**{**kept, "broken": tuple(kept.get("broken", ()))})


def prove(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {emr, on, at, tried: [{name, title?, kept, says, runs, means}], passed}; `on`: the scratch copy.

    `means`: findings, as `check` has them. Takes a minute or more.
    """
    source, scratch = source_of(house, asked), asked.text("on")
    shared = {code for emr, code in house.plan().sharing.roster if emr == source.id}
    with opened(house, source.id) as emr:
        if not isinstance(emr, Proves):
            raise Refused(
                say("try bookings on a scratch copy"),
                say("the adapter of {emr} was run by its makers and asks for no proof", emr=source.id),
                say("creneau check emr"),
                reason="no-proof",
            )
        wanted = emr.unproven()
        tried = list(emr.prove(scratch, shared))
    broken = [one.name for one in tried if one.kept is False]
    runs = sum(one.runs for one in tried if one.kept is not None)
    at = moment(asked.now.utc)
    kept = {"fingerprint": wanted, "at": at, "on": scratch, "runs": runs, "broken": broken}
    house.records.put({f"{FACT}{source.id}": json.dumps(kept)}, asked.now, kind="proof", who=asked.who)
    house.reload()
    lines = [_line(one) for one in tried]
    return {"emr": source.id, "on": scratch, "at": at, "tried": lines, "passed": not broken and runs > 0}


def _line(one: Proved) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "title": None if one.title is None else sentence(one.title),
        "kept": one.kept,
        "says": one.says,
        "runs": one.runs,
        "means": [finding("emr", found) for found in one.means],
    }


def standing(house: House, name: EmrName, emr: Emr, *, automatic: bool) -> Iterable[Finding]:
    """Yield what `check` says of a source's proof; nothing for one that needs none. `automatic`: the file asks for it."""
    wanted = emr.unproven() if isinstance(emr, Proves) else ""
    if not wanted:
        return
    proof = proof_of(house.records.facts(), name)
    if proof.lifts(wanted):
        yield from _age(proof, house.clock.now().utc)
        return
    says = say("nobody has proved the bookings of this source here: they stay tasks")
    if proof.broken and proof.fingerprint == wanted:
        says = say("the proof of {at} failed: {names}", at=proof.at, names=", ".join(proof.broken))
    elif proof.fingerprint:
        says = say("the source is not what was proved at {at}: its bookings stay tasks", at=proof.at)
    yield Finding("emr.unproven", Severity.WARN if automatic else Severity.NOTE, says, AGAIN)


def _age(proof: Proof, now: datetime) -> Iterable[Finding]:
    """Yield how old a proof is, and from when on that is too old to be sure of."""
    days = max(0, (now - datetime.fromisoformat(proof.at)).days)
    says = say(
        "its bookings were proved on {on}, {day}, {days} days ago: {n} runs",
        on=proof.on,
        day=proof.at[:10],
        days=days,
        n=proof.runs,
    )
    yield Finding("emr.proved", Severity.OK, says)
    if days >= OLD.days:
        says = say("the proof is {days} days old: an EMR may have been updated without a word", days=days)
        yield Finding("emr.proof-old", Severity.NOTE, says, AGAIN)
