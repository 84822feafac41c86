"""What wiring would hand to an adapter's factory, for a bench: a still clock, seeded dice, stores in memory.

Rule: it forgets nothing between two adapters of one bench, and everything between two benches.
"""

import random
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from adapters.conformance.bench import SITE, Still
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.ports import Kept, RawMessage, Taken, Tools


class SeededDice:
    """The same draws for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        """Begin the row of draws."""
        self._random = random.Random(seed)  # noqa: S311 - a test must be able to replay

    def token(self) -> str:
        """Return 128 bits, base64url."""
        return urlsafe_b64encode(self._random.randbytes(16)).decode().rstrip("=")

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        """Return a draw from [low, high]."""
        return low + (high - low) * self._random.random()


class Notes:
    """A SourceStore in memory."""

    def __init__(self) -> None:
        """Begin empty."""
        self._notes: dict[str, bytes] = {}

    def notes(self, prefix: str) -> Mapping[str, bytes]:
        """Return the notes whose key begins so."""
        return {key: value for key, value in self._notes.items() if key.startswith(prefix)}

    def note(self, changes: Mapping[str, bytes | None]) -> None:
        """Set, or delete where the value is None."""
        for key, value in changes.items():
            if value is None:
                self._notes.pop(key, None)
            else:
                self._notes[key] = value


class Messages:
    """A RawStore in memory; one thread."""

    def __init__(self, notes: Notes) -> None:
        """Begin empty; `settle` writes its notes here."""
        self._notes = notes
        self._kept: list[tuple[RawMessage, bytes]] = []
        self._settled: set[int] = set()
        self._dead: set[int] = set()

    def keep(self, message: RawMessage, answer: bytes) -> Taken:
        """Keep a new message; answer a repeat as the first time; say when one number has two bodies."""
        for number, (old, answered) in enumerate(self._kept):
            if (old.peer, old.control_id) == (message.peer, message.control_id):
                same = old.body == message.body
                return Taken(Kept.REPEAT if same else Kept.CLASH, number, answered if same else b"")
        self._kept.append((message, answer))
        return Taken(Kept.NEW, len(self._kept) - 1, answer)

    def unread(self, limit: int) -> Sequence[tuple[int, RawMessage]]:
        """Return the oldest that are not settled."""
        left = [(number, each) for number, (each, _) in enumerate(self._kept) if number not in self._settled]
        return left[:limit]

    def settle(self, done: Sequence[int], dead: Mapping[int, str], notes: Mapping[str, bytes | None]) -> None:
        """Take these off the list and write the notes."""
        self._settled |= {*done, *dead}
        self._dead |= {*dead}
        self._notes.note(notes)

    def revive(self, numbers: Sequence[int], answer: bytes | None = None) -> int:
        """Put dead ones back on the list."""
        back = self._dead & {*numbers}
        self._dead -= back
        self._settled -= back
        if answer is not None:
            self._kept = [(each, answer if n in back else old) for n, (each, old) in enumerate(self._kept)]
        return len(back)


def tools(label: str = "Réservé en ligne", secrets: Mapping[str, str] | None = None) -> Tools:
    """Return tools for the kit's one site; make them once a bench, so that a restart finds its notes."""
    notes = Notes()
    return Tools(Still(), SeededDice(), _vault(secrets or {}), Messages(notes), notes, (SITE,), label)


def _vault(secrets: Mapping[str, str]) -> Callable[[str], str]:
    def secret(name: str) -> str:
        if name not in secrets:
            raise Misconfigured(say("open the vault"), say("no secret named {name}", name=name))
        return secrets[name]

    return secret
