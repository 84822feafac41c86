"""The JSON shapes every answer shares: sentences, times, findings.

Rule: a sentence leaves as catalogue id and values, so that whoever reads it chooses the language.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.core.errors import CreneauError, Misconfigured, Refused
from agent.core.message import Message
from agent.core.model import Finding, Instant, Severity

Sentence = Mapping[str, Any]
"""{"id": English text, "args": {place: value}}."""


def sentence(message: Message) -> Sentence:
    """Return a message as JSON."""
    return {"id": message.id, "args": dict(message.args)}


def moment(at: datetime | None) -> str | None:
    """Return a time in its own zone, to the second."""
    return None if at is None else at.isoformat(timespec="seconds")


def since(then: Instant, now: Instant) -> datetime:
    """Return the wall time of an earlier moment by the clock that never jumps."""
    return now.utc - (now.age - then.age)


def finding(part: str, found: Finding) -> Mapping[str, Any]:
    """Return one line of `creneau check`; `part` is config, emr, hub or machine."""
    line: dict[str, Any] = {
        "part": part,
        "code": found.code,
        "severity": found.severity.value,
        "says": sentence(found.says),
    }
    if found.hint is not None:
        line["hint"] = sentence(found.hint)
    return line


def fault(part: str, error: CreneauError) -> Mapping[str, Any]:
    """Return an error as a finding: "emr.unreachable" when nobody can tell, "emr.fault" when a person must mend it."""
    word = "fault" if isinstance(error, Misconfigured | Refused) else "unreachable"
    return finding(part, Finding(f"{part}.{word}", Severity.FAULT, error.what, error.hint))
