"""Turn one TOML value of a plain kind into a text, a word, a number, a list.

Rule: a reader returns the value or raises Wrong with a sentence and, where one helps, a hint.
"""

import re
from collections.abc import Callable
from typing import Any

from agent.core.message import say
from agent.core.sheet.faults import Wrong

Reader = Callable[[Any], Any]

CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def string(value: Any) -> str:
    """Read any text."""
    if not isinstance(value, str):
        raise Wrong(say("this must be a text"), say('put the text between straight quotes: "…"'))
    return value


def text(low: int = 1, high: int = 200) -> Reader:
    """Read one line of text of `low` to `high` characters."""

    def read(value: Any) -> str:
        line = string(value).strip()
        if CONTROL.search(line):
            raise Wrong(say("the text must stand on one line"))
        if not low <= len(line) <= high:
            raise Wrong(say("the text must have {low} to {high} characters", low=low, high=high))
        return line

    return read


def word(*words: str) -> Reader:
    """Read one word of an enumeration."""

    def read(value: Any) -> str:
        if str(value) not in words:
            raise Wrong(say("this word is not known"), say("choose one of: {words}", words=", ".join(words)))
        return str(value)

    return read


def yes_no(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Wrong(say("this must be true or false"), say("write true or false, in small letters and without quotes"))
    return value


def whole(low: int, high: int) -> Reader:
    """Read a whole number between `low` and `high`."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(say("this must be a whole number"), say("write the number without quotes"))
        if not low <= value <= high:
            raise Wrong(say("the number must be between {low} and {high}", low=low, high=high))
        return value

    return read


def list_of(reader: Reader, *, empty: bool = False, doubles: bool = False) -> Reader:
    """Read a list whose values `reader` reads; doubles are dropped unless they mean something."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Wrong(say("this must be a list"), say('write the values between brackets: ["…", "…"]'))
        if not value and not empty:
            raise Wrong(say("the list is empty"))
        found = tuple(reader(one) for one in value)
        return found if doubles else tuple(dict.fromkeys(found))

    return read
