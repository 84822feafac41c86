"""`tasks list/show/done`: what needs a person, and the two safe answers.

Rule: a patient's details are unsealed for one answer, after the ledger has said who looked, and kept nowhere.
"""

from collections.abc import Mapping
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.shape import moment, sentence
from agent.answers.words import TASK
from agent.core.message import say
from agent.core.model import Patient
from agent.ports import Task

ENTERED = frozenset({"enter", "enter-move"})
"""Tasks that come to nothing when nobody answers them in time: the hub is then told that the request expired."""


def listing(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {tasks: [...]}, oldest first; `answered`: true lists the closed ones too. `deadline`: UTC, null = none."""
    answered = bool(asked.args.get("answered", False))
    return {"tasks": [_one(task) for task in house.records.tasks(answered=answered)]}


def show(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {task, patient}; `patient` is null when its details are no longer kept. Logged with `who`."""
    n = asked.number("n", least=1)
    task = house.records.task(n)
    sealed = house.records.sealed(n, who=asked.who, now=asked.now)
    if sealed is None:
        return {"task": _one(task), "patient": None}
    booking, version, jwe = sealed
    return {"task": _one(task), "patient": _patient(house.keys.patient(jwe, booking, version))}


def done(house: House, asked: Asked) -> Mapping[str, Any]:
    """Close a task. `in_agenda`: true = it is in the agenda, false = it is not."""
    n, in_agenda = asked.number("n", least=1), asked.yes("in_agenda")
    task = house.records.answer(n, in_agenda=in_agenda, who=asked.who, now=asked.now)
    house.wake("apply")
    house.wake("deliver")
    return {"task": _one(task)}


def _one(task: Task) -> Mapping[str, Any]:
    return {
        "n": task.id,
        "kind": task.kind,
        "says": sentence(TASK.get(task.kind, say("Check this appointment."))),
        "booking": task.booking,
        "facts": dict(task.facts),
        "opened": moment(task.opened),
        "deadline": task.facts.get("expires") if task.kind in ENTERED else None,
        "answer": task.answer,
        "answered": moment(task.answered),
        "who": task.who,
    }


def _patient(patient: Patient) -> Mapping[str, Any]:
    return {
        "family": patient.family,
        "given": patient.given,
        "born": patient.born.isoformat() if patient.born else None,
        "nam": patient.nam,
        "phone": patient.phone,
        "email": patient.email,
        "sex": patient.sex,
        "note": patient.note,
    }
