"""The five states of the front desk's page, as the answers it is written from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.core.message import Message, say
from agent.desk.page import Answers
from agent.desk.voice import ClinicVoice
from agent.language import Speech

AT = datetime(2026, 11, 23, 14, 41, tzinfo=UTC)
OK, DOWN = ("ok", say("works")), ("fault", say("the hub does not answer"))
PARTS = {
    "publish": say("Reading the agenda"),
    "deliver": say("Sending to the hub"),
    "receive": say("Receiving bookings"),
    "apply": say("Handling bookings"),
    "beat": say("Contact with the hub"),
}
NEWS = (
    {"emr": "dme", "kind": "type", "code": "Q", "label": "Q", "free": 12},
    {"emr": "dme", "kind": "practitioner", "code": "104", "label": "Étienne L'Heureux", "free": 31},
)


def voice(lang: str = "fr") -> ClinicVoice:
    return ClinicVoice(Speech(lang), ZoneInfo("America/Toronto"))


def _said(message: Message) -> Mapping[str, Any]:
    return {"id": message.id, "args": dict(message.args)}


def _status(working: str, says: Message, *down: str, steps: tuple[Message, ...] = (), **more: Any) -> Mapping[str, Any]:
    lines = []
    for part, name in PARTS.items():
        severity, state = DOWN if part in down else OK
        lines.append({"part": part, "name": _said(name), "severity": severity, "says": _said(state), "for_s": 60})
    shown = {"news": [], "expiry": None} | more
    return {
        "working": working, "since": "2026-11-23T13:05:00+00:00", "says": _said(says), "lines": lines,
        "next": [_said(step) for step in steps], "counts": {}, **shown,
    }  # fmt: skip


def _task(n: int, says: Message, start: str, who: str, until: str | None) -> Mapping[str, Any]:
    return {
        "n": n, "kind": "enter", "says": _said(says), "facts": {"start": start, "practitioner": who},
        "opened": "2026-11-23T14:20:00+00:00", "deadline": until,
    }  # fmt: skip


def _unsold() -> list[Mapping[str, Any]]:
    times = ("13:00", "13:15", "14:30", "15:45")
    return [
        {"when": f"2026-11-23T{time}:00-05:00", "until": f"2026-11-23T{time}:00-05:00", "who": who,
         "site": "Clinique du Fjord", "type": "s", "why": _said(say("the hub does not answer")), "since": None}
        for time, who in zip(times, ("Andrée Gagnon", "Benoît Simard") * 2, strict=True)
    ]  # fmt: skip


def _tasks() -> list[Mapping[str, Any]]:
    enter, check = say("Enter this appointment in the agenda."), say("Check whether this appointment is in the agenda.")
    return [
        _task(17, enter, "2026-11-24T09:15:00-05:00", "Andrée Gagnon", "2026-11-23T15:20:00+00:00"),
        _task(18, enter, "2026-11-24T10:00:00-05:00", "Benoît Simard", "2026-11-23T14:30:00+00:00"),
        _task(19, check, "2026-11-25T13:30:00-05:00", "Chloé Côté", None),
    ]


def _answers(status: Mapping[str, Any], tasks: Any = (), unsold: Any = ()) -> Answers:
    return Answers("Clinique du Fjord", status, tuple(tasks), tuple(unsold), AT)


WORKS = say("Créneau is working.")
STATES: Mapping[str, Answers] = {
    "works": _answers(_status("yes", WORKS)),
    "tasks": _answers(_status("yes", WORKS), _tasks()),
    "hub-away": _answers(
        _status(
            "partly",
            say("Créneau is working in part."),
            "deliver",
            "receive",
            "beat",
            steps=(
                say("Find out what is wrong: creneau check"),
                say("Slots to fill by phone ({n}): creneau unsold", n=4),
            ),
        ),
        (),
        _unsold(),
    ),
    "decide": _answers(_status("yes", WORKS, news=NEWS, expiry={"expires": "2026-11-30", "days": 7, "reminder": 7})),
    "old": _answers(_status("yes", WORKS)),
}
