"""Read one TOML file from the disk.

Rule: whatever stands in its place, the answer is a Document or Faults, never another exception.
"""

from pathlib import Path

from agent.core.message import Message, say
from agent.core.model import Finding
from agent.core.sheet import Document, Fault, Faults, decode, parse

_LARGEST = 1 << 20
"""Bytes; a configuration is a few kilobytes."""


def read_document(file: Path) -> Document:
    """Read and parse; raises Faults with one fault when the file cannot be read or is not TOML."""
    text, notes = read_text(file)
    return parse(text, str(file), notes)


def read_text(file: Path) -> tuple[str, tuple[Finding, ...]]:
    """Return the file's text and what had to be forgiven, TOML or not; raises Faults when it cannot be read."""
    return decode(_bytes(file), str(file))


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        raise _whole(file, say("the file does not exist"), say("creneau init writes one")) from None
    except PermissionError:
        hint = say("run the command as an administrator or as the service's account")
        raise _whole(file, say("the file may not be read by this account"), hint) from None
    except (OSError, ValueError):
        raise _whole(file, say("the file cannot be read"), say("give the path of a TOML file")) from None
    if len(raw) > _LARGEST:
        raise _whole(file, say("the file is larger than 1 MiB"), say("give the path of a TOML file"))
    return raw


def _whole(file: Path, says: Message, hint: Message) -> Faults:
    return Faults((Fault(str(file), "", "", 0, says, hint),))
