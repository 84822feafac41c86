"""The asking side of the door.

Rule: a `Client` raises what the agent raised, and says plainly when nobody is there.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.core.errors import Transient
from agent.core.message import say
from agent.door import wire
from agent.door.sockets import dial

LONGEST = timedelta(minutes=10)
"""How long an answer may take: a preview reads the whole EMR."""


def listening(path: Path) -> bool:
    """Say whether a running agent answers at this path."""
    try:
        dial(path, LONGEST).close()
    except Transient:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Client:
    """A Door whose other side is the running agent. One connection a question; any thread."""

    path: Path
    longest: timedelta = LONGEST

    def ask(self, verb: str, args: Mapping[str, Any], who: str = "") -> Mapping[str, Any]:
        """Ask one verb. `who` is left to the kernel: the agent sees the account at the other end of the socket."""
        del who
        try:
            with contextlib.closing(dial(self.path, self.longest)) as line:
                line.sendall(wire.line({"verb": verb, "args": dict(args)}))
                with line.makefile("rb") as stream:
                    found = wire.read(stream, wire.ANSWER)
        except OSError as cause:
            raise Transient(wire.DOING, say("the agent did not answer"), say("creneau status")) from cause
        if "error" in found:
            raise wire.heard(found["error"])
        answer: Mapping[str, Any] = found["answer"]
        return answer
