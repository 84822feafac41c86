"""What the answers lean on: one frozen bundle, filled by the wiring.

Rule: every collaborator is a port, a frozen plan or a plain function; nothing is opened before a verb needs it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.config.plan import Plan
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import EmrName, Finding, Instant
from agent.core.sharing import SharingRules
from agent.ports import Board, Clock, Dice, Emr, Identity, Keys, Records, Views


class Vault(Protocol):
    """The named secrets of the vault; values go in and never come out here."""

    def names(self) -> Sequence[str]:
        """Return the names of stored secrets."""
        ...

    def put(self, name: str, value: str) -> None:
        """Store one."""
        ...

    def leave(self) -> None:
        """Destroy identity and keys of the hub; the EMR's secrets stay."""
        ...


@dataclass(frozen=True, slots=True)
class Sharing:
    """The sharing part of the clinic's file.

    `text`: the part as written, stored when applied; `rules`: with vetoes and posture folded in; `plan`: whole.
    """

    plan: Plan
    text: str
    rules: SharingRules


@dataclass(frozen=True, slots=True)
class House:
    """All the verbs may use.

    `file`: reads the configuration anew, raising its faults. `applied`: the rules last applied, None = never, posture
    folded in. `views`: the published view of one source. `open_emr`: a new object for the caller's own thread, closed by the caller; `open_with`: with
    other options of the adapter, a relative path being taken from the file's folder. `board`: None when no agent
    runs. `wake`: a kind of leg ("publish", "deliver"). `reload`: read plan, rules and posture again. `join`: enrols
    with a one-time code, stores the identity and makes the next offer a whole view. `hub_findings`, `machine_findings`: what only the wiring can look at. `save`: a sealed backup in the data folder, by a passphrase.
    """

    plan: Callable[[], Plan]
    file: Callable[[], Sharing]
    applied: Callable[[], SharingRules | None]
    records: Records
    views: Callable[[EmrName], Views]
    keys: Keys
    vault: Vault
    open_emr: Callable[[EmrName], Emr]
    open_with: Callable[[EmrName, Mapping[str, object]], Emr]
    board: Board | None
    clock: Clock
    dice: Dice
    wake: Callable[[str], None]
    reload: Callable[[], None]
    join: Callable[[str, Instant], Identity]
    hub_findings: Callable[[], Iterable[Finding]]
    machine_findings: Callable[[], Iterable[Finding]]
    save: Callable[[str, Instant], Path]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its arguments, who asks (OS account), and when."""

    args: Mapping[str, Any]
    who: str
    now: Instant

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text argument; Refused when it is missing or no text."""
        value = self.args.get(name, default)
        if not isinstance(value, str) or len(value) > 4096:
            raise self._bad(name)
        return value

    def number(self, name: str, default: int | None = None, *, least: int = 0, most: int = 1 << 53) -> int:
        """Return a whole number between `least` and `most`."""
        value = self.args.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._bad(name)
        return value

    def yes(self, name: str) -> bool:
        """Return a truth value; it has no default, since an act hangs on it."""
        value = self.args.get(name)
        if not isinstance(value, bool):
            raise self._bad(name)
        return value

    def _bad(self, name: str) -> Refused:
        return Refused(
            say("read the question"),
            say("{name} is missing or out of bounds", name=name),
            say("creneau --help"),
            reason="schema",
        )


Verb = Callable[[House, Asked], Mapping[str, Any]]
