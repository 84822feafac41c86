"""Render what went wrong: error, cause, try; never a traceback.

Rule: exit 1 for what a person can mend, 2 for what could not be found out.
"""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from agent.cli.session import Speaks
from agent.core.errors import CreneauError, Misconfigured, Refused
from agent.core.message import Message, say

FINDING, CANNOT_TELL = 1, 2

_ASTRAY = (
    (re.compile(r"No such command '(.*?)'"), say("there is no command {words}", words="")),
    (
        re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)"),
        say("this is one word too many: {words}", words=""),
    ),
)


def report(error: CreneauError, speech: Speaks) -> int:
    """Print the error on the error stream; return the exit code."""
    for line in lines(error, speech):
        print(line, file=sys.stderr)
    return FINDING if isinstance(error, Misconfigured | Refused) else CANNOT_TELL


def lines(error: CreneauError, speech: Speaks) -> Iterator[str]:
    """Yield the lines of one error; the faults of a configuration come one after another."""
    faults = getattr(error, "faults", ())
    if not faults:
        place = _place(error.file, error.key, error.line) if isinstance(error, Misconfigured) else ""
        yield from _three(speech, error.doing, error.what, error.hint, place)
        return
    for fault in faults:
        place = _place(fault.file, fault.key, fault.line, fault.value)
        yield from _three(speech, error.doing, fault.says, fault.hint, place)


def _three(speech: Speaks, doing: Message, what: Message, hint: Message | None, place: str) -> Iterator[str]:
    yield speech(say("error: could not {doing}", doing=speech(doing)))
    yield "  " + speech(say("cause: {what}", what=speech(what))) + (f"  ({place})" if place else "")
    if hint is not None:
        yield "  " + speech(say("try:   {hint}", hint=speech(hint)))


def _place(file: str, key: str, line: int, value: str = "") -> str:
    where = f"{file}:{line}" if file and line else file
    what = f"{key} = {value}" if key and value else key
    return ", ".join(part for part in (where, what) if part)


def misused(error: Any, speech: Speaks) -> int:
    """Print what is wrong with the command line; a bare group prints its help, which is no error."""
    kind, context = type(error).__name__, getattr(error, "ctx", None)
    if kind == "NoArgsIsHelpError":
        print(error.format_message())
        return 0
    where = context.command_path if context is not None else "creneau"
    match kind:
        case "MissingParameter" if error.param is not None:
            what = say("{name} is missing", name=_called(error.param))
        case "NoSuchOption":
            what = say("there is no option {name}", name=error.option_name)
        case "BadOptionUsage":
            what = say("{name} needs a value", name=error.option_name)
        case "BadParameter" if error.param is not None:
            what = _wrong(_called(error.param), error)
        case _:
            what = _astray(error.format_message())
    for line in _three(speech, say("read the command line"), what, say("{command} --help", command=where), ""):
        print(line, file=sys.stderr)
    return CANNOT_TELL


def _wrong(name: str, error: Any) -> Message:
    """Say why typer's validator (pydantic) refused a value."""
    cause = error.__cause__
    found: dict[str, Any] = cause.errors()[0] if hasattr(cause, "errors") else {"type": ""}
    bounds = found.get("ctx", {})
    match found["type"]:
        case "greater_than_equal":
            return say("{name} must be at least {least}", name=name, least=str(bounds["ge"]))
        case "less_than_equal":
            return say("{name} must be at most {most}", name=name, most=str(bounds["le"]))
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return say("{name} must be a whole number", name=name)
        case "value_error":  # an Enum: the metavar lists its words
            return say("one of these words is needed: {words}", words=name)
        case _:
            return say("{name} is not right: {text}", name=name, text=error.message)


def _astray(text: str) -> Message:
    """Say what is wrong with the words themselves; typer tells it in English only."""
    for pattern, says in _ASTRAY:
        if match := pattern.match(text):
            return Message(says.id, (("words", match[1]),))
    return say("there is no such command, or its options are not right: {text}", text=text)


def _called(param: Any) -> str:
    """Return an option as it is typed, or an argument as the help shows it."""
    options = [name for name in param.opts if name.startswith("-")]
    return " / ".join(options + list(param.secondary_opts)) or param.metavar or param.name.upper()


def unforeseen(error: Exception, speech: Speaks) -> int:
    """Print what a person can do about a fault of ours; CRENEAU_DEBUG=1 shows the traceback instead."""
    if os.environ.get("CRENEAU_DEBUG"):
        raise error
    print(speech(say("error: a fault in Créneau itself ({kind})", kind=type(error).__name__)), file=sys.stderr)
    print("  " + speech(say("try:   the same with CRENEAU_DEBUG=1, and send what it prints")), file=sys.stderr)
    return CANNOT_TELL
