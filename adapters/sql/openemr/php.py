"""Read what PHP's serialize() wrote: the rule of a series is kept so.

Rule: pure; lengths count bytes of UTF-8; objects and references are refused, nothing is ever built from their names.
"""

import re

Value = str | int | float | bool | None | dict[str, "Value"]

_SCALAR = re.compile(rb"N;|b:([01]);|i:(-?\d+);|d:([-+.\deE]+);")
_LENGTH = re.compile(rb"s:(\d+):\"")
_COUNT = re.compile(rb"a:(\d+):\{")


class Unreadable(ValueError):  # noqa: N818 - as a reader says it
    """Not what serialize() writes, or more than a series needs."""


def unserialize(text: str) -> Value:
    """Return the value; an array becomes a dict with text keys. Raises Unreadable."""
    raw = text.encode()
    value, end = _value(raw, 0, 0)
    if end != len(raw):
        raise Unreadable
    return value


def _value(raw: bytes, at: int, depth: int) -> tuple[Value, int]:
    if found := _SCALAR.match(raw, at):
        return _scalar(found), found.end()
    if found := _LENGTH.match(raw, at):
        end = found.end() + int(found[1])
        if raw[end : end + 2] != b'";':
            raise Unreadable
        return raw[found.end() : end].decode(), end + 2
    found = _COUNT.match(raw, at)
    if found is None or depth > 4:
        raise Unreadable
    items: dict[str, Value] = {}
    at = found.end()
    for _ in range(min(int(found[1]), len(raw))):
        key, at = _value(raw, at, depth + 1)
        items[str(key)], at = _value(raw, at, depth + 1)
    if raw[at : at + 1] != b"}":
        raise Unreadable
    return items, at + 1


def _scalar(found: re.Match[bytes]) -> Value:
    if found[1]:
        return found[1] == b"1"
    if found[2]:
        return int(found[2])
    return float(found[3]) if found[3] else None
