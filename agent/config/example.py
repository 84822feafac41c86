"""Write a commented configuration from a few answers: config.example.toml with the values replaced.

Rule: every line that concerns the clinic stays, so that the file it edits explains itself; once the way into the EMR
is said, the other ways are left to the example.
"""

import os
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from agent.config.values import spell
from agent.core.errors import Misconfigured
from agent.core.message import say

_NAME = "config.example.toml"
_HEADER = re.compile(r"\[\[?([a-z_.]+)\]\]?")
_PAIR = re.compile(
    r"""(?P<mark>\#\ )?(?P<key>[\w-]+)(?P<gap>\s*)=\ (?P<value>"[^"]*"|'[^']*'|\[[^\]]*\]|\{[^}]*\}|[^\#\s]+)(?P<rest>\s*\#.*)?"""
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLOCKS = ("types", "practitioners")
_WAY = re.compile(r'# ---- .*\n(?:# .*\n)?(?P<lines>#   adapter +=\ "(?P<name>\w+)".*\n(?:#   .*\n)+)\n?')
"""One of the ways into an EMR the example shows beside SQL: a title, at most one remark, then its lines."""
_SQL = re.compile(r"^adapter .*\n(?:(?:# )?\w+ +=\ .*\n)*?(?=# bookings)", re.MULTILINE)
WAYS = ("sql", "fhir", "hl7", "files")
"""The values of "emr.adapter"."""


def example_text(answers: Mapping[str, object] | None = None) -> str:
    """Return the example with `answers` in it.

    Keys are dotted: "clinic.name", "emr.connection", "sharing.expires", "sharing.allow.types"; values are str, int,
    bool, date, timedelta or lists of str. "emr.adapter" is one of WAYS: the section is then that way's own. "types" is {word: [code, ...]}, "practitioners" {code: name}: each
    replaces the example's whole block, and the example's allow rule then names all of it. A key the example does not show raises KeyError.
    """
    answers = dict(answers or {})
    for name in _BLOCKS:
        if isinstance(block := answers.get(name), Mapping):
            answers.setdefault(f"sharing.allow.{name}", list(block))
    blocks = {name: answers.pop(name) for name in _BLOCKS if name in answers}
    table, lines = "", []
    for line in _narrowed(_template(), answers.get("emr.adapter")).split("\n"):
        header = _HEADER.match(line)
        if header:
            table = header[1]
            lines.append(line)
            lines.extend(_block(table, blocks.get(table)))
        elif not (table in blocks and _PAIR.match(line)):
            lines.append(_answered(line, table, answers))
    if answers:
        raise KeyError(next(iter(answers)))
    return "\n".join(lines)


def write_example(file: Path, answers: Mapping[str, object] | None = None) -> None:
    """Write the file; raises Misconfigured when it exists already or the folder cannot be written."""
    doing = say("write the configuration")
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    except FileExistsError as error:
        hint = say("edit it, or move it away first")
        raise Misconfigured(doing, say("the file exists already"), hint, file=str(file)) from error
    except OSError as error:
        hint = say("run the command as an administrator or as the service's account")
        raise Misconfigured(doing, say("the file cannot be written"), hint, file=str(file)) from error
    with os.fdopen(handle, "w", encoding="utf-8", newline=os.linesep) as stream:
        stream.write(example_text(answers))


def _template() -> str:
    """Return the example: beside this file in a wheel, at the root in a checkout."""
    here = Path(__file__).with_name(_NAME)
    file = here if here.exists() else Path(__file__).parents[2] / _NAME
    return file.read_text(encoding="utf-8")


def _narrowed(text: str, way: object) -> str:
    """Leave of the ways into an EMR the one that was said, in the place of SQL's; None = all of them.

    Its first two lines, the adapter and what it cannot do without, are set; the others show what may be.
    """
    if way is None:
        return text
    ways = {match["name"]: match["lines"] for match in _WAY.finditer(text)}
    text = _WAY.sub("", text)
    if way not in ways:
        return text
    first, second, *others = re.sub(r"^#   ", "", ways[str(way)], flags=re.MULTILINE).splitlines()
    set_ = (line.replace("  #", "    #", 1) for line in (first, second))
    own = "\n".join([*set_, *(f"# {line}" for line in others)]) + "\n"
    return _SQL.sub(lambda _: own, text, count=1)


def _answered(line: str, table: str, answers: dict[str, object]) -> str:
    match = _PAIR.fullmatch(line)
    name = f"{table}.{match['key']}" if match else ""
    if match is None or name not in answers:
        return line
    value = toml(answers.pop(name))
    text = f"{match['key']}{match['gap']}= {value}"
    rest = (match["rest"] or "").lstrip()
    return f"{text.ljust(match.start('rest') + _pad(match['rest']))}{' ' * (len(text) >= 46)}{rest}" if rest else text


def _pad(rest: str) -> int:
    return len(rest) - len(rest.lstrip())


def _block(table: str, answer: object) -> list[str]:
    if not isinstance(answer, Mapping):
        return []
    if table == "practitioners":
        return [f"{_key(code)} = {{ name = {toml(name)} }}" for code, name in answer.items()]
    return [f"{_key(word)} = {toml(codes)}" for word, codes in answer.items()]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml(name)


def toml(value: object) -> str:
    """Return a value as TOML; a text with backslashes stands between single quotes where it can."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(one) for one in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | date):
        return str(value)
    return _quoted(spell(value) if isinstance(value, timedelta) else str(value))


def _quoted(text: str) -> str:
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in {'"', "\\"}:
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"
