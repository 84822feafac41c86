"""`hl7 doubts` and `hl7 settle`: what a source keeps back because a message was not understood, and a person's word.

Rule: no patient here; the word that gives times back is a ledger line with who said it.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.shape import moment
from agent.answers.source import source_of
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import EmrName
from agent.ports import Doubt, Doubts


def listing(house: House, asked: Asked) -> Mapping[str, Any]:  # noqa: ARG001 - every verb is asked the same way
    """Answer {doubts: [{emr, n, since, event, whom, start, end, why}]}; `end` null = no end is known, UTC."""
    rows = []
    for source in house.plan().emrs:
        with closing(house.open_emr(source.id)) as emr:
            if isinstance(emr, Doubts):
                rows += [_one(source.id, each) for each in emr.doubts()]
    return {"doubts": rows}


def settle(house: House, asked: Asked) -> Mapping[str, Any]:
    """Give back the times of message `n` of source `emr`: a person looked. Answer {doubt}. Logged with `who`."""
    source, n = source_of(house, asked), asked.number("n", least=0)
    with closing(house.open_emr(source.id)) as emr:
        if not isinstance(emr, Doubts):
            doing = say("settle a message that was not understood")
            raise Refused(doing, say("this source keeps nothing back"), say("creneau hl7 doubts"), reason="no-doubt")
        found = _one(source.id, emr.settle(n))
    house.records.line("doubt", json.dumps(found).encode(), asked.now, who=asked.who)
    house.wake("publish")
    return {"doubt": found}


def _one(emr: EmrName, found: Doubt) -> Mapping[str, Any]:
    return {
        "emr": emr,
        "n": found.number,
        "since": moment(found.received),
        "event": found.event,
        "whom": list(found.whom),
        "start": moment(found.start),
        "end": moment(found.end),
        "why": found.why,
    }
