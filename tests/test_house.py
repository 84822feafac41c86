"""What the house asks of its own files."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = [path for name in ("agent", "adapters", "hub") for path in sorted((ROOT / name).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def functions_in(path: Path) -> list[ast.FunctionDef]:
    """Return the test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def test_every_test_says_what_behaviour_it_holds() -> None:
    """A test without a docstring is a riddle to whoever breaks it."""
    silent = [f"{path.name}:{one.name}" for path in TESTS for one in functions_in(path) if not ast.get_docstring(one)]
    assert silent == []


def test_no_file_has_outgrown_one_sitting() -> None:
    """400 lines is where a file of the product is split."""
    long = {path.name: n for path in CODE if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_no_test_sleeps() -> None:
    """A wait is for a condition; a sleep is a guess."""
    pattern = re.compile(r"\btime\.sleep\(|\basyncio\.sleep\(\s*[1-9]")
    assert [
        path.name for path in TESTS if pattern.search(path.read_text(encoding="utf-8")) and path.name != "test_house.py"
    ] == []


def test_every_relative_link_of_the_documents_leads_somewhere() -> None:
    """A reader never meets a page that is not there."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if not (ROOT / "README.md").exists():
        pytest.skip("only on a checkout: a copy beside a wheel has no documents")
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))]
    assert [(page.name, link) for page, link in links if "://" not in link and not (page.parent / link).exists()] == []
