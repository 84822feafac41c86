"""One run of the command: its language, its file, the door it asks, the screen it writes on.

Rule: commands reach the agent through `ask` only, and nothing heavy is imported before it is needed.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from agent.cli.account import account
from agent.cli.waiting import waiting
from agent.core.errors import Misconfigured, Refused
from agent.core.message import Message, say

Reply = Mapping[str, Any]


Speaks = Callable[[Message], str]
"""Says a message in one language."""


class Asks(Protocol):
    """A Door, seen from here."""

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Reply:
        """Answer one verb."""
        ...


@dataclass(frozen=True, slots=True)
class Places:
    """What the composition root gives the command; tests give their own.

    `read`: a file to its plan. `open_door`: a plan to a Door, of the running agent or of this process under the state
    lock. `start`: a plan to a running agent. `running`: the door of the agent that runs beside a faulty file, if any.
    `restore`: a backup, its passphrase, the configuration file and the account -> {made, version, aside}.
    """

    read: Callable[[Path], Any]
    open_door: Callable[[Any], AbstractContextManager[Asks]]
    start: Callable[[Any], Any]
    running: Callable[[Path], Asks | None] = lambda _file: None
    restore: Callable[[Path, str, Path, str], Any] = lambda _file, _passphrase, _config, _who: None


@dataclass(frozen=True, slots=True)
class Session:
    """What every command is given as `ctx.obj`. `config`: the --config given, if any."""

    speech: Speaks
    as_json: bool
    config: str | None
    places: Places

    def file(self) -> Path:
        """Return the configuration file this run is about."""
        from agent.config import locate

        return locate(self.config, os.environ)

    def plan(self) -> Any:
        """Read the configuration; raises its faults."""
        return self.places.read(self.file())

    @contextlib.contextmanager
    def door(self) -> Iterator[Callable[..., Reply]]:
        """Lend a way to ask: `ask(verb, **args)`."""
        with self._open() as door:
            who = account()

            def ask(verb: str, **args: Any) -> Reply:
                with waiting(self.speech(say("asking the agent…"))):
                    return door.ask(verb, sendable(args), who)

            yield ask

    def _open(self) -> AbstractContextManager[Asks]:
        """Return the door; with a faulty file, that of the running agent: its kill switch must never wait for a comma."""
        try:
            plan = self.plan()
        except Misconfigured as faults:
            door = self.places.running(self.file())
            if door is None:
                raise
            note = say("note: the file has faults; the running agent keeps its last good one (creneau check config)")
            print(self.speech(note), file=sys.stderr)
            return contextlib.nullcontext(_LastGood(door, faults))
        return self.places.open_door(plan)

    def ask(self, verb: str, **args: Any) -> Reply:
        """Ask one verb."""
        with self.door() as ask:
            return ask(verb, **args)

    def tell(self, message: Message) -> None:
        """Print one sentence."""
        self.write(self.speech(message))

    def write(self, text: str = "") -> None:
        """Print text as it is."""
        print(text)

    def put(self, reply: Reply) -> bool:
        """Print the answer as JSON when asked to; say whether that was it."""
        if self.as_json:
            self.write(json.dumps(reply, ensure_ascii=False, indent=2))
        return self.as_json

    def cell(self, value: object) -> str:
        """Return a JSON value as a person reads it: a sentence in this language, a time without its zone."""
        from agent.html import spoken

        return spoken(self, value)

    def table(self, titles: Sequence[Message], rows: Sequence[Sequence[object]]) -> None:
        """Print columns as wide as their longest cell, two blanks between."""
        lines = [[self.speech(title) for title in titles], *([self.cell(value) for value in row] for row in rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(titles))]
        for line in lines:
            self.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def span(self, seconds: int) -> str:
        """Return a span in its largest unit."""
        if seconds < 120:
            return self.speech(say("{n} s", n=max(0, seconds)))
        if seconds < 7200:
            return self.speech(say("{n} min", n=seconds // 60))
        if seconds < 172_800:
            return self.speech(say("{n} h", n=seconds // 3600))
        return self.speech(say("{n} days", n=seconds // 86_400))

    def confirm(self, question: Message, *, yes: bool) -> None:
        """Ask before an act; `--yes` answers. No answer to be had counts as no: exit 2."""
        if yes:
            return
        print(f"{self.speech(question)} {self.speech(say('[y/N]'))} ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip().casefold()
        if answer not in {"y", "yes", "o", "oui"}:
            print(self.speech(say("Nothing was done.")), file=sys.stderr)
            from typer import Exit

            raise Exit(2)


@dataclass(frozen=True, slots=True)
class _LastGood:
    """A running agent's door beside a faulty file: what needs the file raises all its faults, which we know whole."""

    door: Asks
    faults: Misconfigured

    def ask(self, verb: str, args: Mapping[str, Any], who: str) -> Reply:
        """Answer one verb."""
        try:
            return self.door.ask(verb, args, who)
        except Misconfigured as error:
            if error.file == self.faults.file:
                raise self.faults from error
            raise


def sendable(args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments; raises Refused when one holds bytes the terminal could not read as letters."""
    for name, value in args.items():
        if isinstance(value, str) and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise Refused(
                say("read the command line"),
                say("{name} holds bytes that are no letters in this terminal's encoding", name=name),
                say("type it again in a terminal set to UTF-8"),
                reason="schema",
            )
    return args


def session(ctx: Any) -> Session:
    """Return the session of a command, from typer's context."""
    found = ctx.obj
    if not isinstance(found, Session):
        raise TypeError("no session")
    return found


def save(here: Session, file: Path, text: str) -> None:
    """Write a file the person asked for, for their account alone; raises Misconfigured when it cannot be."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as cause:
        raise Misconfigured(
            say("write the file"), say("the file cannot be written"), say("choose another place"), file=str(file)
        ) from cause
    here.tell(say("Wrote {file}.", file=str(file)))


def safe_streams() -> None:
    """Never fail for a letter the console cannot show (cp1252, ASCII): it becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def when(value: object) -> str:
    """Return a time of an answer as "2026-11-23 09:00": a slot's in its site's zone, the agent's own (UTC) in ours."""
    if not value:
        return ""
    moment = datetime.fromisoformat(str(value))
    if moment.utcoffset() == timedelta(0):
        moment = moment.astimezone()
    return moment.strftime("%Y-%m-%d %H:%M")
