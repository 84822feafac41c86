"""Say on which line each key of a TOML text stands.

Rule: the text has already been accepted by tomllib; this index only counts lines and never judges.
"""

import re
import tomllib
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
"""Keys from the root; a number counts the tables of an array of tables, or the values of an array."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_BLANK = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One header or one `key = value`, with its first and last line."""

    path: Path
    first: int
    last: int


@dataclass(slots=True)
class Index:
    """Where everything stands: `lines` by path, and the statements in their order."""

    lines: dict[Path, int] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Return the line of the longest known beginning of `path`, 0 when nothing of it stands in the text."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 0


def index(text: str) -> Index:
    """Index a text that tomllib accepts (TOML 1.0)."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.run()
    return scanner.found


class _Scanner:
    """One pass over the text; `at` is the position of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.counted = (0, 1)
        self.found = Index()
        self.arrays: dict[Path, int] = {}

    def run(self) -> None:
        """Read every statement to the end of the text."""
        table: Path = ()
        self._skip(_GAP)
        while self.at < len(self.text):
            first = self._line()
            if self.text[self.at] == "[":
                table = self._header()
                path = table
            else:
                path = self._pair(table)
            self.found.statements.append(Statement(path, first, self._line()))
            self._skip(_GAP)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        start, self.at = self.at, match.end() if match else self.at
        return self.text[start : self.at]

    def _line(self) -> int:
        position, line = self.counted
        self.counted = (self.at, line + self.text.count("\n", position, self.at))
        return self.counted[1]

    def _note(self, path: Path, line: int) -> None:
        for end in range(1, len(path) + 1):
            self.found.lines.setdefault(path[:end], line)

    def _header(self) -> Path:
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        keys = self._key()
        self.at += 2 if double else 1
        path: Path = ()
        for place, key in enumerate(keys, 1):
            path = (*path, key)
            if double and place == len(keys):
                self._note(path, self._line())
                self.arrays[path] = self.arrays.get(path, 0) + 1
            if path in self.arrays:
                path = (*path, self.arrays[path] - 1)
        self._note(path, self._line())
        return path

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            parts.append(self._part())
            self._skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _part(self) -> str:
        if self.text[self.at] in "\"'":
            start = self.at
            self._string()
            return str(tomllib.loads("k = " + self.text[start : self.at])["k"])
        return self._skip(_BARE)

    def _pair(self, table: Path) -> Path:
        path: Path = (*table, *self._key())
        self._note(path, self._line())
        self.at += 1
        self._skip(_BLANK)
        self._value(path)
        return path

    def _value(self, path: Path) -> None:
        opens = self.text[self.at]
        if opens in "\"'":
            self._string()
        elif opens == "[":
            self._array(path)
        elif opens == "{":
            self._inline(path)
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        self._skip(_GAP)
        place = 0
        while self.text[self.at] != "]":
            self._note((*path, place), self._line())
            self._value((*path, place))
            place += 1
            self._skip(_GAP)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_GAP)
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        self._skip(_GAP)
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip(_GAP)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_GAP)
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        fence = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(fence)
        while not self.text.startswith(fence, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(fence)
        while len(fence) > 1 and self.text.startswith(quote, self.at):
            self.at += 1
