"""One named query of a mapping file: SQL with `?`, what goes in, what comes out.

Rule: a value never becomes part of the SQL; each `?` has a name from a short list, each column too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.sql.dialect import Value
from adapters.sql.session import Row, Work
from agent.core.errors import Misconfigured
from agent.core.message import say

_ASIDE = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\[\w[^\]?]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL)
"""Texts, quoted names and comments: what stands in them is not SQL."""


@dataclass(frozen=True, slots=True)
class Query:
    """`values` names each `?`, `columns` what each column of the SELECT means, both in order; `line` in the file."""

    name: str
    sql: str
    values: tuple[str, ...]
    columns: tuple[str, ...] = ()
    file: str = ""
    line: int = 0

    def bind(self, given: Mapping[str, Value]) -> list[Value]:
        """Return the values in the order of their `?`."""
        return [given[name] for name in self.values]

    def rows(self, work: Work, given: Mapping[str, Value], *, lock: bool = False) -> list[dict[str, Any]]:
        """Run it; each row by the names of its columns. Raises Misconfigured when they are more or fewer."""
        run = work.locked if lock else work.rows
        return [self._named(row) for row in run(self.sql, *self.bind(given))]

    def change(self, work: Work, given: Mapping[str, Value]) -> int:
        """Run it and return how many rows it changed."""
        return work.change(self.sql, *self.bind(given))

    def _named(self, row: Row) -> dict[str, Any]:
        if len(row) != len(self.columns):
            raise Misconfigured(
                say("read the agenda"),
                say(
                    "[{name}] gives {n} columns, the mapping names {m}", name=self.name, n=len(row), m=len(self.columns)
                ),
                say("name each column of the SELECT, in its order"),
                file=self.file,
                key=f"{self.name}.columns",
                line=self.line,
            )
        return dict(zip(self.columns, row, strict=True))


def bare(sql: str) -> str:
    """Return the SQL without texts, quoted names and comments."""
    return _ASIDE.sub(" ", sql)


def places(sql: str) -> int:
    """Count the `?` that take a value."""
    return bare(sql).count("?")


def verb(sql: str) -> str:
    """Return its first word in capitals: SELECT, INSERT and so on."""
    return next(iter(bare(sql).split()), "").upper()


def is_one(sql: str) -> bool:
    """Say whether it is a single statement."""
    return not re.search(r";\s*\S", bare(sql))


def one_text(value: object) -> str:
    """Return a code as the EMR has it; NULL is ""."""
    return "" if value is None else str(value)


def first(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first row, None when there is none."""
    return next(iter(rows), None)
