"""What goes over the door: one JSON line each way, errors as catalogue ids and values.

Rule: a line is bounded, and an error crosses with its class and its sentences, never with a traceback.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.message import Message, say

QUESTION = 1 << 20
"""Bytes of a question, at most."""
ANSWER = 64 << 20
"""Bytes of an answer, at most: a preview of 100,000 rows is about 40 MB."""
PATH = 107
"""Bytes of a Unix socket's path, at most (`sun_path` is 108 with its final NUL on Linux)."""

FAMILY = (Transient, Ambiguous, Refused, Misconfigured, CreneauError)

DOING = say("talk to the agent on this machine")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end: the OS account, whether an administrator, and the names of its groups."""

    who: str
    admin: bool
    groups: frozenset[str]


def fitting(path: Path) -> str:
    """Return the path as text when the system can bind it; Misconfigured otherwise."""
    if len(os.fsencode(path)) > PATH:
        raise Misconfigured(
            DOING,
            say("the path of the socket is longer than {most} bytes", most=PATH),
            say("choose a shorter data_dir under [service]"),
            key="data_dir",
        )
    return str(path)


def read(stream: BinaryIO, most: int) -> Mapping[str, Any]:
    """Read one line and return its object; Refused when it is too long or not an object, Transient when cut."""
    raw = stream.readline(most + 1)
    if len(raw) > most:
        raise Refused(DOING, say("the message is longer than {most} bytes", most=most), reason="too-large")
    if not raw.endswith(b"\n"):
        raise Transient(DOING, say("the line was cut before its end"), say("try again"))
    try:
        found = json.loads(raw)
    except ValueError as cause:
        raise Refused(DOING, say("the message is not JSON"), reason="schema") from cause
    if not isinstance(found, dict):
        raise Refused(DOING, say("the message is not a JSON object"), reason="schema")
    return found


def line(body: Mapping[str, Any]) -> bytes:
    """Return the object as one line."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def sentence(message: Message | None) -> Mapping[str, Any] | None:
    """Return a message as {"id": str, "args": {}}."""
    return None if message is None else {"id": message.id, "args": dict(message.args)}


def message(found: Mapping[str, Any]) -> Message:
    """Return what `sentence` wrote."""
    return Message(str(found["id"]), tuple(sorted(found.get("args", {}).items())))


def told(error: CreneauError) -> Mapping[str, Any]:
    """Return an error as the door carries it; members a class does not have are left out."""
    name = next(kind.__name__ for kind in type(error).__mro__ if kind in FAMILY)
    body: dict[str, Any] = {"class": name, "doing": sentence(error.doing), "what": sentence(error.what)}
    if error.hint is not None:
        body["hint"] = sentence(error.hint)
    if isinstance(error, Transient) and error.after is not None:
        body["after_s"] = error.after.total_seconds()
    if isinstance(error, Refused):
        body["reason"] = error.reason
    if isinstance(error, Misconfigured):
        body |= {"file": error.file, "key": error.key, "line": error.line}
    return body


def heard(body: Mapping[str, Any]) -> CreneauError:
    """Return the error `told` wrote; a class we do not know counts as Ambiguous."""
    doing, what = message(body["doing"]), message(body["what"])
    hint = message(body["hint"]) if "hint" in body else None
    match body["class"]:
        case "Transient":
            after = timedelta(seconds=body["after_s"]) if "after_s" in body else None
            return Transient(doing, what, hint, after=after)
        case "Refused":
            return Refused(doing, what, hint, reason=body["reason"])
        case "Misconfigured":
            return Misconfigured(doing, what, hint, file=body["file"], key=body["key"], line=body["line"])
        case _:
            return Ambiguous(doing, what, hint)
