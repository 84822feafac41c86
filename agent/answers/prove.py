"""`emr prove`: try the bookings of a source on a scratch copy, and keep what came of it.

Rule: a proof is kept with its day and its fingerprint, passed or not; `check` shows it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.reading import opened
from agent.answers.shape import moment
from agent.answers.source import source_of
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import EmrName, Finding, Severity
from agent.ports import Emr, Proves

FACT = "proof:"


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
    """Answer {emr, on, at, tried: [{name, kept, says, runs}], passed}; `on`: the scratch copy. Takes a minute or more."""
    source, scratch = source_of(house, asked), asked.text("on")
    with opened(house, source.id) as emr:
        if not isinstance(emr, Proves):
            raise Refused(
                say("try bookings on a scratch copy"),
                say("the adapter of {emr} was run by its makers and asks for no proof", emr=source.id),
                say("creneau check emr"),
                reason="no-proof",
            )
        wanted = emr.unproven()
        tried = list(emr.prove(scratch))
    broken = [one.name for one in tried if one.kept is False]
    runs = sum(one.runs for one in tried if one.kept is not None)
    at = moment(asked.now.utc)
    kept = {"fingerprint": wanted, "at": at, "on": scratch, "runs": runs, "broken": broken}
    house.records.put({f"{FACT}{source.id}": json.dumps(kept)}, asked.now, kind="proof", who=asked.who)
    house.reload()
    lines = [{"name": one.name, "kept": one.kept, "says": one.says, "runs": one.runs} for one in tried]
    return {"emr": source.id, "on": scratch, "at": at, "tried": lines, "passed": not broken and runs > 0}


def standing(house: House, name: EmrName, emr: Emr, *, automatic: bool) -> Iterable[Finding]:
    """Yield what `check` says of a source's proof; nothing for one that needs none. `automatic`: the file asks for it."""
    wanted = emr.unproven() if isinstance(emr, Proves) else ""
    if not wanted:
        return
    proof = proof_of(house.records.facts(), name)
    if proof.lifts(wanted):
        says = say("its bookings were proved on {on} at {at}: {n} runs", on=proof.on, at=proof.at, n=proof.runs)
        yield Finding("emr.proved", Severity.OK, says)
        return
    says = say("nobody has run the bookings of this mapping here: they stay tasks")
    if proof.broken and proof.fingerprint == wanted:
        says = say("the proof of {at} failed: {names}", at=proof.at, names=", ".join(proof.broken))
    elif proof.fingerprint:
        says = say("the mapping is not the one that was proved at {at}: its bookings stay tasks", at=proof.at)
    yield Finding(
        "emr.unproven", Severity.WARN if automatic else Severity.NOTE, says, say("creneau emr prove --on SCRATCH")
    )
