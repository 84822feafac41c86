"""One TOML file as it came: bytes of any usual encoding in, values and their lines out.

Rule: whatever the bytes are, the answer is a Document or Faults, never another exception.
"""

import codecs
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.core.sheet.faults import Fault, Faults
from agent.core.sheet.lines import Index, index
from agent.core.sheet.syntax import explain


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file. `notes`: what the reader had to be lenient about."""

    file: str
    text: str
    data: Mapping[str, Any]
    index: Index
    notes: tuple[Finding, ...] = ()


def parse(text: str, file: str, notes: tuple[Finding, ...] = ()) -> Document:
    """Parse a text; raises Faults with the first syntax fault in a plain sentence."""
    try:
        return Document(file, text, tomllib.loads(text), index(text), notes)
    except (ValueError, RecursionError) as error:
        line, says, hint = explain(text, error)
        raise Faults((Fault(file, "", "", line, says, hint),)) from None


_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)


def decode(raw: bytes, file: str) -> tuple[str, tuple[Finding, ...]]:
    """Return the text and what had to be forgiven; raises Faults when no encoding a clinic uses fits."""
    for mark, codec, name in _MARKS:
        if raw.startswith(mark):
            text = _try(raw[len(mark) :], codec)
            if text is None:
                raise _unreadable(file, raw, name)
            return text, () if name == "UTF-8" else (_lenient(name),)
    text = _try(raw, "utf-8")
    if text is not None and "\0" not in text:
        return text, ()
    if b"\0" in raw:
        codec = "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"
        text, name = _try(raw, codec), "UTF-16"
    else:
        text, name = _try(raw, "cp1252"), "ANSI (Windows-1252)"
    if text is None or "\0" in text:
        raise _unreadable(file, raw, name)
    return text, (_lenient(name),)


def _try(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _lenient(name: str) -> Finding:
    return Finding(
        "config.encoding",
        Severity.NOTE,
        say("the file is in {encoding}; it was understood", encoding=name),
        say("save it as UTF-8 in the editor"),
    )


def _unreadable(file: str, raw: bytes, name: str) -> Faults:
    try:
        raw.decode("utf-8")
        line = 0
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    says = say("the file is not UTF-8 and cannot be read as {encoding} either", encoding=name)
    return Faults((Fault(file, "", "", line, says, say("save it as UTF-8 in the editor")),))
