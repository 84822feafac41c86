"""Read sections against their keys and gather every fault on the way.

Rule: a fault never stops the reading; what could not be read is None until the faults are raised.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from agent.core.message import Message, say
from agent.core.sheet.document import Document
from agent.core.sheet.faults import Fault, Faults, Wrong, shown
from agent.core.sheet.lines import Path
from agent.core.sheet.values import Reader


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section. `default` as it would be written in TOML, `...` = compulsory."""

    name: str
    read: Reader
    default: object = ...


class Sheet:
    """The file, or the two files, of one configuration."""

    def __init__(self, documents: Mapping[str, Document], main: Document) -> None:
        """Take the document of each root key; `main` is asked for every other."""
        self._documents = documents
        self._main = main
        self.faults: list[Fault] = []

    def document(self, path: Path) -> Document:
        """Return the document that `path` stands in."""
        return self._documents.get(str(path[0]), self._main) if path else self._main

    def get(self, key: str) -> Any:
        """Return the raw value of a root key, None when absent."""
        return self.document((key,)).data.get(key)

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the section it is missing from."""
        return self.document(path).index.line(path)

    def fault(self, path: Path, value: object, says: Message, hint: Message | None = None) -> None:
        """Note one fault."""
        key = ".".join(part for part in path if isinstance(part, str))
        self.faults.append(Fault(self.document(path).file, key, shown(key, value), self.line(path), says, hint))

    def end(self) -> None:
        """Raise all faults, if there are any."""
        if self.faults:
            raise Faults(tuple(self.faults))

    def table(self, data: object, path: Path, keys: Sequence[Key], others: Iterable[str] | None = ()) -> dict[str, Any]:
        """Read one section. `others`: names that are read elsewhere, None = any."""
        if not isinstance(data, dict):
            if data is not None:
                self.fault(path, data, say("this must be a section"), say("write [{key}]", key=str(path[-1])))
            data = {}
        if others is not None:
            self.unknown(data, path, (*(key.name for key in keys), *others))
        return {key.name: self.value(data, path, key) for key in keys}

    def value(self, data: Mapping[str, Any], path: Path, key: Key) -> Any:
        """Read one key of a section, or its default; None when compulsory and absent, or wrong."""
        if key.name not in data:
            if key.default is not ...:
                return None if key.default is None else key.read(key.default)
            says = say("the key {key} is missing", key=key.name)
            self.fault((*path, key.name), None, says, say("config.example.toml shows it"))
            return None
        return self.read((*path, key.name), data[key.name], key)

    def read(self, path: Path, value: Any, key: Key) -> Any:
        """Read one value; None when it is wrong."""
        try:
            return key.read(value)
        except Wrong as wrong:
            self.fault(path, value, wrong.says, wrong.hint)
            return None

    def unknown(self, data: Mapping[str, Any], path: Path, known: Sequence[str]) -> None:
        """Note the keys nobody reads, with the nearest known one."""
        for name in data:
            if name not in known:
                value = None if path[:1] == ("emr",) else data[name]  # it may be a password under any name
                self.fault((*path, name), value, say("this key is not known here"), suggest(name, known))

    def array(self, key: str, parent: object, path: Path) -> list[tuple[Path, Any]]:
        """Return the sections of an array of tables with their paths."""
        data = parent.get(key) if isinstance(parent, dict) else None
        if data is None:
            return []
        if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
            name = ".".join(str(part) for part in (*path, key))
            self.fault((*path, key), None, say("this section may repeat"), say("write [[{key}]]", key=name))
            return []
        return [((*path, key, place), one) for place, one in enumerate(data)]


def suggest(name: str, known: Iterable[str]) -> Message:
    """Return "did you mean", or the known names when none is near."""
    known = list(known)
    near = get_close_matches(name, known, 1)
    if near:
        return say("did you mean {key}?", key=near[0])
    return say("choose one of: {words}", words=", ".join(known)) if known else say("nothing is defined yet")
