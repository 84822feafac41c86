"""No sentence reaches a screen past the catalogue."""

import ast
import re
from pathlib import Path

import pytest

import agent.cli

FILES = sorted(Path(agent.cli.__file__).parent.rglob("*.py"))
WRITERS = {"write", "print", "cell", "prompt", "getpass"}
WORD = re.compile(r"[A-Za-zÀ-ÿ]{3,}")
OURS = {"creneau", "emr", "config", "status", "preview", "docs"}
"""Words of the command line itself, the same in both languages."""


def literals(file: Path) -> list[str]:
    """Return the words written as they stand in the source by the functions that write on the screen."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) not in WRITERS:
            continue
        parts = [part for arg in node.args for part in _parts(arg)]
        found += [word for part in parts for word in WORD.findall(part) if word.casefold() not in OURS]
    return found


def _parts(node: ast.expr) -> list[str]:
    """Return the constant pieces of a string that stands in the source, not those of calls within it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if isinstance(node, ast.BinOp):
        return _parts(node.left) + _parts(node.right)
    return []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_literal_bypasses_the_catalogue(file: Path) -> None:
    """What is written on a screen is said by the catalogue, or is a command, a number or a value."""
    assert literals(file) == []
